// The SNS and SQS emulator: what the pipeline relies on, keeping messages, and the limits its wrapper adds.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PublishBatchCommand, PublishCommand } from '@aws-sdk/client-sns';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { DynamoDbEmulator } from '../../../emulators/dynamodb/dynamodb-emulator.ts';
import { SnsSqsEmulator } from '../../../emulators/sns-sqs/sns-sqs-emulator.ts';
import {
  dynamodbClient,
  snsClient,
  sqsClient,
} from '../../../hosts/event-source-mappings/test/integration/aws-clients.ts';
import { isAlive, until } from '../../../hosts/lambda/test/integration/lambda-support.ts';
import { type Provisioned, provision, type QueueDescription } from '../../../local/emulators/provision.ts';

const opened: SnsSqsEmulator[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((emulator) => emulator.stop()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});
async function open(options: ConstructorParameters<typeof SnsSqsEmulator>[0] = {}): Promise<SnsSqsEmulator> {
  const emulator = new SnsSqsEmulator(options);
  opened.push(emulator);
  await emulator.start();
  return emulator;
}
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sns-sqs-'));
  folders.push(folder);
  return folder;
}
const prepare = (endpoint: string, queues: readonly QueueDescription[]): Promise<Provisioned> =>
  provision(
    { dynamodb: dynamodbClient('http://127.0.0.1:1'), sns: snsClient(endpoint), sqs: sqsClient(endpoint) },
    { tables: [], topic: 'events', queues },
  );
const queue = (name: string, more: Partial<QueueDescription> = {}): QueueDescription => ({
  name,
  visibilityTimeoutSeconds: 30,
  ...more,
});
const string = (StringValue: string): { DataType: string; StringValue: string } => ({
  DataType: 'String',
  StringValue,
});

async function receive(endpoint: string, QueueUrl: string | undefined, wait = 0): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl,
    MaxNumberOfMessages: 10,
    WaitTimeSeconds: wait,
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['All'],
  });
  return (await sqsClient(endpoint).send(command)).Messages ?? [];
}

test('filters, raw delivery and attributes, through Publish and PublishBatch', async () => {
  const { endpoint } = await open();
  const filterPolicy = { type: ['a'], consumer: ['x', { exists: false }] };
  const made = await prepare(endpoint, [queue('filtered', { filterPolicy }), queue('all')]);
  expect(await prepare(endpoint, [queue('filtered', { filterPolicy }), queue('all')])).toEqual(made);
  const { topicArn: TopicArn, queues } = made;
  const entry = (Id: string, type: string, consumer?: string): object => ({
    Id,
    Message: `<${Id}> & "ü"`,
    MessageAttributes: { type: string(type), ...(consumer === undefined ? {} : { consumer: string(consumer) }) },
  });
  const batch = [entry('1', 'a'), entry('2', 'a', 'x'), entry('3', 'a', 'y'), entry('4', 'b')] as never[];
  const answer = await snsClient(endpoint).send(
    new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: batch }),
  );
  expect(answer.Successful?.map(({ Id }) => Id)).toEqual(['1', '2', '3', '4']);
  expect(answer.Failed).toEqual([]);
  await snsClient(endpoint).send(
    new PublishCommand({ TopicArn, Message: 'single', MessageAttributes: { type: string('a') } }),
  );
  const filtered = await receive(endpoint, queues.filtered?.url);
  expect(filtered.map(({ Body }) => Body)).toEqual(['<1> & "ü"', '<2> & "ü"', 'single']);
  expect(filtered[1]?.MessageAttributes).toEqual({ type: string('a'), consumer: string('x') });
  expect(filtered[0]?.Attributes).toMatchObject({
    ApproximateReceiveCount: '1',
    SentTimestamp: expect.stringMatching(/^\d{13}$/),
  });
  expect(await receive(endpoint, queues.all?.url)).toHaveLength(5);
});

test.each([
  [
    'eleven entries',
    Array.from({ length: 11 }, (_, i) => ({ Id: `${i}`, Message: 'x' })),
    'TooManyEntriesInBatchRequest',
  ],
  [
    'the same id twice',
    [
      { Id: 'a', Message: 'x' },
      { Id: 'a', Message: 'y' },
    ],
    'BatchEntryIdsNotDistinct',
  ],
  [
    'more than 256 KiB together',
    [1, 2].map((i) => ({ Id: `${i}`, Message: 'x'.repeat(131_073) })),
    'BatchRequestTooLong',
  ],
  ['an id with a dot', [{ Id: 'a.b', Message: 'x' }], 'InvalidBatchEntryId'],
  ['an empty message', [{ Id: 'a', Message: '' }], 'InvalidParameter'],
])('a batch with %s is refused as a whole', async (_name, PublishBatchRequestEntries, code) => {
  const { endpoint } = await open();
  const { topicArn: TopicArn } = await prepare(endpoint, []);
  const sent = snsClient(endpoint).send(new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries }));
  await expect(sent).rejects.toMatchObject({ Error: { Code: code } });
});

test('256 KiB fit into one message', async () => {
  const { endpoint } = await open();
  const { topicArn: TopicArn, queues } = await prepare(endpoint, [queue('q')]);
  await snsClient(endpoint).send(new PublishCommand({ TopicArn, Message: 'x'.repeat(262_144) }));
  expect((await receive(endpoint, queues.q?.url))[0]?.Body).toHaveLength(262_144);
  await expect(
    snsClient(endpoint).send(new PublishCommand({ TopicArn, Message: 'x'.repeat(262_145) })),
  ).rejects.toThrow('too long');
});

test('a message that is received too often goes to the dead-letter queue', async () => {
  const { endpoint } = await open();
  const deadLetter = { name: 'q-dlq', maxReceiveCount: 2 };
  const { queues } = await prepare(endpoint, [queue('q', { visibilityTimeoutSeconds: 0, deadLetter })]);
  await sqsClient(endpoint).send(new SendMessageCommand({ QueueUrl: queues.q?.url, MessageBody: 'poison' }));
  expect(await receive(endpoint, queues.q?.url)).toHaveLength(1);
  expect(await receive(endpoint, queues.q?.url)).toHaveLength(1);
  expect(await receive(endpoint, queues.q?.url)).toHaveLength(0);
  expect((await receive(endpoint, queues.q?.deadLetterUrl)).map(({ Body }) => Body)).toEqual(['poison']);
});

test('a clean stop keeps ready, delayed and in-flight messages, and not deleted ones', async () => {
  const dataDir = await temporaryFolder();
  const first = await open({ dataDir });
  expect(first.cleanStart).toBe(true);
  const { queues } = await prepare(first.endpoint, [queue('q')]);
  const send = (MessageBody: string, DelaySeconds = 0): Promise<unknown> =>
    sqsClient(first.endpoint).send(
      new SendMessageCommand({
        QueueUrl: queues.q?.url,
        MessageBody,
        DelaySeconds,
        MessageAttributes: { type: string('a') },
      }),
    );
  await send('deleted');
  const [deleted] = await receive(first.endpoint, queues.q?.url);
  await sqsClient(first.endpoint).send(
    new DeleteMessageCommand({ QueueUrl: queues.q?.url, ReceiptHandle: deleted?.ReceiptHandle }),
  );
  await send('in flight');
  const [inFlight] = await receive(first.endpoint, queues.q?.url);
  await send('ready');
  await send('delayed', 900);
  await first.stop();

  const second = await open({ dataDir });
  expect(second.cleanStart).toBe(true);
  const again = await prepare(second.endpoint, [queue('q', { visibilityTimeoutSeconds: 60 })]);
  const kept = await receive(second.endpoint, again.queues.q?.url);
  expect(kept.map(({ Body }) => Body)).toEqual(['in flight', 'ready']);
  expect(kept[0]).toMatchObject({
    MessageId: inFlight?.MessageId,
    MessageAttributes: { type: string('a') },
    Attributes: { ApproximateReceiveCount: '2' },
  });
  const command = new GetQueueAttributesCommand({ QueueUrl: again.queues.q?.url, AttributeNames: ['All'] });
  expect((await sqsClient(second.endpoint).send(command)).Attributes).toMatchObject({
    ApproximateNumberOfMessagesDelayed: '1',
    VisibilityTimeout: '60',
  });
});

test('after a crash the start is not clean, and messages of the last clean stop are back', async () => {
  const dataDir = await temporaryFolder();
  const reasons: string[] = [];
  const first = await open({ dataDir });
  const { queues } = await prepare(first.endpoint, [queue('q')]);
  await sqsClient(first.endpoint).send(new SendMessageCommand({ QueueUrl: queues.q?.url, MessageBody: 'kept' }));
  await first.stop();
  const second = await open({ dataDir, onUnexpectedExit: (reason) => reasons.push(reason) });
  process.kill(second.pid ?? 0, 'SIGKILL');
  await until(() => reasons.length === 1);
  const third = await open({ dataDir });
  expect(third.cleanStart).toBe(false);
  const again = await prepare(third.endpoint, [queue('q')]);
  expect((await receive(third.endpoint, again.queues.q?.url)).map(({ Body }) => Body)).toEqual(['kept']);
  await third.stop();
  expect((await open({ dataDir })).cleanStart).toBe(true);
});

test('it listens on this machine only, names a taken port, and stop() leaves no process', async () => {
  const emulator = await open();
  const port = Number(new URL(emulator.endpoint).port);
  await expect(open({ port })).rejects.toThrow(`port ${port} is in use`);
  const pid = emulator.pid ?? 0;
  await emulator.stop();
  await emulator.stop();
  expect(isAlive(pid)).toBe(false);
  expect(new DynamoDbEmulator().pid).toBeUndefined();
});
