// What the cells have noted of their tenants' other cells, in sum: the worst RPO of each cell, and for how many tenants it does not keep up.
import { BoundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../ports/clock.ts';
import { isJsonObject, type Json, type JsonObject } from '../../ports/json.ts';
import type { Directory } from '../ports/directory.ts';
import { resolveTenant } from '../ports/directory-model.ts';

export const REPLICA_WATCH_LIMITS = {
  /** Of each kind of trouble, so many tenants of a cell are counted; more are not. */
  tenants: 20,
  /** Of each kind, so many notes are looked at in a pass until those are found: there may be more of tenants that the cell does not serve. */
  looked: 200,
  /** Notes of tenants that are not served there, as of each one that the cell stands in for; they are left out while they say the same. */
  strangers: 100_000,
  /** After this time they are looked at again, in milliseconds: `tenants` of them in each pass. */
  strangeMs: 600_000,
} as const;

/** How far the tenants that a cell serves are at their other cells. The field names are part of the control API. */
export interface CellReplication {
  /** Tenants whose other cell is not reached now; of each kind, `REPLICA_WATCH_LIMITS.tenants` are counted. */
  readonly failing: number;
  /** Since when, of the one that has waited the longest. */
  readonly failingSince: string | null;
  /** Tenants of which events were left unsent, until a comparison has brought them. */
  readonly behind: number;
  /** Tenants whose events have never been known to be all there: their RPO is not known. */
  readonly unknown: number;
  /** Of the others: when the oldest of the latest comparisons began by which everything was there. The RPO is what has passed since. */
  readonly comparedAt: string | null;
}

export interface ReplicaWatch {
  /**
   * Takes in a page of a cell's notes; after the last one the sum is made, for which the directory is asked which of the worst ones count.
   * Rejects with the directory's error, and the sum stays what it was.
   */
  page(cell: string, items: Json | undefined, is: { readonly first: boolean; readonly last: boolean }): Promise<void>;
  /** As of the latest pass over the cell's notes; `null` before the first, and of a cell without tenants that have another cell. */
  of(cell: string): CellReplication | null;
  /** Drops what is known of other cells than these. */
  keep(cells: ReadonlySet<string>): void;
}

interface Note {
  readonly tenant: string;
  readonly peer: string;
  /** What it is sorted by: the smaller, the worse. */
  readonly since: number;
  /** What it says. */
  readonly text: string;
}

/** What a pass has found so far, the worst first. */
interface Pass {
  readonly failing: readonly Note[];
  readonly behind: readonly Note[];
  readonly unknown: readonly Note[];
  readonly compared: readonly Note[];
  /** Of tenants that were not served there, to be looked at again. */
  readonly strange: readonly Note[];
}

const NOTHING: Pass = { failing: [], behind: [], unknown: [], compared: [], strange: [] };

export interface ReplicaWatchDeps {
  readonly directory: Pick<Directory, 'lookup'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Returns the watch. Notes outlive the placement that they are of, so the directory says which count: those of tenants that the cell serves now. */
export function replicaWatch({ directory, clock }: ReplicaWatchDeps): ReplicaWatch {
  const passes = new Map<string, Pass>();
  const sums = new Map<string, CellReplication>();
  const strangers = new BoundedCache<string, { readonly text: string; readonly at: number }>(
    REPLICA_WATCH_LIMITS.strangers,
  );

  const nameOf = (cell: string, { tenant, peer }: Note) => `${cell} ${tenant} ${peer}`;

  const strangeAt = (cell: string, note: Note): number | undefined => {
    const known = strangers.get(nameOf(cell, note));
    return known?.text === note.text ? known.at : undefined;
  };

  const isServed = async (cell: string, { tenant: id, peer }: Note): Promise<boolean> => {
    const { tenant, cells } = await directory.lookup(id);
    if (tenant === null) return false;
    const resolution = resolveTenant(tenant, (name) => cells.find((each) => each.id === name));
    const other = tenant.cell === cell ? tenant.standby : tenant.cell;
    return resolution.status === 'served' && resolution.cell === cell && other === peer;
  };

  const countsIn = async (cell: string, note: Note): Promise<boolean> => {
    if (await isServed(cell, note)) return true;
    strangers.set(nameOf(cell, note), { text: note.text, at: clock.now() });
    return false;
  };

  /** Those that count, `most` at most. */
  const served = async (cell: string, notes: readonly Note[], most: number): Promise<readonly Note[]> => {
    const found: Note[] = [];
    for (const note of notes) {
      if (found.length === most) break;
      if (strangeAt(cell, note) === undefined && (await countsIn(cell, note))) found.push(note);
    }
    return found;
  };

  const sum = async (cell: string, { failing, behind, unknown, compared, strange }: Pass): Promise<void> => {
    const most = REPLICA_WATCH_LIMITS.tenants;
    // One that is served again counts from the next pass on.
    for (const note of strange) if (await countsIn(cell, note)) strangers.delete(nameOf(cell, note));
    const failed = await served(cell, failing, most);
    const left = await served(cell, behind, most);
    const never = await served(cell, unknown, most);
    const [oldest] = await served(cell, compared, 1);
    if (oldest === undefined && never.length === 0 && failed.length === 0 && left.length === 0) sums.delete(cell);
    else
      sums.set(cell, {
        failing: failed.length,
        failingSince: timeOf(failed[0]),
        behind: left.length,
        unknown: never.length,
        comparedAt: timeOf(oldest),
      });
  };

  return {
    async page(cell, items, { first, last }) {
      let pass = first ? NOTHING : (passes.get(cell) ?? NOTHING);
      for (const item of Array.isArray(items) ? items : []) {
        if (!isJsonObject(item) || item.direction !== 'to') continue;
        const { tenant, peer, failingSince, behindSince, passedAt } = item;
        if (typeof tenant !== 'string' || typeof peer !== 'string') continue;
        const note = { tenant, peer, since: 0, text: [failingSince, behindSince, passedAt].join(' ') };
        const at = strangeAt(cell, note);
        if (at === undefined) pass = withNote(pass, note, item);
        else if (
          pass.strange.length < REPLICA_WATCH_LIMITS.tenants &&
          Math.abs(clock.now() - at) >= REPLICA_WATCH_LIMITS.strangeMs
        )
          pass = { ...pass, strange: [...pass.strange, note] };
      }
      passes.set(cell, pass);
      if (!last) return;
      passes.delete(cell);
      await sum(cell, pass);
    },

    of: (cell) => sums.get(cell) ?? null,

    keep(cells) {
      for (const known of [passes, sums]) for (const cell of known.keys()) if (!cells.has(cell)) known.delete(cell);
    },
  };
}

function withNote(pass: Pass, note: Note, { failingSince, behindSince, passedAt }: JsonObject): Pass {
  const add = (notes: readonly Note[], since: unknown): readonly Note[] =>
    typeof since === 'number'
      ? [...notes, { ...note, since }]
          .sort((one, other) => one.since - other.since)
          .slice(0, REPLICA_WATCH_LIMITS.looked)
      : notes;
  return {
    ...pass,
    failing: add(pass.failing, failingSince),
    behind: add(pass.behind, behindSince),
    unknown: add(pass.unknown, typeof passedAt === 'number' ? undefined : 0),
    compared: add(pass.compared, passedAt),
  };
}

const timeOf = (note: Note | undefined): string | null =>
  note === undefined ? null : new Date(note.since).toISOString();
