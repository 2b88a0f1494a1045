// Fences a cell: refuses tokens of an older epoch than the cell has seen for a tenant, adopts newer ones durably.
import { isPortError, PortError } from '../ports/errors.ts';
import type { JsonObject } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';
import { statePartition } from './identity.ts';

export type EpochVerdict = { readonly status: 'current' } | { readonly status: 'stale'; readonly known: number };

/**
 * A writer that lost to another adopter reads again, however many there are: each of them has raised the epoch, so there is
 * an end to it. Conflicts after which the epoch is what it was are no such thing, and only so many are taken.
 */
const IDLE_CONFLICTS = 10;

/**
 * Returns a check of a token's epoch. The cell's knowledge lies in its store and is read every time, strongly consistent:
 * an epoch that one environment adopted is known to all of them from then on. A newer epoch is stored before this resolves.
 * Rejects with the store's error when the store cannot be asked; nothing may be accepted then.
 */
export function epochGuard(state: Store): (tenant: string, epoch: number) => Promise<EpochVerdict> {
  return async (tenant, epoch) => {
    const key = { partition: statePartition.tenant(tenant), id: 'epoch' };
    let before = 0;
    for (let idle = 0; idle < IDLE_CONFLICTS; idle += 1) {
      const document = await state.get(key);
      const known = document === undefined ? 0 : Number((document.body as JsonObject).epoch);
      if (document !== undefined && epoch === known) return { status: 'current' };
      if (epoch < known) return { status: 'stale', known };
      if (known > before) idle = 0;
      before = known;
      try {
        await state.put({ ...key, body: { epoch } }, document?.version ?? 'absent');
        return { status: 'current' };
      } catch (error) {
        if (!isPortError(error, 'conflict')) throw error;
      }
    }
    throw new PortError(
      'unavailable',
      `The epoch of ${tenant} could not be adopted: the store reports conflicts with nobody.`,
    );
  };
}
