// What routers have reported of requests that bring events, by cell and for the last minute and a half.
import { INGEST_WINDOW_LIMITS, ingestWindow } from '../../../../core/edge/monitor/ingest-times.ts';
import {
  addTimes,
  countOf,
  INGEST_TIME_LIMITS,
  longerThan,
  NO_TIMES,
  timeOf,
  withinWhich,
} from '../../../../core/edge/ports/ingest-times.ts';
import { NO_TRAFFIC, TRAFFIC_LIMITS } from '../../../../core/edge/ports/traffic.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const one = (milliseconds: number) => ({ ...NO_TRAFFIC, ingestTimes: timeOf(milliseconds) });

test('times are counted to within a fiftieth', () => {
  const times = [10, 100, 1000].map(timeOf).reduce(addTimes, NO_TIMES);
  expect(countOf(times)).toBe(3);
  expect(withinWhich(times, 0.5)).toBeCloseTo(100, -1);
  expect(withinWhich(times, 0.99)).toBeGreaterThanOrEqual(1000);
  expect(withinWhich(times, 0.99)).toBeLessThan(1000 * INGEST_TIME_LIMITS.ratio);
  expect(withinWhich(NO_TIMES, 0.99)).toBeUndefined();
  expect([longerThan(times, 99), longerThan(times, 2000)]).toEqual([2, 0]);
  // However long one took, and whatever a report has, there are so many counts.
  expect(Object.keys([0, -5, 1e9, 1e12].map(timeOf).reduce(addTimes, NO_TIMES))).toHaveLength(2);
  expect(countOf({ [-1]: 5, [INGEST_TIME_LIMITS.buckets]: 5, 3: -2 })).toBe(0);
});

test('a window has what was reported in a part of it, and forgets what is older', () => {
  const clock = new FakeClock();
  const window = ingestWindow(clock);
  window.report({ a: one(10), b: NO_TRAFFIC });
  clock.jump(10_000);
  window.report({ a: one(10) });
  window.report({ a: one(20) });
  const counted = (agoMs: number) => countOf(window.times('a', agoMs));
  expect([counted(20_000), counted(9999), counted(0)]).toEqual([3, 2, 2]);
  expect(countOf(window.times('b', 20_000))).toBe(0);
  clock.jump(INGEST_WINDOW_LIMITS.slotMs * INGEST_WINDOW_LIMITS.slots - 1);
  expect(counted(600_000)).toBe(2);
  clock.jump(2);
  expect(counted(600_000)).toBe(0);
});

test('no more cells are kept than a report has, and one that has gone quiet makes room', () => {
  const clock = new FakeClock();
  const window = ingestWindow(clock);
  for (let cell = 0; cell < TRAFFIC_LIMITS.cells; cell += 1) window.report({ [`c${cell}`]: one(10) });
  window.report({ more: one(10) });
  expect(countOf(window.times('more', 1000))).toBe(0);
  clock.jump(INGEST_WINDOW_LIMITS.slotMs * INGEST_WINDOW_LIMITS.slots + 1);
  window.report({ more: one(10) });
  expect(countOf(window.times('more', 1000))).toBe(1);
});
