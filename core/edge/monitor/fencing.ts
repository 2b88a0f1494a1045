// Tells cells that have lost tenants of the new epochs: durable jobs, in bounded steps, until each of them is done.

import { mapConcurrently } from '../../lib/concurrently.ts';
import { cutUtf8 } from '../../lib/text.ts';
import { type Clock, type EpochMs, epochMs } from '../../ports/clock.ts';
import type { Json } from '../../ports/json.ts';
import type { Directory } from '../ports/directory.ts';
import { type Cell, epochOf, resolveTenant, type Tenant } from '../ports/directory-model.ts';
import { type FencingJob, jobsOf, jobsOfCells, targetsOf } from './fencing-jobs.ts';
import type { MonitorStorage } from './monitor-storage.ts';

export const FENCING_LIMITS = {
  /** Jobs kept at most; while there are as many, the audit log is not read on, and loses nothing. */
  jobs: 10_000,
  /** Lines of the audit log read at once; each asks for two jobs at most. */
  auditPage: 500,
  /** Pages of the audit log in one round. */
  auditPages: 5,
  /** Tenants of one step; a round ends between steps only. */
  page: 30,
  /** Requests at the same time; more than six wait for each other on Workers anyway. */
  concurrency: 6,
  /** The pause after a walk that did not reach everybody; it doubles with each further one. */
  firstPauseMs: 1000,
  longestPauseMs: 60_000,
  /** Finished jobs that the status still shows. */
  finished: 20,
  /** Bytes of a problem that are kept. */
  problemBytes: 200,
} as const;

/** How far the audit log has been read: all up to `low`; and, of a walk that is under way, from `high` down to `cursor`. */
interface LogPosition {
  readonly [name: string]: Json;
  readonly low: number;
  readonly high: number | null;
  readonly cursor: string | null;
}

export interface FencingDeps {
  readonly directory: Pick<Directory, 'lookup' | 'tenants' | 'audit'>;
  readonly storage: MonitorStorage;
  /** Tells a cell an epoch; `null` when it knows it, else what went wrong. See `fenceRequest`. */
  readonly fence: (cell: Cell, tenant: string, epoch: number) => Promise<string | null>;
  readonly clock: Clock;
}

export interface FencingProgress {
  /** `home aws-alpha` or `tenant acme`. */
  readonly of: string;
  readonly whom: string;
  readonly revision: number;
  readonly told: number;
  /** When the change was seen, in RFC 3339; `null` if that was not kept. */
  readonly since: string | null;
  /** The highest epoch that a cell was sent so far. */
  readonly epoch: number | null;
  readonly problem: string;
  readonly state: 'waiting' | 'done';
}

export interface Fencing {
  /** Reads the log on and does what is due, until `until`. Rejects when directory or storage do; what was done is kept. */
  round(cells: readonly Cell[], answers: (cell: string) => boolean, until: EpochMs): Promise<void>;
  /** Jobs under way (the first hundred) and those that ended last. */
  progress(): { readonly waiting: number; readonly jobs: readonly FencingProgress[] };
}

const POSITION = 'fencing/position';
const JOB = 'fencing/job/';

/** Jobs that the status shows one by one. */
const SHOWN = 100;

export function createFencing({ directory, storage, fence, clock }: FencingDeps): Fencing {
  const jobs = new Map<string, FencingJob>();
  const finished: FencingJob[] = [];
  let position: LogPosition | undefined;
  let loaded = false;

  const keep = async (job: FencingJob): Promise<void> => {
    jobs.set(job.key, job);
    await storage.put(JOB + job.key, job as unknown as Json);
  };

  const add = async (job: FencingJob): Promise<void> => {
    if ((jobs.get(job.key)?.revision ?? -1) < job.revision) await keep({ ...job, since: clock.now() });
  };

  const finish = async (job: FencingJob): Promise<void> => {
    // A newer change of the same home may have taken its place meanwhile.
    if (jobs.get(job.key)?.revision !== job.revision) return;
    jobs.delete(job.key);
    finished.unshift(job);
    finished.splice(FENCING_LIMITS.finished);
    await storage.delete(JOB + job.key);
  };

  const moveTo = async (next: LogPosition): Promise<void> => {
    await storage.put(POSITION, next);
    position = next;
  };

  const load = async (cells: readonly Cell[]): Promise<void> => {
    if (loaded) return;
    position = await storage.get<LogPosition>(POSITION);
    const kept = await storage.list<Json>({ prefix: JOB, limit: FENCING_LIMITS.jobs });
    for (const job of kept.values()) jobs.set((job as unknown as FencingJob).key, job as unknown as FencingJob);
    if (position === undefined) {
      const newest = (await directory.audit({ limit: 1 })).items[0]?.revision ?? 0;
      for (const job of jobsOfCells(cells)) await add(job);
      await moveTo({ low: newest, high: null, cursor: null });
    }
    loaded = true;
  };

  /** Reads what is new in the log, newest first. The place is kept after its jobs are: a crash in between repeats them. */
  const readLog = async (): Promise<void> => {
    for (let pages = 0; pages < FENCING_LIMITS.auditPages; pages += 1) {
      const { low, high, cursor } = position ?? { low: 0, high: null, cursor: null };
      if (jobs.size + 2 * FENCING_LIMITS.auditPage > FENCING_LIMITS.jobs) return;
      if (high === null) {
        const newest = (await directory.audit({ limit: 1 })).items[0]?.revision ?? 0;
        if (newest <= low) return;
      }
      const page = await directory.audit({ limit: FENCING_LIMITS.auditPage, ...(cursor !== null && { cursor }) });
      const unread = page.items.filter(({ revision }) => revision > low);
      for (const entry of unread) for (const job of jobsOf(entry)) await add(job);
      const top = high ?? page.items[0]?.revision ?? low;
      const atEnd = unread.length < page.items.length || page.next === null;
      await moveTo(atEnd ? { low: top, high: null, cursor: null } : { low, high: top, cursor: page.next });
    }
  };

  /** One page of a job, or all of a tenant's. */
  const step = async (
    job: FencingJob,
    cellOf: (id: string) => Cell | undefined,
    answers: (cell: string) => boolean,
  ): Promise<void> => {
    const { tenants, next } = await tenantsOf(job, directory);
    const missed = new Set(job.missed);
    let { told, problem, epoch = 0 } = job;
    await mapConcurrently(tenants, FENCING_LIMITS.concurrency, async (tenant) => {
      const target = targetOf(job, tenant, cellOf);
      const home = cellOf(tenant.cell);
      if (target === undefined || home === undefined || missed.has(target.id)) return;
      const complaint = answers(target.id)
        ? await fence(target, tenant.id, epochOf(tenant, home))
        : 'it does not answer its probes';
      if (complaint === null) {
        told += 1;
        epoch = Math.max(epoch, epochOf(tenant, home));
      } else {
        missed.add(target.id);
        problem = cutUtf8(`${target.id}: ${complaint}`, FENCING_LIMITS.problemBytes);
      }
    });
    if (jobs.get(job.key)?.revision !== job.revision) return;
    if (next !== null) await keep({ ...job, cursor: next, missed: [...missed], told, epoch, problem });
    else if (missed.size === 0) await finish({ ...job, told, epoch, problem: '' });
    else {
      const failures = job.failures + 1;
      const nextAt = epochMs(clock.now() + pauseAfter(failures));
      await keep({ ...job, cursor: null, only: [...missed], missed: [], told, epoch, problem, failures, nextAt });
    }
  };

  return {
    async round(cells, answers, until) {
      await load(cells);
      await readLog();
      const byId = new Map(cells.map((cell) => [cell.id, cell]));
      const cellOf = (id: string) => byId.get(id);
      // Nothing is asked of cells that do not answer: their jobs wait, and are due the moment that they do.
      const isDue = (job: FencingJob) =>
        job.nextAt <= clock.now() && (targetsOf(job)?.some((cell) => !byId.has(cell) || answers(cell)) ?? true);
      for (let worked = true; worked; ) {
        worked = false;
        // A page each, so that a large job keeps no small one waiting.
        for (const key of [...jobs.keys()]) {
          if (clock.now() >= until) return;
          const job = jobs.get(key);
          if (job === undefined || !isDue(job)) continue;
          await step(job, cellOf, answers);
          worked = true;
        }
      }
    },

    progress: () => ({
      waiting: jobs.size,
      jobs: [
        ...[...jobs.values()].slice(0, SHOWN).map((job) => describe(job, 'waiting')),
        ...finished.map((job) => describe(job, 'done')),
      ],
    }),
  };
}

async function tenantsOf(
  { of, cursor }: FencingJob,
  directory: FencingDeps['directory'],
): Promise<{ readonly tenants: readonly Tenant[]; readonly next: string | null }> {
  if ('tenant' in of) {
    const { tenant } = await directory.lookup(of.tenant);
    return { tenants: tenant === null ? [] : [tenant], next: null };
  }
  const page = await directory.tenants({
    cell: of.home,
    limit: FENCING_LIMITS.page,
    ...(cursor !== null && { cursor }),
  });
  return { tenants: page.items, next: page.next };
}

/** Who is to be told of this tenant; nobody if it serves the tenant, is gone, or is not what this walk is about. */
function targetOf(
  { whom, only }: FencingJob,
  tenant: Tenant,
  cellOf: (id: string) => Cell | undefined,
): Cell | undefined {
  const id = typeof whom === 'object' ? whom.cell : whom === 'home' ? tenant.cell : tenant.standby;
  if (id === null || (only !== null && !only.includes(id))) return undefined;
  const cell = cellOf(id);
  if (cell === undefined || cell.state === 'retired') return undefined;
  const resolution = resolveTenant(tenant, cellOf);
  return resolution.status === 'served' && resolution.cell === id ? undefined : cell;
}

const pauseAfter = (failures: number): number =>
  Math.min(FENCING_LIMITS.longestPauseMs, FENCING_LIMITS.firstPauseMs * 2 ** (failures - 1));

const describe = (
  { of, whom, revision, told, since = epochMs(0), epoch = 0, problem }: FencingJob,
  state: FencingProgress['state'],
): FencingProgress => ({
  of: 'home' in of ? `home ${of.home}` : `tenant ${of.tenant}`,
  whom: typeof whom === 'object' ? whom.cell : whom,
  revision,
  told,
  since: since === 0 ? null : new Date(since).toISOString(),
  epoch: epoch === 0 ? null : epoch,
  problem,
  state,
});
