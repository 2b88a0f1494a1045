// Home-only effects and leases: without one, messages wait unharmed, nothing is parked or marked, and nothing is written.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { LEASE } from '../../../core/cell/lease.ts';
import { type Leases, permitBy } from '../../../core/cell/lease-keeper.ts';
import { claimingConsumer } from '../../../core/pipeline/claiming-consumer.ts';
import { consume } from '../../../core/pipeline/consume.ts';
import { crashMarkers } from '../../../core/pipeline/crash-markers.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { countingIds } from '../../support/ids.ts';
import { message, unreadable } from '../../support/messages.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const FAR = START + 600_000;
const DONE = { status: 'done' };
const WAITS = { status: 'retry', reason: 'no lease' };

function setUp(effect: (clock: FakeClock) => Promise<void> = async () => undefined) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const state = faultyStore(checkedStore(new MemoryStore({ clock })));
  const parked = parking({ state, clock });
  /** Tenant → until when its lease lasts. */
  const until = new Map<string, number>();
  const asked: string[] = [];
  const leases: Leases = {
    obtain: async (tenants) => void asked.push(...tenants),
    hindrance: (tenant, lastsMs) => ((until.get(tenant) ?? 0) - clock.now() >= lastsMs ? undefined : 'no lease'),
  };
  const applied: string[] = [];
  const consumer = claimingConsumer(
    {
      name: 'mail',
      async effects(events) {
        await effect(clock);
        applied.push(...events.map(({ event }) => event.id));
        return [{ kind: 'put', id: 'sent', body: applied.length, expected: 'any' }];
      },
    },
    { state, clock, ids: countingIds(), permit: permitBy(leases) },
  );
  const handle = consume({
    cell: 'a',
    consumer,
    declaration: { tries: 3, crashes: 2, effects: 'home-only' },
    parking: parked,
    trials: crashMarkers(state, clock),
    clock,
    log,
    leases,
  });
  const listed = async () => (await parked.list('mail', 'acme', 100)).items;
  return { clock, log, state, handle, until, applied, asked, listed };
}

test('each tenant of a batch waits for its own lease, and all are asked for together', async () => {
  const { handle, until, applied, asked } = setUp();
  until.set('globex', FAR);
  const batch = [message('a'), message('b', { tenant: 'globex' }), message('c')];
  expect(await handle(batch, FAR)).toEqual([WAITS, DONE, WAITS]);
  expect(applied).toEqual(['b']);
  expect(asked.slice(0, 3)).toEqual(['acme', 'globex', 'acme']);
});

test('however often a message waits, it is neither parked nor suspected, and the store is not touched', async () => {
  const { handle, until, state, applied, listed } = setUp();
  for (let attempt = 1; attempt <= 200; attempt += 1)
    expect(await handle([message('a', { attempt })], FAR)).toEqual([WAITS]);
  expect(state.calls).toEqual({ get: 0, put: 0, append: 0, transact: 0, query: 0, delete: 0, partitions: 0 });
  until.set('acme', FAR);
  expect(await handle([message('a', { attempt: 201 })], FAR)).toEqual([DONE]);
  expect([applied, await listed()]).toEqual([['a'], []]);
});

test('what is no event is parked without a lease: parking merges', async () => {
  const { handle, listed } = setUp();
  expect(await handle([unreadable('x', { tenant: 'acme' })], FAR)).toEqual([DONE]);
  expect(await listed()).toHaveLength(1);
});

test('no effect begins with less left than an effect may take', async () => {
  const { handle, until, clock, applied } = setUp();
  until.set('acme', clock.now() + LEASE.effectMs - 1);
  expect(await handle([message('a')], FAR)).toEqual([WAITS]);
  until.set('acme', clock.now() + LEASE.effectMs);
  expect(await handle([message('a')], FAR)).toEqual([DONE]);
  expect(applied).toEqual(['a']);
});

test('an effect that takes longer than it may writes nothing once the lease gives no time for a write', async () => {
  const slow = async (clock: FakeClock) => clock.jump(LEASE.effectMs);
  const { handle, until, clock, state, listed } = setUp(slow);
  until.set('acme', clock.now() + LEASE.effectMs + LEASE.writeMs - 1);
  const reason = expect.stringContaining('Nothing is written: no lease');
  expect(await handle([message('a')], FAR)).toEqual([{ status: 'retry', reason }]);
  expect([state.calls.transact, await listed()]).toEqual([0, []]);
  until.set('acme', FAR);
  expect(await handle([message('a', { attempt: 2 })], FAR)).toEqual([DONE]);
});

test('effects of one batch end with the lease: those behind wait', async () => {
  const slow = async (clock: FakeClock) => clock.jump(10_000);
  const { handle, until, clock, applied } = setUp(slow);
  until.set('acme', clock.now() + LEASE.effectMs + 12_000);
  const batch = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((id) => message(id, {}, { subject: `pump-${id}` }));
  const outcomes = await handle(batch, FAR);
  expect(outcomes.filter(({ status }) => status === 'done').length).toBe(applied.length);
  expect(outcomes).toContainEqual(WAITS);
  expect(applied.length).toBeGreaterThan(0);
});
