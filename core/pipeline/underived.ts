// What a cell notes of copies that it leaves underived as the log-only standby of a tenant: since when, from where on, and until when it did.
import { statePartition } from '../cell/identity.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError } from '../ports/errors.ts';
import { isJsonObject, type Json } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';

export const UNDERIVED_LIMITS = {
  /** So long a process goes by what it has read of a tenant's copies, in milliseconds. */
  rememberedMs: 3000,
  /** Tenants that it remembers, with some hundred bytes each. */
  tenants: 10_000,
  /**
   * A walk that begins so soon after the cell has begun to derive copies may miss some, in milliseconds: until `rememberedMs` have passed
   * another process may leave what comes, and clocks of processes differ.
   */
  settleMs: 8000,
  /** An order to derive before the cell serves holds for so long, in milliseconds: a move that rests does not cost a warm standby. */
  aheadMs: 600_000,
  /** Attempts at a note that others change at the same time. */
  attempts: 20,
} as const;

/** Of a tenant, in this cell. Times are in milliseconds. */
export interface UnderivedNote {
  /** Whether the newest assignment says that copies are left underived here. */
  readonly leaves: boolean;
  /** Until when they are derived all the same, as the cell is to serve soon; `null` without such an order. */
  readonly aheadUntil: number | null;
  /** Since when copies were left that no rebuild has derived; `null`: there are none. */
  readonly underivedSince: number | null;
  /** The beginning of the ids of the earliest of these: an hour. */
  readonly from: string | null;
  /** Since when no copies are left any more; `null` while they are. */
  readonly derivesSince: number | null;
  /** How far the rebuild is that derives them; `null` before its first step. */
  readonly subjects: number | null;
  readonly events: number | null;
}

const NOTHING: UnderivedNote = {
  leaves: false,
  aheadUntil: null,
  underivedSince: null,
  from: null,
  derivesSince: null,
  subjects: null,
  events: null,
};

/** All methods reject with the store's error. Between a step and the next one a process may end: what is noted is never too good. */
export interface UnderivedNotes {
  of(tenant: string): Promise<UnderivedNote>;
  /** Notes whether copies are left. `leaves` is asked after the note was read, and again if it has changed meanwhile: so the last one to note has seen the newest. */
  follow(tenant: string, leaves: () => Promise<boolean>): Promise<void>;
  /** Notes that copies from here on are left, if they may be. Done before they are given up. Resolves with what is noted then. */
  leave(tenant: string, from: string): Promise<UnderivedNote>;
  /** Notes that copies are derived from now on for a while, whatever the assignment says. */
  ahead(tenant: string): Promise<void>;
  /** Notes how far the rebuild is that began since this. */
  advanced(tenant: string, derivesSince: number, progress: { subjects: number; events: number }): Promise<void>;
  /** Notes that all is derived that was left before; not if more was left since. */
  derived(tenant: string, derivesSince: number): Promise<void>;
}

/** Whether copies may be left now, by what is noted. */
export const mayLeave = ({ leaves, aheadUntil }: UnderivedNote, now: number): boolean =>
  leaves && (aheadUntil === null || now >= aheadUntil);

/** Whether it is noted already that copies from here on are left. */
export const isLeft = ({ derivesSince, underivedSince, from }: UnderivedNote, beginning: string): boolean =>
  derivesSince === null && underivedSince !== null && from !== null && from <= beginning;

/** The direction of these notes among those of `ReplicaNotes`, in whose partition they lie, so that one listing has all. */
export const OWN_NOTES = 'own';

/** Returns the notes of a cell. */
export function underivedNotes(cell: string, state: Store, clock: Pick<Clock, 'now'>): UnderivedNotes {
  const keyOf = (tenant: string) => ({
    partition: statePartition.replicas,
    id: [tenant, OWN_NOTES, cell].join('!'),
  });

  const read = async (tenant: string) => {
    const stored = await state.get(keyOf(tenant));
    const body = stored !== undefined && isJsonObject(stored.body) ? stored.body : {};
    return { version: stored?.version, note: { ...NOTHING, ...body } as UnderivedNote };
  };

  /** Changes the note; `undefined` leaves it as it is. Resolves with what is noted then. */
  const revise = async (
    tenant: string,
    change: (known: UnderivedNote) => Promise<Partial<UnderivedNote> | undefined> | Partial<UnderivedNote> | undefined,
  ): Promise<UnderivedNote> => {
    for (let attempt = 1; ; attempt += 1) {
      const { version, note } = await read(tenant);
      const changed = await change(note);
      if (changed === undefined) return note;
      const after = { ...note, ...changed };
      try {
        await state.put({ ...keyOf(tenant), body: after as unknown as Json }, version ?? 'absent');
        return after;
      } catch (error) {
        if (!isPortError(error, 'conflict') || attempt === UNDERIVED_LIMITS.attempts) throw error;
      }
    }
  };

  return {
    of: async (tenant) => (await read(tenant)).note,

    async follow(tenant, leaves) {
      await revise(tenant, async ({ leaves: known, derivesSince }) => {
        const wanted = await leaves();
        if (wanted === known) return undefined;
        if (wanted) return { leaves: true, aheadUntil: null };
        return { leaves: false, aheadUntil: null, derivesSince: derivesSince ?? clock.now() };
      });
    },

    leave: (tenant, beginning) =>
      revise(tenant, (known) => {
        if (!mayLeave(known, clock.now()) || isLeft(known, beginning)) return undefined;
        const { underivedSince, from } = known;
        return {
          underivedSince: underivedSince ?? clock.now(),
          from: from === null || beginning < from ? beginning : from,
          derivesSince: null,
          aheadUntil: null,
          subjects: null,
          events: null,
        };
      }),

    async ahead(tenant) {
      await revise(tenant, ({ leaves, aheadUntil, derivesSince }) => {
        const now = clock.now();
        const isOrdered = aheadUntil !== null && aheadUntil - now > UNDERIVED_LIMITS.aheadMs / 2;
        if (!leaves || (isOrdered && derivesSince !== null)) return undefined;
        return { aheadUntil: now + UNDERIVED_LIMITS.aheadMs, derivesSince: derivesSince ?? now };
      });
    },

    async advanced(tenant, since, { subjects, events }) {
      await revise(tenant, (known) => {
        const isSame = known.subjects === subjects && known.events === events;
        return known.derivesSince !== since || isSame ? undefined : { subjects, events };
      });
    },

    async derived(tenant, since) {
      await revise(tenant, ({ derivesSince, underivedSince }) =>
        derivesSince !== since || underivedSince === null
          ? undefined
          : { underivedSince: null, from: null, subjects: null, events: null },
      );
    },
  };
}
