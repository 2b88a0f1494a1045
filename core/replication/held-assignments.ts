// The assignments that a cell holds: the newest one decides who is a peer, and each placement's last one who served when.
import { type Assignment, assignmentReader, cellUnder, isNewer, peerOf, storedAssignment } from '../cell/assignment.ts';
import { statePartition } from '../cell/identity.ts';
import { isPortError } from '../ports/errors.ts';
import { isJsonObject, type JsonObject } from '../ports/json.ts';
import type { PublicKey } from '../ports/keys.ts';
import type { Store, StoredDocument } from '../ports/store.ts';
import type { ReplicaNotes } from './notes.ts';

/** Placements that are looked at for the one of an event; a tenant has few. */
const PLACEMENTS = 100;

const PREFIX = 'assignment!';

/** Digits of the greatest epoch, so that ids sort as epochs do. */
const EPOCH_DIGITS = 16;

/** Attempts to keep an assignment while other requests bring theirs. */
const ADOPT_TRIES = 20;

/** An assignment, as it was signed and as it was read. */
export interface HeldAssignment {
  readonly signed: string;
  readonly assignment: Assignment;
}

export interface HeldAssignments {
  /** The newest assignment of its tenant once this one, signed by the edge, is taken into account; a text says why it is refused. */
  adopt(text: unknown): Promise<Assignment | string>;
  /** The newest assignment of a tenant that is held here, as it was signed and as it was read; `undefined` without one. */
  newest(tenant: string): Promise<HeldAssignment | undefined>;
  /** Whether the cell has served the tenant under this epoch, as an assignment says that is held here. */
  served(tenant: string, epoch: number, cell: string): Promise<boolean>;
}

/** An assignment in the store. */
interface Held {
  readonly document: StoredDocument;
  readonly assignment: Assignment;
  /** Whether a key has signed it that the cell still takes. */
  readonly isVouched: boolean;
}

/**
 * Whether one assignment counts before another. The newer one does; but a key that was replaced because it was stolen has signed whatever epoch
 * a thief liked, and yields to one that is taken now.
 */
const outranks = (one: Omit<Held, 'document'>, other: Omit<Held, 'document'>): boolean =>
  one.isVouched === other.isVouched ? isNewer(one.assignment, other.assignment) : one.isVouched;

export interface HeldAssignmentsDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly state: Store;
  /** Public keys of the edge that it takes now. */
  readonly keys: readonly PublicKey[];
  readonly notes: Pick<ReplicaNotes, 'joined'>;
}

/** Returns the assignments of a cell. Its methods reject with the store's error. */
export function heldAssignments({ cell, state, keys, notes }: HeldAssignmentsDeps): HeldAssignments {
  const read = assignmentReader(keys);

  /**
   * Assignments by placement, newest first. Each was verified when it was adopted; the key that has signed it may have been replaced since, and
   * what was accepted under it stays what it was.
   */
  const held = async (tenant: string): Promise<Held[]> => {
    const query = { prefix: PREFIX, limit: PLACEMENTS, order: 'descending' } as const;
    const { items } = await state.query(statePartition.tenant(tenant), query);
    const all = await Promise.all(
      items.map(async (document) => {
        const text = isJsonObject(document.body) ? document.body.assignment : undefined;
        const verified = await read(text);
        const isVouched = typeof verified !== 'string';
        const assignment = isVouched ? verified : storedAssignment(text);
        return assignment === undefined ? [] : [{ document, assignment, isVouched }];
      }),
    );
    return all.flat();
  };

  const newestOf = (all: readonly Held[]): Held | undefined =>
    all.reduce<Held | undefined>((best, each) => (best === undefined || outranks(each, best) ? each : best), undefined);

  return {
    async adopt(text) {
      const given = await read(text);
      if (typeof given === 'string') return given;
      const key = {
        partition: statePartition.tenant(given.tenant),
        id: PREFIX + String(given.firstEpoch).padStart(EPOCH_DIGITS, '0'),
      };
      for (let tries = 1; ; tries += 1) {
        const all = await held(given.tenant);
        const offered = { assignment: given, isVouched: true };
        const before = newestOf(all);
        const newest = before !== undefined && !outranks(offered, before) ? before.assignment : given;
        const known = all.find(({ document }) => document.id === key.id);
        if (known !== undefined && !outranks(offered, known)) return newest;
        const stored = known?.document ?? (await state.get(key));
        // What was accepted before was sent elsewhere, or nowhere.
        const peer = peerOf(newest, cell)?.id;
        if (peer !== undefined && peer !== (before && peerOf(before.assignment, cell)?.id))
          await notes.joined(given.tenant, peer);
        try {
          await state.put({ ...key, body: { assignment: String(text) } }, stored?.version ?? 'absent');
          return newest;
        } catch (error) {
          // Another request has brought one for this placement; which of them is newer is looked at again.
          if (!isPortError(error, 'conflict') || tries === ADOPT_TRIES) throw error;
        }
      }
    },

    async newest(tenant) {
      const newest = newestOf(await held(tenant));
      if (newest === undefined) return undefined;
      const { document, assignment } = newest;
      return { signed: String((document.body as JsonObject).assignment), assignment };
    },

    served: async (tenant, epoch, cell) =>
      (await held(tenant)).some(({ assignment }) => cellUnder(assignment, epoch)?.id === cell),
  };
}
