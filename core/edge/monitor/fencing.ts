// Notifies cells that have lost or got tenants of the new epochs and assignments: durable jobs that run in bounded steps until each is done.

import { mapConcurrently } from '../../lib/concurrently.ts';
import { pauseAfter } from '../../lib/retry.ts';
import { cutUtf8 } from '../../lib/text.ts';
import { type Clock, type EpochMs, epochMs } from '../../ports/clock.ts';
import type { Json } from '../../ports/json.ts';
import type { Placed } from '../directory/assigner.ts';
import type { Directory } from '../ports/directory.ts';
import { type Cell, epochOf, resolveTenant, type Tenant } from '../ports/directory-model.ts';
import type { Fence } from './fence-request.ts';
import {
  type FencingJob,
  fromStoredJob,
  JOBS_PER_ENTRY,
  jobsOf,
  jobsOfCells,
  onlyOf,
  resigningJob,
  targetsOf,
  toStoredJob,
} from './fencing-jobs.ts';
import type { MonitorStorage } from './monitor-storage.ts';

export const FENCING_LIMITS = {
  /** Maximum number of jobs; at the limit, reading of the audit log pauses and loses nothing. */
  jobs: 10_000,
  /** Entries of the audit log read at once; each requires `JOBS_PER_ENTRY` at most. */
  auditPage: 500,
  /** Pages of the audit log in one round. */
  auditPages: 5,
  /** Tenants of one step; a round ends between steps only. */
  page: 30,
  /** Concurrent requests; on Workers, more than six queue anyway. */
  concurrency: 6,
  /** The pause after a pass that did not reach every cell; it doubles with each further one. */
  firstPauseMs: 1000,
  longestPauseMs: 60_000,
  /** Finished jobs shown in the status. */
  finished: 20,
  /** Bytes kept of a problem. */
  problemBytes: 200,
} as const;

/** How far the audit log has been read: everything up to `low` and, during a pass, from `high` down to `cursor`. */
interface LogPosition {
  readonly [name: string]: Json;
  readonly low: number;
  readonly high: number | null;
  readonly cursor: string | null;
}

export interface FencingDeps {
  readonly directory: Pick<Directory, 'lookup' | 'tenants' | 'audit'>;
  readonly storage: MonitorStorage;
  /** See `fenceRequest`. */
  readonly fence: Fence;
  /** The id of the key that signs assignments now. */
  readonly signedWith: string;
  readonly clock: Clock;
}

/** A job as the control API shows it; the field names are part of that API. */
export interface FencingProgress {
  /** `home aws-alpha`, `tenant acme`, `cell aws-alpha` (as home or standby) or `all tenants`. */
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
  /** Continues reading the log and runs due jobs until `until`. Rejects when directory or storage do; completed work is kept. */
  round(cells: readonly Cell[], answers: (cell: string) => boolean, until: EpochMs): Promise<void>;
  /** Jobs in progress (a hundred at most, those over the whole directory first) and the latest finished ones. */
  progress(): { readonly waiting: number; readonly jobs: readonly FencingProgress[] };
  /** The directory's newest revision that has been read; `null` before the first round. */
  revision(): number | null;
}

const POSITION = 'fencing/position';
const JOB = 'fencing/job/';
/** The latest finished ones, so that a monitor that starts anew still shows them. */
const FINISHED = 'fencing/finished';
/** The id of the key that the assignments were last signed with. */
const SIGNED_WITH = 'fencing/signed-with';

/** Jobs in progress that the status lists individually. */
const SHOWN = 100;

/** A rotation of keys waits for the jobs over the whole directory, and must see them whatever else waits. */
const widestFirst = (one: FencingJob, other: FencingJob): number =>
  Number('anywhere' in other.of) - Number('anywhere' in one.of);

export function createFencing({ directory, storage, fence, signedWith, clock }: FencingDeps): Fencing {
  const jobs = new Map<string, FencingJob>();
  const finished: FencingJob[] = [];
  let position: LogPosition | undefined;
  let loaded = false;

  const keep = async (job: FencingJob): Promise<void> => {
    jobs.set(job.key, job);
    await storage.put(JOB + job.key, toStoredJob(job));
  };

  const add = async (job: FencingJob): Promise<void> => {
    if ((jobs.get(job.key)?.revision ?? -1) < job.revision) await keep({ ...job, since: clock.now() });
  };

  const finish = async (job: FencingJob): Promise<void> => {
    // A newer change of the same home may have replaced it in the meantime.
    if (jobs.get(job.key)?.revision !== job.revision) return;
    jobs.delete(job.key);
    finished.unshift(job);
    finished.splice(FENCING_LIMITS.finished);
    await storage.put(FINISHED, finished.map(toStoredJob));
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
    for (const job of [...kept.values()].map(fromStoredJob)) jobs.set(job.key, job);
    finished.push(...((await storage.get<readonly Json[]>(FINISHED)) ?? []).map(fromStoredJob));
    if (position === undefined) {
      const newest = (await directory.audit({ limit: 1 })).items[0]?.revision ?? 0;
      for (const job of jobsOfCells(cells)) await add(job);
      await moveTo({ low: newest, high: null, cursor: null });
      await storage.put(SIGNED_WITH, signedWith);
    } else if ((await storage.get<string>(SIGNED_WITH)) !== signedWith) {
      // The job before the note, so that a crash in between repeats it; and from the beginning, whatever one of this key has done before another
      // key signed in between. An earlier release has left no note.
      await keep({ ...resigningJob(signedWith, position.low), since: clock.now() });
      await storage.put(SIGNED_WITH, signedWith);
    }
    loaded = true;
  };

  /** Reads new entries of the log, newest first. The position is stored after the jobs, so a crash in between repeats them. */
  const readLog = async (): Promise<void> => {
    for (let pages = 0; pages < FENCING_LIMITS.auditPages; pages += 1) {
      const { low, high, cursor } = position ?? { low: 0, high: null, cursor: null };
      if (jobs.size + JOBS_PER_ENTRY * FENCING_LIMITS.auditPage > FENCING_LIMITS.jobs) return;
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

  /** Runs one page of a job, or all of a single tenant's job. */
  const step = async (
    job: FencingJob,
    cellOf: (id: string) => Cell | undefined,
    answers: (cell: string) => boolean,
  ): Promise<void> => {
    const { subjects, next } = await subjectsOf(job, directory, cellOf);
    const missed = new Set(job.missed);
    let { notified, problem, epoch = 0 } = job;
    await mapConcurrently(subjects, FENCING_LIMITS.concurrency, async ({ tenant, target, epoch: current, placed }) => {
      if (missed.has(target.id)) return;
      const complaint = answers(target.id)
        ? await fence(target, tenant, current, placed)
        : 'it does not answer its probes';
      if (complaint === null) {
        notified += 1;
        epoch = Math.max(epoch, current);
      } else {
        missed.add(target.id);
        problem = cutUtf8(`${target.id}: ${complaint}`, FENCING_LIMITS.problemBytes);
      }
    });
    if (jobs.get(job.key)?.revision !== job.revision) return;
    if (next !== null) await keep({ ...job, cursor: next, missed: [...missed], notified, epoch, problem });
    else if (missed.size === 0) await finish({ ...job, notified, epoch, problem: '' });
    else {
      const failures = job.failures + 1;
      const nextAt = epochMs(
        clock.now() + pauseAfter(failures, FENCING_LIMITS.firstPauseMs, FENCING_LIMITS.longestPauseMs),
      );
      await keep({ ...job, cursor: null, only: [...missed], missed: [], notified, epoch, problem, failures, nextAt });
    }
  };

  return {
    async round(cells, answers, until) {
      await load(cells);
      await readLog();
      const byId = new Map(cells.map((cell) => [cell.id, cell]));
      const cellOf = (id: string) => byId.get(id);
      // Cells that do not answer are not asked: their jobs wait, and become due as soon as the cells answer.
      const isDue = (job: FencingJob) =>
        job.nextAt <= clock.now() && (targetsOf(job, cellOf)?.some((cell) => !byId.has(cell) || answers(cell)) ?? true);
      for (let worked = true; worked; ) {
        worked = false;
        // One page of each, so that a large job does not delay the small ones.
        for (const key of [...jobs.keys()]) {
          if (clock.now() >= until) return;
          const job = jobs.get(key);
          if (job === undefined || !isDue(job)) continue;
          await step(job, cellOf, answers);
          worked = true;
        }
      }
    },

    revision: () => (position === undefined ? null : (position.high ?? position.low)),

    progress: () => ({
      waiting: jobs.size,
      jobs: [
        ...[...jobs.values()]
          .sort(widestFirst)
          .slice(0, SHOWN)
          .map((job) => describe(job, 'waiting')),
        ...finished.map((job) => describe(job, 'done')),
      ],
    }),
  };
}

/** A cell to notify of a tenant's epoch. */
interface Subject {
  readonly tenant: string;
  readonly target: Cell;
  readonly epoch: number;
  /** `null` if it was removed. */
  readonly placed: Placed | null;
}

async function subjectsOf(
  job: FencingJob,
  directory: FencingDeps['directory'],
  cellOf: (id: string) => Cell | undefined,
): Promise<{ readonly subjects: readonly Subject[]; readonly next: string | null }> {
  const { of, cursor, targets, ifRemoved } = job;
  const subjectOf = (tenant: Tenant): readonly Subject[] => {
    const target = targetOf(job, tenant, cellOf);
    const home = cellOf(tenant.cell);
    if (target === undefined || home === undefined) return [];
    // A cell that serves needs no fence, and there is no assignment of a home without keys.
    if (targets === 'serving' && home.keys === undefined) return [];
    const standby = tenant.standby === null ? null : (cellOf(tenant.standby) ?? null);
    return [{ tenant: tenant.id, target, epoch: epochOf(tenant, home), placed: { tenant, home, standby } }];
  };
  if ('tenant' in of) {
    const { tenant } = await directory.lookup(of.tenant);
    if (tenant !== null) return { subjects: subjectOf(tenant), next: null };
    const target = typeof targets === 'object' ? cellOf(targets.cell) : undefined;
    if (ifRemoved === undefined || target === undefined || target.state === 'retired')
      return { subjects: [], next: null };
    return { subjects: [{ tenant: of.tenant, target, epoch: ifRemoved, placed: null }], next: null };
  }
  const page = await directory.tenants({
    ...('home' in of && { cell: of.home }),
    limit: FENCING_LIMITS.page,
    ...(cursor !== null && { cursor }),
  });
  const isConcerned = ({ cell, standby }: Tenant): boolean =>
    'home' in of || of.anywhere === null || of.anywhere === cell || of.anywhere === standby;
  return { subjects: page.items.filter(isConcerned).flatMap(subjectOf), next: page.next };
}

/** The cell to notify of this tenant; `undefined` if it is gone, not part of this pass, or serves the tenant and is to be fenced. */
function targetOf(job: FencingJob, tenant: Tenant, cellOf: (id: string) => Cell | undefined): Cell | undefined {
  const { targets } = job;
  const only = onlyOf(job, cellOf);
  const resolution = resolveTenant(tenant, cellOf);
  const serving = resolution.status === 'served' ? resolution.cell : null;
  const id =
    typeof targets === 'object' ? targets.cell : { home: tenant.cell, standbys: tenant.standby, serving }[targets];
  if (id === null || (only !== null && !only.includes(id))) return undefined;
  const cell = cellOf(id);
  if (cell === undefined || cell.state === 'retired') return undefined;
  return targets !== 'serving' && serving === id ? undefined : cell;
}

const describeSubjects = (of: FencingJob['of']): string => {
  if ('home' in of) return `home ${of.home}`;
  if ('tenant' in of) return `tenant ${of.tenant}`;
  return of.anywhere === null ? 'all tenants' : `cell ${of.anywhere}`;
};

const describe = (
  { of, targets, revision, notified, since = epochMs(0), epoch = 0, problem }: FencingJob,
  state: FencingProgress['state'],
): FencingProgress => ({
  of: describeSubjects(of),
  whom: typeof targets === 'object' ? targets.cell : targets,
  revision,
  told: notified,
  since: since === 0 ? null : new Date(since).toISOString(),
  epoch: epoch === 0 ? null : epoch,
  problem,
  state,
});
