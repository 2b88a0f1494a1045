// The built-in domain computed the straightforward way, from all distinct readings at once, to compare the consumers with.
import { createHash } from 'node:crypto';
import { READING } from '../../../../test/support/events.ts';
import { exactSum } from './rational.ts';

/** A reading as a test makes it up. `second` counts from the test's beginning of time. */
export interface Made {
  readonly id: string;
  readonly second: number;
  readonly metric: string;
  readonly value: number;
  readonly unit?: string;
}

/** 2026-11-20T23:50:00Z: ten minutes before an hour and a day end. */
export const EPOCH = 1_795_218_600;

export const timeOf = ({ second }: Made): string => `${new Date((EPOCH + second) * 1000).toISOString().slice(0, 19)}Z`;

export const SOURCE = 'urn:made';

/** What a client would send. */
export const toCandidate = (made: Made, device: string) => ({
  specversion: '1.0',
  id: made.id,
  source: SOURCE,
  type: READING,
  subject: device,
  time: timeOf(made),
  data: { metric: made.metric, value: made.value, ...(made.unit !== undefined && { unit: made.unit }) },
});

/** Readings of the same id and instant are one; the first stands. */
export function distinct(readings: readonly Made[]): Made[] {
  const first = new Map<string, Made>();
  for (const made of readings) {
    const key = `${made.second} ${made.id}`;
    if (!first.has(key)) first.set(key, made);
  }
  return [...first.values()];
}

/** By time; of one instant, by the hash of who says so. */
const byPosition = (a: Made, b: Made): number => {
  const print = ({ id }: Made) =>
    createHash('sha256')
      .update(JSON.stringify([SOURCE, id]))
      .digest('base64url')
      .slice(0, 16);
  if (a.second !== b.second) return a.second - b.second;
  return print(a) < print(b) ? -1 : 1;
};

export interface ExpectedDevice {
  readonly id: string;
  readonly lastSeen: string;
  readonly readings: number;
  readonly metrics: Readonly<Record<string, { value: number; unit?: string; time: string }>>;
}

/** The device that these readings make. */
export function expectedDevice(device: string, readings: readonly Made[]): ExpectedDevice {
  const ordered = distinct(readings).sort(byPosition);
  const latest = new Map<string, { value: number; unit?: string; time: string }>();
  for (const made of ordered) {
    latest.delete(made.metric);
    latest.set(made.metric, {
      value: made.value + 0,
      ...(made.unit !== undefined && { unit: made.unit }),
      time: timeOf(made),
    });
  }
  const last = ordered[ordered.length - 1];
  if (last === undefined) throw new Error('A device without readings is none.');
  return {
    id: device,
    lastSeen: timeOf(last),
    readings: ordered.length,
    metrics: Object.fromEntries([...latest].slice(-200)),
  };
}

export interface ExpectedRollup {
  readonly metric: string;
  readonly unit?: string;
  readonly window: '1m' | '1h' | '1d';
  readonly start: string;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly last: number;
}

const WIDTH = { '1m': 60, '1h': 3600, '1d': 86_400 } as const;

/** The rollups of one width: readings of different units are kept apart. */
export function expectedRollups(window: '1m' | '1h' | '1d', readings: readonly Made[]): ExpectedRollup[] {
  const groups = new Map<string, Made[]>();
  for (const made of distinct(readings).sort(byPosition)) {
    const start = Math.floor((EPOCH + made.second) / WIDTH[window]) * WIDTH[window];
    const key = JSON.stringify([made.metric, start, made.unit ?? null]);
    groups.set(key, [...(groups.get(key) ?? []), made]);
  }
  return [...groups].map(([key, members]) => {
    const [metric, start, unit] = JSON.parse(key) as [string, number, string | null];
    const values = members.map(({ value }) => value + 0);
    return {
      metric,
      ...(unit !== null && { unit }),
      window,
      start: new Date(start * 1000).toISOString(),
      count: values.length,
      min: Math.min(...values),
      max: Math.max(...values),
      sum: exactSum(values),
      last: values[values.length - 1] ?? 0,
    };
  });
}
