// A cell's leases: when the edge is asked, how long an answer counts, and what holds while the edge is away.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { LEASE, readQuestion } from '../../../core/cell/lease.ts';
import { edgeQuestion, KEEPER_LIMITS, leaseKeeper, permitBy } from '../../../core/cell/lease-keeper.ts';
import type { LeaseAnswer } from '../../../core/ports/lease.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FaultPlan, faultyStore } from '../../support/faulty-store.ts';
import { CELL_KEY, publicPart } from '../../support/route-tokens.ts';

/** A keeper and the edge that it asks; the edge is `there`, `gone` or `silent`, or answers nonsense. */
function setUp(plan?: FaultPlan) {
  const clock = new FakeClock();
  const memory = new MemoryStore({ clock });
  const state = faultyStore(memory, plan);
  const edge = {
    ...{ is: 'there', answers: new Map<string, LeaseAnswer>(), asked: [] as (readonly string[])[], tookMs: 0 },
    epochs: undefined as unknown,
  };
  const fetch = async (request: Request): Promise<Response> => {
    expect(request.url).toBe('https://edge.example/cells/v1/lease');
    const { question } = (await request.json()) as { question: string };
    const read = await readQuestion(question, [publicPart(CELL_KEY)], clock.now());
    if ('fault' in read) throw new Error(read.fault);
    edge.asked.push(read.tenants);
    if (edge.is === 'gone') throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
    if (edge.is === 'silent') return new Promise(() => undefined);
    if (edge.is === 'wrong') return new Response('<html>', { status: 502 });
    clock.jump(edge.tookMs);
    return Response.json({
      tenants: Object.fromEntries(read.tenants.map((tenant) => [tenant, edge.answers.get(tenant) ?? 'granted'])),
      ...(edge.epochs !== undefined && { epochs: edge.epochs }),
    });
  };
  const make = () =>
    leaseKeeper({
      ask: edgeQuestion({ cell: 'a', edge: 'https://edge.example', identityKey: CELL_KEY, fetch, clock }),
      state,
      clock,
    });
  const leases = make();
  const may = (tenant = 'acme', of = leases) => of.hindrance(tenant, LEASE.effectMs) ?? 'yes';
  return { clock, state, edge, leases, may, make };
}

test('nothing is held before it was asked for', () => {
  expect(setUp().may()).toBe('the cell has no lease for the tenant: it has not been asked for');
});

test('one question gives all leases; they are renewed once less than 30 s are left', async () => {
  const { leases, edge, clock, may } = setUp();
  await leases.obtain(['acme', 'globex', 'acme']);
  expect([may('acme'), may('globex'), edge.asked]).toEqual(['yes', 'yes', [['acme', 'globex']]]);
  await clock.advance(LEASE.durationMs - LEASE.renewMs);
  await leases.obtain(['acme']);
  expect(edge.asked).toHaveLength(1);
  await clock.advance(1);
  await leases.obtain(['acme']);
  expect(edge.asked).toEqual([['acme', 'globex'], ['acme']]);
});

test('a lease has the epoch that the edge says, and none if the edge says none', async () => {
  const { leases, edge, clock } = setUp();
  edge.epochs = { acme: 7, globex: 'x' };
  await leases.obtain(['acme', 'globex']);
  expect([leases.epoch?.('acme'), leases.epoch?.('globex'), leases.epoch?.('nobody')]).toEqual([
    7,
    undefined,
    undefined,
  ]);
  // An edge of an earlier release.
  edge.epochs = undefined;
  await clock.advance(LEASE.durationMs);
  await leases.obtain(['acme']);
  expect(leases.epoch?.('acme')).toBeUndefined();
});

test('it counts from the question and not from the answer', async () => {
  const { leases, edge, clock, may } = setUp();
  edge.tookMs = 1500;
  await leases.obtain(['acme']);
  await clock.advance(LEASE.durationMs - LEASE.effectMs - 1500);
  expect(may()).toBe('yes');
  await clock.advance(1);
  expect(may()).toContain('ends, and is not renewed');
});

test.each([
  ['gone', 'ECONNREFUSED'],
  ['silent', 'no answer in 2000 ms'],
  ['wrong', 'the edge answers 502'],
])(
  'while the edge is %s, the lease counts until less is left than an effect may take, and no longer',
  async (is, why) => {
    const { leases, edge, clock, may } = setUp();
    const begun = clock.now();
    await leases.obtain(['acme']);
    edge.is = is;
    const ask = async () => {
      const asking = leases.obtain(['acme']);
      await clock.advance(KEEPER_LIMITS.askMs);
      await asking;
    };
    while (may() === 'yes' && clock.now() - begun <= LEASE.durationMs) {
      expect(clock.now() - begun).toBeLessThanOrEqual(LEASE.durationMs - LEASE.effectMs);
      await ask();
    }
    expect(clock.now() - begun).toBe(26_000);
    // Where signing takes longer than the clock gives the question, there is no answer in time whatever the edge is.
    expect(may()).toMatch(new RegExp(`${why}|no answer in 2000 ms`));
    edge.is = 'there';
    await clock.advance(KEEPER_LIMITS.pauseMs);
    await leases.obtain(['acme']);
    expect(may()).toBe('yes');
  },
);

test('after a question without an answer the edge is left alone for a second', async () => {
  const { leases, edge, clock } = setUp();
  edge.is = 'gone';
  for (let tenths = 0; tenths < 30; tenths += 1) {
    await leases.obtain(['acme', 'globex']);
    await clock.advance(100);
  }
  expect(edge.asked).toHaveLength(3);
});

test('what another cell serves, and what has to wait, is not done, and is asked again after a second', async () => {
  const { leases, edge, clock, may } = setUp();
  edge.answers.set('acme', 'elsewhere').set('globex', 'waits');
  await leases.obtain(['acme', 'globex', 'initech']);
  expect([may('acme'), may('globex'), may('initech')]).toEqual([
    'the cell does not serve the tenant',
    'effects of the cell that served the tenant before may not be over',
    'yes',
  ]);
  await leases.obtain(['acme', 'globex']);
  expect(edge.asked).toHaveLength(1);
  edge.answers.clear();
  await clock.advance(1000);
  await leases.obtain(['acme', 'globex']);
  expect([may('acme'), may('globex')]).toEqual(['yes', 'yes']);
});

test('an answer that takes a lease away ends it at once', async () => {
  const { leases, edge, clock, may } = setUp();
  await leases.obtain(['acme']);
  edge.answers.set('acme', 'elsewhere');
  await clock.advance(LEASE.durationMs - LEASE.renewMs + 1);
  await leases.obtain(['acme']);
  expect(may()).toBe('the cell does not serve the tenant');
});

test('a tenant that no other cell can take over needs no edge, neither later nor after a restart', async () => {
  const { leases, edge, clock, may, make } = setUp();
  edge.answers.set('acme', 'free');
  await leases.obtain(['acme']);
  edge.is = 'gone';
  await clock.advance(3_600_000);
  await leases.obtain(['acme']);
  expect(may()).toBe('yes');
  const restarted = make();
  await restarted.obtain(['acme', 'globex']);
  expect([may('acme', restarted), may('globex', restarted)]).toEqual(['yes', expect.stringContaining('ECONNREFUSED')]);
});

test('once it is given a standby, it needs the edge', async () => {
  const { leases, edge, clock, may, make } = setUp();
  edge.answers.set('acme', 'free');
  await leases.obtain(['acme']);
  edge.answers.set('acme', 'granted');
  await clock.advance(LEASE.durationMs);
  await leases.obtain(['acme']);
  edge.is = 'gone';
  await clock.advance(LEASE.durationMs);
  await leases.obtain(['acme']);
  const restarted = make();
  await restarted.obtain(['acme']);
  expect([may(), may('acme', restarted)]).toEqual(Array(2).fill(expect.stringContaining('ECONNREFUSED')));
});

test('an answer takes a lease away also while the note of it cannot be corrected', async () => {
  let isDown = false;
  const { leases, edge, clock, may } = setUp((method) =>
    isDown && method === 'delete' ? { code: 'unavailable', when: 'before' } : undefined,
  );
  edge.answers.set('acme', 'free');
  await leases.obtain(['acme']);
  isDown = true;
  edge.answers.set('acme', 'elsewhere');
  await clock.advance(LEASE.durationMs);
  await leases.obtain(['acme']);
  expect(may()).toBe('the cell does not serve the tenant');
  edge.is = 'gone';
  await clock.advance(1000);
  await leases.obtain(['acme']);
  expect(may()).toBe('the cell does not serve the tenant');
});

test('questions of one process are shared, and a clock that was set back asks anew', async () => {
  const { leases, edge, clock } = setUp();
  await Promise.all([leases.obtain(['acme']), leases.obtain(['acme']), leases.obtain(['acme'])]);
  expect(edge.asked).toHaveLength(1);
  clock.jump(-60_000);
  await leases.obtain(['acme']);
  expect(edge.asked).toHaveLength(2);
});

test('more tenants than one question may name take several', async () => {
  const { leases, edge, may } = setUp();
  const tenants = Array.from({ length: LEASE.tenants + 1 }, (_, index) => `t-${index}`);
  await leases.obtain(tenants);
  expect(edge.asked.map(({ length }) => length)).toEqual([LEASE.tenants, 1]);
  expect(tenants.every((tenant) => may(tenant) === 'yes')).toBe(true);
});

test('a write needs the time of a write', async () => {
  const { leases, clock } = setUp();
  await leases.obtain(['acme']);
  const permit = permitBy(leases);
  await clock.advance(LEASE.durationMs - LEASE.writeMs);
  expect(() => permit('acme')).not.toThrow();
  await clock.advance(1);
  expect(() => permit('acme')).toThrow(expect.objectContaining({ code: 'unavailable' }));
});
