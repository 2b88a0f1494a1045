// What a tenant would leave behind in its cells: events that they hold and the cell that it goes to has not.

import type { Clock } from '../../ports/clock.ts';
import type { Holdings } from '../cells/holdings-question.ts';
import type { PushRequest, ReplicaPusher } from '../cells/replica-pusher.ts';
import { effectsFrom } from '../directory/leases.ts';
import { type Cell, type DirectoryCommand, isServing, type Tenant } from '../ports/directory-model.ts';

export const PLACE_LIMITS = {
  /** A comparison begins no step after this time, in milliseconds: the operator waits for the answer. */
  compareMs: 10_000,
  /** Nor after so many steps, of which each may have found another one under way. */
  steps: 10,
  /** Nor behind so many events: a command that is repeated has both cells read them again. */
  events: 50_000,
  /** The pause after a step that did not get on, in milliseconds. */
  pauseMs: 500,
} as const;

/** What a walk counts of events that the other cell has not, or has otherwise. */
const LACKING = ['missing', 'different', 'unproven', 'refused'] as const;

/**
 * Returns a walk within `PLACE_LIMITS`, which compares, or says which effects have happened: how many events of a cell the other one lacks or has otherwise, or why that is not known. One
 * that is not finished says how far it came, and counts as if everything were missing.
 */
const comparison =
  ({ push, clock }: Pick<LeftBehindDeps, 'push' | 'clock'>) =>
  async (pair: Omit<PushRequest, 'restart' | 'budget'>): Promise<number | string> => {
    const until = clock.now() + PLACE_LIMITS.compareMs;
    let begun = false;
    let left: number = PLACE_LIMITS.events;
    for (let step = 0; step < PLACE_LIMITS.steps && left > 0 && clock.now() < until; step += 1) {
      const found = await push({ ...pair, restart: !begun, budget: left });
      if (typeof found === 'string') return found;
      begun ||= found.isOther !== true;
      if (found.done === true) return LACKING.reduce((total, name) => total + Number(found[name] ?? 0), 0);
      left -= Number(found.documents ?? 0);
      if (found.waiting !== undefined) await clock.sleep(PLACE_LIMITS.pauseMs);
    }
    return `they cannot be compared within this request: ${PLACE_LIMITS.events - left} were looked at`;
  };

/** The cell that would serve the tenant once it is placed: its home, or a standby whose home is out of service. */
export function serverIfPlaced(
  { cell, standby }: Extract<DirectoryCommand, { readonly kind: 'place-tenant' }>,
  tenant: Tenant,
  cells: readonly Cell[],
): string {
  const isHomeOut = cells.some((each) => each.id === tenant.cell && !isServing(each));
  const staysHome = cell === undefined || cell === tenant.cell;
  return staysHome && isHomeOut ? (standby ?? tenant.standby ?? tenant.cell) : (cell ?? tenant.cell);
}

export interface LeftBehindDeps {
  readonly holdings: Holdings;
  readonly push: ReplicaPusher;
  readonly clock: Clock;
}

/**
 * Returns a function that says for each cell of a tenant why events would be left there if `destination` served it, or `null` if none
 * would: it has none, or the destination is the tenant's other cell and has every one of them.
 */
export function leftBehind({ holdings, push, clock }: LeftBehindDeps) {
  const compare = comparison({ push, clock });

  /** How many events of one cell the other one lacks, as far as is known. */
  const lacking = async (
    tenant: Tenant,
    cells: readonly Cell[],
    from: Cell,
    destination: string,
  ): Promise<string | null> => {
    const home = cells.find(({ id }) => id === tenant.cell);
    const standby = cells.find(({ id }) => id === tenant.standby);
    if (home?.keys === undefined || standby?.keys === undefined) return 'the cells cannot be compared without keys';
    const pair = { tenant, home, standby, from: from.id };
    // What is left may be the only sound copy: what the events were stored with does not show that another hand has changed one.
    const found = await compare({ ...pair, verify: true, contents: true });
    // A move takes events along, and compares for as long as it takes.
    const instead = `npx polycell tenants move ${tenant.id} --to ${destination}`;
    const because = (why: string): string => (destination === tenant.cell ? why : `${why} (${instead})`);
    if (typeof found === 'string') return because(found);
    if (found > 0) return `${found} of them are not in the other cell (npx polycell replicas sync ${tenant.id})`;
    // It is not asked again which effects have happened there; none may be under way when it says so.
    const waitMs = effectsFrom(tenant, home) - clock.now();
    if (waitMs > 0) return `effects may be under way there: repeat this in ${Math.ceil(waitMs / 1000)} s`;
    const told = await compare({ ...pair, verify: false, receipts: true });
    return typeof told === 'string' ? because(told) : null;
  };

  return async (
    tenant: Tenant,
    cells: readonly Cell[],
    destination: string,
  ): Promise<Readonly<Record<string, string | null>>> => {
    const isOther = cells.some(({ id }) => id === destination);
    const answers = await Promise.all(
      cells.map(async (cell): Promise<readonly [string, string | null]> => {
        const held = await holdings.heldBy(cell, tenant.id);
        if (held === null || cell.id === destination || !isOther) return [cell.id, held];
        const lacked = await lacking(tenant, cells, cell, destination);
        return [cell.id, lacked === null ? null : `${held}, and ${lacked}`];
      }),
    );
    return Object.fromEntries(answers);
  };
}
