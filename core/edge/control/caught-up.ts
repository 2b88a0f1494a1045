// Whether a cell that is down may serve its tenants again: whether it has what their standbys accepted, and they have what it has.
import type { Clock } from '../../ports/clock.ts';
import { isJsonObject, type JsonObject } from '../../ports/json.ts';
import type { Holdings } from '../cells/holdings-question.ts';
import type { Directory } from '../ports/directory.ts';
import { type Cell, epochOf, isServing, type Tenant } from '../ports/directory-model.ts';
import type { Comparison } from './left-behind.ts';

export const CAUGHT_UP_LIMITS = {
  /** What a standby has accepted must have been compared so recently, in milliseconds; what it has accepted since is on its way. */
  freshMs: 120_000,
  /** Tenants that are compared within the request, where nothing is known of them. */
  compared: 5,
  /** Time for all, in milliseconds: nothing is begun behind it. */
  budgetMs: 8000,
  /** Tenants that are named. */
  named: 5,
  /** Tenants of the directory that are read at once. */
  tenants: 100,
} as const;

export interface CaughtUpDeps {
  readonly directory: Pick<Directory, 'cells' | 'tenants'>;
  readonly replicas: Holdings['replicas'];
  readonly compare: Comparison;
  readonly clock: Clock;
}

/** Notes of a cell about where it sends events, by tenant and other cell. */
type Notes = ReadonlyMap<string, JsonObject>;

/**
 * Returns a function that says why a cell must not be failed back yet; `null` if all that the standbys of its tenants have accepted is
 * there, and the other way about. It asks the cells for what they have noted, and has some tenants compared where that does not show it.
 */
export function caughtUp({
  directory,
  replicas,
  compare,
  clock,
}: CaughtUpDeps): (cell: Cell) => Promise<string | null> {
  const notesOf = async (cell: Cell, until: number): Promise<Notes> => {
    const notes = new Map<string, JsonObject>();
    let cursor: string | undefined;
    do {
      const page = await replicas(cell, cursor);
      if (typeof page === 'string') return notes;
      for (const note of Array.isArray(page.items) ? page.items : [])
        if (isJsonObject(note) && note.direction === 'to') notes.set(`${note.tenant} ${note.peer}`, note);
      cursor = typeof page.next === 'string' ? page.next : undefined;
    } while (cursor !== undefined && clock.now() < until);
    return notes;
  };

  return async (home) => {
    const until = clock.now() + CAUGHT_UP_LIMITS.budgetMs;
    const cells = new Map((await directory.cells()).map(({ cell }) => [cell.id, cell]));
    const asked = new Map<string, Promise<Notes>>();
    const noted = (cell: Cell) => {
      const known = asked.get(cell.id) ?? notesOf(cell, until);
      asked.set(cell.id, known);
      return known;
    };
    let comparisons = 0;

    /** Whether a walk that began under the present epoch has brought everything, and nothing was left unsent since. */
    const isNoted = async (tenant: Tenant, from: Cell, to: Cell, freshMs: number): Promise<boolean> => {
      const note = (await noted(from)).get(`${tenant.id} ${to.id}`);
      if (note === undefined || note.behindSince !== null || note.failingSince !== null) return false;
      return note.passedEpoch === epochOf(tenant, home) && clock.now() - Number(note.passedAt) < freshMs;
    };

    /** What the other cell lacks of one cell's events; `null` for nothing. */
    const lacked = async (tenant: Tenant, standby: Cell, [from, to]: readonly [Cell, Cell]): Promise<string | null> => {
      const found = await compare({ tenant, home, standby, from: from.id });
      if (found === 0) return null;
      return typeof found === 'string' ? found : `${found} events of ${from.id} are not in ${to.id}`;
    };

    const missing = async (tenant: Tenant, standby: Cell): Promise<string | null> => {
      if (home.keys === undefined || standby.keys === undefined) return 'the cells cannot be compared without keys';
      const hasOwn = await isNoted(tenant, home, standby, Number.POSITIVE_INFINITY);
      const hasOthers = await isNoted(tenant, standby, home, CAUGHT_UP_LIMITS.freshMs);
      if (hasOwn && hasOthers) return null;
      if (comparisons >= CAUGHT_UP_LIMITS.compared || clock.now() >= until) return 'not compared since the failover';
      comparisons += 1;
      return (
        (hasOthers ? null : await lacked(tenant, standby, [standby, home])) ??
        (hasOwn ? null : await lacked(tenant, standby, [home, standby]))
      );
    };

    const named: string[] = [];
    let behind = 0;
    let cursor: string | null = null;
    do {
      const page = await directory.tenants({
        cell: home.id,
        limit: CAUGHT_UP_LIMITS.tenants,
        ...(cursor !== null && { cursor }),
      });
      for (const tenant of page.items) {
        const standby = tenant.standby === null ? undefined : cells.get(tenant.standby);
        // The others are not served at all: they gain by it in any case.
        if (standby === undefined || !isServing(standby)) continue;
        const reason = await missing(tenant, standby);
        if (reason === null) continue;
        behind += 1;
        if (named.length < CAUGHT_UP_LIMITS.named) named.push(`${tenant.id}: ${reason}`);
      }
      cursor = page.next;
      if (cursor === null || clock.now() < until) continue;
      named.push('the other tenants were not looked at in time');
      behind += 1;
      break;
    } while (cursor !== null);
    if (behind === 0) return null;
    return [...named, ...(behind > named.length ? [`and ${behind - named.length} tenants more`] : [])].join('; ');
  };
}
