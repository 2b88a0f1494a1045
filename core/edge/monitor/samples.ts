// The latest minutes of every cell as series for plots: how fast it answers, what goes there, and what is parked.

import { addTraffic, type CellTraffic, NO_TRAFFIC, TRAFFIC_LIMITS, type TrafficReport } from '../ports/traffic.ts';

export const SAMPLE_LIMITS = {
  /** The time that a sample stands for, in milliseconds. */
  stepMs: 5000,
  /** Samples that are kept: ten minutes. */
  kept: 120,
  /** Cells that have series. */
  cells: 50,
} as const;

/** Of each sample, oldest first; `null` where nothing is known. The field names are part of the control API. */
export interface CellSeries {
  /** How long the cell took to answer the latest probe, in milliseconds; `null` if it did not. */
  readonly probeMs: readonly (number | null)[];
  /** Requests that routers have sent there. */
  readonly requests: readonly number[];
  readonly ingests: readonly number[];
  readonly failures: readonly number[];
  /** The mean time until an answer to a request began, in milliseconds; `null` without requests. */
  readonly requestMs: readonly (number | null)[];
  readonly parked: readonly (number | null)[];
  /** See `Pace`. */
  readonly stateMs: readonly (number | null)[];
  readonly backlogMs: readonly (number | null)[];
  readonly lagMs: readonly (number | null)[];
  readonly rpoMs: readonly (number | null)[];
}

export interface Series {
  readonly stepMs: number;
  /** When the newest sample ended, RFC 3339; `null` before the first. */
  readonly until: string | null;
  readonly cells: Readonly<Record<string, CellSeries>>;
}

/** What is measured of a cell now. */
export interface Measured {
  readonly probeMs: number | null;
  readonly parked: number | null;
  readonly stateMs: number | null;
  readonly backlogMs: number | null;
  readonly lagMs: number | null;
  readonly rpoMs: number | null;
}

type Sample = CellTraffic & Measured;

export interface Samples {
  /** Adds what an isolate has counted. */
  report(traffic: TrafficReport): void;
  /** Ends a sample if it is time; `false` if it is not. */
  sample(now: number, cells: readonly string[], of: (cell: string) => Measured): boolean;
  series(): Series;
  /** All that has been sampled of a cell since the monitor began. */
  total(cell: string): CellTraffic;
}

/** Returns the series, kept in memory: a monitor that starts anew begins with empty ones. */
export function cellSamples(): Samples {
  let counted = new Map<string, CellTraffic>();
  let series = new Map<string, readonly Sample[]>();
  let totals = new Map<string, CellTraffic>();
  let lastAt: number | null = null;

  return {
    report(traffic) {
      for (const [cell, { ingestTimes: _, ...one }] of Object.entries(traffic).slice(0, TRAFFIC_LIMITS.cells)) {
        const before = counted.get(cell);
        if (before === undefined && counted.size >= TRAFFIC_LIMITS.cells) continue;
        counted.set(cell, addTraffic(before ?? NO_TRAFFIC, one));
      }
    },

    sample(now, cells, of) {
      if (lastAt !== null && Math.abs(now - lastAt) < SAMPLE_LIMITS.stepMs) return false;
      const next = new Map<string, readonly Sample[]>();
      for (const cell of cells.slice(0, SAMPLE_LIMITS.cells)) {
        const one = { ...(counted.get(cell) ?? NO_TRAFFIC), ...of(cell) };
        next.set(cell, [...(series.get(cell) ?? []), one].slice(-SAMPLE_LIMITS.kept));
      }
      series = next;
      totals = new Map(
        cells.map((cell) => [cell, addTraffic(totals.get(cell) ?? NO_TRAFFIC, counted.get(cell) ?? NO_TRAFFIC)]),
      );
      counted = new Map();
      lastAt = now;
      return true;
    },

    total: (cell) => totals.get(cell) ?? NO_TRAFFIC,

    series: () => ({
      stepMs: SAMPLE_LIMITS.stepMs,
      until: lastAt === null ? null : new Date(lastAt).toISOString(),
      cells: Object.fromEntries([...series].map(([cell, samples]) => [cell, toSeries(samples)])),
    }),
  };
}

const rounded = (milliseconds: number): number => Math.round(milliseconds);

const toSeries = (samples: readonly Sample[]): CellSeries => ({
  probeMs: samples.map(({ probeMs }) => (probeMs === null ? null : rounded(probeMs))),
  requests: samples.map(({ requests }) => requests),
  ingests: samples.map(({ ingests }) => ingests),
  failures: samples.map(({ failures }) => failures),
  requestMs: samples.map(({ requests, tookMs }) => (requests === 0 ? null : rounded(tookMs / requests))),
  parked: samples.map(({ parked }) => parked),
  stateMs: samples.map(({ stateMs }) => stateMs),
  backlogMs: samples.map(({ backlogMs }) => backlogMs),
  lagMs: samples.map(({ lagMs }) => lagMs),
  rpoMs: samples.map(({ rpoMs }) => rpoMs),
});
