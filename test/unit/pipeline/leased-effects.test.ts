// Home-only effects and leases: without one, messages wait unharmed, nothing is parked or marked, and nothing is written.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { LEASE } from '../../../core/cell/lease.ts';
import { type Leases, permitBy } from '../../../core/cell/lease-keeper.ts';
import { claimingConsumer } from '../../../core/pipeline/claiming-consumer.ts';
import { consume } from '../../../core/pipeline/consume.ts';
import { crashMarkers } from '../../../core/pipeline/crash-markers.ts';
import { SHARE_LIMITS } from '../../../core/pipeline/fair-share.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { RECEIPT_LIMITS, type Receipts } from '../../../core/pipeline/receipts.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { countingIds } from '../../support/ids.ts';
import { message, unreadable } from '../../support/messages.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const FAR = START + 600_000;
const DONE = { status: 'done' };
const WAITS = { status: 'retry', reason: 'no lease' };

function setUp(
  effect: (clock: FakeClock, ids: readonly string[]) => Promise<void> = async () => undefined,
  receipts?: (clock: FakeClock) => Receipts,
) {
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
        await effect(
          clock,
          events.map(({ event }) => event.id),
        );
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
    receipts: receipts?.(clock),
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
  expect(state.calls).toEqual({
    get: 0,
    put: 0,
    append: 0,
    transact: 0,
    query: 0,
    digests: 0,
    delete: 0,
    partitions: 0,
  });
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

/** The other cell of every tenant but one answers once it is let; how long that takes counts by the clock. */
function slowPeers(quick: string, { letGoAt = Number.POSITIVE_INFINITY } = {}) {
  let [inWork, most] = [0, 0];
  let letGo = (): void => undefined;
  const answers = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const asked: string[] = [];
  const receipts = (clock: FakeClock): Receipts => ({
    async judge({ tenant, items }) {
      asked.push(tenant);
      const verdicts = new Map(items.map(({ deliveryId }) => [deliveryId, 'apply'] as const));
      if (tenant === quick) return { verdicts, wasAsked: true };
      inWork += 1;
      most = Math.max(most, inWork);
      if (asked.length === letGoAt) letGo();
      await answers;
      inWork -= 1;
      clock.jump(RECEIPT_LIMITS.requestMs);
      return { verdicts: new Map(items.map(({ deliveryId }) => [deliveryId, SILENT])), wasAsked: true };
    },
    defer: async () => undefined,
  });
  return { receipts, asked, letGo: () => letGo(), mostAtOnce: () => most };
}

const SILENT = { status: 'retry', reason: 'it does not answer' } as const;

test('a tenant whose other cell does not answer waits for itself: what others cause happens meanwhile', async () => {
  const { receipts, letGo, asked } = slowPeers('globex');
  // The other cell is let go by the effect alone.
  const { handle, until, applied } = setUp(async () => letGo(), receipts);
  const slow = Array.from({ length: RECEIPT_LIMITS.concurrentTenants - 1 }, (_, index) => `slow-${index}`);
  for (const tenant of [...slow, 'globex']) until.set(tenant, FAR);
  const batch = [...slow.map((tenant) => message(tenant, { tenant })), message('b', { tenant: 'globex' })];
  expect(await handle(batch, FAR)).toEqual([...slow.map(() => SILENT), DONE]);
  expect([applied, asked]).toEqual([['b'], [...slow, 'globex']]);
});

test('no more tenants than that are asked for at once', async () => {
  const { receipts, asked, mostAtOnce } = slowPeers('globex', { letGoAt: RECEIPT_LIMITS.concurrentTenants });
  const { handle, until } = setUp(undefined, receipts);
  const many = Array.from({ length: RECEIPT_LIMITS.concurrentTenants + 1 }, (_, index) => `slow-${index}`);
  for (const tenant of many) until.set(tenant, FAR);
  const batch = many.map((tenant) => message(tenant, { tenant }));
  expect(await handle(batch, FAR)).toEqual(many.map(() => SILENT));
  expect([asked, mostAtOnce()]).toEqual([many, RECEIPT_LIMITS.concurrentTenants]);
});

test('time in which a tenant’s other cell is asked is of its share', async () => {
  const { receipts } = slowPeers('acme');
  const asking = (clock: FakeClock): Receipts => {
    const { judge, ...others } = receipts(clock);
    return {
      ...others,
      judge: (question) => {
        clock.jump(question.tenant === 'acme' ? SHARE_LIMITS.tenantMs : 0);
        return judge({ ...question, tenant: 'acme' });
      },
    };
  };
  const { handle, until } = setUp(undefined, asking);
  for (const tenant of ['acme', 'globex']) until.set(tenant, FAR);
  const usedUp = expect.objectContaining({ reason: 'the tenant has had its share of the batch’s time' });
  expect(await handle([message('a'), message('b', { tenant: 'globex' })], FAR)).toEqual([usedUp, DONE]);
  expect(await handle([message('c')], FAR)).toEqual([DONE]);
});
