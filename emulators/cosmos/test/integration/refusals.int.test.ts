// What the service refuses, and accepts, although an emulator might do otherwise.
import { createHmac } from 'node:crypto';
import type { Container } from '@azure/cosmos';
import { failureOf, type Harness, rows, startHarness } from './harness.ts';

let harness: Harness;
let container: Container;
beforeAll(async () => {
  harness = await startHarness({ verifySignatures: false });
  container = await harness.container('docs');
  await container.items.create({ id: '1', pk: { x: 1 }.x, s: 'B', tags: ['b', 'a'] });
});
afterAll(async () => {
  await harness.stop();
});

/** A request as it goes over the wire, with what the SDK would not send. */
async function send(
  path: string,
  body: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${harness.connection.endpoint}${path}`, { method: 'POST', body, headers });
  return { status: response.status, text: await response.text() };
}

const UNMAPPED = 'ORDER BY item expression could not be mapped to a document path';

test.each([
  ['SELECT * FROM c ORDER BY LOWER(c.s)', `"code":2206,"message":"Unsupported ORDER BY clause. ${UNMAPPED}`],
  ['SELECT * FROM c ORDER BY 1', '"code":2206'],
  ['SELECT * FROM c ORDER BY c.s || "x"', '"code":2206'],
  ['SELECT c.id FROM c JOIN (SELECT VALUE t FROM t IN c.tags) AS t ORDER BY t', '"code":2206'],
  ['SELECT c.id FROM c JOIN t IN c.tags ORDER BY t', 'Order-by over correlated collections is not supported.'],
  ['SELECT COUNT(*) FROM c', "incorrect syntax near '*'"],
  ['SELECT VALUE (SELECT VALUE t FROM t IN c.tags ORDER BY t) FROM c', 'SC2202'],
  ['SELECT VALUE ARRAY(SELECT VALUE t FROM t IN c.tags OFFSET 0 LIMIT 1) FROM c', 'SC2204'],
])('%s is refused, in a partition and over all of them', async (sql, text) => {
  for (const options of [{ partitionKey: 1 }, {}]) {
    const { code, message } = await failureOf(rows(container, sql, {}, options));
    expect(code).toBe(400);
    expect(message.replaceAll('\\"', '"')).toContain(text);
  }
});

test('a part of what is grouped by can be selected', async () => {
  const parts = await harness.container('parts', { key: '/id' });
  for (const [id, x] of [
    ['1', 'a'],
    ['2', 'a'],
    ['3', 'b'],
  ] as const)
    await parts.items.create({ id, pk: { x, y: [1] } });
  const sql = 'SELECT c.pk.x, c.pk.y[0] AS y, COUNT(1) AS k FROM c GROUP BY c.pk';
  expect(await rows(parts, sql)).toEqual(
    expect.arrayContaining([
      { x: 'a', y: 1, k: 2 },
      { x: 'b', y: 1, k: 1 },
    ]),
  );
  expect((await failureOf(rows(parts, 'SELECT c.other FROM c GROUP BY c.pk'))).code).toBe(400);
});

test.each(['/a b', '/a/*', '/a/?', '/"a"', "/'a'", '/a/[]', '/ a'])(
  'the partition key path %j is refused',
  async (path) => {
    const { code, message } = await failureOf(harness.container('path', { key: path }));
    expect(code).toBe(400);
    expect(message).toContain('could not be accepted');
  },
);

test.each([
  ['Vector search', { vectorEmbeddingPolicy: { vectorEmbeddings: [{ path: '/v', dataType: 'float32' }] } }],
  ['Vector search', { indexingPolicy: { vectorIndexes: [{ path: '/v', type: 'flat' }] } }],
  ['Full-text search', { fullTextPolicy: { defaultLanguage: 'en-US', fullTextPaths: [{ path: '/t' }] } }],
  ['Full-text search', { indexingPolicy: { fullTextIndexes: [{ path: '/t' }] } }],
  ['Client encryption', { clientEncryptionPolicy: { includedPaths: [{ path: '/t' }] } }],
])('%s is refused by name when a container is made: %j', async (feature, more) => {
  const { code, message } = await failureOf(harness.container('policy', { more }));
  expect(code).toBe(501);
  expect(message).toContain(feature);
});

test('empty policies ask for nothing', async () => {
  const more = { vectorEmbeddingPolicy: { vectorEmbeddings: [] }, indexingPolicy: { vectorIndexes: [] } };
  expect((await harness.container('empty', { more })).id).toBe('empty');
});

const KEY = { 'x-ms-documentdb-partitionkey': '["a"]' };

test('a number that is no double is refused, not stored as null', async () => {
  const { status, text } = await send('dbs/db/colls/docs/docs', '{"id":"big","pk":"a","v":[{"w":1e400}]}', KEY);
  expect(status).toBe(400);
  expect(text).toContain('out of the range of a double');
  const batch = '[{"operationType":"Create","resourceBody":{"id":"big","pk":"a","v":-1e999}}]';
  const flags = { ...KEY, 'x-ms-cosmos-is-batch-request': 'true', 'x-ms-cosmos-batch-atomic': 'true' };
  expect((await send('dbs/db/colls/docs/docs', batch, flags)).text).toContain('"statusCode":400');
  const query = '{"query":"SELECT * FROM c WHERE c.v = @v","parameters":[{"name":"@v","value":1e400}]}';
  expect((await send('dbs/db/colls/docs/docs', query, { ...KEY, 'x-ms-documentdb-isquery': 'true' })).status).toBe(400);
});

test('JSON nested without end is refused wherever it stands', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  expect((await send('dbs/db/colls/docs/docs', `{"id":"deep","pk":"a","v":${deep}}`, KEY)).status).toBe(400);
  expect((await send('dbs/db/colls', `{"id":"deep","partitionKey":{"paths":["/pk"]},"x":${deep}}`, {})).status).toBe(
    400,
  );
  const query = `{"query":"SELECT @v AS v","parameters":[{"name":"@v","value":${deep}}]}`;
  expect((await send('dbs/db/colls/docs/docs', query, { ...KEY, 'x-ms-documentdb-isquery': 'true' })).status).toBe(400);
});

test.each([2 ** 31, 0, -2, 1.5])('a time to live of %d is refused', async (ttl) => {
  const { code } = await failureOf(container.items.create({ id: 'ttl', pk: 'a', ttl }));
  expect(code).toBe(400);
  expect((await failureOf(harness.container('ttl', { more: { defaultTtl: ttl } }))).code).toBe(400);
});

test('the longest time to live is accepted', async () => {
  const made = await harness.container('longest', { more: { defaultTtl: 2 ** 31 - 1 } });
  expect((await made.items.create({ id: '1', pk: 'a', ttl: 2 ** 31 - 1 })).statusCode).toBe(201);
});

test.each([
  ['a document', '{"id":"2","pk":"a"}', {}],
  ['an upsert', '{"id":"2","pk":"a"}', { 'x-ms-documentdb-is-upsert': 'true' }],
  [
    'a batch',
    '[{"operationType":"Create","resourceBody":{"id":"2","pk":"a"}}]',
    { 'x-ms-cosmos-is-batch-request': 'true', 'x-ms-cosmos-batch-atomic': 'true' },
  ],
])('%s without a partition key header is refused', async (_, body, headers) => {
  const { status, text } = await send('dbs/db/colls/docs/docs', body, headers);
  expect(status).toBe(400);
  expect(text).toContain('PartitionKey value must be supplied for this operation.');
});

test.each([100, 450, 1_000_100])('a throughput of %d is refused', async (throughput) => {
  expect((await failureOf(harness.container('rich', { throughput }))).code).toBe(400);
});

describe('signed requests', () => {
  let signed: Harness;
  beforeAll(async () => {
    signed = await startHarness();
  });
  afterAll(async () => {
    await signed.stop();
  });

  const readAccount = async (shift: number): Promise<{ status: number; text: string }> => {
    const date = new Date(Date.now() + shift).toUTCString();
    const text = `get\n\n\n${date.toLowerCase()}\n\n`;
    const signature = createHmac('sha256', Buffer.from(signed.connection.key, 'base64')).update(text).digest('base64');
    const response = await fetch(signed.connection.endpoint, {
      headers: {
        authorization: encodeURIComponent(`type=master&ver=1.0&sig=${signature}`),
        'x-ms-date': date,
      },
    });
    return { status: response.status, text: await response.text() };
  };

  test.each([-3_600_000, 3_600_000])('of a time that is %d ms from now are refused', async (shift) => {
    const { status, text } = await readAccount(shift);
    expect(status).toBe(403);
    expect(text).toContain('The authorization token is not valid at the current time.');
  });

  test('of some minutes ago are accepted', async () => {
    expect((await readAccount(-10 * 60_000)).status).toBe(200);
  });
});
