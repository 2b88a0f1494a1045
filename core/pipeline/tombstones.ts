// Tombstones: which events of a tenant are erased, so that no copy, repeat or delivery under way brings one back.
import { TOMBSTONE_REMEMBERED_MS } from '../cell/erasure-terms.ts';
import { statePartition } from '../cell/identity.ts';
import { eventKey, fingerprint } from '../events/cloud-event.ts';
import { parseTime } from '../events/time.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { DeliveredMessage, DeliveryHandler, DeliveryOutcome } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isPortError } from '../ports/errors.ts';
import { isJsonObject, type JsonObject } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';
import { forEachTenant, handOn } from './batch-parts.ts';

export const TOMBSTONE_LIMITS = {
  /** Tenants, and subjects of tenants with erased subjects, that it remembers. */
  tenants: 10_000,
  subjects: 50_000,
  concurrentReads: 16,
  /** Attempts at a document that others change at the same time. */
  attempts: 20,
} as const;

/** What is erased of a tenant, as far as some of its subjects are concerned. */
export interface Erased {
  /** Whether an event with this id in the log of a subject is erased. */
  covers(subject: string, id: string): boolean;
  /** Whether any event of a subject can be erased: if not, no id needs to be computed. */
  touches(subject: string): boolean;
  /**
   * A number that rises with every erasure of the tenant: under the same one, what was seen in the index of subjects is still there.
   * `undefined` while entries of the subject may be removed.
   */
  generation(subject: string): number | undefined;
}

/** An order to erase: the events of a subject, or of all subjects, whose time is not after `until`. */
export interface Scope {
  readonly tenant: string;
  readonly subject: string | null;
  /** The sort key of a time. */
  readonly until: string;
}

/** All methods reject with the store's error. */
export interface Tombstones {
  /** What is erased of a tenant. A read for each tenant and process within `TOMBSTONE_REMEMBERED_MS`; for tenants with erased subjects one more for each subject. */
  of(tenant: string, subjects: Iterable<string>): Promise<Erased>;
  /** Refuses the events from now on. While the erasure is under way, entries of the index may be removed. Repeating it changes nothing. */
  mark(scope: Scope, erasure: string): Promise<void>;
  /** The erasure is over; the events stay refused. */
  close(scope: Scope, erasure: string): Promise<void>;
}

/** Nothing is erased. */
export const NOTHING_ERASED: Erased = { covers: () => false, touches: () => false, generation: () => 0 };

/** Behind every id of an event at this time, and before those of later ones. */
export const behind = (until: string): string => `${until}!~`;

/** A tombstone: through which time, and by which erasures under way. A cell whose store was restored has several, and one that gets a copy. */
interface Stone {
  readonly until: string;
  readonly open: readonly string[];
}

interface Head extends Stone {
  readonly generation: number;
}

const NO_STONE: Stone = { until: '', open: [] };

const HEAD = 'head';

/** The names of erased subjects are not kept. */
const stoneId = (subject: string): string => `subject!${fingerprint(JSON.stringify(subject), 32)}`;

const stoneOf = (body: unknown): Stone => {
  if (!isJsonObject(body as never)) return NO_STONE;
  const { until, open } = body as JsonObject;
  return { until: String(until ?? ''), open: Array.isArray(open) ? open.map(String) : [] };
};

const headOf = (body: unknown): Head => ({
  ...stoneOf(body),
  generation: isJsonObject(body as never) ? Number((body as JsonObject).generation ?? 0) : 0,
});

/** Returns the tombstones of a cell. */
export function tombstones({
  state,
  clock,
}: {
  readonly state: Store;
  readonly clock: Pick<Clock, 'now'>;
}): Tombstones {
  const heads = new BoundedCache<string, { readonly at: number; readonly head: Head | null }>(TOMBSTONE_LIMITS.tenants);
  const stones = new BoundedCache<string, Stone & { readonly generation: number }>(TOMBSTONE_LIMITS.subjects);

  const headFor = async (tenant: string): Promise<Head | null> => {
    const known = heads.get(tenant);
    const now = clock.now();
    if (known !== undefined && Math.abs(now - known.at) < TOMBSTONE_REMEMBERED_MS) return known.head;
    const found = await state.get({ partition: statePartition.erased(tenant), id: HEAD });
    const head = found === undefined ? null : headOf(found.body);
    heads.set(tenant, { at: now, head });
    return head;
  };

  const stoneFor = async (tenant: string, subject: string, generation: number): Promise<Stone> => {
    const name = `${tenant}|${subject}`;
    const known = stones.get(name);
    if (known?.generation === generation) return known;
    const found = await state.get({ partition: statePartition.erased(tenant), id: stoneId(subject) });
    const stone = stoneOf(found?.body ?? null);
    stones.set(name, { ...stone, generation });
    return stone;
  };

  const revise = async (tenant: string, id: string, change: (body: unknown) => object | undefined): Promise<void> => {
    const key = { partition: statePartition.erased(tenant), id };
    for (let attempt = 1; ; attempt += 1) {
      const stored = await state.get(key);
      const body = change(stored?.body ?? null);
      if (body === undefined) return;
      try {
        await state.put({ ...key, body: body as JsonObject }, stored?.version ?? 'absent');
        return;
      } catch (error) {
        if (!isPortError(error, 'conflict') || attempt === TOMBSTONE_LIMITS.attempts) throw error;
      }
    }
  };

  /** Changes a tombstone, then the number by which processes notice it. */
  const write = async ({ tenant, subject }: Scope, change: (stone: Stone) => Stone): Promise<void> => {
    if (subject !== null) await revise(tenant, stoneId(subject), (body) => change(stoneOf(body)));
    await revise(tenant, HEAD, (body) => {
      const head = headOf(body);
      return { ...head, ...(subject === null && change(head)), generation: head.generation + 1 };
    });
    heads.delete(tenant);
  };

  return {
    async of(tenant, subjects) {
      const head = await headFor(tenant);
      if (head === null) return NOTHING_ERASED;
      const names = [...new Set(subjects)];
      const found = await mapConcurrently(names, TOMBSTONE_LIMITS.concurrentReads, (subject) =>
        stoneFor(tenant, subject, head.generation),
      );
      const bySubject = new Map(names.map((subject, at) => [subject, found[at] ?? NO_STONE]));
      const stoneAt = (subject: string): Stone => {
        const stone = bySubject.get(subject);
        if (stone === undefined) throw new TypeError('It was not asked about this subject.');
        return stone;
      };
      const through = (until: string, id: string): boolean => until !== '' && id < behind(until);
      return {
        covers: (subject, id) => through(head.until, id) || through(stoneAt(subject).until, id),
        touches: (subject) => head.until !== '' || stoneAt(subject).until !== '',
        generation: (subject) =>
          head.open.length === 0 && stoneAt(subject).open.length === 0 ? head.generation : undefined,
      };
    },

    mark: (scope, erasure) =>
      write(scope, ({ until, open }) => ({
        until: until > scope.until ? until : scope.until,
        open: [...new Set([...open, erasure])],
      })),

    close: (scope, erasure) =>
      write(scope, (stone) => ({ ...stone, open: stone.open.filter((each) => each !== erasure) })),
  };
}

/** Whether an event is erased, wherever it comes from; one without a valid time has no place in a log. */
export const isErased = (erased: Pick<Erased, 'covers' | 'touches'>, tenant: string, event: CloudEvent): boolean =>
  erased.touches(event.subject) &&
  parseTime(event.time) !== undefined &&
  erased.covers(event.subject, eventKey(tenant, event).id);

const DONE: DeliveryOutcome = { status: 'done' };

/** A delivery handler that gets no erased events: they are done. They are delivered again if it cannot be said which ones these are. */
export function withoutErased(tombs: Pick<Tombstones, 'of'>, handler: DeliveryHandler): DeliveryHandler {
  return async (messages, ...more) => {
    const outcomes = new Map<string, DeliveryOutcome>();
    const readable = messages.filter((message): message is DeliveredMessage => !('unreadable' in message));
    await forEachTenant(readable, TOMBSTONE_LIMITS.concurrentReads, outcomes, async (tenant, some) => {
      const erased = await tombs.of(
        tenant,
        some.map(({ event }) => event.subject),
      );
      for (const { deliveryId, event } of some) if (isErased(erased, tenant, event)) outcomes.set(deliveryId, DONE);
    });
    return handOn(outcomes, handler, [messages, ...more]);
  };
}
