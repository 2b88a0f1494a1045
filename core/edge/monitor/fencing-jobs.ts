// Determines which cells to notify of a tenant's new epoch and cells after a change: they refuse requests made under the old one, and know their part.
import { sameJson } from '../../lib/same-json.ts';
import type { EpochMs } from '../../ports/clock.ts';
import { epochMs } from '../../ports/clock.ts';
import type { Json } from '../../ports/json.ts';
import { type AuditEntry, type Cell, epochAfter, isServing, type Tenant } from '../ports/directory-model.ts';

/** Notifies cells of a new epoch, for any number of tenants. Stored as JSON until it is done; see `toStoredJob`. */
export interface FencingJob {
  readonly key: string;
  /** The revision of the change that requires it. */
  readonly revision: number;
  /** All tenants of this home, one tenant, those that have this cell as home or standby, or for `null` all of the directory. */
  readonly of: { readonly home: string } | { readonly tenant: string } | { readonly anywhere: string | null };
  /** The cells to notify: the tenants' home, each tenant's standby, the one of the two that serves, or the cell with this id. */
  readonly targets: 'home' | 'standbys' | 'serving' | { readonly cell: string };
  /** Where the pass over the tenants continues. */
  readonly cursor: string | null;
  /** The only cells to notify in this pass; `null` for all. */
  readonly only: readonly string[] | null;
  /** Cells that could not be notified in this pass; the next pass retries them. */
  readonly missed: readonly string[];
  /** Notifications delivered, one for each tenant and cell. */
  readonly notified: number;
  /** Consecutive passes that did not reach every cell. */
  readonly failures: number;
  readonly nextAt: EpochMs;
  /** The latest failure, or empty. */
  readonly problem: string;
  /** Of a tenant that was removed: the epoch to send as long as no tenant has its name again. */
  readonly ifRemoved?: number;
  /** When the job was created; 0 in jobs stored by an earlier version. */
  readonly since: EpochMs;
  /** The highest epoch sent to a cell; 0 before the first. */
  readonly epoch: number;
}

const fresh = (key: string, revision: number, rest: Pick<FencingJob, 'of' | 'targets'>): FencingJob => ({
  key,
  revision,
  ...rest,
  cursor: null,
  only: null,
  missed: [],
  notified: 0,
  failures: 0,
  nextAt: epochMs(0),
  problem: '',
  since: epochMs(0),
  epoch: 0,
});

/** One job per home is enough: the targets of the previous change serve again, and adopt the epoch with the next request. */
const homeJob = (home: string, revision: number, targets: 'home' | 'standbys'): FencingJob =>
  fresh(`home/${home}`, revision, { of: { home }, targets });

/** Another one notifies the cell that serves now which cells are its tenants', so that it knows where their events are to go. */
const servingJob = (of: FencingJob['of'], revision: number, name = nameOf(of)): FencingJob =>
  fresh(`serving/${name}`, revision, { of, targets: 'serving' });

const nameOf = (of: FencingJob['of']): string =>
  'home' in of ? `home/${of.home}` : 'tenant' in of ? `tenant/${of.tenant}` : `cell/${of.anywhere ?? ''}`;

/**
 * Has every tenant's assignment signed again: each cell passes it on to the tenant's other cell, which believes none whose key it does not
 * know any more.
 */
export const resigningJob = (kid: string, revision: number): FencingJob =>
  servingJob({ anywhere: null }, revision, `key/${kid}`);

const tenantJob = (tenant: string, revision: number, cell: string): FencingJob =>
  fresh(`tenant/${tenant}/${cell}`, revision, { of: { tenant }, targets: { cell } });

/** The jobs that an entry of the audit log requires at most. */
export const JOBS_PER_ENTRY = 3;

/** The jobs that an entry of the audit log requires. */
export function jobsOf({ outcome, revision, changes }: AuditEntry): readonly FencingJob[] {
  if (outcome !== 'applied') return [];
  return changes.flatMap(({ kind, id, before, after }) => {
    // A tenant that is new; a new cell has none.
    if (before === null) return kind === 'tenant' ? [servingJob({ tenant: id }, revision)] : [];
    return kind === 'cell'
      ? jobsOfCell(before as Cell, after as Cell, revision)
      : jobsOfTenant(id, before as Tenant, after as Tenant | null, revision);
  });
}

function jobsOfCell(before: Cell, after: Cell, revision: number): readonly FencingJob[] {
  // Assignments name the cells' endpoints and keys: the other cell believes no other ones, and sends nowhere else.
  const isAnother = before.endpoint !== after.endpoint || !sameJson(before.keys ?? null, after.keys ?? null);
  const renewed = isAnother ? [servingJob({ anywhere: after.id }, revision)] : [];
  if (before.switches === after.switches) return renewed;
  return [
    ...renewed,
    servingJob({ home: after.id }, revision),
    homeJob(after.id, revision, isServing(after) ? 'standbys' : 'home'),
  ];
}

/**
 * Notifies each cell that may have served the tenant and is no longer in its record. A standby may never have served it; notifying it
 * costs one request, and knowing an epoch that it never needed does a cell no harm. The cells of a tenant that was removed learn an
 * epoch above all of its own, so that they refuse the requests of routers that still know it.
 */
function jobsOfTenant(id: string, before: Tenant, after: Tenant | null, revision: number): readonly FencingJob[] {
  const isPlacedAnew = before.cell !== after?.cell || before.standby !== after.standby;
  // A standby that is to derive otherwise hears of it, and is no home that lost the tenant.
  if (!isPlacedAnew && before.standbyMode === after?.standbyMode) return [];
  const left = (isPlacedAnew ? [before.cell, before.standby] : [before.standby])
    .filter((cell) => cell !== null)
    .map((cell) => ({ ...tenantJob(id, revision, cell), ...(after === null && { ifRemoved: epochAfter(before) }) }));
  return after === null ? left : [servingJob({ tenant: id }, revision), ...left];
}

/** The jobs of a directory whose audit log has never been read: one for each cell that was ever switched, by its current state. */
export const jobsOfCells = (cells: readonly Cell[]): readonly FencingJob[] =>
  cells
    .filter(({ state, switches }) => switches > 0 && state !== 'retired')
    .flatMap((cell) => jobsOfCell({ ...cell, switches: cell.switches - 1 }, cell, cell.revision));

/** The cells that a job notifies, as far as they are known before its tenants are read. */
export function targetsOf(job: FencingJob, cellOf: (id: string) => Cell | undefined): readonly string[] | null {
  const { of, targets } = job;
  if (typeof targets === 'object') return [targets.cell];
  return targets === 'home' && 'home' in of ? [of.home] : onlyOf(job, cellOf);
}

/**
 * The only cells to notify in this pass; `null` for all. A cell that could not be notified as the one that serves, and was failed over since, or
 * just before the job began, is not waited for: another one serves.
 */
export function onlyOf(
  { targets, only }: FencingJob,
  cellOf: (id: string) => Cell | undefined,
): readonly string[] | null {
  const serves = (id: string): boolean => {
    const cell = cellOf(id);
    return cell !== undefined && isServing(cell);
  };
  return targets === 'serving' && only?.every(serves) === false ? null : only;
}

/** A job as it is stored: `targets` and `notified` keep the field names of earlier versions. */
export const toStoredJob = ({ targets, notified, ...rest }: FencingJob): Json =>
  ({ ...rest, whom: targets, told: notified }) as unknown as Json;

/** Reads a stored job; see `toStoredJob`. */
export function fromStoredJob(stored: Json): FencingJob {
  const { whom, told, ...rest } = stored as unknown as Omit<FencingJob, 'targets' | 'notified'> & {
    readonly whom: FencingJob['targets'];
    readonly told: number;
  };
  return { ...rest, targets: whom, notified: told };
}
