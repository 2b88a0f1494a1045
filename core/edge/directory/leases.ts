// The directory's side of leases: which tenants' effects a cell may have, and from when on after a change of who serves them.
import { LEASE, leaseOver } from '../../cell/lease.ts';
import type { PublicKey } from '../../ports/keys.ts';
import type { LeaseAnswer } from '../../ports/lease.ts';
import type { LeaseOutcome, LeaseRequest } from '../ports/directory.ts';
import { type Cell, type DirectoryChange, isServing, resolveTenant, type Tenant } from '../ports/directory-model.ts';
import type { DirectoryStorage } from '../ports/directory-storage.ts';

type Records = Pick<DirectoryStorage, 'cell' | 'tenant' | 'homesByStandby' | 'leaseUntil' | 'effectsFloor'>;

/** When effects of this tenant may begin in the cell that serves it; 0 if at any time. */
export const effectsFrom = (tenant: Tenant, home: Cell | undefined): number =>
  Math.max(tenant.effectsFrom ?? 0, home?.effectsFrom ?? 0);

/**
 * Answers a cell for some tenants, and records until when it may begin effects. The record is one for all tenants of the cell: what takes
 * over any of them waits for its end.
 */
export function grantLease(
  storage: Pick<DirectoryStorage, 'cell' | 'tenant' | 'leaseUntil' | 'recordLease'>,
  { cell: id, key, tenants }: LeaseRequest,
  now: number,
): LeaseOutcome {
  const cell = storage.cell(id);
  if (cell === undefined || !isKeyOf(cell, key)) return { status: 'refused' };
  const epochs: Record<string, number> = {};
  const all = (answerFor: (tenant: string) => LeaseAnswer): LeaseOutcome => ({
    status: 'answered',
    answers: Object.fromEntries(tenants.map((tenant) => [tenant, answerFor(tenant)])),
    epochs,
  });
  if (cell.keys === undefined) return all(() => 'free');
  const answer = all((name) => {
    const tenant = storage.tenant(name);
    if (tenant === undefined) return 'elsewhere';
    const resolution = resolveTenant(tenant, (other) => storage.cell(other));
    if (resolution.status !== 'served' || resolution.cell !== id) return 'elsewhere';
    if (now < effectsFrom(tenant, storage.cell(tenant.cell))) return 'waits';
    if (tenant.standby === null) return 'free';
    epochs[name] = resolution.epoch;
    return 'granted';
  });
  const given = Object.values(answer.status === 'answered' ? answer.answers : {});
  if (given.some((each) => each === 'granted' || each === 'free')) {
    const until = Math.ceil((now + LEASE.durationMs) / LEASE.stepMs) * LEASE.stepMs;
    if (until > storage.leaseUntil(id)) storage.recordLease(id, until);
  }
  return answer;
}

/** Whether this is how the cell can be believed now: by one of its keys, or without any if it has none. */
const isKeyOf = ({ keys }: Cell, key: PublicKey | null): boolean =>
  key === null ? keys === undefined : (keys ?? []).some(({ kid, x }) => kid === key.kid && x === key.x);

/** The changes with the time from which on the new cells may begin effects: when those of the cells before them are surely over. */
export const withEffectsFrom = (
  storage: Records,
  changes: readonly DirectoryChange[],
  now: number,
): readonly DirectoryChange[] => {
  const after = new Map(changes.flatMap(({ kind, id, after: cell }) => (kind === 'cell' ? [[id, cell as Cell]] : [])));
  const cellAfter = (id: string): Cell | undefined => after.get(id) ?? storage.cell(id);
  return changes.map((change): DirectoryChange => {
    if (change.after === null) return change;
    const from =
      change.kind === 'cell'
        ? cellFrom(storage, change.before as Cell | null, change.after as Cell)
        : tenantFrom(storage, cellAfter, change.before as Tenant | null, change.after as Tenant);
    const { effectsFrom: _, ...rest } = change.after as Cell & Tenant;
    return { ...change, after: from > now ? { ...rest, effectsFrom: from } : rest };
  });
};

/** A cell that is failed over has its own lease; after its failback, those of the standbys of its tenants count. */
function cellFrom(storage: Records, before: Cell | null, after: Cell): number {
  const known = before?.effectsFrom ?? 0;
  if (before === null || before.switches === after.switches) return known;
  const holders = isServing(after)
    ? storage.homesByStandby(after.id).flatMap(({ standby }) => (standby === null ? [] : [standby]))
    : [after.id];
  return Math.max(known, ...holders.map((cell) => leaseOver(storage.leaseUntil(cell))));
}

function tenantFrom(
  storage: Records,
  cellAfter: (id: string) => Cell | undefined,
  before: Tenant | null,
  after: Tenant,
): number {
  if (before === null) return storage.effectsFloor();
  if (before.cell === after.cell && before.standby === after.standby) return before.effectsFrom ?? 0;
  const carried = effectsFrom(before, storage.cell(before.cell));
  const server = serverOf(after, cellAfter);
  if (server !== undefined && server === serverOf(before, (id) => storage.cell(id))) return carried;
  return Math.max(carried, ...holdersOf(before, server).map((cell) => leaseOver(storage.leaseUntil(cell))));
}

/** From when on a tenant may have effects that gets the name of one that is removed. */
export const effectsAfter = (storage: Records, removed: Tenant): number =>
  Math.max(
    effectsFrom(removed, storage.cell(removed.cell)),
    ...holdersOf(removed, undefined).map((cell) => leaseOver(storage.leaseUntil(cell))),
  );

/** The cells that may have effects of the tenant under way; the one that goes on is none. */
const holdersOf = ({ cell, standby }: Tenant, server: string | undefined): readonly string[] =>
  [cell, standby].filter((each) => each !== null).filter((each) => each !== server);

function serverOf(tenant: Tenant, cellOf: (id: string) => Cell | undefined): string | undefined {
  const resolution = resolveTenant(tenant, cellOf);
  return resolution.status === 'served' ? resolution.cell : undefined;
}
