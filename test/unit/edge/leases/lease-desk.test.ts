// The edge's desk for leases: who is believed, what strangers cost the directory, and what is answered without it.
import { LEASE, leaseAsker } from '../../../../core/cell/lease.ts';
import { DESK_LIMITS } from '../../../../core/edge/lease-desk.ts';
import { seen, testEdge } from '../../../support/edge.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from '../../../support/route-tokens.ts';

/** An edge with a proved cell `a` and a cell `b` without keys. */
async function setUp() {
  const edge = testEdge();
  await edge.addProvedCell('a');
  await edge.addCells('b');
  await edge.addTenant('acme', 'a', 'b');
  const post = (body: unknown) =>
    edge.handle(new Request('https://edge.example/cells/v1/lease', { method: 'POST', body: JSON.stringify(body) }));
  const ask = async (cell: string, key = CELL_KEY, tenants: readonly string[] = ['acme']) =>
    seen(post({ question: await leaseAsker(key, cell)(tenants, edge.clock.now()) }));
  return { ...edge, post, ask };
}

const GRANTED = '200 {"tenants":{"acme":"granted"},"epochs":{"acme":1}}';

test('a cell that signs with its declared key gets its answer, and one without keys is free', async () => {
  const { ask } = await setUp();
  expect([await ask('a'), await ask('b')]).toEqual([GRANTED, '200 {"tenants":{"acme":"free"},"epochs":{}}']);
});

test('the answer is the edge’s own, and no cache may keep it', async () => {
  const { post, clock } = await setUp();
  const { headers } = await post({ question: await leaseAsker(CELL_KEY, 'a')(['acme'], clock.now()) });
  expect([headers.get('cache-control'), headers.get('x-polycell-cell')]).toEqual(['no-store', 'edge']);
});

test('strangers are refused, and cost the directory one question in two seconds', async () => {
  const { ask, asked, clock } = await setUp();
  await ask('a');
  await clock.advance(DESK_LIMITS.unknownMs + 1);
  const before = asked.directory;
  for (let count = 0; count < 20; count += 1)
    expect([await ask('a', EDGE_KEY), await ask('stranger')]).toEqual(Array(2).fill('401 invalid_credential'));
  expect(asked.directory - before).toBe(1);
});

test('cells and keys that are new are known after two seconds, and a key that is gone is not believed', async () => {
  const { ask, addProvedCell, change, clock } = await setUp();
  expect([await ask('a'), await ask('c')]).toEqual([GRANTED, '401 invalid_credential']);
  await addProvedCell('c');
  const keys = [publicPart(EDGE_KEY)];
  const known = {
    id: 'a',
    cloud: 'aws',
    region: 'region-of-a',
    jurisdiction: 'eu',
    endpoint: 'https://a.example',
  } as const;
  const cell = { ...known, capacity: 10_000, price: 1, failover: 'automatic', keys } as const;
  await change({ kind: 'add-cell', cell }, { cell: 'a', endpoint: cell.endpoint, keys });
  // Believed by what the isolate knows, and not by the directory.
  expect(await ask('a')).toBe('401 invalid_credential');
  await clock.advance(DESK_LIMITS.unknownMs + 1);
  expect([await ask('c'), await ask('a', EDGE_KEY), await ask('a')]).toEqual([
    '200 {"tenants":{"acme":"elsewhere"},"epochs":{}}',
    GRANTED,
    '401 invalid_credential',
  ]);
});

test.each([
  ['no object', [1], '400 invalid_body'],
  ['no question', { question: 1 }, '400 invalid_body'],
  ['a text that is none', { question: 'a.b.c' }, '401 invalid_credential'],
  ['more than a question can hold', { question: 'x'.repeat(20_000) }, '413 payload_too_large'],
])('%s is refused', async (_, body, refusal) => {
  expect(await seen((await setUp()).post(body))).toBe(refusal);
});

test('without the directory no cell gets a lease', async () => {
  const { ask, sources, clock } = await setUp();
  expect(await ask('a')).toBe(GRANTED);
  sources.directory = 'gone';
  expect(await ask('a')).toBe('503 directory_unavailable');
  await clock.advance(DESK_LIMITS.cellsMs + 1);
  expect(await ask('a')).toBe('503 directory_unavailable');
  sources.directory = 'there';
  expect(await ask('a')).toBe(GRANTED);
});

test('a question that never gets its cells does not keep the next one from them', async () => {
  const { ask, sources, clock } = await setUp();
  sources.directory = 'silent';
  const asking = ask('a');
  await clock.advance(DESK_LIMITS.readMs + 1);
  expect(await asking).toBe('503 directory_unavailable');
  sources.directory = 'there';
  expect(await ask('a')).toBe(GRANTED);
});

test('a hundred tenants are one question', async () => {
  const { ask } = await setUp();
  const tenants = Array.from({ length: LEASE.tenants }, (_, index) => `t-${index}`);
  expect(await ask('a', CELL_KEY, tenants)).toMatch(/^200 /);
  expect(await ask('a', CELL_KEY, [...tenants, 'one-more'])).toBe('401 invalid_credential');
});
