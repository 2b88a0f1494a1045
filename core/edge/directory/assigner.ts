// Signs which cells are a tenant's now, for the cells themselves.
import type { AssignedCell, Assignment } from '../../cell/assignment.ts';
import { type Clock, toEpochSeconds } from '../../ports/clock.ts';
import { type Cell, epochOf, type Tenant } from '../ports/directory-model.ts';

/** A tenant with the records of its home and, if it has one, its standby. */
export interface Placed {
  readonly tenant: Tenant;
  readonly home: Cell;
  readonly standby: Cell | null;
}

/** Signs the present assignment of a tenant; `undefined` for a home without keys, which could prove nothing to another cell. */
export type Assigner = (placed: Placed) => Promise<string | undefined>;

/** Returns the function; `sign` is `assignmentSigner`. A standby that is declared without keys counts as none: no cell would believe it. */
export function assigner(sign: (assignment: Assignment) => Promise<string>, clock: Pick<Clock, 'now'>): Assigner {
  return async ({ tenant, home, standby }) => {
    const assigned = assignedCell(home);
    if (assigned === undefined) return undefined;
    return sign({
      tenant: tenant.id,
      home: assigned,
      standby: (standby && assignedCell(standby)) ?? null,
      residency: tenant.residency,
      ...(tenant.standbyMode === 'log-only' && { standbyMode: tenant.standbyMode }),
      firstEpoch: tenant.epochBase,
      epoch: epochOf(tenant, home),
      issuedAt: toEpochSeconds(clock.now()),
    });
  };
}

const assignedCell = ({ id, endpoint, keys, jurisdiction }: Cell): AssignedCell | undefined =>
  keys === undefined ? undefined : { id, endpoint, keys, jurisdiction };
