// The SQS mapping against a real queue: batches, partial failures, redelivery, concurrency, outages and stopping.
import { GetQueueAttributesCommand, SendMessageBatchCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { failedQueueEntries, jsonError } from '../../../../emulators/faults/aws-faults.ts';
import { FaultProxy } from '../../../../emulators/faults/fault-proxy.ts';
import { SnsSqsEmulator } from '../../../../emulators/sns-sqs/sns-sqs-emulator.ts';
import { type ProvisionedQueue, provision } from '../../../../local/emulators/provision.ts';
import { openHost, until } from '../../../lambda/test/integration/lambda-support.ts';
import { SqsMapping, type SqsMappingOptions } from '../../sqs-mapping.ts';
import { dynamodbClient, snsClient, sqsClient } from './aws-clients.ts';

const emulator = new SnsSqsEmulator();
let proxy: FaultProxy;
let queue: ProvisionedQueue;
let queues = 0;
const mappings: SqsMapping[] = [];

beforeAll(async () => {
  await emulator.start();
  proxy = new FaultProxy({ target: emulator.endpoint });
  await proxy.start();
});
afterAll(async () => {
  await proxy.stop();
  await emulator.stop();
});
beforeEach(() => makeQueue(1));
afterEach(async () => {
  await Promise.all(mappings.splice(0).map((mapping) => mapping.stop({ graceMs: 50 })));
  await proxy.heal();
  proxy.forgetCalls();
});

async function makeQueue(visibilityTimeoutSeconds: number, maxReceiveCount = 2): Promise<void> {
  const name = `q${++queues}`;
  const { endpoint } = emulator;
  const made = await provision(
    { dynamodb: dynamodbClient('http://127.0.0.1:1'), sns: snsClient(endpoint), sqs: sqsClient(endpoint) },
    {
      tables: [],
      topic: 't',
      queues: [{ name, visibilityTimeoutSeconds, deadLetter: { name: `${name}-dlq`, maxReceiveCount } }],
    },
  );
  queue = made.queues[name] ?? { url: '', arn: '' };
}
const send = (MessageBody: string): Promise<unknown> =>
  sqsClient(emulator.endpoint).send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody }));
async function sendMany(count: number): Promise<void> {
  for (let first = 0; first < count; first += 10) {
    const Entries = Array.from({ length: Math.min(10, count - first) }, (_, i) => ({
      Id: `${i}`,
      MessageBody: `${first + i}`,
    }));
    await sqsClient(emulator.endpoint).send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries }));
  }
}
/** Ready and in-flight messages. */
async function left(url = queue.url): Promise<number[]> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] });
  const { Attributes } = await sqsClient(emulator.endpoint).send(command);
  return [Number(Attributes?.ApproximateNumberOfMessages), Number(Attributes?.ApproximateNumberOfMessagesNotVisible)];
}
const isEmpty = async (): Promise<boolean> => (await left()).every((count) => count === 0);

type Answer = { payload: string; functionError?: 'Unhandled' };
const ok: Answer = { payload: 'null' };
const broken: Answer = { payload: '{"errorType":"Error"}', functionError: 'Unhandled' };

function open(
  handle: (bodies: string[], event: SQSEvent) => Answer | Promise<Answer> = () => ok,
  options: Partial<SqsMappingOptions> = {},
): { mapping: SqsMapping; batches: string[][]; events: SQSEvent[]; problems: string[] } {
  const batches: string[][] = [];
  const events: SQSEvent[] = [];
  const problems: string[] = [];
  const mapping = new SqsMapping({
    client: sqsClient(proxy.endpoint),
    queueUrl: queue.url,
    queueArn: queue.arn,
    retryDelayMs: () => 5,
    onProblem: (problem) => problems.push(problem),
    invoke: async (raw) => {
      const event = raw as SQSEvent;
      const bodies = event.Records.map(({ body }) => body);
      batches.push(bodies);
      events.push(event);
      return handle(bodies, event);
    },
    ...options,
  });
  mappings.push(mapping);
  mapping.start();
  return { mapping, batches, events, problems };
}

test('messages arrive in the event’s shape and are deleted after a success', async () => {
  const { events } = open();
  await send('hello');
  await until(isEmpty);
  expect(events).toEqual([
    {
      Records: [
        {
          messageId: expect.any(String),
          receiptHandle: expect.any(String),
          body: 'hello',
          attributes: {
            ApproximateReceiveCount: '1',
            SentTimestamp: expect.stringMatching(/^\d{13}$/),
            SenderId: '000000000000',
            ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          },
          messageAttributes: {},
          md5OfBody: '5d41402abc4b2a76b9719d911017c592',
          eventSource: 'aws:sqs',
          eventSourceARN: queue.arn,
          awsRegion: 'eu-central-1',
        },
      ],
    },
  ]);
});

test('a large batch is gathered over its window', async () => {
  // Longer than the window: what was received first stays hidden until the batch is full.
  await makeQueue(30);
  await sendMany(35);
  const { batches } = open(() => ok, { batchSize: 25, maximumBatchingWindowSeconds: 1 });
  await until(isEmpty);
  expect(batches.map(({ length }) => length)).toEqual([25, 10]);
});

test('without a window, up to ten messages are handed over as they come', async () => {
  await makeQueue(30);
  const { batches } = open(() => ok, { batchSize: 10, maximumBatchingWindowSeconds: 0 });
  await sendMany(35);
  await until(isEmpty);
  expect(batches.flat()).toHaveLength(35);
  expect(batches.map(({ length }) => length).filter((length) => length < 1 || length > 10)).toEqual([]);
});

test('settings that Lambda refuses are refused', () => {
  const base = { client: sqsClient(emulator.endpoint), queueArn: 'arn', invoke: () => Promise.resolve(ok) };
  expect(() => new SqsMapping({ ...base, queueUrl: 'q', batchSize: 11 })).toThrow('batching window');
  expect(() => new SqsMapping({ ...base, queueUrl: 'q', batchSize: 0 })).toThrow('1 to 10,000');
  expect(() => new SqsMapping({ ...base, queueUrl: 'q.fifo' })).toThrow('FIFO');
});

test('only reported messages return, and go to the dead-letter queue after their limit', async () => {
  await sendMany(3);
  const { batches } = open(
    (_bodies, { Records }) => ({
      payload: JSON.stringify({
        batchItemFailures: Records.filter(({ body }) => body === '1').map(({ messageId }) => ({
          itemIdentifier: messageId,
        })),
      }),
    }),
    { reportBatchItemFailures: true },
  );
  await until(async () => (await left(queue.deadLetterUrl))[0] === 1);
  expect(batches).toEqual([['0', '1', '2'], ['1']]);
  expect(await isEmpty()).toBe(true);
});

test.each([
  ['an error', (): Answer => broken],
  ['an unknown identifier', (): Answer => ({ payload: '{"batchItemFailures":[{"itemIdentifier":"x"}]}' })],
  ['a rejection', (): Promise<Answer> => Promise.reject(new Error('throttled'))],
])('%s deletes nothing; the batch returns after the visibility timeout', async (_name, answer) => {
  await sendMany(2);
  let first = true;
  const { events } = open(
    () => {
      const result = first ? answer() : ok;
      first = false;
      return result;
    },
    { reportBatchItemFailures: true },
  );
  await until(isEmpty);
  expect(
    events.flatMap(({ Records }) => Records.map(({ body, attributes }) => [body, attributes.ApproximateReceiveCount])),
  ).toEqual(
    expect.arrayContaining([
      ['0', '1'],
      ['1', '1'],
      ['0', '2'],
      ['1', '2'],
    ]),
  );
});

test('no more batches are under way than the maximum', async () => {
  await makeQueue(30);
  await sendMany(6);
  const releases: (() => void)[] = [];
  const { mapping, batches } = open(() => new Promise<Answer>((resolve) => releases.push(() => resolve(ok))), {
    batchSize: 1,
    maximumConcurrency: 2,
  });
  for (let done = 0; done < 6; done += 2) {
    await until(() => releases.length === 2);
    expect(mapping.inFlight).toBe(2);
    expect(batches).toHaveLength(done + 2);
    for (const release of releases.splice(0)) release();
  }
  await until(isEmpty);
});

test('messages that the filter refuses are deleted unseen', async () => {
  await sendMany(3);
  const { batches } = open(() => ok, { filter: ({ body }) => body === '2' });
  await until(isEmpty);
  expect(batches.flat()).toEqual(['2']);
});

test('deletions that fail in part or as a whole are repeated', async () => {
  await makeQueue(30);
  await sendMany(3);
  proxy.inject({ operation: 'DeleteMessageBatch', times: 1, fault: failedQueueEntries([0, 2]) });
  proxy.inject({ operation: 'DeleteMessageBatch', times: 1, fault: jsonError('InternalFailure', 'injected', 500) });
  const { batches } = open();
  await until(isEmpty);
  expect(batches).toEqual([['0', '1', '2']]);
  expect(proxy.counts().DeleteMessageBatch).toBe(3);
});

test('a queue that is out of reach for a while is picked up again, and no message waits for its visibility timeout', async () => {
  await makeQueue(300);
  const { batches, problems } = open();
  await proxy.waitForCalls('ReceiveMessage', 1);
  await proxy.goDown();
  await until(() => problems.length > 0);
  await send('during');
  await proxy.comeUp();
  await until(isEmpty);
  expect(batches).toEqual([['during']]);
});

test('stop() interrupts a long poll, and waits for the batch under way', async () => {
  let release: (answer: Answer) => void = () => undefined;
  const { mapping, batches } = open(
    () =>
      new Promise<Answer>((resolve) => {
        release = resolve;
      }),
  );
  await send('a');
  await until(() => batches.length === 1);
  const stopped = mapping.stop({ graceMs: 5_000 });
  release(ok);
  await stopped;
  expect(await left()).toEqual([0, 0]);
});

test('a worker killed in the middle of a batch gets it again', async () => {
  await send('a');
  const host = openHost({ timeoutMs: 20_000 });
  const counts: string[] = [];
  open((_bodies, { Records }) => {
    counts.push(...Records.map(({ attributes }) => attributes.ApproximateReceiveCount));
    return host.invoke(counts.length === 1 ? { op: 'hang' } : { op: 'nothing' });
  });
  await until(() => host.stats().busy === 1);
  await host.killEnvironments();
  await until(isEmpty);
  expect(counts).toEqual(['1', '2']);
});
