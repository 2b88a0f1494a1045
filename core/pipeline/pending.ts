// Pending copies: which events of other cells a consumer of home-only effects has neither applied nor left, until a receipt or a lease decides.
import { statePartition } from '../cell/identity.ts';
import { fingerprint } from '../events/cloud-event.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { Store, StoreCursor, StoredDocument, Version } from '../ports/store.ts';
import type { EventIdentity } from './consumer.ts';
import { digitOf, PART_DIGITS, PARTS, partOf, queryParts } from './parts.ts';

export const PENDING_LIMITS = {
  concurrentWrites: 16,
  /** Attempts at a list that others change at the same time. */
  attempts: 10,
  /** A process lists a tenant again after so long, in milliseconds, as long as copies are added. */
  listedMs: 10_000,
  /**
   * A tenant without copies is taken from the list once it was listed so long ago, in milliseconds: a process that found it listed adds copies
   * until `listedMs` have passed, and a function's time.
   */
  unlistedMs: 120_000,
  /** Tenants of which a process remembers that they are listed. */
  tenants: 10_000,
} as const;

/** A consumer and a tenant that may have pending copies. */
export interface PendingList {
  readonly consumer: string;
  readonly tenant: string;
  /** When copies were added last, in milliseconds, but for `PENDING_LIMITS.listedMs`. */
  readonly at: number;
  /** The copy behind which the next step goes on; `null`: at the beginning. */
  readonly after: string | null;
  /** Until when nothing is expected to be heard of it, in milliseconds. */
  readonly restsUntil: number;
  readonly version: Version;
}

type ListState = Pick<PendingList, 'at' | 'after' | 'restsUntil'>;

/** What is kept of a copy. */
export interface Waiting extends EventIdentity {
  readonly origin?: string | undefined;
  readonly acceptedAt?: number | undefined;
}

export interface PendingCopy extends Waiting {
  /** Identifies it within its consumer and tenant; in the order of the events' times. */
  readonly key: string;
  readonly version: Version;
}

/** All methods reject with the store's error. */
export interface PendingCopies {
  /** Adds copies, durably. Adding one again changes nothing. */
  add(consumer: string, tenant: string, copies: readonly Waiting[]): Promise<void>;
  /** Lists of which copies may be pending. Moves those that an earlier release has kept elsewhere. `invalid` for a cursor of another listing. */
  lists(page: { readonly limit: number; readonly cursor?: StoreCursor | undefined }): Promise<{
    readonly items: readonly PendingList[];
    readonly next?: StoreCursor;
  }>;
  /** Copies of a list behind the one that it names, and the last one of them; `null` at the end. */
  page(
    list: PendingList,
    limit: number,
  ): Promise<{ readonly items: readonly PendingCopy[]; readonly last: string | null }>;
  /** Removes copies, unless they were added anew. */
  remove(list: Pick<PendingList, 'consumer' | 'tenant'>, copies: readonly PendingCopy[]): Promise<void>;
  /** Notes where the next step goes on, and not before when; another step may do so at the same time. */
  passed(list: PendingList, next: Pick<PendingList, 'after' | 'restsUntil'>): Promise<void>;
  /** Takes a list without copies away, unless some may be added just now. */
  ended(list: PendingList): Promise<void>;
}

/** Separates consumer and tenant; names do not contain it. */
const BETWEEN = '!';

const keyOf = ({ subject, id }: EventIdentity): string => `${id}${BETWEEN}${fingerprint(subject)}`;

/** The partitions of the lists, and behind them the one in which an earlier release has kept them all, on which each process wrote for each tenant. */
const PARTITIONS = [...PART_DIGITS.map(statePartition.pendingLists), statePartition.earlierPendingLists];

/** Begins a cursor: the one of an earlier release begins with a consumer's name, of which the first letter may be a part's digit. */
const MARK = '.';

function listIn({ id, body, version }: StoredDocument): PendingList {
  const [consumer = '', tenant = ''] = id.split(BETWEEN);
  return { consumer, tenant, ...(body as unknown as ListState), version };
}

/** Returns the pending copies of a cell. */
export function pendingCopies(state: Store, clock: Pick<Clock, 'now'>): PendingCopies {
  const listed = new BoundedCache<string, number>(PENDING_LIMITS.tenants);

  const listKey = (consumer: string, tenant: string) => {
    const id = [consumer, tenant].join(BETWEEN);
    return { partition: statePartition.pendingLists(digitOf(partOf(id))), id };
  };

  /** Writes what `change` makes of a list, and resolves with the list; with `undefined` if there is nothing to change. */
  const change = async (
    consumer: string,
    tenant: string,
    made: (known: PendingList | undefined) => ListState | undefined,
  ): Promise<PendingList | undefined> => {
    const key = listKey(consumer, tenant);
    for (let attempt = 1; ; attempt += 1) {
      const stored = await state.get(key);
      const body = made(stored === undefined ? undefined : listIn(stored));
      if (body === undefined) return undefined;
      try {
        const version = await state.put({ ...key, body: { ...body } }, stored?.version ?? 'absent');
        return { consumer, tenant, ...body, version };
      } catch (error) {
        if (!isPortError(error, 'conflict') || attempt === PENDING_LIMITS.attempts) throw error;
      }
    }
  };

  const enlist = async (consumer: string, tenant: string): Promise<void> => {
    const name = [consumer, tenant].join(BETWEEN);
    const now = clock.now();
    const at = listed.get(name);
    if (at !== undefined && Math.abs(now - at) < PENDING_LIMITS.listedMs) return;
    let listedAt: number = now;
    await change(consumer, tenant, (known) => {
      // Another process has listed it just now.
      if (known !== undefined && known.restsUntil === 0 && Math.abs(now - known.at) < PENDING_LIMITS.listedMs) {
        listedAt = known.at;
        return undefined;
      }
      listedAt = now;
      return { at: Math.max(now, known?.at ?? 0), after: known?.after ?? null, restsUntil: 0 };
    });
    listed.set(name, listedAt);
  };

  /** Moves a list of an earlier release, of which processes may be at work; `undefined` if it is listed in its partition already. */
  const moved = async (document: StoredDocument): Promise<PendingList | undefined> => {
    const { consumer, tenant, at, after, restsUntil } = listIn(document);
    let isNew = true;
    const list = await change(consumer, tenant, (known) => {
      isNew = known === undefined;
      if (known === undefined) return { at, after, restsUntil };
      if (at <= known.at && restsUntil >= known.restsUntil) return undefined;
      return { at: Math.max(at, known.at), after: known.after, restsUntil: Math.min(restsUntil, known.restsUntil) };
    });
    await state.delete(document, document.version).catch(unlessConflict);
    return isNew ? list : undefined;
  };

  return {
    async add(consumer, tenant, copies) {
      // Before the copies: what is not listed is never looked at.
      await enlist(consumer, tenant);
      const partition = statePartition.pending(consumer, tenant);
      await mapConcurrently(copies, PENDING_LIMITS.concurrentWrites, (copy) => {
        const { subject, id, origin = null, acceptedAt = null } = copy;
        const body = { subject, id, ...(origin !== null && { origin }), ...(acceptedAt !== null && { acceptedAt }) };
        return state.put({ partition, id: keyOf(copy), body }, 'any');
      });
    },

    async lists({ limit, cursor }) {
      if (cursor !== undefined && !cursor.startsWith(MARK))
        throw new PortError('invalid', 'The cursor belongs to another listing.');
      const within = cursor?.slice(MARK.length) as StoreCursor | undefined;
      const { items, next } = await queryParts(state, PARTITIONS, {
        limit,
        ...(within !== undefined && { cursor: within }),
      });
      const lists = await mapConcurrently(items, PENDING_LIMITS.concurrentWrites, async ([document, part]) =>
        part < PARTS ? listIn(document) : moved(document),
      );
      return {
        items: lists.filter((list) => list !== undefined),
        ...(next !== undefined && { next: `${MARK}${next}` as StoreCursor }),
      };
    },

    async page({ consumer, tenant, after }, limit) {
      const partition = statePartition.pending(consumer, tenant);
      let cursor: StoreCursor | undefined;
      // A page may be empty, and still not the last one.
      for (;;) {
        const from = after === null ? {} : { from: after + BETWEEN };
        const { items, next } = await state.query(partition, { limit, ...from, ...(cursor && { cursor }) });
        const copies = items.map(
          ({ id, body, version }): PendingCopy => ({ key: id, version, ...(body as unknown as Waiting) }),
        );
        const last = copies.at(-1)?.key ?? null;
        if (next === undefined) return { items: copies, last: null };
        if (last !== null) return { items: copies, last };
        cursor = next;
      }
    },

    async remove({ consumer, tenant }, copies) {
      const partition = statePartition.pending(consumer, tenant);
      await mapConcurrently(copies, PENDING_LIMITS.concurrentWrites, ({ key, version }) =>
        state.delete({ partition, id: key }, version).catch(unlessConflict),
      );
    },

    async passed({ consumer, tenant, at, version, ...before }, { after, restsUntil }) {
      if (after === before.after && restsUntil === before.restsUntil) return;
      const body = { at, after, restsUntil };
      await state.put({ ...listKey(consumer, tenant), body }, version).catch(unlessConflict);
    },

    async ended({ consumer, tenant, at, version }) {
      if (clock.now() - at < PENDING_LIMITS.unlistedMs) return;
      await state.delete(listKey(consumer, tenant), version).catch(unlessConflict);
    },
  };
}

function unlessConflict(error: unknown): void {
  if (!isPortError(error, 'conflict')) throw error;
}
