// A cell's health, and that asking for it cannot be made to cost anything.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { cellHealth } from '../../../core/cell/health.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import type { ErrorCode } from '../../../core/ports/errors.ts';
import type { Store } from '../../../core/ports/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { brokenStore, type FaultPlan, faultyStore, writesOf } from '../../support/faulty-store.ts';

function setUp(plan?: FaultPlan) {
  const clock = new FakeClock();
  const memory = new MemoryStore({ clock });
  const state = faultyStore(memory, plan);
  return { clock, memory, state, health: cellHealth({ state, clock, cell: 'cell-1' }) };
}

test('a store that answers is ok', async () => {
  const { health, state } = setUp();
  expect(await health.check(false)).toBe('ok');
  expect(writesOf(state)).toBe(0);
});

test('however often it is asked, the store is asked once a second', async () => {
  const { health, clock, state } = setUp();
  await Promise.all(Array.from({ length: 100 }, () => health.check(false)));
  expect(state.calls.get).toBe(1);
  await clock.advance(999);
  await health.check(false);
  expect(state.calls.get).toBe(1);
  await clock.advance(1);
  await Promise.all(Array.from({ length: 100 }, () => health.check(false)));
  expect(state.calls.get).toBe(2);
});

test('a clock that was set back does not freeze the answer', async () => {
  const { health, clock, state } = setUp();
  await health.check(false);
  clock.jump(-3_600_000);
  await health.check(false);
  expect(state.calls.get).toBe(2);
});

test.each<[ErrorCode, string]>([
  ['throttled', 'degraded'],
  ['unavailable', 'down'],
  ['denied', 'down'],
  ['not-found', 'down'],
  ['misconfigured', 'down'],
  ['unknown', 'down'],
])('a store that answers %s is %s', async (code, expected) => {
  const health = cellHealth({ state: brokenStore(code), clock: new FakeClock(), cell: 'cell-1' });
  expect(await health.check(false)).toBe(expected);
  expect(await health.check(true)).toBe(expected);
});

test('it recovers with the store, a second later at most', async () => {
  let broken = true;
  const { health, clock } = setUp(() => (broken ? { code: 'unavailable', when: 'before' } : undefined));
  expect(await health.check(false)).toBe('down');
  broken = false;
  await clock.advance(1000);
  expect(await health.check(false)).toBe('ok');
});

test('a store that throws what is no port error is down, not a failure of the question', async () => {
  const fails = () => Promise.reject(new TypeError('a bug in an adapter'));
  const state: Store = {
    get: fails,
    put: fails,
    append: fails,
    transact: fails,
    query: fails,
    digests: fails,
    partitions: fails,
    delete: fails,
  };
  const health = cellHealth({ state, clock: new FakeClock(), cell: 'cell-1' });
  expect(await health.check(false)).toBe('down');
  expect(await health.check(true)).toBe('down');
});

describe('a deep check', () => {
  test('writes a document and reads it back, each time', async () => {
    const { health, state } = setUp();
    expect(await health.check(true)).toBe('ok');
    expect(await health.check(true)).toBe('ok');
    expect([state.calls.put, state.calls.get]).toEqual([2, 2]);
  });

  test('leaves nothing behind', async () => {
    const { health, clock, memory } = setUp();
    await health.check(true);
    expect(await memory.get({ partition: 'health|cell-1', id: 'check' })).toMatchObject({
      expiresAt: 1_795_246_923_000,
    });
    await clock.advance(60_000);
    expect(await memory.get({ partition: 'health|cell-1', id: 'check' })).toBeUndefined();
  });

  test('does not stand in for the shallow one', async () => {
    const { health, state } = setUp();
    await health.check(true);
    await health.check(false);
    expect(state.calls.get).toBe(2);
  });

  test('a store that takes documents and loses them is down', async () => {
    const { memory, clock } = setUp();
    const forgetful: Store = { ...faultyStore(memory), get: async () => undefined };
    expect(await cellHealth({ state: forgetful, clock, cell: 'cell-1' }).check(true)).toBe('down');
  });

  test('another check in between, by a slower clock, does no harm', async () => {
    const { memory, clock } = setUp();
    const key = { partition: 'health|cell-1', id: 'check' };
    const busy: Store = {
      ...faultyStore(memory),
      get: async (asked) => {
        await memory.put({ ...key, body: { at: clock.now() - 20 }, expiresAt: epochMs(clock.now() + 60_000) }, 'any');
        return memory.get(asked);
      },
    };
    expect(await cellHealth({ state: busy, clock, cell: 'cell-1' }).check(true)).toBe('ok');
  });

  test('a store that gives back what was written long before is down', async () => {
    const { memory, clock } = setUp();
    const key = { partition: 'health|cell-1', id: 'check' };
    await memory.put({ ...key, body: { at: clock.now() - 30_000 }, expiresAt: epochMs(clock.now() + 30_000) }, 'any');
    const old = await memory.get(key);
    const stale: Store = { ...faultyStore(memory), get: async () => old };
    expect(await cellHealth({ state: stale, clock, cell: 'cell-1' }).check(true)).toBe('down');
  });
});
