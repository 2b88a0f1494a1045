// How long events take from their acceptance to the state and to another cell, and how far relay and consumers have come: noted by each process of a cell.
import { BoundedCache } from '../lib/bounded-cache.ts';
import { compareUtf8 } from '../lib/text.ts';
import { type Clock, epochMs } from '../ports/clock.ts';
import { describeError } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { statePartition } from './identity.ts';
import { REPLICATE } from './topology.ts';

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
  /** Types of events that a relay notes; of others it is not known how far consumers are behind. */
  types: 100,
} as const;

/** Upper bounds in milliseconds of the classes that delays are counted in; the last class has no bound. */
const BOUNDS = [
  ...[50, 100, 150, 250, 400, 600, 1000, 1500, 2500, 4000, 6000, 10_000, 15_000, 25_000, 40_000, 60_000],
  ...[100_000, 150_000, 300_000, 600_000, 1_800_000, 3_600_000],
] as const;

/**
 * Of an event, from its acceptance on: `publish`, until the relay had published it; `state`, until a consumer was done with it; `copy`, until
 * another cell had stored it.
 */
export type DelayKind = 'publish' | 'state' | 'copy';

/** How long the latest events took. The field names are part of the API. */
export interface DelayReport {
  readonly kind: DelayKind;
  /** `relay`, the consumer, or the other cell. */
  readonly name: string;
  readonly events: number;
  /** Rounded up to the bound of a class, but not above the longest one. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

/** Never rejects: what cannot be noted is lost. Times of acceptance are those of this cell's own events, in milliseconds since 1970. */
export interface Delays {
  /** Takes in how long events took, in milliseconds. */
  record(kind: Exclude<DelayKind, 'publish'>, name: string, took: readonly number[]): Promise<void>;
  /** Takes in the newest acceptance of what `replicate` is done with, whether it had to be sent or not. No write while copies are noted. */
  passed(newest: number): Promise<void>;
  /** Takes in what the relay has published. */
  published(events: readonly PublishedEvent[]): Promise<void>;
}

export interface PublishedEvent {
  readonly type: string;
  readonly acceptedAt: number;
}

/** When the oldest and the newest event of a type were accepted that a note of a relay stands for. */
export type PublishedSpan = readonly [oldest: number, newest: number];

/** What processes have noted lately: at most `DELAY_LIMITS.notes`. */
export interface DelayNotes {
  /** Every note from this time on is there, in milliseconds; an earlier one may not be. */
  readonly since: number;
  readonly items: readonly DelayNote[];
}

interface DelayNote {
  /** When it was noted, in milliseconds. */
  readonly at: number;
  readonly kind: string;
  readonly name: string;
  readonly body: JsonObject;
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

/** What a process knows of a consumer or another cell. */
interface Measuring {
  /** Since its latest note. */
  readonly counted: Counted;
  /** The newest acceptance of all that it was done with. */
  readonly newest: number;
  readonly notedAt: number | null;
}

const NOTHING: Counted = { counts: BOUNDS.map(() => 0).concat(0), most: 0 };

const METRICS = {
  state: { name: 'polycell.event.duration', of: 'messaging.consumer.group.name' },
  copy: { name: 'polycell.replication.duration', of: 'polycell.peer' },
} as const satisfies Record<Exclude<DelayKind, 'publish'>, object>;

const RELAY_METRIC = 'polycell.relay.duration';

/** The name of what publishes, in reports. */
const RELAY = 'relay';

/** The message of the line that each note writes to the log, as well: the alarms of both clouds go by it (`infra/modules`). */
export const DELAY_LINE = 'how long events took';

/** Separates time, kind, name and process; names do not contain it. */
const BETWEEN = '!';

/** Begins the ids of notes of a time: what has expired lies before those that count, as stores may keep it for days. */
const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** Returns what a process measures. Each event is also a value of a distribution for the telemetry. */
export function delayNotes({ state, telemetry, clock, ids, log }: DelayDeps): Delays {
  const measured = new BoundedCache<string, Measuring>(DELAY_LIMITS.measured);
  const passing = { newest: 0, notedAt: null as number | null };
  const publishing = { spans: new Map<string, PublishedSpan>(), counted: NOTHING, notedAt: null as number | null };
  /** Distinguishes this process from the others of the cell; drawn when it is first needed. */
  let own: string | undefined;

  const isDue = (notedAt: number | null, now: number): boolean =>
    notedAt === null || Math.abs(now - notedAt) >= DELAY_LIMITS.noteMs;

  const note = async (key: string, body: object, now: number): Promise<void> => {
    own ??= ids.next();
    const id = [timeOf(now), key, own].join(BETWEEN);
    const expiresAt = epochMs(now + DELAY_LIMITS.lifeMs);
    try {
      await state.put({ partition: statePartition.delays, id, body: body as Json, expiresAt }, 'any');
    } catch (error) {
      log.warn('how long events took is not noted', { of: key, ...describeError(error) });
    }
  };

  return {
    async record(kind, name, took) {
      if (took.length === 0) return;
      const { name: metric, of } = METRICS[kind];
      for (const each of took) telemetry.record(metric, Math.max(0, each) / 1000, { [of]: name });
      const key = [kind, name].join(BETWEEN);
      const known = measured.get(key) ?? { counted: NOTHING, newest: 0, notedAt: null };
      const counted = plus(known.counted, countedOf(took));
      const now = clock.now();
      const newest = took.reduce((latest, each) => Math.max(latest, now - each), known.newest);
      if (!isDue(known.notedAt, now)) {
        measured.set(key, { counted, newest, notedAt: known.notedAt });
        return;
      }
      measured.set(key, { counted: NOTHING, newest, notedAt: now });
      if (kind === 'copy') passing.notedAt = now;
      log.info(DELAY_LINE, { ...reportOf(kind, name, counted) });
      await note(key, { ...counted, newest }, now);
    },

    async passed(newest) {
      const now = clock.now();
      passing.newest = Math.max(passing.newest, newest);
      if (!isDue(passing.notedAt, now)) return;
      passing.notedAt = now;
      await note(['passed', REPLICATE].join(BETWEEN), { newest: passing.newest }, now);
    },

    async published(events) {
      const { spans } = publishing;
      for (const { type, acceptedAt } of events) {
        const [oldest, newest] = spans.get(type) ?? [acceptedAt, acceptedAt];
        if (spans.has(type) || spans.size < DELAY_LIMITS.types)
          spans.set(type, [Math.min(oldest, acceptedAt), Math.max(newest, acceptedAt)]);
      }
      const now = clock.now();
      const took = events.map(({ acceptedAt }) => Math.max(0, now - acceptedAt));
      for (const each of took) telemetry.record(RELAY_METRIC, each / 1000, {});
      const counted = plus(publishing.counted, countedOf(took));
      publishing.counted = counted;
      if (spans.size === 0 || !isDue(publishing.notedAt, now)) return;
      publishing.spans = new Map();
      publishing.counted = NOTHING;
      publishing.notedAt = now;
      log.info(DELAY_LINE, { ...reportOf('publish', RELAY, counted) });
      // Its numbers lie apart: a cell of the previous release would take them for a consumer's.
      await note(['published', ''].join(BETWEEN), { types: Object.fromEntries(spans), took: counted }, now);
    },
  };
}

/** Reads what the processes of a cell have noted lately. Rejects with the store's error. */
export async function readDelayNotes(state: Pick<Store, 'query'>, clock: Pick<Clock, 'now'>): Promise<DelayNotes> {
  const since = clock.now() - DELAY_LIMITS.lifeMs + 1;
  const { items } = await state.query(statePartition.delays, {
    from: timeOf(since),
    limit: DELAY_LIMITS.notes,
    order: 'descending',
  });
  const notes = items.flatMap(({ id, body }): readonly DelayNote[] => {
    const [time = '', kind = '', ...others] = id.split(BETWEEN);
    const at = Date.parse(time);
    const name = others.slice(0, -1).join(BETWEEN);
    return isJsonObject(body) && Number.isFinite(at) ? [{ at, kind, name, body }] : [];
  });
  const oldest = items.length < DELAY_LIMITS.notes ? undefined : notes.at(-1)?.at;
  return { since: oldest ?? since, items: notes };
}

/** Adds up how long events took: until they were published, by consumer and by other cell. */
export function delaysIn({ items }: DelayNotes): readonly DelayReport[] {
  const sums = new Map<string, Counted>();
  for (const { kind, name, body } of items) {
    const isRelay = kind === 'published';
    const key = isRelay ? ['publish', RELAY].join(BETWEEN) : [kind, name].join(BETWEEN);
    const counted = readCounted(isRelay ? body.took : body);
    if (counted !== undefined) sums.set(key, plus(sums.get(key) ?? NOTHING, counted));
  }
  const byName = [...sums].sort(([one], [other]) => compareUtf8(one, other));
  return byName.slice(0, DELAY_LIMITS.reported).map(([key, counted]) => {
    const [kind, name = ''] = key.split(BETWEEN);
    return reportOf(kind === 'copy' || kind === 'publish' ? kind : 'state', name, counted);
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

/** A note of a release with other classes is left out: it is gone in two minutes. So is one that counts nothing, as a relay's of the previous release. */
function readCounted(body: Json | undefined): Counted | undefined {
  if (!isJsonObject(body) || !Array.isArray(body.counts) || typeof body.most !== 'number') return undefined;
  const { counts, most } = body;
  const isCount = (value: Json): value is number => typeof value === 'number' && value >= 0;
  return counts.length === NOTHING.counts.length && counts.every(isCount) ? { counts, most } : undefined;
}
