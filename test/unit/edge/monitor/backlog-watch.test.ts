// What the monitor remembers of backlogs: a silent consumer is behind by ever more, and nothing outlives what a cell says.
import { BACKLOG_LIMITS, backlogWatch } from '../../../../core/edge/monitor/backlog-watch.ts';

const silent = (backlogMs: number | null) => [{ consumer: 'sums', backlogMs, silent: true }];
const moving = (backlogMs: number | null) => [{ consumer: 'sums', backlogMs, silent: false }];

test('what a silent consumer is behind by grows, also while the relay publishes nothing more', () => {
  const watch = backlogWatch();
  watch.take('a', silent(90_000), 0);
  watch.take('a', silent(88_000), 10_000);
  expect(watch.of('a', 10_000)).toEqual(silent(100_000));
  watch.take('a', silent(null), 20_000);
  expect(watch.of('a', 20_000)).toEqual(silent(110_000));
  watch.take('a', silent(150_000), 30_000);
  expect(watch.of('a', 30_000)).toEqual(silent(150_000));
});

test('once it has been done with something, what was remembered is gone; a silent one of which nothing is known stays unknown', () => {
  const watch = backlogWatch();
  watch.take('a', silent(null), 0);
  expect(watch.of('a', 0)).toEqual(silent(null));
  watch.take('a', silent(90_000), 10_000);
  watch.take('a', moving(200), 20_000);
  expect(watch.of('a', 20_000)).toEqual(moving(200));
  // What it was behind by while it moved is no bound: it may have been done with it since.
  watch.take('a', moving(600_000), 30_000);
  watch.take('a', silent(null), 40_000);
  expect(watch.of('a', 40_000)).toEqual(silent(null));
});

test('what its cell does not speak of any more is not known after an hour, as it may be among the dead letters', () => {
  const watch = backlogWatch();
  watch.take('a', silent(90_000), 0);
  let now = 0;
  for (; now < BACKLOG_LIMITS.unconfirmedMs; now += 10_000) watch.take('a', silent(null), now);
  expect(watch.of('a', now)).toEqual(silent(null));
  // While it does speak of it, it grows without end.
  watch.take('b', silent(90_000), 0);
  for (now = 0; now < 2 * BACKLOG_LIMITS.unconfirmedMs; now += 10_000) watch.take('b', silent(60_000), now);
  expect(watch.of('b', now)[0]?.backlogMs).toBeGreaterThan(2 * BACKLOG_LIMITS.unconfirmedMs - 10_000);
});

test('what a cell has said counts for a minute, is not prolonged over a gap, and goes with the cell', () => {
  const watch = backlogWatch();
  watch.take('a', silent(90_000), 0);
  expect(watch.of('a', BACKLOG_LIMITS.rememberedMs - 1)).toHaveLength(1);
  expect(watch.of('a', BACKLOG_LIMITS.rememberedMs)).toEqual([]);
  watch.take('a', silent(60_000), BACKLOG_LIMITS.rememberedMs);
  expect(watch.of('a', BACKLOG_LIMITS.rememberedMs)).toEqual(silent(60_000));
  watch.keep(new Map());
  expect(watch.of('a', BACKLOG_LIMITS.rememberedMs)).toEqual([]);
});
