// Copies that wait in the store: kept once, listed before they are there, and no list ends while copies may come.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { PENDING_LIMITS, type PendingList, pendingCopies } from '../../../core/pipeline/pending.ts';
import type { StoreCursor } from '../../../core/ports/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';

const copy = (id: string, subject = 'pump-1') => ({ subject, id });

function setUp() {
  const clock = new FakeClock();
  const state = faultyStore(new MemoryStore({ clock }));
  const pending = pendingCopies(state, clock);
  const lists = async () => (await pending.lists({ limit: 100 })).items;
  const listed = async (): Promise<PendingList> => {
    const [first] = await lists();
    if (first === undefined) throw new Error('There is no list.');
    return first;
  };
  return { clock, state, pending, lists, listed };
}

test('a copy is kept once, in the order of the events’ times, apart for each consumer and tenant', async () => {
  const { pending, lists, listed } = setUp();
  await pending.add('mail', 'acme', [copy('2'), copy('1'), copy('1', 'pump-2')]);
  await pending.add('mail', 'acme', [copy('1')]);
  await pending.add('mail', 'globex', [copy('3')]);
  await pending.add('bill', 'acme', [copy('4')]);
  expect((await lists()).map(({ consumer, tenant }) => `${consumer} ${tenant}`).sort()).toEqual([
    'bill acme',
    'mail acme',
    'mail globex',
  ]);
  const list = { ...(await listed()), consumer: 'mail' };
  const { items, last } = await pending.page(list, 10);
  expect([items.map(({ id }) => id), last]).toEqual([['1', '1', '2'], null]);
  expect(new Set(items.map(({ subject }) => subject))).toEqual(new Set(['pump-1', 'pump-2']));
});

test('a page ends at its limit, and the next one begins behind it', async () => {
  const { pending, listed } = setUp();
  await pending.add(
    'mail',
    'acme',
    ['1', '2', '3'].map((id) => copy(id)),
  );
  const list = await listed();
  const first = await pending.page(list, 2);
  expect(first.items.map(({ id }) => id)).toEqual(['1', '2']);
  const second = await pending.page({ ...list, after: first.last }, 2);
  expect([second.items.map(({ id }) => id), second.last]).toEqual([['3'], null]);
});

test('a copy that is added anew while it is removed stays', async () => {
  const { pending, listed } = setUp();
  await pending.add('mail', 'acme', [copy('1'), copy('2')]);
  const list = await listed();
  const { items } = await pending.page(list, 10);
  await pending.add('mail', 'acme', [copy('1')]);
  await pending.remove(list, items);
  expect((await pending.page(list, 10)).items.map(({ id }) => id)).toEqual(['1']);
});

test('the list is written before the copies, and again after ten seconds alone', async () => {
  const { pending, clock, state, listed } = setUp();
  await pending.add('mail', 'acme', [copy('1')]);
  const writes = () => state.calls.put ?? 0;
  const before = writes();
  clock.jump(PENDING_LIMITS.listedMs - 1);
  await pending.add('mail', 'acme', [copy('2')]);
  expect([writes() - before, (await listed()).at]).toEqual([1, clock.now() - PENDING_LIMITS.listedMs + 1]);
  clock.jump(1);
  await pending.add('mail', 'acme', [copy('3')]);
  expect([writes() - before, (await listed()).at]).toEqual([3, clock.now()]);
  const failing = faultyStore(new MemoryStore({ clock }), (method) =>
    method === 'put' ? { code: 'unavailable', when: 'before' } : undefined,
  );
  await expect(pendingCopies(failing, clock).add('mail', 'acme', [copy('1')])).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(failing.calls.put).toBe(1);
});

test('a list ends only once no process adds to it that found it there', async () => {
  const { pending, clock, lists, listed } = setUp();
  await pending.add('mail', 'acme', [copy('1')]);
  const list = await listed();
  await pending.remove(list, (await pending.page(list, 1)).items);
  clock.jump(PENDING_LIMITS.unlistedMs - 1);
  await pending.ended(list);
  expect(await lists()).toHaveLength(1);
  clock.jump(1);
  // Another process adds one just now.
  await pending.add('mail', 'acme', [copy('2')]);
  await pending.ended(list);
  expect(await lists()).toHaveLength(1);
  clock.jump(PENDING_LIMITS.unlistedMs);
  await pending.ended(await listed());
  expect(await lists()).toEqual([]);
});

test('where a step goes on is kept while copies are added, and a rest ends with them', async () => {
  const { pending, clock, listed } = setUp();
  await pending.add('mail', 'acme', [copy('1')]);
  const list = await listed();
  await pending.passed(list, { after: '7', restsUntil: clock.now() + 50_000 });
  expect(await listed()).toMatchObject({ after: '7', restsUntil: clock.now() + 50_000 });
  // Another step, by what it has read before.
  await pending.passed(list, { after: '5', restsUntil: 0 });
  expect(await listed()).toMatchObject({ after: '7' });
  clock.jump(PENDING_LIMITS.listedMs);
  await pending.add('mail', 'acme', [copy('2')]);
  expect(await listed()).toMatchObject({ after: '7', restsUntil: 0, at: clock.now() });
});

const PARTS = [...'0123456789abcdef'].map((digit) => `pending|${digit}`);

test('a thousand lists are spread over all partitions, and each is found once, in pages', async () => {
  const { pending, state } = setUp();
  const tenants = Array.from({ length: 1000 }, (_, at) => `tenant-${at}`);
  for (const tenant of tenants) await pending.add('mail', tenant, [copy('1')]);
  const sizes = await Promise.all(PARTS.map(async (part) => (await state.query(part, { limit: 1000 })).items.length));
  expect(Math.min(...sizes)).toBeGreaterThan(30);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1000);
  const found: string[] = [];
  let cursor: StoreCursor | undefined;
  do {
    const page = await pending.lists({ limit: 7, cursor });
    expect(page.items.length).toBeLessThanOrEqual(7);
    found.push(...page.items.map(({ tenant }) => tenant));
    cursor = page.next;
  } while (cursor !== undefined);
  expect(found.sort()).toEqual(tenants.sort());
});

/** A list as an earlier release has kept it: in one partition for all. */
const EARLIER = { partition: 'pending', id: 'mail!acme' };

test('a list of an earlier release is found, and moves to its partition as it is', async () => {
  const { pending, clock, state, lists } = setUp();
  const body = { at: clock.now() - 5000, after: '7', restsUntil: clock.now() + 50_000 };
  await state.put({ ...EARLIER, body }, 'absent');
  expect(await lists()).toEqual([{ consumer: 'mail', tenant: 'acme', ...body, version: expect.any(String) }]);
  expect(await state.get(EARLIER)).toBeUndefined();
  const [moved] = await lists();
  expect(moved).toMatchObject(body);
  await pending.passed(moved as PendingList, { after: null, restsUntil: 0 });
  expect(await lists()).toMatchObject([{ after: null, restsUntil: 0 }]);
});

test('a process of an earlier release that goes on listing loses nothing, and no list counts twice', async () => {
  const { pending, clock, state, lists, listed } = setUp();
  await pending.add('mail', 'acme', [copy('1')]);
  await pending.passed(await listed(), { after: '7', restsUntil: clock.now() + 50_000 });
  clock.jump(PENDING_LIMITS.unlistedMs);
  // It adds a copy beside this one, which it lists where it always has.
  await state.put({ ...EARLIER, body: { at: clock.now(), after: null, restsUntil: 0 } }, 'absent');
  expect(await lists()).toHaveLength(1);
  expect(await lists()).toMatchObject([{ at: clock.now(), after: '7', restsUntil: 0 }]);
  expect(await state.get(EARLIER)).toBeUndefined();
  await pending.ended(await listed());
  expect(await lists()).toHaveLength(1);
});

test('a cursor of another release is refused', async () => {
  const { pending } = setUp();
  for (const cursor of ['x', '.x', 'mail!acme', 'bill!acme', '', '.'] as StoreCursor[])
    await expect(pending.lists({ limit: 1, cursor })).rejects.toMatchObject({ code: 'invalid' });
});
