// Single documents: create, read, replace, upsert, delete, etags, ids, sizes, unique keys and time to live.
import type { Container } from '@azure/cosmos';
import { bare, failureOf, type Harness, rows, startHarness } from './harness.ts';

let harness: Harness;
let container: Container;
beforeAll(async () => {
  harness = await startHarness();
  container = await harness.container('docs');
});
afterAll(async () => {
  await harness.stop();
});

test('create, read, replace, upsert and delete answer with the statuses and headers of the service', async () => {
  const created = await container.items.create({ id: 'a', pk: 'x', n: 1 });
  expect(created.statusCode).toBe(201);
  expect(created.etag).toBe(created.resource?._etag);
  expect(created.etag).toMatch(/^"[0-9a-f-]{36}"$/);
  expect(created.resource?._ts).toBe(1767225600);
  expect(created.requestCharge).toBeCloseTo(5.29);
  const read = await container.item('a', 'x').read();
  expect(read).toMatchObject({ statusCode: 200, requestCharge: 1 });
  expect(bare(read.resource)).toEqual({ id: 'a', pk: 'x', n: 1 });
  const replaced = await container.item('a', 'x').replace({ id: 'a', pk: 'x', n: 2 });
  expect(replaced.statusCode).toBe(200);
  expect(replaced.etag).not.toBe(created.etag);
  expect(replaced.resource?._rid).toBe(created.resource?._rid);
  expect((await container.items.upsert({ id: 'a', pk: 'x', n: 3 })).statusCode).toBe(200);
  expect((await container.items.upsert({ id: 'b', pk: 'x', n: 4 })).statusCode).toBe(201);
  expect((await container.item('a', 'x').delete()).statusCode).toBe(204);
  expect((await container.item('a', 'x').read()).statusCode).toBe(404);
  expect(await failureOf(container.item('a', 'x').delete())).toMatchObject({ code: 404 });
  expect(await failureOf(container.items.create({ id: 'b', pk: 'x' }))).toMatchObject({ code: 409 });
});

test('the same id lives once in every partition', async () => {
  await container.items.create({ id: 'same', pk: 'one' });
  await container.items.create({ id: 'same', pk: 'two' });
  expect(await rows(container, "SELECT VALUE c.pk FROM c WHERE c.id = 'same'")).toEqual(['one', 'two']);
});

test('If-Match and If-None-Match are honoured', async () => {
  const { etag: first = '' } = await container.items.create({ id: 'e', pk: 'e', n: 0 });
  const { etag: second } = await container.item('e', 'e').replace({ id: 'e', pk: 'e', n: 1 });
  const stale = { accessCondition: { type: 'IfMatch', condition: first } };
  expect(await failureOf(container.item('e', 'e').replace({ id: 'e', pk: 'e', n: 2 }, stale))).toMatchObject({
    code: 412,
  });
  expect(await failureOf(container.item('e', 'e').delete(stale))).toMatchObject({ code: 412 });
  expect(await failureOf(container.items.upsert({ id: 'e', pk: 'e', n: 2 }, stale))).toMatchObject({ code: 412 });
  expect(await failureOf(container.item('e', 'e').patch([{ op: 'incr', path: '/n', value: 1 }], stale))).toMatchObject({
    code: 412,
  });
  const unchanged = { accessCondition: { type: 'IfNoneMatch', condition: second ?? '' } };
  const read = await container.item('e', 'e').read(unchanged);
  expect(read.statusCode).toBe(304);
  expect(read.etag).toBe(second);
});

test('of two writers with the same etag exactly one wins, every time', async () => {
  await container.items.create({ id: 'race', pk: 'r', n: 0 });
  for (let round = 0; round < 50; round++) {
    const { etag = '' } = await container.item('race', 'r').read();
    const writers = [1, 2, 3].map((writer) =>
      container
        .item('race', 'r')
        .replace({ id: 'race', pk: 'r', n: round, writer }, { accessCondition: { type: 'IfMatch', condition: etag } })
        .then(
          () => 200,
          (error: { code: number }) => error.code,
        ),
    );
    expect((await Promise.all(writers)).sort()).toEqual([200, 412, 412]);
  }
});

test.each([
  ' leading',
  'trailing ',
  'per%20cent',
  'question?mark',
  '鱀',
  '=.:~+-@()^$,{}[]!_',
  '__proto__',
  'x'.repeat(1023),
])('the id %j can be created, read, replaced and deleted', async (id) => {
  expect((await container.items.create({ id, pk: id })).resource?.id).toBe(id);
  expect((await container.item(id, id).read()).resource?.id).toBe(id);
  expect((await container.item(id, id).replace({ id, pk: id, n: 1 })).statusCode).toBe(200);
  expect((await container.item(id, id).delete()).statusCode).toBe(204);
});

test('wrong documents are refused with 400, too large ones with 413', async () => {
  const bad = (document: object) => failureOf(container.items.create(document, { disableAutomaticIdGeneration: true }));
  expect(await bad({ pk: 'a' })).toMatchObject({ code: 400 });
  expect(await bad({ id: 'x'.repeat(1024), pk: 'a' })).toMatchObject({ code: 400 });
  expect(await bad({ id: 'x', pk: 'a', ttl: 0 })).toMatchObject({ code: 400 });
  expect(await bad({ id: 'x', pk: 'a', ttl: null })).toMatchObject({ code: 400 });
  expect(await bad({ id: 'x', pk: 'a', big: 'x'.repeat(2 * 1024 * 1024) })).toMatchObject({ code: 413 });
  expect((await container.items.create({ id: 'x', pk: 'a', big: 'x'.repeat(1.9 * 1024 * 1024) })).statusCode).toBe(201);
});

test('a body under another partition key than the header is 400/1001', async () => {
  await container.items.create({ id: 'k', pk: 'k' });
  expect(await failureOf(container.item('k', 'k').replace({ id: 'k', pk: 'other' }))).toMatchObject({
    code: 400,
    substatus: 1001,
  });
});

test('missing, null, boolean and number keys are different partitions', async () => {
  const values = [undefined, null, true, false, 0, 1, '', '0'];
  for (const [index, pk] of values.entries()) await container.items.create({ id: `v${index}`, pk } as { id: string });
  for (const [index, pk] of values.entries()) {
    const { resource } = await container.item(`v${index}`, pk as string).read();
    expect(resource?.id).toBe(`v${index}`);
  }
  expect((await container.item('v0', null).read()).statusCode).toBe(404);
});

test('hierarchical keys address items in full and partitions by prefix', async () => {
  const levels = await harness.container('levels', {
    key: { paths: ['/t', '/u', '/s'], version: 2, kind: 'MultiHash' } as never,
  });
  for (const [t, u, s] of [
    ['a', 'x', 1],
    ['a', 'x', 2],
    ['a', 'y', 1],
    ['b', 'x', 1],
  ]) {
    await levels.items.create({ id: `${t}${u}${s}`, t, u, s });
  }
  expect((await levels.item('ax2', ['a', 'x', 2]).read()).resource?.id).toBe('ax2');
  expect((await levels.item('ax2', ['a', 'x', 1]).read()).statusCode).toBe(404);
  expect(await rows(levels, 'SELECT VALUE c.id FROM c', {}, { partitionKey: ['a', 'x'] })).toEqual(['ax1', 'ax2']);
  expect(await rows(levels, 'SELECT VALUE c.id FROM c', {}, { partitionKey: ['a'] })).toEqual(['ax1', 'ax2', 'ay1']);
  expect(await failureOf(levels.item('ax1', ['a', 'x']).read())).toMatchObject({ code: 400 });
});

test('unique keys hold within a partition, through replace, delete and batch', async () => {
  const unique = await harness.container('unique', {
    more: { uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/mail', '/kind'] }] } },
  });
  await unique.items.create({ id: '1', pk: 'a', mail: 'm', kind: 1 });
  expect(await failureOf(unique.items.create({ id: '2', pk: 'a', mail: 'm', kind: 1 }))).toMatchObject({ code: 409 });
  await unique.items.create({ id: '2', pk: 'b', mail: 'm', kind: 1 });
  await unique.items.create({ id: '3', pk: 'a', mail: 'm', kind: 2 });
  expect(await failureOf(unique.item('3', 'a').replace({ id: '3', pk: 'a', mail: 'm', kind: 1 }))).toMatchObject({
    code: 409,
  });
  const failed = await unique.items.batch(
    [
      { operationType: 'Delete', id: '1' },
      { operationType: 'Create', resourceBody: { id: '4', pk: 'a', mail: 'm', kind: 1 } },
      { operationType: 'Read', id: 'none' },
    ],
    'a',
  );
  expect(failed.code).toBe(207);
  expect(await failureOf(unique.items.create({ id: '5', pk: 'a', mail: 'm', kind: 1 }))).toMatchObject({ code: 409 });
  await unique.item('1', 'a').delete();
  expect((await unique.items.create({ id: '5', pk: 'a', mail: 'm', kind: 1 })).statusCode).toBe(201);
});

test('time to live: the item overrides the container, -1 never expires, off means off', async () => {
  const expiring = await harness.container('ttl', { more: { defaultTtl: 10 } });
  const off = await harness.container('ttl-off');
  await expiring.items.create({ id: 'default', pk: 'a' });
  await expiring.items.create({ id: 'short', pk: 'a', ttl: 5 });
  await expiring.items.create({ id: 'never', pk: 'a', ttl: -1 });
  await off.items.create({ id: 'kept', pk: 'a', ttl: 5 });
  const ids = (): Promise<unknown[]> => rows(expiring, 'SELECT VALUE c.id FROM c', {}, { partitionKey: 'a' });
  harness.emulator.advanceClock(4999);
  expect(await ids()).toEqual(['default', 'short', 'never']);
  harness.emulator.advanceClock(1);
  expect(await ids()).toEqual(['default', 'never']);
  expect((await expiring.item('short', 'a').read()).statusCode).toBe(404);
  // A write starts the time anew.
  await expiring.items.upsert({ id: 'default', pk: 'a', again: true });
  harness.emulator.advanceClock(9000);
  expect(await ids()).toEqual(['default', 'never']);
  harness.emulator.advanceClock(1000);
  expect(await ids()).toEqual(['never']);
  expect((await expiring.items.create({ id: 'short', pk: 'a', ttl: 5 })).statusCode).toBe(201);
  expect((await off.item('kept', 'a').read()).statusCode).toBe(200);
});

test('patch: every operation, arrays, conditions, and refusal as a whole', async () => {
  await container.items.create({ id: 'p', pk: 'p', n: 1, list: ['a', 'c'], gone: true, o: { x: 1 }, from: 'moved' });
  const item = container.item('p', 'p');
  const { resource, statusCode } = await item.patch([
    { op: 'add', path: '/list/1', value: 'b' },
    { op: 'add', path: '/list/-', value: 'd' },
    { op: 'set', path: '/o/y', value: { z: [1] } },
    { op: 'replace', path: '/o/x', value: null },
    { op: 'remove', path: '/gone' },
    { op: 'incr', path: '/n', value: -3 },
    { op: 'incr', path: '/fresh', value: 2 },
    // The SDK's types do not know it, but it sends what it is given.
    { op: 'move', from: '/from', path: '/to' } as never,
  ]);
  expect(statusCode).toBe(200);
  expect(bare(resource)).toEqual({
    id: 'p',
    pk: 'p',
    n: -2,
    list: ['a', 'b', 'c', 'd'],
    o: { x: null, y: { z: [1] } },
    fresh: 2,
    to: 'moved',
  });
  const refused = [
    { op: 'replace' as const, path: '/absent', value: 1 },
    { op: 'remove' as const, path: '/absent' },
    { op: 'incr' as const, path: '/to', value: 1 },
    { op: 'set' as const, path: '/pk', value: 'q' },
    { op: 'set' as const, path: '/id', value: 'q' },
    { op: 'add' as const, path: '/list/9', value: 1 },
  ];
  for (const operation of refused) {
    expect(await failureOf(item.patch([{ op: 'set', path: '/n', value: 100 }, operation]))).toMatchObject({
      code: 400,
    });
  }
  expect(bare((await item.read()).resource)).toMatchObject({ n: -2 });
  const condition = 'FROM c WHERE c.n < 0';
  expect((await item.patch({ condition, operations: [{ op: 'set', path: '/n', value: 5 }] })).resource?.n).toBe(5);
  expect(await failureOf(item.patch({ condition, operations: [{ op: 'set', path: '/n', value: 6 }] }))).toMatchObject({
    code: 412,
  });
  const eleven = Array.from({ length: 11 }, () => ({ op: 'incr' as const, path: '/n', value: 1 }));
  expect(await failureOf(item.patch(eleven))).toMatchObject({ code: 400 });
});

test('a session client reads its own writes, and a token from the future is refused', async () => {
  const session = harness.newClient({ session: true }).database('db').container('docs');
  const { headers } = await session.items.create({ id: 's', pk: 's' });
  const token = String(headers['x-ms-session-token']);
  expect(token).toMatch(/^[01]:-1#\d+$/);
  expect((await session.item('s', 's').read()).statusCode).toBe(200);
  expect(await failureOf(container.item('s', 's').read({ sessionToken: 'nonsense' }))).toMatchObject({ code: 400 });
  // The SDK clears a refused token and tries again, so the refusal itself is only seen without it.
  const lax = await startHarness({ verifySignatures: false, partitionRanges: 1 });
  await (await lax.container('docs')).items.create({ id: 's', pk: 's' });
  const headers404 = { 'x-ms-documentdb-partitionkey': '["s"]', 'x-ms-session-token': '0:-1#2' };
  const refused = await fetch(`${lax.connection.endpoint}dbs/db/colls/docs/docs/s`, { headers: headers404 });
  expect([refused.status, refused.headers.get('x-ms-substatus')]).toEqual([404, '1002']);
  await lax.stop();
});
