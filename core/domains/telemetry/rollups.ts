// The consumer `rollups`: count, minimum, maximum, sum and last value of each metric, per minute, hour and day.
import { fingerprint } from '../../events/cloud-event.ts';
import type { Derivation } from '../../pipeline/derivation.ts';
import { derived } from '../../pipeline/derived-consumer.ts';
import { addExactly, combine, type ExactSum } from './exact-sum.ts';
import { partitions } from './partitions.ts';
import { type Fact, later, readingOf } from './reading.ts';
import { NOTHING, packRollup, SAFE_METRIC, unpackRollup } from './rollup-packing.ts';
import { reading } from './schemas.ts';

/** The widths of windows, and how much of a minute's text names the window. */
export const WINDOWS = { '1m': 16, '1h': 13, '1d': 10 } as const;
export type Window = keyof typeof WINDOWS;

/**
 * Units of a metric that a window keeps apart, the first by name: so they do not depend on the order of readings, and a unit that is
 * left out of a minute is left out of its hour. A total always fits into its document, as a half hour that cannot join its totals could
 * never give way to the next.
 */
export const ROLLUP_UNITS = 32;

/** Of the readings that have one unit, or none. */
export interface RollupPart {
  count: number;
  min: number;
  max: number;
  /** Exact, so that it is the same in whatever order readings arrive. */
  sum: ExactSum;
  last: RollupLast | null;
}

/** The last value of a window, and its position or at least its minute. */
export interface RollupLast {
  readonly value: number;
  readonly position: string;
}

/**
 * A window of one metric: the readings without a unit, and beside them those of each unit, which cannot be added up. A document of an
 * earlier release has all readings in the former; as its minutes are derived again, they move to their units.
 */
export interface RollupSummary extends RollupPart {
  /** Empty before the first reading. */
  metric: string;
  units?: { readonly [unit: string]: RollupPart };
}

/** Ids sort by window and metric, then by time. A metric that does not fit into an id is named by its fingerprint. */
export const rollupPrefix = (window: Window, metric: string): string => `${window}!${metricSegment(metric)}!`;

/** The id of a rollup; `start` is the beginning of the window, cut to its width: `2026-11-21T07` for an hour. */
export const rollupId = (window: Window, metric: string, start: string): string => rollupPrefix(window, metric) + start;

/** The series of a metric whose rollup has this id. */
export const rollupSeries = (id: string): string => `1m${id.slice('1m'.length, id.lastIndexOf('!') + 1)}`;

/** How readings are summed up. */
export const rollupFolds: Pick<
  Derivation<Fact, RollupSummary>,
  'leafOf' | 'totalsOf' | 'empty' | 'add' | 'revise' | 'pack' | 'unpack'
> = {
  leafOf: ({ metric }, minute) => rollupId('1m', metric, minute),
  totalsOf: (leafId) => {
    const rest = leafId.slice('1m'.length);
    const cut = (window: Window) => window + rest.slice(0, rest.length - WINDOWS['1m'] + WINDOWS[window]);
    return [cut('1h'), cut('1d')];
  },
  empty: () => ({ metric: '', ...NOTHING }),
  add(summary, fact) {
    summary.metric = fact.metric;
    if (fact.unit === undefined) Object.assign(summary, partWith(summary, fact));
    else summary.units = firstUnits({ ...summary.units, [fact.unit]: partWith(partOf(summary, fact.unit), fact) });
  },
  revise: reviseRollup,
  pack: packRollup,
  unpack: unpackRollup,
};

/** The consumer `rollups`. */
export const rollups = derived<Fact, RollupSummary>({
  name: 'rollups',
  types: [reading.type],
  partition: partitions.rollups.of,
  project: readingOf,
  listsLeaves: true,
  ...rollupFolds,
});

type Units = NonNullable<RollupSummary['units']>;

function firstUnits(units: Units): Units {
  const all = Object.entries(units);
  if (all.length <= ROLLUP_UNITS) return units;
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, ROLLUP_UNITS));
}

const partOf = (summary: RollupSummary, unit: string): RollupPart =>
  summary.units !== undefined && Object.hasOwn(summary.units, unit) ? (summary.units[unit] ?? NOTHING) : NOTHING;

const partWith = ({ count, min, max, sum, last }: RollupPart, fact: Fact): RollupPart => ({
  count: count + 1,
  min: Math.min(min, fact.value),
  max: Math.max(max, fact.value),
  sum: addExactly(sum, fact.value),
  last: later(last ?? undefined, { value: fact.value, position: fact.position }),
});

/** A window after one of its minutes went from `before` to `after`. The log only grows, so extremes only widen. */
export function reviseRollup(
  total: RollupSummary | undefined,
  before: RollupSummary | undefined,
  after: RollupSummary,
): RollupSummary {
  if (total === undefined && before === undefined)
    return { ...after, ...(after.units && { units: firstUnits(after.units) }) };
  if (total === undefined) return reviseRollup({ ...NOTHING, metric: after.metric }, before, after);
  const units = new Set([total, before, after].flatMap((summary) => Object.keys(summary?.units ?? {})));
  const parts = [...units].map((unit) => {
    const of = (summary: RollupSummary) => partOf(summary, unit);
    return [unit, revisePart(of(total), before && of(before), of(after))] as const;
  });
  return {
    metric: after.metric,
    ...revisePart(total, before, after),
    ...(parts.length > 0 && { units: firstUnits(Object.fromEntries(parts)) }),
  };
}

function revisePart(total: RollupPart, before: RollupPart | undefined, after: RollupPart): RollupPart {
  const count = total.count + after.count - (before?.count ?? 0);
  // The readings without a unit of an earlier release have all moved to their units.
  if (count === 0) return NOTHING;
  const sum = before === undefined ? total.sum : combine(total.sum, before.sum, -1);
  return {
    count,
    min: Math.min(total.min, after.min),
    max: Math.max(total.max, after.max),
    sum: combine(sum, after.sum),
    last: laterMinute(total.last, after.last),
  };
}

/** The last value of the later minute; of one minute the second, which was derived later or is of a later part of it. */
function laterMinute(a: RollupLast | null, b: RollupLast | null): RollupLast | null {
  const minute = ({ position }: RollupLast) => position.slice(0, WINDOWS['1m']);
  const last = b === null || (a !== null && minute(a) > minute(b)) ? a : b;
  return last && { value: last.value, position: minute(last) };
}

/** The parts of a window that hold readings: those without a unit first, then by unit. */
export const partsOf = ({ units = {}, ...bare }: RollupSummary): (RollupPart & { readonly unit?: string })[] =>
  [
    bare,
    ...Object.entries(units)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([unit, part]) => ({ unit, ...part })),
  ].filter(({ count }) => count > 0);

/** As JSON text, lone surrogates stay distinct; as UTF-8 they would all become one replacement character. */
const metricSegment = (metric: string): string =>
  SAFE_METRIC.test(metric) ? metric : `*${fingerprint(JSON.stringify(metric))}`;
