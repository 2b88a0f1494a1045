// Fences a cell: refuses tokens with an older epoch than the cell has seen for a tenant, and adopts newer ones durably.
import { isPortError, PortError } from '../ports/errors.ts';
import type { JsonObject } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';
import { statePartition } from './identity.ts';

export type EpochVerdict = { readonly status: 'current' } | { readonly status: 'stale'; readonly known: number };

/**
 * A writer that lost to another adopter reads again, however often: each of them has raised the epoch, so this terminates.
 * Conflicts that leave the epoch unchanged have no such bound, so this limits them.
 */
const IDLE_CONFLICTS = 10;

/**
 * Returns a check of a token's epoch. The known epoch is in the cell's store and is read every time, with strong consistency:
 * once one environment adopts an epoch, all of them know it. A newer epoch is stored before this resolves.
 * Rejects with the store's error when the store cannot be read; nothing may be accepted then.
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
      `The epoch of ${tenant} could not be adopted: the store reports conflicts, but the epoch does not change.`,
    );
  };
}
