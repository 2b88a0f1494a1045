// How long events take from their acceptance to the state and to another cell: noted by each process of a cell, and added up when asked.
import { BoundedCache } from '../lib/bounded-cache.ts';
import { compareUtf8 } from '../lib/text.ts';
import { type Clock, epochMs } from '../ports/clock.ts';
import { describeError } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import { isJsonObject, type Json } from '../ports/json.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { statePartition } from './identity.ts';

export const DELAY_LIMITS = {
  /** A process notes what it has measured so often at most, in milliseconds: a write then, however many events there were. */
  noteMs: 30_000,
  /** What a process has noted counts for this long, in milliseconds; a cell without events says nothing after that. */
  lifeMs: 120_000,
  /** Consumers and other cells that a process measures. */
  measured: 100,
  /** Notes that are added up, the newest first. */
  notes: 500,
  /** Consumers and other cells of one answer. */
  reported: 50,
} as const;

/** Upper bounds in milliseconds of the classes that delays are counted in; the last class has no bound. */
const BOUNDS = [
  ...[50, 100, 150, 250, 400, 600, 1000, 1500, 2500, 4000, 6000, 10_000, 15_000, 25_000, 40_000, 60_000],
  ...[100_000, 150_000, 300_000, 600_000, 1_800_000, 3_600_000],
] as const;

/** Of an event, from its acceptance on: `state`, until a consumer was done with it; `copy`, until another cell had stored it. */
export type DelayKind = 'state' | 'copy';

/** How long the latest events took. The field names are part of the API. */
export interface DelayReport {
  readonly kind: DelayKind;
  /** The consumer, or the other cell. */
  readonly name: string;
  readonly events: number;
  /** Rounded up to the bound of a class, but not above the longest one. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

export interface Delays {
  /** Takes in how long events took, in milliseconds. Never rejects: what cannot be noted is lost. */
  record(kind: DelayKind, name: string, took: readonly number[]): Promise<void>;
}

export interface DelayDeps {
  readonly state: Pick<Store, 'put'>;
  readonly telemetry: Pick<Telemetry, 'record'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

interface Counted {
  readonly counts: readonly number[];
  readonly most: number;
}

const NOTHING: Counted = { counts: BOUNDS.map(() => 0).concat(0), most: 0 };

const METRICS = {
  state: { name: 'polycell.event.duration', of: 'messaging.consumer.group.name' },
  copy: { name: 'polycell.replication.duration', of: 'polycell.peer' },
} as const satisfies Record<DelayKind, object>;

/** The message of the line that each note writes to the log, as well: the alarms of both clouds go by it (`infra/modules`). */
export const DELAY_LINE = 'how long events took';

/** Separates time, kind, name and process; names do not contain it. */
const BETWEEN = '!';

/** Begins the ids of notes of a time: what has expired lies before those that count, as stores may keep it for days. */
const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** Returns what a process measures. Each event is also a value of a distribution for the telemetry. */
export function delayNotes({ state, telemetry, clock, ids, log }: DelayDeps): Delays {
  const measured = new BoundedCache<string, { readonly counted: Counted; readonly notedAt: number | null }>(
    DELAY_LIMITS.measured,
  );
  /** Distinguishes this process from the others of the cell; drawn when it is first needed. */
  let own: string | undefined;

  return {
    async record(kind, name, took) {
      if (took.length === 0) return;
      const { name: metric, of } = METRICS[kind];
      for (const each of took) telemetry.record(metric, Math.max(0, each) / 1000, { [of]: name });
      const key = [kind, name].join(BETWEEN);
      const known = measured.get(key) ?? { counted: NOTHING, notedAt: null };
      const counted = plus(known.counted, countedOf(took));
      const now = clock.now();
      const isDue = known.notedAt === null || Math.abs(now - known.notedAt) >= DELAY_LIMITS.noteMs;
      measured.set(key, isDue ? { counted: NOTHING, notedAt: now } : { counted, notedAt: known.notedAt });
      if (!isDue) return;
      log.info(DELAY_LINE, { ...reportOf(kind, name, counted) });
      own ??= ids.next();
      const id = [timeOf(now), key, own].join(BETWEEN);
      const expiresAt = epochMs(now + DELAY_LIMITS.lifeMs);
      try {
        await state.put({ partition: statePartition.delays, id, body: counted as unknown as Json, expiresAt }, 'any');
      } catch (error) {
        log.warn('how long events took is not noted', { of: key, ...describeError(error) });
      }
    },
  };
}

/** Adds up what the processes of a cell have noted lately. Rejects with the store's error. */
export async function readDelays(
  state: Pick<Store, 'query'>,
  clock: Pick<Clock, 'now'>,
): Promise<readonly DelayReport[]> {
  const { items } = await state.query(statePartition.delays, {
    from: timeOf(clock.now() - DELAY_LIMITS.lifeMs + 1),
    limit: DELAY_LIMITS.notes,
    order: 'descending',
  });
  const sums = new Map<string, Counted>();
  for (const { id, body } of items) {
    const key = id.split(BETWEEN).slice(1, -1).join(BETWEEN);
    const counted = readCounted(body);
    if (counted !== undefined) sums.set(key, plus(sums.get(key) ?? NOTHING, counted));
  }
  const byName = [...sums].sort(([one], [other]) => compareUtf8(one, other));
  return byName.slice(0, DELAY_LIMITS.reported).map(([key, counted]) => {
    const [kind, name = ''] = key.split(BETWEEN);
    return reportOf(kind === 'copy' ? 'copy' : 'state', name, counted);
  });
}

const reportOf = (kind: DelayKind, name: string, counted: Counted): DelayReport => ({
  kind,
  name,
  events: counted.counts.reduce((sum, each) => sum + each, 0),
  p50Ms: quantileOf(counted, 0.5),
  p99Ms: quantileOf(counted, 0.99),
  mostMs: counted.most,
});

function countedOf(took: readonly number[]): Counted {
  const counts = [...NOTHING.counts];
  let most = 0;
  for (const each of took) {
    const bound = BOUNDS.findIndex((upper) => each <= upper);
    const index = bound === -1 ? BOUNDS.length : bound;
    counts[index] = (counts[index] ?? 0) + 1;
    most = Math.max(most, each);
  }
  return { counts, most };
}

const plus = (one: Counted, other: Counted): Counted => ({
  counts: one.counts.map((count, index) => count + (other.counts[index] ?? 0)),
  most: Math.max(one.most, other.most),
});

/** The bound of the class in which this share of the events is. */
function quantileOf({ counts, most }: Counted, share: number): number {
  const wanted = share * counts.reduce((sum, each) => sum + each, 0);
  let seen = 0;
  const index = counts.findIndex((count) => {
    seen += count;
    return seen >= wanted;
  });
  return Math.min(BOUNDS[index] ?? most, most);
}

/** A note of a release with other classes is left out: it is gone in two minutes. */
function readCounted(body: Json): Counted | undefined {
  if (!isJsonObject(body) || !Array.isArray(body.counts) || typeof body.most !== 'number') return undefined;
  const { counts, most } = body;
  const isCount = (value: Json): value is number => typeof value === 'number' && value >= 0;
  return counts.length === NOTHING.counts.length && counts.every(isCount) ? { counts, most } : undefined;
}
