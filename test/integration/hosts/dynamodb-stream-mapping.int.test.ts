// The stream mapping against a real stream: batches, order, failures, checkpoints, outages and stopping.
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteTableCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { DynamoDbEmulator } from '../../../local/emulators/dynamodb/dynamodb-emulator.ts';
import { jsonError } from '../../../local/faults/aws-faults.ts';
import { FaultProxy } from '../../../local/faults/fault-proxy.ts';
import { DynamoDbStreamMapping } from '../../../local/hosts/event-source-mappings/dynamodb-stream-mapping.ts';
import type { DiscardedBatch } from '../../../local/hosts/event-source-mappings/stream-lane.ts';
import type {
  DynamoDbStreamMappingOptions,
  StreamCheckpoint,
} from '../../../local/hosts/event-source-mappings/stream-options.ts';
import { dynamodbClient, streamsClient } from './aws-support.ts';
import { openHost, until } from './lambda-support.ts';

const emulator = new DynamoDbEmulator();
let proxy: FaultProxy;
let db: DynamoDBClient;
let table = '';
let tables = 0;
const mappings: DynamoDbStreamMapping[] = [];

beforeAll(async () => {
  await emulator.start();
  proxy = new FaultProxy({ target: emulator.endpoint });
  await proxy.start();
  db = dynamodbClient(emulator.endpoint);
});
afterAll(async () => {
  await proxy.stop();
  await emulator.stop();
});
beforeEach(async () => {
  table = `events-${++tables}`;
  await createTable();
});
afterEach(async () => {
  await Promise.all(mappings.splice(0).map((mapping) => mapping.stop({ graceMs: 100 })));
  await proxy.heal();
});

const createTable = (): Promise<unknown> =>
  db.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    }),
  );
const put = (sk: string | number, pk = 'p', more: object = {}): Promise<unknown> =>
  db.send(new PutItemCommand({ TableName: table, Item: { pk: { S: pk }, sk: { S: String(sk) }, ...more } }));
async function putMany(count: number, pk = 'p'): Promise<void> {
  for (let first = 0; first < count; first += 25) {
    const items = Array.from({ length: Math.min(25, count - first) }, (_, index) => ({
      PutRequest: { Item: { pk: { S: pk }, sk: { S: String(first + index) } } },
    }));
    await db.send(new BatchWriteItemCommand({ RequestItems: { [table]: items } }));
  }
}

type Answer = { payload: string; functionError?: 'Unhandled' };
const ok: Answer = { payload: 'null' };
const broken: Answer = { payload: '{"errorType":"Error"}', functionError: 'Unhandled' };
const failing = (...identifiers: string[]): Answer => ({
  payload: JSON.stringify({ batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) }),
});
const idsOf = (event: unknown): string[] =>
  (event as DynamoDBStreamEvent).Records.map(({ dynamodb }) => String(dynamodb?.NewImage?.sk?.S));
const sequenceOf = (event: unknown, id: string): string =>
  (event as DynamoDBStreamEvent).Records.find(({ dynamodb }) => dynamodb?.NewImage?.sk?.S === id)?.dynamodb
    ?.SequenceNumber ?? '';

/** Starts a mapping whose function is `handle`, and keeps what it was invoked with. */
function open(
  handle: (ids: string[], event: unknown) => Answer | Promise<Answer> = () => ok,
  options: Partial<DynamoDbStreamMappingOptions> = {},
): { mapping: DynamoDbStreamMapping; batches: string[][]; events: DynamoDBStreamEvent[]; problems: string[] } {
  const batches: string[][] = [];
  const events: DynamoDBStreamEvent[] = [];
  const problems: string[] = [];
  const mapping = new DynamoDbStreamMapping({
    client: streamsClient(proxy.endpoint),
    tableName: table,
    retryDelayMs: () => 5,
    idlePollMs: 10,
    onProblem: (problem) => problems.push(problem),
    invoke: async (event) => {
      batches.push(idsOf(event));
      events.push(event as DynamoDBStreamEvent);
      return handle(idsOf(event), event);
    },
    ...options,
  });
  mappings.push(mapping);
  mapping.start();
  return { mapping, batches, events, problems };
}
const position = (mapping: DynamoDbStreamMapping): string => Object.values(mapping.checkpoint?.shards ?? {})[0] ?? '';

test('records written before and after the start arrive in order, in the event’s shape', async () => {
  await put('before');
  const { mapping, batches, events } = open();
  await until(() => batches.flat().length === 1);
  await put('after', 'p', { bytes: { B: new Uint8Array([1, 2]) } });
  await until(() => position(mapping) === '2');
  expect(batches).toEqual([['before'], ['after']]);
  expect(events[1]?.Records).toEqual([
    {
      eventID: expect.any(String),
      eventName: 'INSERT',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'eu-central-1',
      eventSourceARN: mapping.checkpoint?.streamArn,
      dynamodb: {
        ApproximateCreationDateTime: expect.any(Number),
        Keys: { pk: { S: 'p' }, sk: { S: 'after' } },
        NewImage: { pk: { S: 'p' }, sk: { S: 'after' }, bytes: { B: 'AQI=' } },
        SequenceNumber: '2',
        SizeBytes: expect.any(Number),
        StreamViewType: 'NEW_IMAGE',
      },
    },
  ]);
});

test('batches hold at most batchSize records, and numbers beyond one digit keep their order', async () => {
  await putMany(1_250);
  const { mapping, batches } = open(() => ok, { batchSize: 100 });
  await until(() => position(mapping) === '1250');
  expect(batches.flat()).toEqual(Array.from({ length: 1_250 }, (_, index) => String(index)));
  expect(Math.max(...batches.map(({ length }) => length))).toBe(100);
});

test('a batching window gathers what comes within it', async () => {
  const { batches } = open(() => ok, { maximumBatchingWindowSeconds: 1, batchSize: 3 });
  await put(1);
  await put(2);
  await put(3);
  await until(() => batches.length === 1);
  expect(batches).toEqual([['1', '2', '3']]);
  const started = performance.now();
  await put(4);
  await until(() => batches.length === 2);
  expect(performance.now() - started).toBeGreaterThan(900);
});

test('a batch stays below 6 MB', async () => {
  for (let index = 0; index < 20; index++) await put(index, 'p', { big: { S: 'x'.repeat(390_000) } });
  const { mapping, batches, events } = open(() => ok, { batchSize: 1_000 });
  await until(() => position(mapping) === '20');
  expect(batches.length).toBeGreaterThan(1);
  for (const event of events) expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThanOrEqual(6 * 1024 * 1024);
});

test('a failing batch is retried for as long as it fails, and nothing behind it is touched', async () => {
  await putMany(4);
  let failures = 25;
  const { mapping, batches, problems } = open(() => (failures-- > 0 ? broken : ok), { batchSize: 2 });
  await until(() => position(mapping) === '4');
  expect(batches).toEqual([...Array.from({ length: 26 }, () => ['0', '1']), ['2', '3']]);
  expect(problems.filter((problem) => problem.includes('failed'))).toHaveLength(25);
});

test('the lowest reported failure becomes the checkpoint; all from it on comes again', async () => {
  await putMany(5);
  let first = true;
  const checkpoints: string[] = [];
  const { mapping, batches } = open(
    (_ids, event) => {
      if (!first) return failing();
      first = false;
      return failing(sequenceOf(event, '3'), sequenceOf(event, '1'));
    },
    { reportBatchItemFailures: true, onCheckpoint: ({ shards }) => checkpoints.push(...Object.values(shards)) },
  );
  await until(() => position(mapping) === '5');
  expect(batches).toEqual([
    ['0', '1', '2', '3', '4'],
    ['1', '2', '3', '4'],
  ]);
  expect(checkpoints).toEqual(['1', '5']);
});

test('an identifier that is not of the batch fails all of it', async () => {
  await putMany(2);
  let first = true;
  const { mapping, batches } = open(
    () => {
      const answer = first ? failing('999') : ok;
      first = false;
      return answer;
    },
    { reportBatchItemFailures: true },
  );
  await until(() => position(mapping) === '2');
  expect(batches).toEqual([
    ['0', '1'],
    ['0', '1'],
  ]);
});

test('bisecting isolates the poison, and retries exhausted discard only it', async () => {
  await putMany(8);
  const discarded: DiscardedBatch[] = [];
  const { mapping, batches } = open((ids) => (ids.includes('5') ? broken : ok), {
    bisectBatchOnFunctionError: true,
    maximumRetryAttempts: 2,
    functionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:relay',
    onDiscard: (batch) => void discarded.push(batch),
  });
  await until(() => position(mapping) === '8');
  expect(batches).toEqual([
    ['0', '1', '2', '3', '4', '5', '6', '7'],
    ['0', '1', '2', '3'],
    ['4', '5', '6', '7'],
    ['4', '5'],
    ['4'],
    ['5'],
    ['5'],
    ['5'],
    ['6', '7'],
  ]);
  expect(discarded).toEqual([
    {
      requestContext: {
        requestId: expect.any(String),
        functionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:relay',
        condition: 'RetryAttemptsExhausted',
        approximateInvokeCount: 3,
      },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      version: '1.0',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      DDBStreamBatchInfo: {
        shardId: expect.stringMatching(/^shardId-/),
        startSequenceNumber: '6',
        endSequenceNumber: '6',
        approximateArrivalOfFirstRecord: expect.stringMatching(/^\d{4}-/),
        approximateArrivalOfLastRecord: expect.stringMatching(/^\d{4}-/),
        batchSize: 1,
        streamArn: mapping.checkpoint?.streamArn,
      },
    },
  ]);
});

test('records older than the limit are discarded, and their destination may fail at first', async () => {
  await putMany(2);
  const discarded: DiscardedBatch[] = [];
  let refused = 0;
  let now = Date.now() + 120_000;
  const { mapping, batches } = open(() => ok, {
    maximumRecordAgeSeconds: 60,
    now: () => now,
    onDiscard: (batch) => {
      if (refused++ < 2) throw new Error('no room');
      discarded.push(batch);
    },
  });
  await until(() => position(mapping) === '2');
  now = Date.now();
  await put('young');
  await until(() => position(mapping) === '3');
  expect(batches).toEqual([['young']]);
  expect(
    discarded.map(({ requestContext, DDBStreamBatchInfo }) => [requestContext.condition, DDBStreamBatchInfo.batchSize]),
  ).toEqual([['RecordAgeExceeded', 2]]);
});

test('lanes run side by side, keep order per partition key, and hold the checkpoint at the slowest', async () => {
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (let round = 0; round < 5; round++) for (const key of keys) await put(`${key}${round}`, key);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let running = 0;
  let most = 0;
  const { mapping, batches } = open(
    async (ids) => {
      most = Math.max(most, ++running);
      if (ids.includes('a0')) await held;
      running--;
      return ok;
    },
    { parallelizationFactor: 4, batchSize: 2, partitionKey: 'pk' },
  );
  const lane = (): number => batches.flat().length;
  await until(() => lane() >= 15);
  // a0 is the first record of all: while it is under way nothing may be checkpointed.
  expect(position(mapping)).toBe('');
  release();
  await until(() => position(mapping) === '30');
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(4);
  for (const key of keys) {
    expect(batches.flat().filter((id) => id.startsWith(key))).toEqual([0, 1, 2, 3, 4].map((round) => `${key}${round}`));
  }
});

test('a mapping resumes from a kept checkpoint without gap or repeat', async () => {
  await putMany(12);
  const first = open(() => ok, { batchSize: 5 });
  await until(() => position(first.mapping) === '12');
  await first.mapping.stop();
  const checkpoint = JSON.parse(JSON.stringify(first.mapping.checkpoint)) as StreamCheckpoint;
  await put('later');
  const second = open(() => ok, { checkpoint });
  await until(() => position(second.mapping) === '13');
  expect(second.batches).toEqual([['later']]);
});

test('LATEST skips what was there before', async () => {
  await put('old');
  const { batches } = open(() => ok, { startingPosition: 'LATEST' });
  await proxy.waitForCalls('GetRecords', proxy.calls('GetRecords').length + 2);
  await put('new');
  await until(() => batches.length === 1);
  expect(batches).toEqual([['new']]);
});

test('a stream that is out of reach for a while is picked up where it was left, and told of once', async () => {
  await put(1);
  const { mapping, batches, problems } = open();
  await until(() => position(mapping) === '1');
  await proxy.goDown();
  await put(2);
  await until(() => problems.length > 0);
  await proxy.comeUp();
  await put(3);
  await until(() => position(mapping) === '3');
  expect(batches.flat()).toEqual(['1', '2', '3']);
  expect(problems.filter((problem) => problem.includes('Stream of table')).length).toBeLessThanOrEqual(2);
});

test.each(['LimitExceededException', 'ExpiredIteratorException', 'InternalServerError', 'ValidationException'])(
  '%s from the stream loses nothing',
  async (code) => {
    const { mapping, batches } = open(() => ok, { batchSize: 1 });
    await put(1);
    await until(() => position(mapping) === '1');
    const fault = proxy.inject({
      operation: 'GetRecords',
      times: 3,
      fault: jsonError(code, 'injected', code.startsWith('Internal') ? 500 : 400),
    });
    await put(2);
    await put(3);
    await until(() => position(mapping) === '3');
    expect(fault.hits).toBe(3);
    expect(batches.flat()).toEqual(['1', '2', '3']);
  },
);

test('answers cut after the stream has sent them are asked for again', async () => {
  const { mapping, batches } = open();
  await put(1);
  await until(() => position(mapping) === '1');
  proxy.inject({ operation: 'GetRecords', times: 2, fault: { kind: 'cut-after' } });
  await put(2);
  await until(() => position(mapping) === '2');
  expect(batches.flat()).toEqual(['1', '2']);
});

test('expired records are told of, and reading goes on with what is left', async () => {
  await putMany(2);
  const first = open();
  await until(() => position(first.mapping) === '2');
  const { problems, batches } = first;
  proxy.inject({ operation: 'GetRecords', times: 1, fault: jsonError('TrimmedDataAccessException') });
  await until(() => problems.some((problem) => problem.includes('expired')));
  await until(() => batches.flat().length === 4);
  expect(batches.flat()).toEqual(['0', '1', '0', '1']);
});

test('a table that is made anew is read from its new stream’s beginning', async () => {
  await putMany(3);
  const { mapping, batches, problems } = open();
  await until(() => position(mapping) === '3');
  const before = mapping.checkpoint?.streamArn;
  await proxy.goDown();
  await db.send(new DeleteTableCommand({ TableName: table }));
  await createTable();
  await put('new');
  await until(() => problems.length > 0);
  await proxy.comeUp();
  // dynoxide keeps a deleted table's records and shows them in the new stream: they come again, and none is missed.
  await until(() => position(mapping) === '4');
  expect(batches.flat()).toEqual(['0', '1', '2', '0', '1', '2', 'new']);
  expect(mapping.checkpoint?.streamArn).not.toBe(before);
});

test('a table that comes later is waited for', async () => {
  await db.send(new DeleteTableCommand({ TableName: table }));
  const { batches, problems } = open();
  await until(() => problems.length > 0);
  await createTable();
  await put(1);
  await until(() => batches.length === 1);
});

test('stop() waits for the batch under way and counts it', async () => {
  await put(1);
  let release: (answer: Answer) => void = () => undefined;
  const { mapping, batches } = open(
    () =>
      new Promise<Answer>((resolve) => {
        release = resolve;
      }),
  );
  await until(() => batches.length === 1);
  const stopped = mapping.stop({ graceMs: 10_000 });
  release(ok);
  await stopped;
  expect(position(mapping)).toBe('1');
});

test('stop() abandons a batch that hangs, and it comes again', async () => {
  await put(1);
  const { mapping, batches } = open(() => new Promise<Answer>(() => undefined));
  await until(() => batches.length === 1);
  await mapping.stop({ graceMs: 20 });
  expect(position(mapping)).toBe('');
  const checkpoint = mapping.checkpoint;
  const again = open(() => ok, checkpoint === undefined ? {} : { checkpoint });
  await until(() => again.batches.length === 1);
  expect(again.batches).toEqual([['1']]);
});

test('a worker killed in the middle of a batch gets it again', async () => {
  await putMany(3);
  const host = openHost({ timeoutMs: 20_000 });
  let first = true;
  const batches: string[][] = [];
  const mapping = new DynamoDbStreamMapping({
    client: streamsClient(emulator.endpoint),
    tableName: table,
    retryDelayMs: () => 5,
    invoke: (event) => {
      batches.push(idsOf(event));
      const op = first ? { op: 'hang' } : { op: 'nothing' };
      first = false;
      return host.invoke(op);
    },
  });
  mappings.push(mapping);
  mapping.start();
  await until(() => host.stats().busy === 1);
  await host.killEnvironments();
  await until(() => position(mapping) === '3');
  expect(batches).toEqual([
    ['0', '1', '2'],
    ['0', '1', '2'],
  ]);
});
