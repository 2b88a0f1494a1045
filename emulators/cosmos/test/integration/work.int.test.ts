// Queries that take long: their pages end early, what cannot be paged is refused, and others are served meanwhile.
import type { Container } from '@azure/cosmos';
import { type Harness, rows, startHarness } from './harness.ts';

const COUNT = 100;
const JOINED = 'FROM c JOIN x IN c.a JOIN y IN c.a JOIN z IN c.a';
const ENDLESS = `${JOINED} JOIN v IN c.a JOIN w IN c.a`;

let harness: Harness;
let container: Container;
beforeAll(async () => {
  harness = await startHarness({ verifySignatures: false });
  container = await harness.container('docs');
  await container.items.create({ id: 'big', pk: 'a', a: Array.from({ length: COUNT }, (_, n) => n) });
  await container.items.create({ id: 'other', pk: 'b', n: 1 });
});
afterAll(async () => {
  await harness.stop();
});

const HEADERS = { 'content-type': 'application/query+json', 'x-ms-documentdb-isquery': 'true' };

/** A query as it goes over the wire, without the retries of the SDK. */
async function send(query: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${harness.connection.endpoint}dbs/db/colls/docs/docs`, {
    method: 'POST',
    headers: { ...HEADERS, 'x-ms-documentdb-partitionkey': '["a"]', ...headers },
    body: JSON.stringify({ query }),
  });
}

test('a page of a JOIN of a million rows ends early, and the pages add up to the whole', async () => {
  const query = `SELECT VALUE x ${JOINED} WHERE x = 50 AND y = 99 AND z = 99`;
  let found: unknown[] = [];
  let token: string | null = null;
  let pages = 0;
  do {
    const response: Response = await send(query, token === null ? {} : { 'x-ms-continuation': token });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('x-ms-request-charge'))).toBeGreaterThan(0);
    found = [...found, ...((await response.json()) as { Documents: unknown[] }).Documents];
    token = response.headers.get('x-ms-continuation');
    pages += 1;
    // The first half of the rows has been looked at by then; the rest would only make the test longer.
  } while (token !== null && found.length === 0);
  expect(found).toEqual([50]);
  expect(pages).toBeGreaterThan(2);
});

test('what needs all rows before it can answer is refused when it takes too much', async () => {
  const response = await send(`SELECT VALUE COUNT(1) ${ENDLESS}`);
  expect(response.status).toBe(408);
  expect(await response.json()).toMatchObject({
    code: 'RequestTimeout',
    message: expect.stringContaining('needs more work'),
  });
});

test('others are served while a query takes long', async () => {
  const order: string[] = [];
  const slow = send(`SELECT VALUE COUNT(1) ${ENDLESS}`).then((response) => order.push(`query ${response.status}`));
  await container.item('other', 'b').read();
  order.push('read');
  await slow;
  expect(order).toEqual(['read', 'query 408']);
});

test.each(['c.s LIKE "%a%a%a%a%a%a%b"', 'RegexMatch(c.s, "^(a+)+$")', 'CONTAINS(c.s, c.part)'])(
  'the condition %s on a hostile text is answered',
  async (condition) => {
    const hostile = await harness.client
      .database('db')
      .containers.createIfNotExists({ id: 'hostile', partitionKey: '/pk' })
      .then((response) => response.container);
    const half = 'a'.repeat(100_000);
    await hostile.items.upsert({ id: 'x', pk: 'a', s: `${'a'.repeat(500_000)}c`, part: `${half}b${half}` });
    expect(await rows(hostile, `SELECT VALUE c.id FROM c WHERE ${condition}`, {}, { partitionKey: 'a' })).toEqual([]);
  },
);
