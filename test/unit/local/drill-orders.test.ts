// What the local stack does for drills past a cell's functions: it loses events, and makes an outage look long to a cell.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import { NOTE_LIMITS, replicaNotes } from '../../../core/replication/notes.ts';
import { drillOrders } from '../../../local/drill-orders.ts';
import type { LocalCell } from '../../../local/local-cell.ts';
import { reading } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SECOND_KEY } from '../../support/route-tokens.ts';

function stack() {
  const clock = new FakeClock();
  const stores = { events: new MemoryStore({ clock }), state: new MemoryStore({ clock }) };
  const orders = drillOrders(() => [{ id: 'a', stores, identityKey: SECOND_KEY } as unknown as LocalCell]);
  const order = (name: keyof typeof orders, query: Readonly<Record<string, string>>): Promise<unknown> =>
    orders[name]({ query: new URLSearchParams(query), body: undefined });
  return { clock, stores, order, notes: replicaNotes(stores.state, clock) };
}

test('the events of one subject are lost, page by page, and no others', async () => {
  const { stores, order } = stack();
  const documents = [
    ...Array.from({ length: 450 }, (_, index) =>
      toLogDocument('acme', reading({ id: `e${index}`, subject: 'pump-1' })),
    ),
    toLogDocument('acme', reading({ subject: 'pump-2' })),
    toLogDocument('globex', reading({ subject: 'pump-1' })),
  ];
  for (let from = 0; from < documents.length; from += 100)
    await stores.events.append(documents.slice(from, from + 100));
  const lose = () => order('POST /lose-events', { cell: 'a', tenant: 'acme', subject: 'pump-1' });
  expect(await lose()).toEqual({ deleted: 450 });
  expect(await lose()).toEqual({ deleted: 0 });
  for (const left of documents.slice(450)) expect(await stores.events.get(left)).toBeDefined();
});

test('an outage that the cell has noted looks longer than it is patient, and one that it has not noted does not', async () => {
  const { order, notes } = stack();
  const age = () => order('POST /age-outage', { cell: 'a', tenant: 'acme', peer: 'b' });
  expect(await age()).toEqual({ aged: false });
  expect(await notes.failed('acme', 'b')).toBe('wait');
  const { failingSince } = await notes.sender('acme', 'b');
  expect(await age()).toEqual({ aged: true });
  expect((await notes.sender('acme', 'b')).failingSince).toBe(Number(failingSince) - NOTE_LIMITS.patienceMs);
  expect(await notes.failed('acme', 'b')).toBe('leave');
  await notes.reached('acme', 'b');
  expect(await age()).toEqual({ aged: false });
});

test('an administrator has the key of the cell, and no assignment where it holds none', async () => {
  const { order } = stack();
  expect(await order('GET /administrator', { cell: 'a', tenant: 'acme' })).toEqual({
    identityKey: SECOND_KEY,
    assignment: null,
  });
});

test.each<[Readonly<Record<string, string>>, string]>([
  [{ cell: 'z', tenant: 'acme', subject: 's' }, 'No cell "z" runs.'],
  [{ cell: 'a', tenant: 'a/b', subject: 's' }, 'Name a tenant.'],
  [{ cell: 'a', tenant: 'acme', subject: '../s' }, 'Name a subject.'],
])('%j is refused', async (query, message) => {
  await expect(stack().order('POST /lose-events', query)).rejects.toThrow(message);
});
