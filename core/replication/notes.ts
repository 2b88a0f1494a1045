// What a cell notes of a tenant's other cell: since when events were left unsent, and when all of them were last known to be there.
import { statePartition } from '../cell/identity.ts';
import { OWN_NOTES, type UnderivedNote } from '../pipeline/underived.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError } from '../ports/errors.ts';
import { isJsonObject, type Json } from '../ports/json.ts';
import type { Store, StoreCursor } from '../ports/store.ts';

export const NOTE_LIMITS = {
  /** After so long without the other cell events are left unsent, in milliseconds: no queue of the bus may fill up with them. */
  patienceMs: 600_000,
  /**
   * A walk that begins so soon after a cell has joined may miss events, in milliseconds: a process of this cell goes by what it had read before
   * (`REPLICATE_LIMITS.rememberedMs`), and the assignment is stored some time after this note, within a function's time.
   */
  settleMs: 30_000,
  /** A comparison counts as begun under a lease from so long after that was noted, in milliseconds: clocks differ, and requests take time. */
  leasedMs: 15_000,
  /** Attempts at a note that others change at the same time. */
  attempts: 20,
} as const;

/** Of a tenant's other cell, to which this one sends its events. Times are in milliseconds. */
export interface SenderNote {
  /** Since when it has not been reached; `null` if it was reached last. */
  readonly failingSince: number | null;
  /** Since when events may have been left unsent that no comparison has brought; `null`: there are none. */
  readonly behindSince: number | null;
  /** The walk that will have brought what was left unsent, unless more is left until it ends. */
  readonly walk: string | null;
  /** When it became the tenant's other cell, until a walk has brought what it lacked then; `null` afterwards. */
  readonly joinedAt: number | null;
  /** When the last comparison began after which the other cell had every event of before; `null` if there was none. */
  readonly passedAt: number | null;
  /** The epoch when it began. */
  readonly passedEpoch: number | null;
  /** How many events the other cell lacked, or had otherwise, after the last comparison. */
  readonly lacking: number | null;
}

/** Of the cell that sends its events here. */
export type ReceiverNote = Pick<SenderNote, 'passedAt' | 'passedEpoch'> & Partial<Settlement>;

/**
 * When everything was here of which the other cell has had effects: once a comparison has passed that began after this cell had the lease. Absent
 * until this cell needs it.
 */
export interface Settlement {
  /** The epoch of the lease … */
  readonly leasedEpoch: number;
  /** … and when it was first seen that this cell holds it. */
  readonly leasedAt: number;
  /** When such a comparison had ended; `null` until then: the edge's monitor orders it. */
  readonly settledAt: number | null;
}

/** A comparison of all events of a tenant that has ended. */
export interface Comparison {
  /** The walk, and when it began, by this cell's clock. */
  readonly walk: string;
  readonly startedAt: number;
  readonly epoch: number;
  readonly lacking: number;
}

/** A note as it is listed; of a sender it has the sender's other members, too. */
export type ReplicaNote = Partial<SenderNote> &
  Partial<UnderivedNote> &
  ReceiverNote & {
    readonly tenant: string;
    readonly peer: string;
    readonly direction: 'to' | 'from' | typeof OWN_NOTES;
  };

/** All methods reject with the store's error. Between a step and the next one a process may end: what is noted is never too good. */
export interface ReplicaNotes {
  sender(tenant: string, peer: string): Promise<SenderNote>;
  receiver(tenant: string, peer: string): Promise<ReceiverNote | undefined>;
  /** Notes that the other cell was not reached: `wait` until it is tried again, or `leave` the events unsent, as is noted then. */
  failed(tenant: string, peer: string): Promise<'wait' | 'leave'>;
  /** Notes that the other cell was reached. */
  reached(tenant: string, peer: string): Promise<void>;
  /** Notes that more events are left unsent, of a cell that is behind. Done before they are given up. */
  left(tenant: string, peer: string): Promise<void>;
  /** Notes that this is the tenant's other cell from now on, and has nothing of before. Done before the assignment that says so is stored. */
  joined(tenant: string, peer: string): Promise<void>;
  /** Notes, before it reads anything, that a walk begins. */
  begun(tenant: string, peer: string, walk: string): Promise<void>;
  ended(tenant: string, peer: string, comparison: Comparison): Promise<void>;
  /** Notes that the sender has compared: everything that it had this long ago is here. */
  heard(tenant: string, sender: string, passed: { readonly agoMs: number; readonly epoch: number }): Promise<void>;
  /** Notes that this cell holds the lease under this epoch, and wants the other one to compare; of one epoch, once. Resolves with what is noted. */
  leased(tenant: string, sender: string, epoch: number): Promise<Settlement>;
  /** All notes by tenant. */
  list(page: { readonly limit: number; readonly cursor?: StoreCursor | undefined }): Promise<{
    readonly items: readonly ReplicaNote[];
    readonly next?: StoreCursor;
  }>;
}

const NOTHING: SenderNote = {
  failingSince: null,
  behindSince: null,
  walk: null,
  joinedAt: null,
  passedAt: null,
  passedEpoch: null,
  lacking: null,
};

/** Separates tenant, direction and cell; names do not contain it. */
const BETWEEN = '!';

/** Returns the notes of a cell. */
export function replicaNotes(state: Store, clock: Pick<Clock, 'now'>): ReplicaNotes {
  const keyOf = (tenant: string, direction: 'to' | 'from', peer: string) => ({
    partition: statePartition.replicas,
    id: [tenant, direction, peer].join(BETWEEN),
  });

  /** Changes a note; `undefined` leaves it as it is. */
  const revise = async <T extends object>(
    key: ReturnType<typeof keyOf>,
    change: (known: Partial<T>) => T | undefined,
  ): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      const stored = await state.get(key);
      const changed = change(stored !== undefined && isJsonObject(stored.body) ? (stored.body as Partial<T>) : {});
      if (changed === undefined) return;
      try {
        await state.put({ ...key, body: changed as Json }, stored?.version ?? 'absent');
        return;
      } catch (error) {
        if (!isPortError(error, 'conflict') || attempt === NOTE_LIMITS.attempts) throw error;
      }
    }
  };

  const reviseSender = (tenant: string, peer: string, change: (known: SenderNote) => Partial<SenderNote> | undefined) =>
    revise<SenderNote>(keyOf(tenant, 'to', peer), (stored) => {
      const known = { ...NOTHING, ...stored };
      const changed = change(known);
      return changed && { ...known, ...changed };
    });

  return {
    async sender(tenant, peer) {
      const stored = await state.get(keyOf(tenant, 'to', peer));
      return { ...NOTHING, ...(stored?.body as object | undefined) };
    },

    async receiver(tenant, peer) {
      const stored = await state.get(keyOf(tenant, 'from', peer));
      return stored?.body as unknown as ReceiverNote | undefined;
    },

    async failed(tenant, peer) {
      let outcome: 'wait' | 'leave' = 'wait';
      await reviseSender(tenant, peer, ({ failingSince, behindSince, walk }) => {
        const since = failingSince ?? clock.now();
        const isBehind = behindSince !== null || clock.now() - since >= NOTE_LIMITS.patienceMs;
        outcome = isBehind ? 'leave' : 'wait';
        const isNoted = failingSince !== null && (!isBehind || (behindSince !== null && walk === null));
        if (isNoted) return undefined;
        return { failingSince: since, ...(isBehind && { behindSince: behindSince ?? since, walk: null }) };
      });
      return outcome;
    },

    reached: (tenant, peer) =>
      reviseSender(tenant, peer, ({ failingSince }) => (failingSince === null ? undefined : { failingSince: null })),

    left: (tenant, peer) =>
      reviseSender(tenant, peer, ({ behindSince, walk }) =>
        behindSince !== null && walk === null ? undefined : { behindSince: behindSince ?? clock.now(), walk: null },
      ),

    joined: (tenant, peer) =>
      reviseSender(tenant, peer, ({ behindSince }) => {
        const now = clock.now();
        return { behindSince: behindSince ?? now, walk: null, joinedAt: now };
      }),

    begun: (tenant, peer, walk) =>
      reviseSender(tenant, peer, ({ behindSince, joinedAt }) => {
        const isEarly = joinedAt !== null && clock.now() - joinedAt < NOTE_LIMITS.settleMs;
        return behindSince === null || isEarly ? undefined : { walk };
      }),

    ended: (tenant, peer, { walk, startedAt, epoch, lacking }) =>
      reviseSender(tenant, peer, (known) => ({
        failingSince: null,
        lacking,
        ...(lacking === 0 && { passedAt: startedAt, passedEpoch: epoch }),
        ...(lacking === 0 && known.walk === walk && { behindSince: null, walk: null, joinedAt: null }),
      })),

    heard: (tenant, sender, { agoMs, epoch }) =>
      revise<ReceiverNote>(keyOf(tenant, 'from', sender), (known) => {
        const at = clock.now() - agoMs;
        if ((known.passedAt ?? 0) >= at) return undefined;
        const { leasedEpoch, leasedAt, settledAt, ...rest } = known;
        const passed = { ...rest, passedAt: at, passedEpoch: epoch };
        // What an earlier lease has asked for is not needed any more.
        if (leasedEpoch === undefined || leasedAt === undefined || epoch > leasedEpoch) return passed;
        const settles = settledAt === null && epoch === leasedEpoch && at - leasedAt >= NOTE_LIMITS.leasedMs;
        return { ...passed, leasedEpoch, leasedAt, settledAt: settles ? clock.now() : (settledAt ?? null) };
      }),

    async leased(tenant, sender, epoch) {
      let settlement: Settlement = { leasedEpoch: epoch, leasedAt: clock.now(), settledAt: null };
      await revise<ReceiverNote>(keyOf(tenant, 'from', sender), (known) => {
        const { passedAt = null, passedEpoch = null, leasedEpoch, leasedAt = 0, settledAt = null } = known;
        // An earlier lease that is noted late holds no more.
        if ((leasedEpoch ?? 0) > epoch) return undefined;
        if (leasedEpoch !== epoch) return { passedAt, passedEpoch, ...settlement };
        settlement = { leasedEpoch, leasedAt, settledAt };
        return undefined;
      });
      return settlement;
    },

    async list({ limit, cursor }) {
      const { items, next } = await state.query(statePartition.replicas, { limit, ...(cursor && { cursor }) });
      const notes = items.map(({ id, body }): ReplicaNote => {
        const [tenant = '', direction, peer = ''] = id.split(BETWEEN);
        // What the cell notes of copies that it has left underived says nothing of comparisons.
        if (direction === OWN_NOTES)
          return { tenant, peer, direction, passedAt: null, passedEpoch: null, ...(body as unknown as UnderivedNote) };
        return { tenant, peer, direction: direction === 'to' ? 'to' : 'from', ...(body as unknown as ReceiverNote) };
      });
      return { items: notes, ...(next !== undefined && { next }) };
    },
  };
}
