// Fences a cell: refuses tokens of an older epoch than the cell has seen for a tenant, adopts newer ones durably.
import { isPortError, PortError } from '../ports/errors.ts';
import type { JsonObject } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';
import { statePartition } from './identity.ts';

export type EpochVerdict = { readonly status: 'current' } | { readonly status: 'stale'; readonly known: number };

/** Others adopting at the same moment make a writer read again; each of them raises the epoch, so this is ample. */
const ADOPTION_ATTEMPTS = 10;

/**
 * Returns a check of a token's epoch. The cell's knowledge lies in its store and is read every time, strongly consistent:
 * an epoch that one environment adopted is known to all of them from then on. A newer epoch is stored before this resolves.
 * Rejects with the store's error when the store cannot be asked; nothing may be accepted then.
 */
export function epochGuard(state: Store): (tenant: string, epoch: number) => Promise<EpochVerdict> {
  return async (tenant, epoch) => {
    const key = { partition: statePartition.tenant(tenant), id: 'epoch' };
    for (let attempt = 0; attempt < ADOPTION_ATTEMPTS; attempt += 1) {
      const document = await state.get(key);
      const known = document === undefined ? 0 : Number((document.body as JsonObject).epoch);
      if (document !== undefined && epoch === known) return { status: 'current' };
      if (epoch < known) return { status: 'stale', known };
      try {
        await state.put({ ...key, body: { epoch } }, document?.version ?? 'absent');
        return { status: 'current' };
      } catch (error) {
        if (!isPortError(error, 'conflict')) throw error;
      }
    }
    throw new PortError(
      'unavailable',
      `The epoch of ${tenant} could not be adopted: too many others were adopting it.`,
    );
  };
}
