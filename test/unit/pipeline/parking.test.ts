// Parking and redriving under the API: keys, repeats, and races between them.

import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { statePartition } from '../../../core/cell/identity.ts';
import { PARKING_LIMITS, parking, tenantForParking } from '../../../core/pipeline/parking.ts';
import { redrive } from '../../../core/pipeline/redrive.ts';
import { relay } from '../../../core/pipeline/relay.ts';
import type { ChangeRecord } from '../../../core/ports/change-stream.ts';
import { PortError } from '../../../core/ports/errors.ts';
import type { Json } from '../../../core/ports/json.ts';
import type { Store, StoreCursor } from '../../../core/ports/store.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { reading } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FaultPlan, faultyStore } from '../../support/faulty-store.ts';
import { LoopbackBus } from '../../support/loopback-bus.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';
import { RecordingLog } from '../../support/recording-log.ts';

interface Faults {
  readonly state?: FaultPlan;
  readonly events?: FaultPlan;
}

function setUp(faults: Faults = {}) {
  const clock = new FakeClock();
  const changes: ChangeRecord[] = [];
  const log = new MemoryStore({ clock, onChange: (record) => changes.push(record) });
  const state = faultyStore(checkedStore(new MemoryStore({ clock })), faults.state);
  const events = faultyStore(checkedStore(log), faults.events);
  const bus = new LoopbackBus();
  const parked = parking({ state, clock });
  const park = (id: string, code = 'x', tenant = 'acme', consumer = 'rollups') =>
    parked.park({ consumer, tenant, event: reading({ id }), reason: { code, message: 'm' } });
  const relayed = relay({ tombstones: NO_TOMBSTONES, bus, parking: parked, clock, log: new RecordingLog() });
  return {
    clock,
    changes,
    events,
    state,
    bus,
    parked,
    park,
    send: redrive({ cell: 'cell-1', tombstones: NO_TOMBSTONES, events, state, clock }),
    /** Relays what the log's stream brought. */
    pump: () => relayed(changes.splice(0)),
  };
}

test('an event is parked once for each consumer; parking it again replaces its reason', async () => {
  const { park, parked, clock } = setUp();
  await park('a', 'first');
  await clock.advance(1000);
  await park('a', 'second');
  const { items } = await parked.list('rollups', 'acme', 10);
  expect(items).toMatchObject([{ parkedAt: '2026-11-21T07:41:04.000Z', reason: { code: 'second' } }]);
  expect(await parked.list('device-state', 'acme', 10)).toEqual({ items: [] });
});

test('of tenants that have ever had parked events, a bounded number is counted', async () => {
  const { parked, state } = setUp();
  const ids = Array.from({ length: PARKING_LIMITS.tenantsCounted }, (_, index) => `~tenant-${index}`);
  for (const id of ids) await state.put({ partition: statePartition.parkedTenants('rollups'), id, body: null }, 'any');
  expect(await parked.count('rollups', 10)).toEqual({ parked: 0, more: false });
  await state.put({ partition: statePartition.parkedTenants('rollups'), id: '~zebra', body: null }, 'any');
  expect(await parked.count('rollups', 10)).toEqual({ parked: 0, more: true });
});

test("a list holds one tenant's, by pages", async () => {
  const { park, parked } = setUp();
  for (const id of ['a', 'b', 'c']) await park(id);
  await park('d', 'x', 'acme2');
  await park('e', 'x', 'acm');
  const first = await parked.list('rollups', 'acme', 2);
  expect(first.items).toHaveLength(2);
  const second = await parked.list('rollups', 'acme', 2, first.next);
  expect(second.items).toHaveLength(1);
  expect(second.next).toBeUndefined();
});

const ACME = { consumer: 'rollups', tenant: 'acme' };

test('parked anew while it is redriven, it stays, and a redrive of it is another request', async () => {
  const { park, parked, events, state, clock, bus, pump, send } = setUp();
  await park('a');
  const racing = redrive({
    cell: 'cell-1',
    tombstones: NO_TOMBSTONES,
    events: {
      ...events,
      append: async (documents) => {
        const outcomes = await events.append(documents);
        await park('a', 'again');
        return outcomes;
      },
    },
    state,
    clock,
  });
  expect(await racing(ACME)).toEqual({ redriven: 1, failed: 0, more: false });
  expect((await parked.list('rollups', 'acme', 10)).items).toMatchObject([{ reason: { code: 'again' } }]);
  expect(await send(ACME)).toMatchObject({ redriven: 1 });
  await pump();
  expect(bus.published.map(({ event }) => event.id)).toEqual(['a', 'a']);
});

test('dropped while it is redriven, it is gone', async () => {
  const { park, parked, events, state, clock } = setUp();
  await park('a');
  const [item] = (await parked.list('rollups', 'acme', 10)).items;
  const racing = redrive({
    cell: 'cell-1',
    tombstones: NO_TOMBSTONES,
    events: {
      ...events,
      append: async (documents) => {
        await parked.drop(item?.id ?? '', 'acme');
        return events.append(documents);
      },
    },
    state,
    clock,
  });
  expect(await racing(ACME)).toMatchObject({ redriven: 1 });
  expect((await parked.list('rollups', 'acme', 10)).items).toEqual([]);
});

test('a failure between request and removal: the repeat sends nothing twice, and loses nothing', async () => {
  let down = true;
  const { park, send, bus, parked, pump } = setUp({
    state: (method) => (method === 'delete' && down ? { code: 'unavailable', when: 'before' } : undefined),
  });
  await park('a');
  await expect(send(ACME)).rejects.toMatchObject({ code: 'unavailable' });
  down = false;
  expect(await send(ACME)).toMatchObject({ redriven: 1 });
  await pump();
  expect(bus.published).toHaveLength(1);
  expect((await parked.list('rollups', 'acme', 10)).items).toEqual([]);
});

test('a log that does not take the request: it stays parked', async () => {
  const { park, send, parked } = setUp({ events: () => ({ code: 'throttled', when: 'before' }) });
  await park('a');
  await expect(send(ACME)).rejects.toMatchObject({ code: 'throttled' });
  expect((await parked.list('rollups', 'acme', 10)).items).toHaveLength(1);
});

test('a message to one consumer names it, the relay sends to all', async () => {
  const { park, send, bus, pump } = setUp();
  await park('a');
  await park('b', 'x', 'acme', 'relay');
  await send(ACME);
  await send({ consumer: 'relay', tenant: 'acme' });
  await pump();
  expect(bus.published).toEqual([
    { tenant: 'acme', consumer: 'rollups', event: reading({ id: 'a' }) },
    { tenant: 'acme', event: reading({ id: 'b' }) },
  ]);
});

test('a request lies beside the log of every device, and is gone after a week', async () => {
  const { park, send, changes, events, clock } = setUp();
  await park('a');
  await send(ACME);
  const [request] = changes;
  expect(request?.partition).toBe('acme|!redrive');
  expect((await events.query('acme|!redrive', { limit: 10 })).items).toHaveLength(1);
  clock.jump(7 * 24 * 3_600_000);
  expect((await events.query('acme|!redrive', { limit: 10 })).items).toEqual([]);
});

test.each<[string, ChangeRecord['body']]>([
  ['no object', 'x'],
  ['without an event', { redrive: 'rollups' }],
  ['with an event that is none', { redrive: 'rollups', event: 'x' }],
  ['with an event without a time', { redrive: 'rollups', event: { id: 'a', source: 'b', type: 'c', subject: 'd' } }],
  ['without a consumer', { event: reading() as unknown as Json }],
])('a request %s is parked as unreadable, and stops nothing', async (_case, body) => {
  const { events, bus, parked, park, send, pump } = setUp();
  await events.append([{ partition: 'acme|!redrive', id: 'x', body }]);
  await park('a');
  await send(ACME);
  expect(await pump()).toEqual({ status: 'done' });
  expect(bus.published.map(({ event }) => event.id)).toEqual(['a']);
  expect((await parked.list('relay', 'acme', 10)).items).toMatchObject([{ reason: { code: 'unreadable' } }]);
});

test('a malformed parked document is reported as a bug', async () => {
  const { parked, state } = setUp();
  await state.put({ partition: 'parked|rollups', id: 'acme!AAAAAAAAAAAAAAAA', body: 'x' }, 'any');
  await expect(parked.list('rollups', 'acme', 10)).rejects.toThrow(
    'The parked document acme!AAAAAAAAAAAAAAAA is not one.',
  );
});

test('what the log will never take counts as failed and stays; the others are sent', async () => {
  const { park, parked, events, state, clock } = setUp();
  for (const id of ['a', 'b', 'c']) await park(id);
  let appends = 0;
  const picky: typeof events = {
    ...events,
    append: async (documents) => {
      appends += 1;
      return appends > 1
        ? events.append(documents)
        : documents.map(() => ({ status: 'failed', error: new PortError('too-large', 'planned') }));
    },
  };
  const send = redrive({ cell: 'cell-1', tombstones: NO_TOMBSTONES, events: picky, state, clock });
  expect(await send({ consumer: 'rollups', tenant: 'acme' })).toEqual({ redriven: 2, failed: 1, more: false });
  expect((await parked.list('rollups', 'acme', 10)).items).toHaveLength(1);
});

test('what has no tenant is shown to no tenant, not even to one called -', async () => {
  const { parked, state } = setUp();
  for (const tenant of [undefined, '', 'ACME', '_', 'a b']) {
    await parked.park({
      consumer: 'rollups',
      tenant: tenantForParking(tenant),
      event: undefined,
      subject: `of ${tenant}`,
      reason: { code: 'unreadable', message: 'm' },
    });
  }
  expect((await parked.list('rollups', '-', 100)).items).toEqual([]);
  expect((await state.query('parked|rollups|_', { limit: 100 })).items).toHaveLength(5);
  expect(tenantForParking('-')).toBe('-');
});

describe('events that the release before has parked, in one partition for all tenants', () => {
  async function withEarlier() {
    const made = setUp();
    const { park, parked, state } = made;
    for (const id of ['a', 'b', 'c']) await park(id);
    // The form of that release.
    for (const { id, ...body } of (await parked.list('rollups', 'acme', 10)).items) {
      const print = id.slice('rollups.'.length);
      await state.delete({ partition: 'parked|rollups|acme', id: print }, 'any');
      await state.put({ partition: 'parked|rollups', id: `acme!${print}`, body: body as never }, 'any');
    }
    await park('d');
    return made;
  }
  const idsOf = (items: readonly { readonly event?: { readonly id: string } }[]) =>
    items.map(({ event }) => event?.id).sort();

  test('are listed behind the others, in pages of any size, to their tenant alone', async () => {
    const { parked } = await withEarlier();
    for (const limit of [1, 2, 3, 10]) {
      const seen: string[] = [];
      let cursor: Parameters<typeof parked.list>[3];
      do {
        const page = await parked.list('rollups', 'acme', limit, cursor);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        seen.push(...idsOf(page.items).map(String));
        cursor = page.next;
      } while (cursor !== undefined && seen.length < 10);
      if (limit === 1) expect(seen[0]).toBe('d');
      expect(seen.sort()).toEqual(['a', 'b', 'c', 'd']);
    }
    expect((await parked.list('rollups', 'globex', 10)).items).toEqual([]);
  });

  test('are counted with the others, up to a limit', async () => {
    const { parked } = await withEarlier();
    expect(await parked.count('rollups', 10)).toEqual({ parked: 4, more: false });
    expect(await parked.count('rollups', 3)).toEqual({ parked: 3, more: true });
    expect(await parked.count('device-state', 3)).toEqual({ parked: 0, more: false });
  });

  test('are dropped and sent by their ids', async () => {
    const { parked, events, state, clock } = await withEarlier();
    const [, first, second] = (await parked.list('rollups', 'acme', 10)).items;
    expect(await parked.drop(first?.id ?? '', 'globex')).toBe(false);
    expect(await parked.drop(first?.id ?? '', 'acme')).toBe(true);
    expect(await parked.drop(first?.id ?? '', 'acme')).toBe(false);
    const send = redrive({ cell: 'cell-1', tombstones: NO_TOMBSTONES, events, state, clock });
    expect(await send({ consumer: 'rollups', tenant: 'acme', ids: [second?.id ?? ''] })).toMatchObject({ redriven: 1 });
    expect((await parked.list('rollups', 'acme', 10)).items).toHaveLength(2);
  });

  test('are sent with all others', async () => {
    const { parked, events, state, clock } = await withEarlier();
    const send = redrive({ cell: 'cell-1', tombstones: NO_TOMBSTONES, events, state, clock });
    let more = true;
    let redriven = 0;
    for (let calls = 0; more && calls < 3; calls += 1) {
      const summary = await send({ consumer: 'rollups', tenant: 'acme' });
      redriven += summary.redriven;
      more = summary.more;
    }
    expect({ redriven, more }).toEqual({ redriven: 4, more: false });
    expect((await parked.list('rollups', 'acme', 10)).items).toEqual([]);
  });

  test('that are parked again are there once', async () => {
    const { park, parked } = await withEarlier();
    await park('a');
    expect(idsOf((await parked.list('rollups', 'acme', 10)).items)).toEqual(['a', 'b', 'c', 'd']);
  });
});

test('an empty page with more behind it hides no event that an earlier release has parked', async () => {
  const { state, park, parked } = setUp();
  await park('a');
  const [document] = (await state.query('parked|rollups|acme', { limit: 1 })).items;
  if (document === undefined) throw new Error('Nothing is parked.');
  await state.put({ partition: 'parked|rollups', id: `acme!${'x'.repeat(16)}`, body: document.body }, 'any');
  const sparse: Store = {
    ...state,
    query: async (partition, { cursor, ...query }) => {
      if (cursor === undefined) return { items: [], next: '^' as StoreCursor };
      return state.query(partition, { ...query, ...(cursor !== '^' && { cursor }) });
    },
  };
  const { items } = await parking({ state: sparse, clock: new FakeClock() }).list('rollups', 'acme', 10);
  expect((await parked.list('rollups', 'acme', 10)).items).toHaveLength(2);
  expect(items).toHaveLength(2);
});
