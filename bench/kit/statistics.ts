// Medians and quartiles: what a benchmark may say about figures from a machine that has other things to do.

/** The value below which the share `q` of the values lies, interpolated. NaN without values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** A median with the quartiles around it. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

export const spread = (values: readonly number[]): Spread => ({
  low: quantile(values, 0.25),
  median: median(values),
  high: quantile(values, 0.75),
});

/** Ratios of two contenders' figures, round by round: what slowed a whole round down is in both and cancels out. */
export const ratios = (figures: readonly number[], baseline: readonly number[]): readonly number[] =>
  figures.map((figure, round) => figure / (baseline[round] ?? Number.NaN));
