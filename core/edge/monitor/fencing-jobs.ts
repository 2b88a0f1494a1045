// Which cells must hear of a tenant's new epoch after a change, so that they refuse whoever still believes in the old one.
import type { EpochMs } from '../../ports/clock.ts';
import { epochMs } from '../../ports/clock.ts';
import { type AuditEntry, type Cell, isServing, type Tenant } from '../ports/directory-model.ts';

/** One thing to be told to cells, however many tenants it is about. All of it is JSON, and kept until it is done. */
export interface FencingJob {
  readonly key: string;
  /** The revision of the change that asks for it. */
  readonly revision: number;
  /** All tenants of this home, or one tenant. */
  readonly of: { readonly home: string } | { readonly tenant: string };
  /** Who is told: their home, each tenant's standby, or the cell of this id. */
  readonly whom: 'home' | 'standbys' | { readonly cell: string };
  /** Where the walk over the tenants goes on. */
  readonly cursor: string | null;
  /** Cells that this walk is about; all of them if `null`. */
  readonly only: readonly string[] | null;
  /** Cells that could not be told in this walk; the next one is about them. */
  readonly missed: readonly string[];
  /** Tenants of which a cell has been told. */
  readonly told: number;
  /** Walks in a row that did not reach everybody. */
  readonly failures: number;
  readonly nextAt: EpochMs;
  /** What the latest failure was, or empty. */
  readonly problem: string;
  /** When the job was made; 0 in jobs that an earlier version kept. */
  readonly since: EpochMs;
  /** The highest epoch that a cell was sent; 0 until one was. */
  readonly epoch: number;
}

const fresh = (key: string, revision: number, rest: Pick<FencingJob, 'of' | 'whom'>): FencingJob => ({
  key,
  revision,
  ...rest,
  cursor: null,
  only: null,
  missed: [],
  told: 0,
  failures: 0,
  nextAt: epochMs(0),
  problem: '',
  since: epochMs(0),
  epoch: 0,
});

/** There is one job a home: whoever was to be told by the change before serves again, and adopts the epoch by itself. */
const homeJob = (home: string, revision: number, whom: 'home' | 'standbys'): FencingJob =>
  fresh(`home/${home}`, revision, { of: { home }, whom });

const tenantJob = (tenant: string, revision: number, cell: string): FencingJob =>
  fresh(`tenant/${tenant}/${cell}`, revision, { of: { tenant }, whom: { cell } });

/** The jobs that a line of the audit log asks for: two at most. */
export function jobsOf({ outcome, revision, changes }: AuditEntry): readonly FencingJob[] {
  if (outcome !== 'applied') return [];
  return changes.flatMap(({ kind, id, before, after }) => {
    if (before === null) return [];
    return kind === 'cell'
      ? jobsOfCell(before as Cell, after as Cell, revision)
      : jobsOfTenant(id, before as Tenant, after as Tenant, revision);
  });
}

function jobsOfCell(before: Cell, after: Cell, revision: number): readonly FencingJob[] {
  if (before.switches === after.switches) return [];
  return [homeJob(after.id, revision, isServing(after) ? 'standbys' : 'home')];
}

/**
 * Whoever may have served the tenant and has left its record. That a standby did serve is not sure; telling it costs one request,
 * and a cell that knows an epoch which it never needed is none the worse.
 */
function jobsOfTenant(id: string, before: Tenant, after: Tenant, revision: number): readonly FencingJob[] {
  if (before.cell === after.cell && before.standby === after.standby) return [];
  return [before.cell, before.standby].filter((cell) => cell !== null).map((cell) => tenantJob(id, revision, cell));
}

/** The jobs of a directory whose log was never read: each cell that was ever switched, as it stands now. */
export const jobsOfCells = (cells: readonly Cell[]): readonly FencingJob[] =>
  cells
    .filter(({ state, switches }) => switches > 0 && state !== 'retired')
    .map((cell) => homeJob(cell.id, cell.revision, isServing(cell) ? 'standbys' : 'home'));

/** Cells that a job is about, as far as that is known before its tenants are. */
export function targetsOf({ of, whom, only }: FencingJob): readonly string[] | null {
  if (typeof whom === 'object') return [whom.cell];
  return whom === 'home' && 'home' in of ? [of.home] : only;
}
