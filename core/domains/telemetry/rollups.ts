// The consumer `rollups`: count, minimum, maximum, sum and last value of each metric, per minute, hour and day.
import { fingerprint } from '../../events/cloud-event.ts';
import { derived } from '../../pipeline/derived-consumer.ts';
import { addExactly, combine, type ExactSum } from './exact-sum.ts';
import { partitions } from './partitions.ts';
import { type Fact, type LastValue, lastValueOf, later, readingOf } from './reading.ts';
import { reading } from './schemas.ts';

/** The widths of windows, and how much of a minute's text names the window. */
export const WINDOWS = { '1m': 16, '1h': 13, '1d': 10 } as const;
export type Window = keyof typeof WINDOWS;

export interface RollupSummary {
  /** Empty before the first reading. */
  metric: string;
  count: number;
  min: number;
  max: number;
  /** Exact, so that it is the same in whatever order readings arrive. */
  sum: ExactSum;
  last: LastValue | null;
}

/** Ids sort by window and metric, then by time. A metric that does not fit into an id is named by its fingerprint. */
export const rollupPrefix = (window: Window, metric: string): string => `${window}!${metricSegment(metric)}!`;

/** The id of a rollup; `start` is the beginning of the window, cut to its width: `2026-11-21T07` for an hour. */
export const rollupId = (window: Window, metric: string, start: string): string => rollupPrefix(window, metric) + start;

/** The consumer `rollups`. */
export const rollups = derived<Fact, RollupSummary>({
  name: 'rollups',
  types: [reading.type],
  partition: partitions.rollups.of,
  project: readingOf,
  leafOf: ({ metric }, minute) => rollupId('1m', metric, minute),
  totalsOf: (leafId) => {
    const rest = leafId.slice('1m'.length);
    const cut = (window: Window) => window + rest.slice(0, rest.length - WINDOWS['1m'] + WINDOWS[window]);
    return [cut('1h'), cut('1d')];
  },
  empty: () => ({ metric: '', count: 0, min: Number.MAX_VALUE, max: -Number.MAX_VALUE, sum: [], last: null }),
  add(summary, fact) {
    summary.metric = fact.metric;
    summary.count += 1;
    summary.min = Math.min(summary.min, fact.value);
    summary.max = Math.max(summary.max, fact.value);
    summary.sum = addExactly(summary.sum, fact.value);
    summary.last = later(summary.last ?? undefined, lastValueOf(fact));
  },
  revise: reviseRollup,
});

/** A window after one of its minutes went from `before` to `after`. The log only grows, so extremes only widen. */
export function reviseRollup(
  total: RollupSummary | undefined,
  before: RollupSummary | undefined,
  after: RollupSummary,
): RollupSummary {
  if (total === undefined) return { ...after };
  const sum = before === undefined ? total.sum : combine(total.sum, before.sum, -1);
  return {
    metric: after.metric,
    count: total.count + after.count - (before?.count ?? 0),
    min: Math.min(total.min, after.min),
    max: Math.max(total.max, after.max),
    sum: combine(sum, after.sum),
    last: after.last === null ? total.last : later(total.last ?? undefined, after.last),
  };
}

const SAFE_METRIC = /^[A-Za-z0-9._:~@+ -]{1,128}$/;

/** As JSON text, halves of surrogate pairs are told apart; as UTF-8 they would all be one replacement character. */
const metricSegment = (metric: string): string =>
  SAFE_METRIC.test(metric) ? metric : `*${fingerprint(JSON.stringify(metric))}`;
