// The fault proxy between real SDK clients and real emulators.
import {
  BatchExecuteStatementCommand,
  BatchWriteItemCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { PublishBatchCommand } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { DynamoDbEmulator } from '../../../emulators/dynamodb/dynamodb-emulator.ts';
import {
  failedPublishEntries,
  jsonError,
  snsError,
  statementErrors,
  unprocessedItems,
} from '../../../emulators/faults/aws-faults.ts';
import { FaultProxy, PROXY_LIMITS } from '../../../emulators/faults/fault-proxy.ts';
import { SnsSqsEmulator } from '../../../emulators/sns-sqs/sns-sqs-emulator.ts';
import {
  dynamodbClient,
  snsClient,
  sqsClient,
} from '../../../hosts/event-source-mappings/test/integration/aws-clients.ts';
import { type Provisioned, provision } from '../../../local/emulators/provision.ts';

const database = new DynamoDbEmulator();
const bus = new SnsSqsEmulator();
let proxy: FaultProxy;
let busProxy: FaultProxy;
let made: Provisioned;

beforeAll(async () => {
  await Promise.all([database.start(), bus.start()]);
  proxy = new FaultProxy({ target: database.endpoint });
  busProxy = new FaultProxy({ target: bus.endpoint });
  await Promise.all([proxy.start(), busProxy.start()]);
  made = await provision(
    { dynamodb: dynamodbClient(database.endpoint), sns: snsClient(bus.endpoint), sqs: sqsClient(bus.endpoint) },
    {
      tables: [{ name: 'events', partitionKey: 'pk' }],
      topic: 't',
      queues: [{ name: 'q', visibilityTimeoutSeconds: 0 }],
    },
  );
});
afterEach(async () => {
  await Promise.all([proxy.heal(), busProxy.heal()]);
  proxy.forgetCalls();
});
afterAll(async () => {
  await Promise.all([proxy.stop(), busProxy.stop()]);
  await Promise.all([database.stop(), bus.stop()]);
});

const put = (id: string): Promise<unknown> =>
  dynamodbClient(proxy.endpoint).send(new PutItemCommand({ TableName: 'events', Item: { pk: { S: id } } }));
const exists = async (id: string): Promise<boolean> => {
  const command = new GetItemCommand({ TableName: 'events', Key: { pk: { S: id } }, ConsistentRead: true });
  return (await dynamodbClient(database.endpoint).send(command)).Item !== undefined;
};

test('without a rule everything passes and is counted', async () => {
  await put('plain');
  expect(proxy.counts()).toEqual({ PutItem: 1 });
  expect(proxy.calls('PutItem')[0]?.body).toContain('plain');
});

test('of what has passed no more is kept than the limit, the newest of it', async () => {
  proxy.inject({ fault: { kind: 'answer', response: { status: 200, headers: {}, body: '' } } });
  const post = (text: string) =>
    fetch(`${proxy.endpoint}/${text}`, { method: 'POST', body: text.padEnd(PROXY_LIMITS.characters / 3 + 1) });
  const names = () => proxy.calls().map(({ operation }) => operation);
  for (const text of ['a', 'b', 'c']) await post(text);
  expect(names()).toEqual(['POST /c']);
  await post('d');
  expect(names()).toEqual(['POST /c', 'POST /d']);
});

test('an unreachable server refuses connections, and comes back on the same port', async () => {
  const { endpoint } = proxy;
  await proxy.goDown();
  await expect(put('refused')).rejects.toThrow('ECONNREFUSED');
  await proxy.comeUp();
  await put('back');
  expect(proxy.endpoint).toBe(endpoint);
  expect([await exists('refused'), await exists('back')]).toEqual([false, true]);
});

test('a cut before is not carried out, a cut after is; both look alike to the client', async () => {
  proxy.inject({ operation: 'PutItem', times: 1, fault: { kind: 'cut-before' } });
  proxy.inject({ operation: 'PutItem', times: 1, fault: { kind: 'cut-after' } });
  await expect(put('before')).rejects.toThrow('socket hang up');
  await expect(put('after')).rejects.toThrow('socket hang up');
  expect([await exists('before'), await exists('after')]).toEqual([false, true]);
});

test('errors of the service, for the next calls or until healed', async () => {
  const throttled = proxy.inject({ times: 2, fault: jsonError('ProvisionedThroughputExceededException') });
  await expect(put('a')).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
  await expect(put('a')).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
  await put('a');
  expect(throttled.hits).toBe(2);
  const down = proxy.inject({
    when: ({ body }) => body.includes('"b"'),
    fault: jsonError('InternalServerError', 'x', 500),
  });
  await put('c');
  await expect(put('b')).rejects.toMatchObject({ name: 'InternalServerError', $metadata: { httpStatusCode: 500 } });
  down.heal();
  await put('b');
});

test('a held call continues when it is released, a delayed one after its delay', async () => {
  let release: () => void = () => undefined;
  proxy.inject({
    operation: 'PutItem',
    times: 1,
    fault: {
      kind: 'hold',
      until: new Promise<void>((resolve) => {
        release = resolve;
      }),
    },
  });
  const held = put('held');
  await proxy.waitForCalls('PutItem', 1);
  expect(await exists('held')).toBe(false);
  release();
  await held;
  const started = performance.now();
  proxy.inject({ operation: 'PutItem', times: 1, fault: { kind: 'delay', ms: 80 } });
  await put('delayed');
  expect(performance.now() - started).toBeGreaterThan(75);
});

test('single statements of a batch answer with errors', async () => {
  proxy.inject({ operation: 'BatchExecuteStatement', fault: statementErrors([1], 'ThrottlingError') });
  const Statements = ['x', 'y'].map((id) => ({ Statement: `INSERT INTO "events" VALUE {'pk': '${id}'}` }));
  const { Responses } = await dynamodbClient(proxy.endpoint).send(new BatchExecuteStatementCommand({ Statements }));
  expect(Responses?.map(({ Error: error }) => error?.Code)).toEqual([undefined, 'ThrottlingError']);
});

test.each([
  [1, 2],
  [3, 0],
])('%i unprocessed items of three leave %i written', async (count, written) => {
  proxy.inject({ operation: 'BatchWriteItem', fault: unprocessedItems(count) });
  const ids = [1, 2, 3].map((index) => `unprocessed-${count}-${index}`);
  const requests = ids.map((id) => ({ PutRequest: { Item: { pk: { S: id } } } }));
  const answer = await dynamodbClient(proxy.endpoint).send(
    new BatchWriteItemCommand({ RequestItems: { events: requests } }),
  );
  expect(answer.UnprocessedItems?.events).toEqual(requests.slice(-count));
  const { Items } = await dynamodbClient(database.endpoint).send(new ScanCommand({ TableName: 'events' }));
  expect(Items?.filter(({ pk }) => pk?.S?.startsWith(`unprocessed-${count}-`))).toHaveLength(written);
});

test.each([
  [['b'], ['a', 'c']],
  [['a', 'b', 'c'], []],
])('publishing fails for %j alone', async (failed, published) => {
  const client = snsClient(busProxy.endpoint);
  busProxy.inject({ operation: 'PublishBatch', times: 1, fault: failedPublishEntries(failed) });
  const PublishBatchRequestEntries = ['a', 'b', 'c'].map((Id) => ({ Id, Message: `${Id}-${failed.length}` }));
  const answer = await client.send(new PublishBatchCommand({ TopicArn: made.topicArn, PublishBatchRequestEntries }));
  expect(answer.Failed?.map(({ Id, Code }) => [Id, Code])).toEqual(failed.map((id) => [id, 'InternalError']));
  expect((answer.Successful ?? []).map(({ Id }) => Id)).toEqual(published);
  const { Messages } = await sqsClient(bus.endpoint).send(
    new ReceiveMessageCommand({ QueueUrl: made.queues.q?.url, MaxNumberOfMessages: 10 }),
  );
  const bodies = (Messages ?? []).map(({ Body }) => Body).filter((body) => body?.endsWith(`-${failed.length}`));
  expect(bodies.sort()).toEqual(published.map((id) => `${id}-${failed.length}`));
});

test('errors of SNS', async () => {
  busProxy.inject({ operation: 'PublishBatch', times: 1, fault: snsError('Throttled', 'Rate exceeded', 429) });
  const command = new PublishBatchCommand({
    TopicArn: made.topicArn,
    PublishBatchRequestEntries: [{ Id: 'a', Message: 'x' }],
  });
  await expect(snsClient(busProxy.endpoint).send(command)).rejects.toMatchObject({
    $metadata: { httpStatusCode: 429 },
  });
});
