// The stream mapping against a real stream: batches, order, failures, checkpoints and lanes.

import { until } from '../../../lambda/test/integration/lambda-support.ts';
import type { DiscardedBatch } from '../../stream-lane.ts';
import { broken, failing, ok, position, sequenceOf, useStreams } from './stream-support.ts';

const rig = useStreams();
const { open, put, putMany } = rig;

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
  // A window that no machine is too slow for: it is the third record that ends it.
  const long = open(() => ok, { maximumBatchingWindowSeconds: 300, batchSize: 3 });
  await put(1);
  await put(2);
  await put(3);
  await until(() => long.batches.length === 1);
  expect(long.batches).toEqual([['1', '2', '3']]);
  const { mapping, batches } = open(() => ok, { maximumBatchingWindowSeconds: 1, batchSize: 3 });
  await until(() => position(mapping) === '3');
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
