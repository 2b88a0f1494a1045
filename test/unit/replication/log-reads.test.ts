// Reads of a tenant's log: in pages and by digests, each event once, in one order in every cell, whatever the bounds.
import fc from 'fast-check';
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import type { StoreCursor } from '../../../core/ports/store.ts';
import { addDigests, type Digest, digestOf, entryOf, NO_EVENTS } from '../../../core/replication/digests.ts';
import { piecesOf } from '../../../core/replication/log-order.ts';
import { items, refusal } from '../../support/cell.ts';
import { candidate, measured, reading } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { property } from '../../support/properties.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

type Cells = ReturnType<typeof tenantCells>;
type Bounds = Readonly<Record<string, string>>;

const MINUTE = '2026-11-21T07:41:';

const event = (id: string, second: number, subject = 'pump-1', more: JsonObject = {}) =>
  candidate({
    id,
    subject,
    time: `${MINUTE}${String(second).padStart(2, '0')}Z`,
    data: measured('m', second),
    ...more,
  });

/** All pages of this size, and where each begins. */
async function read({ ask }: Cells, id: string, bounds: Bounds, limit = 1000) {
  const found: JsonObject[] = [];
  const positions: string[] = [];
  let { after } = bounds;
  for (let pages = 0; pages < 200; pages += 1) {
    const query = new URLSearchParams({ ...bounds, limit: String(limit), ...(after !== undefined && { after }) });
    const page = await ask(id, `/v1/log?${query}`);
    expect(page.status).toBe(200);
    expect(items(page).length).toBeLessThanOrEqual(limit);
    found.push(...(items(page) as unknown as JsonObject[]));
    if (page.body.next === null) return { found, positions };
    after = String(page.body.next);
    positions.push(after);
  }
  throw new Error('It does not come to an end.');
}

async function digest({ ask }: Cells, id: string, bounds: Bounds): Promise<Digest> {
  const { status, body } = await ask(id, `/v1/log/digest?${new URLSearchParams(bounds)}`);
  expect([status, body.next]).toEqual([200, null]);
  return { count: Number(body.count), sum: String(body.sum) };
}

const identities = (found: readonly JsonObject[]) => found.map(({ subject, key }) => `${subject} ${key}`);

test('an event is shown whole, with its place in the log and how it came there', async () => {
  const cells = tenantCells();
  await cells.send('home', [candidate({ id: 'a', data: measured('temperature', 1) })]);
  const { found } = await read(cells, 'home', {});
  expect(found).toEqual([
    {
      subject: 'pump-1',
      key: expect.stringMatching(/^2026-11-21T07:41:00![\w-]{16}$/),
      epoch: 1,
      origin: 'home',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      event: expect.objectContaining({
        ...candidate({ id: 'a', data: measured('temperature', 1) }),
        traceparent: expect.any(String),
      }),
    },
  ]);
});

test('what an earlier release stored has epoch 0 and no origin, and what is no event is left out', async () => {
  const cells = tenantCells();
  await cells
    .cell('home')
    .events.append([
      toLogDocument('acme', reading({ id: 'old' })),
      { partition: 'acme|pump-1', id: '2026-11-21T07:41:00!AAAAAAAAAAAAAAAA', body: 1 },
    ]);
  const { found } = await read(cells, 'home', {});
  expect(found).toMatchObject([{ epoch: 0, origin: null, event: { id: 'old' } }]);
  expect(await digest(cells, 'home', {})).toMatchObject({ count: 1 });
});

test('times bound what is read: from the first on, before the second', async () => {
  const cells = tenantCells();
  await cells.send('home', [
    event('a', 1),
    event('b', 2),
    event('c', 2, 'pump-1', { time: `${MINUTE}02.5Z` }),
    event('d', 3),
  ]);
  const bounds = { from: `${MINUTE}02Z`, to: `${MINUTE}03Z` };
  const { found } = await read(cells, 'home', bounds);
  expect(found.map((each) => (each.event as JsonObject).id)).toEqual(['b', 'c']);
  expect(await digest(cells, 'home', bounds)).toMatchObject({ count: 2 });
  expect(await digest(cells, 'home', { from: `${MINUTE}03Z`, to: `${MINUTE}02Z` })).toEqual(NO_EVENTS);
});

property(
  'pages of any size have each event once, in one order in both cells, and digests of their ranges add up to that of the log',
  fc.record({
    events: fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 1, max: 9 })), {
      maxLength: 40,
      selector: ([second, subject]) => `${second} ${subject}`,
    }),
    limit: fc.integer({ min: 1, max: 12 }),
    from: fc.option(fc.integer({ min: 0, max: 59 }), { nil: undefined }),
    to: fc.option(fc.integer({ min: 0, max: 59 }), { nil: undefined }),
  }),
  async ({ events, limit, from, to }) => {
    const cells = tenantCells();
    const batch = events.map(([second, subject]) => event(`r-${second}`, second, `pump-${subject}`));
    if (batch.length > 0) await cells.send('home', batch);
    await cells.push('home');
    const at = (second: number) => `${MINUTE}${String(second).padStart(2, '0')}Z`;
    const bounds = { ...(from !== undefined && { from: at(from) }), ...(to !== undefined && { to: at(to) }) };
    const inside = events.filter(([second]) => second >= (from ?? 0) && second < (to ?? 60));

    const paged = await read(cells, 'home', bounds, limit);
    const whole = await read(cells, 'standby', bounds);
    expect(paged.found).toEqual(whole.found);
    expect(new Set(identities(paged.found)).size).toBe(paged.found.length);
    expect(paged.found).toHaveLength(inside.length);

    // The positions of one cell divide the log of the other one.
    const cuts = [undefined, ...paged.positions, undefined];
    let sum = NO_EVENTS;
    for (const [index, after] of cuts.slice(0, -1).entries()) {
      const through = cuts[index + 1];
      const range = { ...bounds, ...(after !== undefined && { after }), ...(through !== undefined && { through }) };
      sum = addDigests(sum, await digest(cells, 'standby', range));
    }
    const stored = await Promise.all(
      [...new Set(batch.map(({ subject }) => String(subject)))].map((each) => cells.log('home', each)),
    );
    const chosen = new Set(identities(paged.found).map((each) => each.split(' ')[1]));
    const entries = stored
      .flat()
      .filter(({ id }) => chosen.has(id))
      .map(entryOf);
    expect(sum).toEqual(digestOf(entries));
    expect(await digest(cells, 'home', bounds)).toEqual(sum);
  },
  25,
);

test('a digest shows an event that is missing, one that is different, and one under another epoch', async () => {
  const cells = tenantCells();
  await cells.send('home', [event('a', 1), event('b', 2)]);
  await cells.push('home');
  expect(await digest(cells, 'standby', {})).toEqual(await digest(cells, 'home', {}));
  const { events } = cells.cell('standby');
  const [first] = await cells.log('standby');
  if (first === undefined) throw new Error('There are no events.');
  for (const change of [
    () => events.put({ ...first, body: { ...(first.body as JsonObject), data: measured('m', 7) } }, 'any'),
    () => events.put({ ...first, beside: { ...first.beside, epoch: 2 } }, 'any'),
    () => events.delete(first, 'any'),
  ]) {
    await change();
    expect(await digest(cells, 'standby', {})).not.toEqual(await digest(cells, 'home', {}));
  }
});

test('a page of large events ends before the answer is too large, and the next one goes on', async () => {
  const cells = tenantCells();
  const data = measured('m', 1, { note: 'x'.repeat(150_000) });
  for (let second = 0; second < 30; second += 5)
    await cells.send(
      'home',
      Array.from({ length: 5 }, (_, index) => event(`r-${second + index}`, second + index, 'pump-1', { data })),
    );
  const { found, positions } = await read(cells, 'home', {});
  expect([found.length, positions.length]).toEqual([30, 1]);
});

test('a log is read for a place in the tenant’s residency alone, as far as the cell has been given one', async () => {
  const cells = tenantCells();
  await cells.send('home', [event('a', 1)]);
  expect(await cells.ask('home', '/v1/log')).toMatchObject({ status: 200 });
  Object.assign(cells.tenant, { residency: 'eu' });
  await cells.tell('home');
  expect(refusal(await cells.ask('home', '/v1/log'))).toBe('403 outside_residency');
  expect(refusal(await cells.ask('home', '/v1/log?jurisdiction=us'))).toBe('403 outside_residency');
  expect(await cells.ask('home', '/v1/log?jurisdiction=eu')).toMatchObject({ status: 200 });
  // A digest is no copy.
  expect(await digest(cells, 'home', {})).toMatchObject({ count: 1 });
});

test.each([
  ['/v1/log?after=pump-1', '400 invalid_parameter'],
  ['/v1/log?after=a%2Fb%2Fc', '400 invalid_parameter'],
  ['/v1/log?to=yesterday', '400 invalid_parameter'],
  ['/v1/log/digest?through=%2F2026', '400 invalid_parameter'],
  ['/v1/log/digest?limit=1', '400 invalid_parameter'],
])('%s is refused', async (path, expected) => {
  expect(refusal(await tenantCells().ask('home', path))).toBe(expected);
});

test('a page that ends with the last event of a part does not go on behind the part', async () => {
  const cells = tenantCells();
  await cells.send('home', [event('a', 1), event('b', 2), event('c', 3)]);
  const { positions } = await read(cells, 'home', {}, 1);
  const through = String(positions[1]);
  const page = await cells.ask('home', `/v1/log?${new URLSearchParams({ through, limit: '2' })}`);
  expect(page.body).toMatchObject({ items: [{ event: { id: 'a' } }, { event: { id: 'b' } }], next: through });
  const behind = await cells.ask('home', `/v1/log?${new URLSearchParams({ through, after: through })}`);
  expect(behind.body).toEqual({ items: [], next: null });
});

test('positions that stand the wrong way round enclose nothing', async () => {
  const cells = tenantCells();
  await cells.send('home', [event('a', 1, 'pump-1'), event('b', 1, 'pump-2'), event('c', 1, 'pump-3')]);
  const { positions } = await read(cells, 'home', {}, 1);
  const [first = '', second = ''] = positions;
  expect(await digest(cells, 'home', { after: second, through: first })).toEqual(NO_EVENTS);
  expect(await digest(cells, 'home', { after: first, through: second })).toMatchObject({ count: 1 });
});

test('times that stand the wrong way round list no subjects: a tenant may have more of them than a request has time for', async () => {
  let listed = 0;
  const subjects = {
    subjects: async () => {
      listed += 1;
      return { items: ['pump-1'], ...(listed < 3 && { next: 'more' as StoreCursor }) };
    },
  };
  const events = new MemoryStore({ clock: new FakeClock() });
  const pieces = piecesOf({ events, subjects }, { tenant: 'acme', from: '2027', to: '2026' }, () => 1);
  expect(await pieces.next()).toEqual({ done: true, value: undefined });
  expect(listed).toBe(0);
});
