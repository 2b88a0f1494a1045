// Error budgets: what counts against them, over which days, and that they outlast the monitor, its clock and its storage's earlier content.

import { BUDGET_LIMITS, type BudgetSample, cellBudgets } from '../../../../core/edge/monitor/budgets.ts';
import {
  type CellObjectives,
  OBJECTIVE_DEFAULTS,
  OBJECTIVE_LIMITS,
  objectiveFaults,
} from '../../../../core/edge/monitor/objectives.ts';
import { type CellTraffic, NO_TRAFFIC } from '../../../../core/edge/ports/traffic.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import type { Json } from '../../../../core/ports/json.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryMonitorStorage } from '../../../support/monitor-storage.ts';

const MINUTE = BUDGET_LIMITS.minuteMs;
const DAY = 24 * 60 * MINUTE;
const UNKNOWN: BudgetSample = { stateMs: null, lagMs: null, rpoMs: null };

class CountingStorage extends MemoryMonitorStorage {
  puts = 0;
  isAway = false;

  override async put(key: string, value: Json): Promise<void> {
    if (this.isAway) throw new PortError('unavailable', 'The storage is away.');
    this.puts += 1;
    return super.put(key, value);
  }
}

/** Budgets of cells, sampled by hand at noon of 2026-11-28. */
function world(wanted: Partial<CellObjectives> = {}, storage = new CountingStorage()) {
  const clock = new FakeClock(Date.parse('2026-11-28T12:00:00Z'));
  const objectives = { ...OBJECTIVE_DEFAULTS, ...wanted };
  const make = () => cellBudgets({ storage, objectives });
  let budgets = make();
  let totals = new Map<string, CellTraffic>();
  const sample = (of: Partial<BudgetSample> = {}, cells: readonly string[] = ['a']) =>
    budgets.take(
      clock.now(),
      cells,
      () => ({ ...UNKNOWN, ...of }),
      (cell) => totals.get(cell) ?? NO_TRAFFIC,
    );
  return {
    storage,
    clock,
    sample,
    /** Counts requests that were sent to a cell. */
    send: (requests: number, failures: number, cell = 'a') => {
      const before = totals.get(cell) ?? NO_TRAFFIC;
      totals.set(cell, {
        ...before,
        requests: before.requests + requests,
        failures: before.failures + failures,
      });
    },
    /** A sample, and the next one a minute later. */
    minute: async (of: Partial<BudgetSample> = {}, cells?: readonly string[]) => {
      await sample(of, cells);
      clock.jump(MINUTE);
    },
    of: (cell = 'a') => budgets.of(cell),
    keys: async () => [...(await storage.list({ prefix: '', limit: 1000 })).keys()],
    /** The object is moved: it counts what is sent anew. */
    restart: (next: Partial<CellObjectives> = {}) => {
      totals = new Map();
      budgets = cellBudgets({ storage, objectives: { ...objectives, ...next } });
    },
  };
}

test('requests that fail use the availability’s budget up; with the objective exactly met, nothing is left of it and nothing missed', async () => {
  const w = world();
  w.send(1000, 0);
  await w.minute();
  expect(w.of()).toBe(null);
  w.send(1000, 1);
  await w.minute();
  expect(w.of()?.availability).toEqual({ counted: 1000, missed: 0, left: 1 });
  w.send(2000, 3);
  await w.minute();
  expect(w.of()?.availability).toEqual({ counted: 2000, missed: 1, left: 0.5 });
  w.send(0, 0);
  await w.minute();
  expect(w.of()?.availability).toEqual({ counted: 4000, missed: 4, left: 0 });
  w.send(1000, 3);
  await w.minute();
  await w.minute();
  expect(w.of()?.availability).toEqual({ counted: 5000, missed: 7, left: -0.4 });
});

test('a minute counts once, against the budget if any of its samples was above the objective, and not at all if nothing was known', async () => {
  const w = world({ availability: 0.75 });
  await w.sample({ stateMs: 10_000, lagMs: 29_000 });
  w.clock.jump(5000);
  await w.sample({ stateMs: 9000, lagMs: 31_000 });
  w.clock.jump(5000);
  await w.sample({ stateMs: null, lagMs: 29_000 });
  w.clock.jump(MINUTE);
  await w.minute();
  await w.minute();
  expect(w.of()).toEqual({
    since: '2026-11-28',
    availability: { counted: 0, missed: 0, left: null },
    // Just met is kept.
    state: { counted: 1, missed: 0, left: 1 },
    lag: { counted: 1, missed: 1, left: -3 },
    rpo: { counted: 0, missed: 0, left: null },
  });
  for (let minutes = 0; minutes < 3; minutes += 1) await w.minute({ rpoMs: minutes === 0 ? 7_200_001 : 7_200_000 });
  await w.minute({ rpoMs: 0 });
  await w.minute();
  expect(w.of()?.rpo).toEqual({ counted: 4, missed: 1, left: 0 });
});

test('a day begins at midnight UTC, and what is older than the window does not count any more', async () => {
  const w = world({ windowDays: 3 });
  w.clock.jump(12 * 60 * MINUTE - MINUTE);
  w.send(10, 10);
  await w.minute();
  // 00:00 of the 29th: the minute before it belongs to the 28th.
  w.send(20, 0);
  await w.minute();
  expect(w.of()).toMatchObject({ since: '2026-11-28', availability: { counted: 10, missed: 10 } });
  await w.minute();
  expect(await w.keys()).toEqual(['budgets/2026-11-28', 'budgets/2026-11-29']);
  w.clock.jump(DAY);
  await w.minute();
  await w.minute();
  // The 30th: the window is known from its first day on.
  expect(w.of()).toMatchObject({ since: null, availability: { counted: 30, missed: 10 } });
  w.clock.jump(DAY - 3 * MINUTE);
  await w.minute();
  await w.minute();
  await w.minute();
  await w.minute();
  // The 1st of December.
  expect(w.of()).toMatchObject({ since: null, availability: { counted: 20, missed: 0 } });
  expect(await w.keys()).toEqual(['budgets/2026-11-29', 'budgets/2026-11-30', 'budgets/2026-12-01']);
  w.clock.jump(10 * DAY);
  await w.minute();
  await w.minute();
  expect(w.of()).toMatchObject({ since: '2026-12-11', availability: { counted: 0, left: null } });
});

test('a monitor that starts anew goes on from the last whole minute; what it had not written is not known, and nothing counts twice', async () => {
  const w = world();
  w.send(1000, 1);
  await w.minute({ stateMs: 20_000 });
  await w.sample({ stateMs: 10 });
  w.send(500, 500);
  w.clock.jump(5000);
  await w.sample();
  w.restart();
  w.clock.jump(5000);
  await w.sample();
  const kept = { availability: { counted: 1000, missed: 1, left: 0 }, state: { counted: 1, missed: 1 } };
  expect(w.of()).toMatchObject(kept);
  w.send(1000, 0);
  await w.minute();
  await w.minute();
  expect(w.of()).toMatchObject({ ...kept, availability: { counted: 2000, missed: 1, left: 0.5 } });
});

test('it writes once a minute at most, and not at all while nothing is measured', async () => {
  const w = world();
  for (let samples = 0; samples < 120; samples += 1) {
    w.send(1, 0);
    await w.sample({ stateMs: 1 });
    w.clock.jump(5000);
  }
  expect(w.storage.puts).toBe(9);
  await w.minute();
  await w.minute();
  const before = w.storage.puts;
  for (let minutes = 0; minutes < 10; minutes += 1) await w.minute();
  expect(w.storage.puts).toBe(before);
});

test('while the storage fails nothing that was counted is lost', async () => {
  const w = world();
  w.send(10, 1);
  await w.minute();
  w.storage.isAway = true;
  await expect(w.sample()).rejects.toMatchObject({ code: 'unavailable' });
  w.send(10, 0);
  w.clock.jump(5000);
  await expect(w.sample()).rejects.toMatchObject({ code: 'unavailable' });
  w.storage.isAway = false;
  w.clock.jump(MINUTE);
  await w.sample();
  w.restart();
  await w.sample();
  expect(w.of()?.availability).toMatchObject({ counted: 20, missed: 1 });
});

test('a clock that jumps leaves the days that it does not belong to alone, and the number of days stays bounded', async () => {
  const w = world({ windowDays: 3 });
  w.send(10, 1);
  await w.minute();
  await w.minute();
  w.clock.jump(365 * DAY);
  await w.minute();
  await w.minute();
  expect(w.of()).toMatchObject({ since: '2027-11-28', availability: { counted: 0 } });
  w.clock.jump(-365 * DAY);
  await w.minute();
  await w.minute();
  expect(w.of()).toMatchObject({ since: '2026-11-28', availability: { counted: 10, missed: 1 } });
  for (let days = 0; days < 3; days += 1) {
    w.clock.jump(DAY);
    await w.minute();
    await w.minute();
  }
  expect(await w.keys()).toEqual(['budgets/2026-11-29', 'budgets/2026-11-30', 'budgets/2026-12-01']);
});

test('a storage without them, or with what another release has written, is read as far as it goes', async () => {
  const storage = new CountingStorage();
  await storage.put('budgets/2026-11-27', {
    cells: {
      // Of a release that knew no RPO, and of one that knows more.
      a: { availability: { counted: 10, missed: 1 }, state: { counted: 5, missed: 0 }, more: { counted: 1 } },
      b: 'unreadable',
      c: { availability: { counted: 1, missed: 2 }, state: { counted: -1, missed: 0 }, lag: { counted: 2, missed: 1 } },
    },
    written: 'later',
  });
  await storage.put('budgets/2026-11-26', ['of another form']);
  await storage.put('budgets/yesterday', { cells: {} });
  const w = world({ windowDays: 3 }, storage);
  await w.minute();
  expect(w.of('a')).toMatchObject({
    since: '2026-11-27',
    availability: { counted: 10, missed: 1 },
    state: { counted: 5, missed: 0, left: 1 },
    rpo: { counted: 0, missed: 0, left: null },
  });
  expect(w.of('b')).toBe(null);
  expect(w.of('c')).toMatchObject({
    availability: { counted: 0, left: null },
    state: { counted: 0 },
    lag: { counted: 2, missed: 1 },
  });
});

test('of cells and days a bounded number is kept, each day in one value that the storage takes', async () => {
  const w = world({ windowDays: OBJECTIVE_LIMITS.windowDays });
  const cells = Array.from({ length: BUDGET_LIMITS.cells + 1 }, (_, index) => `c${'x'.repeat(58)}${1000 + index}`);
  for (const cell of cells) w.send(1e12, 1e12, cell);
  const worst = { stateMs: 1e9, lagMs: 1e9, rpoMs: 1e9 };
  for (let days = 0; days < BUDGET_LIMITS.days + 2; days += 1) {
    await w.minute(worst, cells);
    // Another cell comes: there is no room for it on a day that is full.
    await w.minute(worst, ['late']);
    await w.sample(worst, ['late']);
    w.clock.jump(DAY - 2 * MINUTE);
  }
  expect(await w.keys()).toHaveLength(BUDGET_LIMITS.days);
  const stored = await w.storage.get(`budgets/2026-11-28`);
  expect(stored).toBeUndefined();
  const [latest = ''] = (await w.keys()).slice(-1);
  const bytes = JSON.stringify(await w.storage.get(latest)).length;
  expect(bytes).toBeLessThan(64 * 1024);
  expect(w.of(cells[0])).not.toBe(null);
  expect([w.of(cells.at(-1)), w.of('late')]).toEqual([null, null]);
  // A shorter window drops the days that it does not need.
  w.restart({ windowDays: 2 });
  await w.minute();
  await w.minute();
  expect(await w.keys()).toHaveLength(2);
});

test('every fault of the objectives is said', () => {
  expect(objectiveFaults(OBJECTIVE_DEFAULTS)).toEqual([]);
  expect(objectiveFaults({ ...OBJECTIVE_DEFAULTS, windowDays: OBJECTIVE_LIMITS.windowDays, rpoSeconds: 0.5 })).toEqual(
    [],
  );
  expect(
    objectiveFaults({ availability: 1, windowDays: 93, stateSeconds: 0, lagSeconds: '30', rpoSeconds: 31_536_001 }),
  ).toEqual([
    'availability must be a number above 0 and below 1, not 1.',
    'windowDays must be a whole number from 1 to 92, not 93.',
    'stateSeconds must be a number above 0 and at most 31536000, not 0.',
    'lagSeconds must be a number above 0 and at most 31536000, not "30".',
    'rpoSeconds must be a number above 0 and at most 31536000, not 31536001.',
  ]);
});
