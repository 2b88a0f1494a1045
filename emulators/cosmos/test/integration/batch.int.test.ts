// Transactional batches, bulk, and deleting a partition key.
import { BulkOperationType, type Container, type OperationInput } from '@azure/cosmos';
import { bare, failureOf, type Harness, rows, startHarness } from './harness.ts';

let harness: Harness;
let container: Container;
beforeAll(async () => {
  harness = await startHarness({ partitionRanges: 3 });
  container = await harness.container('docs');
});
afterAll(async () => {
  await harness.stop();
});

const create = (id: string, pk: string, more: object = {}): OperationInput => ({
  operationType: BulkOperationType.Create,
  resourceBody: { id, pk, ...more },
});
const codes = (result: { statusCode: number }[] | undefined): number[] =>
  (result ?? []).map(({ statusCode }) => statusCode);

test('a batch applies all kinds of operation in order, and later ones see earlier ones', async () => {
  const response = await container.items.batch(
    [
      create('1', 'a', { n: 1 }),
      { operationType: 'Upsert', resourceBody: { id: '2', pk: 'a', n: 2 } },
      { operationType: 'Patch', id: '1', resourceBody: { operations: [{ op: 'incr', path: '/n', value: 9 }] } },
      { operationType: 'Replace', id: '2', resourceBody: { id: '2', pk: 'a', n: 22 } },
      { operationType: 'Read', id: '1' },
      create('3', 'a'),
      { operationType: 'Delete', id: '3' },
    ],
    'a',
  );
  expect(response.code).toBe(200);
  expect(codes(response.result)).toEqual([201, 201, 200, 200, 200, 201, 204]);
  expect(response.result?.[4]?.resourceBody).toMatchObject({ id: '1', n: 10 });
  expect(await rows(container, 'SELECT c.id, c.n FROM c ORDER BY c.id', {}, { partitionKey: 'a' })).toEqual([
    { id: '1', n: 10 },
    { id: '2', n: 22 },
  ]);
});

test('a failing operation undoes the whole batch: its own status, 424 for all others, 207 for the request', async () => {
  await container.items.create({ id: 'kept', pk: 'b', n: 1 });
  const { resource: before } = await container.item('kept', 'b').read();
  const response = await container.items.batch(
    [
      create('new', 'b'),
      { operationType: 'Replace', id: 'kept', resourceBody: { id: 'kept', pk: 'b', n: 2 } },
      { operationType: 'Delete', id: 'kept' },
      { operationType: 'Replace', id: 'kept', resourceBody: { id: 'kept', pk: 'b', n: 3 }, ifMatch: '"old"' },
      create('never', 'b'),
    ],
    'b',
  );
  expect(response.code).toBe(207);
  expect(codes(response.result)).toEqual([424, 424, 424, 404, 424]);
  expect((await container.item('kept', 'b').read()).resource).toEqual(before);
  expect(await rows(container, 'SELECT VALUE c.id FROM c', {}, { partitionKey: 'b' })).toEqual(['kept']);
});

test.each([
  [412, { operationType: 'Replace', id: 'c', resourceBody: { id: 'c', pk: 'c' }, ifMatch: '"old"' }],
  [409, { operationType: 'Create', resourceBody: { id: 'c', pk: 'c' } }],
  [404, { operationType: 'Read', id: 'absent' }],
  [400, { operationType: 'Create', resourceBody: { id: 'x', pk: 'other' } }],
])('an operation failing with %d is reported inside a 207', async (code, operation) => {
  await container.items.upsert({ id: 'c', pk: 'c' });
  const response = await container.items.batch([create('y', 'c'), operation as OperationInput], 'c');
  expect(response).toMatchObject({ code: 207, result: [{ statusCode: 424 }, { statusCode: code }] });
  expect((await container.item('y', 'c').read()).statusCode).toBe(404);
});

test('a batch over 2 MiB fails the request with 413', async () => {
  const halves = ['1', '2'].map((id) => create(id, 'big', { text: 'é'.repeat(550_000) }));
  expect((await failureOf(container.items.batch(halves, 'big'))).message).toContain('Request size is too large');
});

test('an operation of another partition key fails the request', async () => {
  const { message } = await failureOf(
    container.items.batch([{ operationType: 'Read', id: 'c', partitionKey: 'other' } as OperationInput], 'c'),
  );
  expect(message).toContain('One or more operations within the batch request have a different partition key value');
});

test('of two batches racing for one document exactly one wins, in 200 rounds', async () => {
  const clients = [harness.newClient(), harness.newClient()];
  for (let round = 0; round < 200; round++) {
    const id = `claim-${round}`;
    const attempts = clients.map((client, writer) =>
      client
        .database('db')
        .container('docs')
        .items.batch([create(`${id}-by-${writer}`, 'race'), create(id, 'race', { writer })], 'race'),
    );
    const outcome = (await Promise.all(attempts)).map(({ code, result }) => [code, ...codes(result)].join());
    expect([...outcome].sort()).toEqual(['200,201,201', '207,424,409']);
  }
  const winners = await rows(
    container,
    'SELECT VALUE COUNT(1) FROM c WHERE IS_DEFINED(c.writer)',
    {},
    { partitionKey: 'race' },
  );
  const effects = await rows(
    container,
    "SELECT VALUE COUNT(1) FROM c WHERE CONTAINS(c.id, '-by-')",
    {},
    { partitionKey: 'race' },
  );
  expect([winners, effects]).toEqual([[200], [200]]);
});

test('a batch comes as one in the change feed, even above the page size', async () => {
  const feed = await harness.container('feed');
  await feed.items.batch(
    Array.from({ length: 7 }, (_, index) => create(`i${index}`, 'a')),
    'a',
  );
  await feed.items.create({ id: 'after', pk: 'a' });
  const iterator = feed.items.changeFeed('a', { startFromBeginning: true, maxItemCount: 3 });
  const first = await iterator.fetchNext();
  expect(first.result.map(({ id }: { id: string }) => id)).toEqual(['i0', 'i1', 'i2', 'i3', 'i4', 'i5', 'i6']);
  expect(new Set(first.result.map(({ _lsn }: { _lsn: number }) => _lsn)).size).toBe(1);
  expect((await iterator.fetchNext()).result.map(({ id }: { id: string }) => id)).toEqual(['after']);
});

test('bulk spreads operations over ranges, each succeeding or failing alone', async () => {
  const bulk = await harness.container('bulk');
  const operations: OperationInput[] = Array.from({ length: 50 }, (_, index) => ({
    operationType: BulkOperationType.Create,
    partitionKey: `p${index % 9}`,
    resourceBody: { id: `b${index}`, pk: `p${index % 9}` },
  }));
  const created = await bulk.items.executeBulkOperations(operations);
  expect(created.map(({ response }) => response?.statusCode)).toEqual(Array.from({ length: 50 }, () => 201));
  const results = await bulk.items.executeBulkOperations([
    { operationType: 'Create', partitionKey: 'p0', resourceBody: { id: 'b0', pk: 'p0' } },
    { operationType: 'Read', id: 'b1', partitionKey: 'p1' },
    { operationType: 'Delete', id: 'absent', partitionKey: 'p1' },
  ]);
  const statuses = results.map(({ response, error }) => response?.statusCode ?? error?.code);
  expect(statuses).toEqual([409, 200, 404]);
  expect(await rows(bulk, 'SELECT VALUE COUNT(1) FROM c')).toEqual([50]);
  const classic = await bulk.items.bulk([create('z', 'p1'), { operationType: 'Read', id: 'b1', partitionKey: 'p1' }]);
  expect(codes(classic)).toEqual([201, 200]);
  expect(bare(classic[1]?.resourceBody as never)).toEqual({ id: 'b1', pk: 'p1' });
});

test('bulk goes on after a split, by grouping its operations again', async () => {
  const bulk = await harness.container('bulk-split');
  await bulk.items.bulk([create('before', 'p1')]);
  for (const id of ['0', '1', '2']) harness.emulator.split('db', 'bulk-split', id);
  const results = await bulk.items.bulk(Array.from({ length: 30 }, (_, index) => create(`s${index}`, `p${index}`)));
  expect(codes(results).every((status) => status === 201)).toBe(true);
  expect(await rows(bulk, 'SELECT VALUE COUNT(1) FROM c')).toEqual([31]);
});

test('a response without content leaves the bodies out', async () => {
  const response = await container.items.batch([create('quiet', 'q')], 'q', { contentResponseOnWriteEnabled: false });
  expect(response.result).toEqual([expect.not.objectContaining({ resourceBody: expect.anything() })]);
  expect(response.result?.[0]).toMatchObject({ statusCode: 201, eTag: expect.stringMatching(/^"/) });
});

test('a partition key is deleted as a whole', async () => {
  await container.items.batch([create('1', 'gone'), create('2', 'gone')], 'gone');
  await container.deleteAllItemsForPartitionKey('gone');
  expect(await rows(container, 'SELECT * FROM c', {}, { partitionKey: 'gone' })).toEqual([]);
});
