// Pages and continuation tokens: they survive writes, deletions of their own position, and splits.
import type { Container } from '@azure/cosmos';
import { failureOf, type Harness, rows, startHarness } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ partitionRanges: 3 });
});
afterAll(async () => {
  await harness.stop();
});

async function filled(id: string, count: number): Promise<Container> {
  const container = await harness.container(id);
  for (let n = 0; n < count; n++) {
    await container.items.create({
      id: `i${String(n).padStart(3, '0')}`,
      pk: 'a',
      n,
      even: n % 2 === 0,
      tags: ['x', 'y', 'z'],
    });
  }
  return container;
}

/** One page of a query by a fresh iterator, as after a restart. */
async function page(
  container: Container,
  query: string,
  token: string | undefined,
  options: object = {},
): Promise<{ values: unknown[]; token: string | undefined }> {
  const more = token === undefined ? {} : { continuationToken: token };
  const { resources, continuationToken } = await container.items
    .query(query, { partitionKey: 'a', maxItemCount: 4, ...more, ...options })
    .fetchNext();
  return { values: resources, token: continuationToken };
}

async function allPages(
  container: Container,
  query: string,
  between: (page: number) => Promise<unknown> = async () => undefined,
): Promise<unknown[]> {
  const values: unknown[] = [];
  let token: string | undefined;
  for (let number = 0; number < 100; number++) {
    const next = await page(container, query, token);
    values.push(...next.values);
    token = next.token;
    if (token === undefined) return values;
    await between(number);
  }
  throw new Error('The query does not end.');
}

const QUERIES = [
  'SELECT VALUE c.n FROM c',
  'SELECT VALUE c.n FROM c WHERE c.even',
  'SELECT VALUE c.n FROM c ORDER BY c.n',
  'SELECT VALUE c.n FROM c ORDER BY c.n DESC',
  'SELECT VALUE c.n FROM c ORDER BY c.even',
  'SELECT VALUE c.n FROM c ORDER BY c.id',
  'SELECT VALUE c.n FROM c ORDER BY c.id DESC',
  "SELECT VALUE c.n FROM c WHERE c.id > 'i005' AND c.id < 'i017'",
  "SELECT VALUE c.n FROM c WHERE STARTSWITH(c.id, 'i01') ORDER BY c.id DESC",
  'SELECT TOP 9 VALUE c.n FROM c',
  'SELECT VALUE c.n FROM c OFFSET 3 LIMIT 9',
  'SELECT VALUE c.n FROM c ORDER BY c.n DESC OFFSET 3 LIMIT 9',
  'SELECT DISTINCT VALUE c.even FROM c',
  'SELECT VALUE CONCAT(c.id, t) FROM c JOIN t IN c.tags',
  'SELECT VALUE CONCAT(c.id, t) FROM c JOIN t IN c.tags ORDER BY c.n',
  'SELECT c.n, COUNT(1) AS k FROM c GROUP BY c.n',
];

test.each(QUERIES)('pages add up to the whole: %s', async (query) => {
  const container = await harness.client
    .database('db')
    .containers.createIfNotExists({ id: 'whole', partitionKey: '/pk' })
    .then((response) => response.container);
  if ((await rows(container, 'SELECT VALUE COUNT(1) FROM c'))[0] === 0) {
    for (let n = 0; n < 23; n++)
      await container.items.create({
        id: `i${String(n).padStart(3, '0')}`,
        pk: 'a',
        n,
        even: n % 2 === 0,
        tags: ['x', 'y', 'z'],
      });
  }
  const whole = await rows(container, query, {}, { partitionKey: 'a' });
  expect(whole.length).toBeGreaterThan(1);
  expect(await allPages(container, query)).toEqual(whole);
});

test.each(['SELECT VALUE c.n FROM c', 'SELECT VALUE c.n FROM c ORDER BY c.n', 'SELECT VALUE c.n FROM c ORDER BY c.id'])(
  'writes between pages neither repeat nor skip what stays: %s',
  async (query) => {
    const container = await filled(`writes-${QUERIES.indexOf(query)}`, 20);
    const seen = await allPages(container, query, async (number) => {
      // The last item of the page just read, one that is still to come, and a new one before the position.
      await container
        .item(`i${String(number * 4 + 3).padStart(3, '0')}`, 'a')
        .delete()
        .catch(() => undefined);
      await container.items.create({ id: `h${number}`, pk: 'a', n: -1 - number });
      await container.items.upsert({ id: 'i018', pk: 'a', n: 18, touched: number });
    });
    const old = (seen as number[]).filter((n) => n >= 0);
    expect(old).toEqual(Array.from({ length: 20 }, (_, n) => n));
  },
);

test('rows of several ranges come range by range, and a last range without any makes an empty page with its charge', async () => {
  const container = await harness.container('ranges');
  for (let n = 0; n < 12; n++) await container.items.create({ id: `i${n}`, pk: `p${n % 4}`, n });
  const iterator = container.items.query('SELECT VALUE c.n FROM c WHERE c.pk != "p2"', { maxItemCount: 100 });
  const pages: unknown[] = [];
  while (iterator.hasMoreResults()) {
    const { resources, requestCharge } = await iterator.fetchNext();
    pages.push(resources ?? []);
    expect(requestCharge).toBeGreaterThan(0);
  }
  expect(pages).toEqual([[0, 1, 4, 5, 8, 9], [3, 7, 11], []]);
});

test('a query that demands a key reads its range alone', async () => {
  const container = await harness.container('demanded');
  for (let n = 0; n < 4; n++) await container.items.create({ id: `i${n}`, pk: `p${n}` });
  const { resources, continuationToken } = await container.items
    .query('SELECT VALUE c.id FROM c WHERE c.pk = "p2"', { maxItemCount: 100 })
    .fetchNext();
  expect({ resources, continuationToken }).toEqual({ resources: ['i2'], continuationToken: undefined });
});

test('groups that fill a page are followed by an empty one', async () => {
  const container = await filled('groups', 4);
  const query = 'SELECT c.n, COUNT(1) AS k FROM c GROUP BY c.n';
  const first = await page(container, query, undefined);
  expect(first.values).toHaveLength(4);
  expect(await page(container, query, first.token)).toEqual({ values: [], token: undefined });
});

test('a full page has a continuation even if nothing follows, as in the service', async () => {
  const container = await filled('exact', 4);
  const first = await page(container, 'SELECT VALUE c.n FROM c', undefined);
  expect(first.values).toEqual([0, 1, 2, 3]);
  expect(await page(container, 'SELECT VALUE c.n FROM c', first.token)).toEqual({ values: [], token: undefined });
});

test('long ORDER BY keys do not make long tokens', async () => {
  const container = await harness.container('long');
  for (let n = 0; n < 9; n++)
    await container.items.create({ id: `i${n}`, pk: 'a', n, text: `${'é'.repeat(20_000)}${n % 3}` });
  expect(await allPages(container, 'SELECT VALUE c.n FROM c ORDER BY c.text')).toEqual([0, 3, 6, 1, 4, 7, 2, 5, 8]);
});

test('reading all items over all partitions goes on after a split', async () => {
  const container = await harness.container('splitting');
  for (let n = 0; n < 30; n++) await container.items.create({ id: `i${n}`, pk: `p${n % 7}`, n });
  const iterator = container.items.readAll({ maxItemCount: 10 });
  const { resources, continuationToken } = await iterator.fetchNext();
  expect(continuationToken).toBeDefined();
  for (const id of ['0', '1', '2']) harness.emulator.split('db', 'splitting', id);
  const rest = await container.items
    .readAll({ maxItemCount: 10, ...(continuationToken === undefined ? {} : { continuationToken }) })
    .fetchAll();
  const seen = [...resources, ...rest.resources].map(({ id }) => id);
  // The range that was being read is read to its end as it was; those after it are read as they are now.
  expect(seen).toEqual(
    [[0, 1, 4, 6], [3], [2], [5]].flatMap((keys) =>
      Array.from({ length: 30 }, (_, n) => n).flatMap((n) => (keys.includes(n % 7) ? [`i${n}`] : [])),
    ),
  );
});

test('an ORDER BY over several ranges can be resumed from its composite token', async () => {
  const container = await harness.container('composite');
  for (let n = 0; n < 40; n++) await container.items.create({ id: `i${n}`, pk: `p${n % 7}`, n: n % 6 });
  const seen: string[] = [];
  let token: string | undefined;
  do {
    const options = {
      maxItemCount: 3,
      enableQueryControl: true,
      ...(token === undefined ? {} : { continuationToken: token }),
    };
    const next = await container.items.query('SELECT * FROM c ORDER BY c.n DESC', options).fetchNext();
    seen.push(...next.resources.map(({ id }: { id: string }) => id));
    token = next.continuationToken;
  } while (token !== undefined);
  expect(new Set(seen).size).toBe(40);
  expect(seen).toHaveLength(40);
});

test.each(['junk', '{}', '{"q":"0"}'])('the token %s is refused', async (token) => {
  const container = await harness.client
    .database('db')
    .containers.createIfNotExists({ id: 'tokens', partitionKey: '/pk' })
    .then((response) => response.container);
  const { code, message } = await failureOf(page(container, 'SELECT * FROM c', token));
  expect(code).toBe(400);
  expect(message).toContain('Invalid Continuation Token');
});
