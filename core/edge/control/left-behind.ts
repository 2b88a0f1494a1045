// What a tenant would leave behind in its cells: events that they hold and the cell that it goes to has not.

import type { Holdings } from '../cells/holdings-question.ts';
import type { PushRequest, ReplicaPusher } from '../cells/replica-pusher.ts';
import type { Cell, Tenant } from '../ports/directory-model.ts';

/** Steps of a comparison; a tenant that needs more is to be compared by `polycell replicas verify` and moved deliberately. */
const COMPARISON_STEPS = 3;

/** Returns a comparison of at most `COMPARISON_STEPS`: how many events of a cell the other one lacks or has otherwise, or why that is not known. */
const comparison =
  (push: ReplicaPusher) =>
  async (pair: Pick<PushRequest, 'tenant' | 'home' | 'standby' | 'from'>): Promise<number | string> => {
    for (let step = 0, begun = false; step < COMPARISON_STEPS; step += 1) {
      const found = await push({ ...pair, restart: !begun, verify: true });
      if (typeof found === 'string') return found;
      begun ||= found.isOther !== true;
      if (found.done === true) return Number(found.missing ?? 0) + Number(found.different ?? 0);
    }
    return 'the comparison with the other cell takes too long';
  };

export interface LeftBehindDeps {
  readonly holdings: Holdings;
  readonly push: ReplicaPusher;
}

/**
 * Returns a function that says for each cell of a tenant why events would be left there if its home were `destination`, or `null` if none
 * would: it has none, or the destination is the tenant's other cell and has every one of them.
 */
export function leftBehind({ holdings, push }: LeftBehindDeps) {
  const compare = comparison(push);

  /** How many events of one cell the other one lacks, as far as is known. */
  const lacking = async (tenant: Tenant, cells: readonly Cell[], from: Cell): Promise<string | null> => {
    const home = cells.find(({ id }) => id === tenant.cell);
    const standby = cells.find(({ id }) => id === tenant.standby);
    if (home?.keys === undefined || standby?.keys === undefined) return 'the cells cannot be compared without keys';
    const found = await compare({ tenant, home, standby, from: from.id });
    if (typeof found === 'string') return found;
    return found === 0 ? null : `${found} of them are not in the other cell (npx polycell replicas sync ${tenant.id})`;
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
        const lacked = await lacking(tenant, cells, cell);
        return [cell.id, lacked === null ? null : `${held}, and ${lacked}`];
      }),
    );
    return Object.fromEntries(answers);
  };
}
