// The trend of a series of measurements: where it begins, where it ends, and its slope an hour by least squares.

export interface Sample {
  /** Milliseconds since the beginning. */
  readonly at: number;
  readonly value: number;
}

export interface Trend {
  readonly samples: number;
  readonly median: number;
  readonly p99: number;
  /** By how much it rises in an hour; not a number of fewer than two samples. */
  readonly perHour: number;
}

export function trendOf(samples: readonly Sample[]): Trend {
  const values = samples.map(({ value }) => value).sort((a, b) => a - b);
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
  return { samples: samples.length, median: at(0.5), p99: at(0.99), perHour: slope(samples) * 3_600_000 };
}

function slope(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) => samples.reduce((sum, each) => sum + of(each), 0) / samples.length;
  const [x, y] = [mean(({ at }) => at), mean(({ value }) => value)];
  const spread = samples.reduce((sum, { at }) => sum + (at - x) ** 2, 0);
  return samples.reduce((sum, { at, value }) => sum + (at - x) * (value - y), 0) / spread;
}
