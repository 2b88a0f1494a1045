// The stream mapping over time: resuming, outages, tables that come and go, stopping and crashes.
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { jsonError } from '../../../../emulators/faults/aws-faults.ts';
import { openHost, until } from '../../../lambda/test/integration/lambda-support.ts';
import { DynamoDbStreamMapping } from '../../dynamodb-stream-mapping.ts';
import type { StreamCheckpoint } from '../../stream-options.ts';
import { streamsClient } from './aws-clients.ts';
import { type Answer, idsOf, ok, position, useStreams } from './stream-support.ts';

const rig = useStreams();
const { createTable, open, put, putMany } = rig;

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
  await rig.proxy.waitForCalls('GetRecords', rig.proxy.calls('GetRecords').length + 2);
  await put('new');
  await until(() => batches.length === 1);
  expect(batches).toEqual([['new']]);
});

test('reading resumes where it stopped after an outage of the stream, which is reported once', async () => {
  await put(1);
  const { mapping, batches, problems } = open();
  await until(() => position(mapping) === '1');
  await rig.proxy.goDown();
  await put(2);
  await until(() => problems.length > 0);
  await rig.proxy.comeUp();
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
    const fault = rig.proxy.inject({
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
  rig.proxy.inject({ operation: 'GetRecords', times: 2, fault: { kind: 'cut-after' } });
  await put(2);
  await until(() => position(mapping) === '2');
  expect(batches.flat()).toEqual(['1', '2']);
});

test('expired records are reported, and reading continues with the remaining ones', async () => {
  await putMany(2);
  const first = open();
  await until(() => position(first.mapping) === '2');
  const { problems, batches } = first;
  rig.proxy.inject({ operation: 'GetRecords', times: 1, fault: jsonError('TrimmedDataAccessException') });
  await until(() => problems.some((problem) => problem.includes('expired')));
  await until(() => batches.flat().length === 4);
  expect(batches.flat()).toEqual(['0', '1', '0', '1']);
});

test('a table that is made anew is read from its new stream’s beginning', async () => {
  await putMany(3);
  const { mapping, batches, problems } = open();
  await until(() => position(mapping) === '3');
  const before = mapping.checkpoint?.streamArn;
  await rig.proxy.goDown();
  await rig.db.send(new DeleteTableCommand({ TableName: rig.table }));
  await createTable();
  await put('new');
  await until(() => problems.length > 0);
  await rig.proxy.comeUp();
  // dynoxide keeps a deleted table's records and shows them in the new stream: they come again, and none is missed.
  await until(() => position(mapping) === '4');
  expect(batches.flat()).toEqual(['0', '1', '2', '0', '1', '2', 'new']);
  expect(mapping.checkpoint?.streamArn).not.toBe(before);
});

test('a table that comes later is waited for', async () => {
  await rig.db.send(new DeleteTableCommand({ TableName: rig.table }));
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
    client: streamsClient(rig.emulator.endpoint),
    tableName: rig.table,
    retryDelayMs: () => 5,
    invoke: (event) => {
      batches.push(idsOf(event));
      const op = first ? { op: 'hang' } : { op: 'nothing' };
      first = false;
      return host.invoke(op);
    },
  });
  rig.mappings.push(mapping);
  mapping.start();
  await until(() => host.stats().busy === 1);
  await host.killEnvironments();
  await until(() => position(mapping) === '3');
  expect(batches).toEqual([
    ['0', '1', '2'],
    ['0', '1', '2'],
  ]);
});
