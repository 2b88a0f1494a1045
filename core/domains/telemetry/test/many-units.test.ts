// A metric whose readings have ever new units, as of a client that mistakes the unit for something else.
import { checkedStore } from '../../../store/checked-store.ts';
import { telemetryQueries } from '../queries.ts';
import { ROLLUP_UNITS, type RollupPart, reviseRollup, rollups } from '../rollups.ts';
import { expectedRollups, type Made } from './telemetry-model.ts';
import { DEVICE, deliver, TENANT, world } from './workers.ts';

const HALF_HOUR = 1800;

/** Readings of one half hour, each of a unit of its own. */
const ofUnits = (count: number): Made[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `u${index}`,
    second: 600 + ((index * 7) % HALF_HOUR),
    metric: 't',
    value: index,
    unit: String(index).padStart(48, 'u'),
  }));

/** Delivers these readings, and returns the rollups of the days. */
async function daysOf(readings: readonly Made[], groupOf: number) {
  const here = world();
  const consumer = rollups.create({ ...here.deps, state: checkedStore(here.state) });
  for (let from = 0; from < readings.length; from += groupOf)
    await deliver(here, consumer, readings.slice(from, from + groupOf), [
      { worker: 0, events: Array.from({ length: groupOf }, (_, index) => index) },
    ]);
  const page = { window: '1d', limit: 1000 } as const;
  return (await telemetryQueries(here).rollups(TENANT, DEVICE, page)).items;
}

test('too many units in a half hour do not keep later half hours from being rolled up', async () => {
  const nextDay: Made = { id: 'later', second: 600 + 48 * HALF_HOUR, metric: 't', value: 7 };
  const days = await daysOf([...ofUnits(2500), nextDay], 500);
  expect(days).toHaveLength(ROLLUP_UNITS + 1);
  expect(days.at(-1)).toMatchObject({ start: '2026-11-22T00:00:00.000Z', count: 1, sum: 7 });
});

test('the same units are kept in any order: the first by name', async () => {
  const next: Made = { id: 'next', second: 600 + HALF_HOUR, metric: 't', value: 1, unit: 'u' };
  const readings = [...ofUnits(ROLLUP_UNITS * 3), next];
  const expected = expectedRollups('1d', readings)
    .sort(({ unit: a = '' }, { unit: b = '' }) => (a < b ? -1 : 1))
    .slice(0, ROLLUP_UNITS);
  expect(await daysOf(readings, 10)).toEqual(expected);
  expect(await daysOf([...readings].reverse(), 1)).toEqual(expected);
});

test('a minute that was stored with more units joins its totals with the first ones', () => {
  const part: RollupPart = { count: 1, min: 1, max: 1, sum: [1], last: null };
  const units = Object.fromEntries(ofUnits(100).map(({ unit }) => [unit, part]));
  const total = reviseRollup(undefined, undefined, { metric: 't', ...part, units });
  expect(Object.keys(total.units ?? {})).toHaveLength(ROLLUP_UNITS);
});
