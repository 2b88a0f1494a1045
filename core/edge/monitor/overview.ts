// The overview for operators: cells, tenants, failovers and fencing on one page, made from what the monitor's rounds know.

import type { ConsumerBacklog } from '../../cell/backlogs.ts';
import type { DelayReport } from '../../cell/delays.ts';
import type { ProbeTarget } from '../../cell/health-probe.ts';
import type { ParkedCount } from '../../cell/measures.ts';
import type { Clock, EpochMs } from '../../ports/clock.ts';
import { describeError } from '../../ports/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { CellOverview, Directory } from '../ports/directory.ts';
import {
  type Cell,
  type CellState,
  epochOf,
  type FailoverPolicy,
  type OnIsolation,
  resolveTenant,
  type StandbyMode,
  type Tenant,
  type Tier,
} from '../ports/directory-model.ts';
import type { TrafficReport } from '../ports/traffic.ts';
import { backlogWatch } from './backlog-watch.ts';
import { type CellBudget, cellBudgets } from './budgets.ts';
import { isAnswering, NO_EVIDENCE, type Verdict } from './evidence.ts';
import type { HoldReason, MonitorMemory } from './failure-detector.ts';
import type { Fencing, FencingProgress } from './fencing.ts';
import type { CellReport } from './measure-question.ts';
import type { MonitorStorage } from './monitor-storage.ts';
import type { CellObjectives } from './objectives.ts';
import { type Pace, paceOf } from './pace.ts';
import { FAILOVER_LIMITS, latestRecoveries, type RecentFailover, recentFailovers } from './recent-failovers.ts';
import type { CellReplication, ReplicaWatch } from './replica-watch.ts';
import { cellSamples, type Measured, type Series } from './samples.ts';

export const OVERVIEW_LIMITS = {
  /** Cells on the page; the listing has all of them. */
  cells: 200,
  /** Tenants on the page; the listing has all of them. */
  tenants: 500,
  /** How often each cell is asked what it measures, in milliseconds. */
  measureMs: 10_000,
  /** What a cell has said of how long events take counts for this long, in milliseconds. */
  delaysMs: 60_000,
} as const;

/** A cell as operators see it. The field names of all of these are part of the control API. */
export interface OverviewCell {
  readonly id: string;
  readonly cloud: string;
  readonly region: string;
  readonly jurisdiction: string;
  readonly endpoint: string;
  readonly state: CellState;
  readonly policy: FailoverPolicy;
  readonly capacity: number;
  readonly homes: number;
  readonly standbys: number;
  /** What the monitor makes of its probes, and since when. */
  readonly verdict: Verdict;
  readonly since: string | null;
  /** `null` while it answers, or if it has never been seen to; else the last sign of life. */
  readonly silentSince: string | null;
  readonly answers: boolean | null;
  readonly detail: string;
  /** Why it is not failed over although it is failing. */
  readonly stay: HoldReason | null;
  readonly refusal: string | null;
  /** What routers have sent to it since the monitor began, as sampled. */
  readonly routed: { readonly requests: number; readonly ingests: number; readonly failures: number };
  /** What the cell has said of itself, and when; `null` if it has said nothing. */
  readonly measured: {
    readonly at: string;
    readonly version: string;
    readonly parked: readonly ParkedCount[];
    readonly delays: readonly DelayReport[];
    /** How far its consumers are behind; empty if it has not said so lately, as one of an earlier release. */
    readonly backlogs: readonly ConsumerBacklog[];
  } | null;
  /** How far the tenants that it serves are at their other cells; `null` without such tenants, or while that is not known. */
  readonly replication: CellReplication | null;
  /** How much of its error budgets is left; `null` before the first whole minute. */
  readonly budget: CellBudget | null;
}

export interface OverviewTenant {
  readonly id: string;
  readonly cell: string;
  readonly standby: string | null;
  /** The cell that serves it now; `null` if none does. */
  readonly servedBy: string | null;
  /** Why none does. */
  readonly unserved: string | null;
  readonly epoch: number | null;
  readonly residency: string;
  readonly tier: Tier;
  readonly pinned: boolean;
  readonly onIsolation: OnIsolation;
  readonly standbyMode: StandbyMode;
}

export interface Overview {
  /** The directory's revision that tenants and failovers are of. */
  readonly revision: number;
  readonly monitor: { readonly trouble: string | null; readonly intervalMs: number };
  readonly cells: { readonly items: readonly OverviewCell[]; readonly more: boolean };
  readonly tenants: { readonly items: readonly OverviewTenant[]; readonly more: boolean };
  readonly fencing: { readonly waiting: number; readonly jobs: readonly FencingProgress[] };
  readonly failovers: readonly RecentFailover[];
  /** What the cells' budgets are judged by. */
  readonly objectives: CellObjectives;
  readonly series: Series;
}

/** The overview as it is handed to a viewer. */
export interface OverviewAnswer {
  /** Changes with the content; an entity tag. */
  readonly etag: string;
  /** How long ago the content was last confirmed, in milliseconds. */
  readonly ageMs: number;
  /** As JSON; `null` if the viewer has it already. */
  readonly body: string | null;
}

export interface OverviewDeps {
  readonly directory: Pick<Directory, 'tenants' | 'audit'>;
  /** Asks a cell what it measures; see `measureQuestion`. */
  readonly measure: (cell: ProbeTarget) => Promise<CellReport | null>;
  readonly replication: Pick<ReplicaWatch, 'of' | 'keep'>;
  readonly storage: MonitorStorage;
  readonly objectives: CellObjectives;
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs: number;
}

/** What a round hands over. */
export interface RoundView {
  readonly cells: readonly CellOverview[];
  readonly memory: MonitorMemory;
  readonly fencing: Pick<Fencing, 'progress' | 'revision'>;
}

export interface OverviewKeeper {
  /** Takes in what a round has found. Never rejects: while directory or storage fail, the overview is left as it was, and ages. */
  round(view: RoundView): Promise<void>;
  /** Takes in what an isolate has sent to cells. */
  report(traffic: TrafficReport): void;
  /** How fast events move in and from a cell, as of now. */
  pace(cell: string): Pace;
  /** How far its consumers are behind, as of now. */
  backlogs(cell: string): readonly ConsumerBacklog[];
  /** Cell → the RTO of its latest failover that was measured, in milliseconds. */
  recoveries(): ReadonlyMap<string, number>;
  /** The overview as of the latest round; `null` before the first one. `known`: the entity tag that the viewer has. */
  answer(trouble: string | null, known: string | null): OverviewAnswer | null;
}

/** Returns the overview. It costs nothing but memory while there is no viewer, except one small question to each cell now and then. */
export function createOverview(deps: OverviewDeps): OverviewKeeper {
  const { directory, measure, replication, storage, objectives, clock, log, intervalMs } = deps;
  const samples = cellSamples();
  const failovers = recentFailovers(storage);
  const budgets = cellBudgets({ storage, objectives });
  const backlogs = backlogWatch();
  /** Cell → its last sign of life. */
  let lastAnswers = new Map<string, number>();
  let measures = new Map<string, { readonly at: number; readonly report: CellReport }>();
  let askedAt: number | null = null;
  let isAsking = false;
  let tenants: { readonly items: readonly Tenant[]; readonly more: boolean } = { items: [], more: false };
  let revision = -1;
  let view: RoundView | undefined;
  let seenAt = 0;
  let rendered: { readonly view: RoundView; readonly trouble: string | null } | undefined;
  let body = '';
  let etag = '';
  // Distinguishes this object's life from others: two of them may have counted as many versions.
  const life = clock.now().toString(36);
  let versions = 0;
  let isBehind = false;

  const evidenceOf = ({ memory }: RoundView, cell: string) => memory.cells.get(cell)?.evidence ?? NO_EVIDENCE;

  const answerOf = (current: RoundView, cell: string) => {
    const evidence = evidenceOf(current, cell);
    const latest = evidence.probes.findLast(({ answer }) => answer !== 'void');
    return latest?.answer === 'alive' ? latest : null;
  };

  /** Asks one cell after the other, so that probes keep the connections. */
  const askAll = async (targets: readonly Cell[]): Promise<void> => {
    for (const cell of targets) {
      const report = await measure(cell);
      if (report === null) continue;
      measures.set(cell.id, { at: clock.now(), report });
      backlogs.take(cell.id, report.backlogs, clock.now());
    }
  };

  const askNow = (current: RoundView): void => {
    const now = clock.now();
    if (isAsking || (askedAt !== null && Math.abs(now - askedAt) < OVERVIEW_LIMITS.measureMs)) return;
    isAsking = true;
    askedAt = now;
    const answering = current.cells.map(({ cell }) => cell).filter(({ id }) => answerOf(current, id) !== null);
    void askAll(answering.slice(0, OVERVIEW_LIMITS.cells))
      .catch((error: unknown) => log.warn('cells cannot be asked what they measure', describeError(error)))
      .finally(() => {
        isAsking = false;
      });
  };

  /** Reads what only a change of the directory changes. */
  const readDirectory = async (newest: number): Promise<void> => {
    const [page, audit] = await Promise.all([
      directory.tenants({ limit: OVERVIEW_LIMITS.tenants }),
      directory.audit({ limit: FAILOVER_LIMITS.entries }),
    ]);
    tenants = { items: page.items, more: page.next !== null };
    failovers.read(audit.items);
    revision = newest;
  };

  const standbysOf = (home: string, cells: ReadonlyMap<string, Cell>): readonly string[] => [
    ...new Set(
      tenants.items.flatMap((tenant) => {
        if (tenant.cell !== home) return [];
        const resolution = resolveTenant(tenant, (id) => cells.get(id));
        return resolution.status === 'served' && resolution.cell !== home ? [resolution.cell] : [];
      }),
    ),
  ];

  const pace = (cell: string): Pace => {
    const now = clock.now();
    const known = measures.get(cell);
    const delays = known !== undefined && now - known.at < OVERVIEW_LIMITS.delaysMs ? known.report.delays : [];
    return paceOf({ now, delays, backlogs: backlogs.of(cell, now), replication: replication.of(cell) });
  };

  const toCell = (current: RoundView, { cell, homes, standbys }: CellOverview): OverviewCell => {
    const { id, cloud, region, jurisdiction, endpoint, state, failover: policy, capacity } = cell;
    const saved = current.memory.cells.get(id)?.saved;
    const evidence = evidenceOf(current, id);
    const answers = isAnswering(evidence);
    const last = lastAnswers.get(id);
    const known = measures.get(id);
    const { requests, ingests, failures } = samples.total(id);
    return {
      ...{ id, cloud, region, jurisdiction, endpoint, state, policy, capacity, homes, standbys },
      verdict: saved?.verdict ?? 'unknown',
      since: saved === undefined ? null : timeOf(saved.since),
      silentSince: answers === false && last !== undefined ? timeOf(last) : null,
      answers,
      detail: evidence.probes.at(-1)?.detail ?? '',
      stay: saved?.stay ?? null,
      refusal: saved === undefined || saved.refusal === '' ? null : saved.refusal,
      routed: { requests, ingests, failures },
      measured:
        known === undefined
          ? null
          : {
              at: timeOf(known.at),
              version: known.report.version,
              parked: known.report.parked,
              delays: known.report.delays,
              backlogs: backlogs.of(id, clock.now()),
            },
      replication: replication.of(id),
      budget: budgets.of(id),
    };
  };

  const render = (current: RoundView, trouble: string | null): Overview => {
    const byId = new Map(current.cells.map(({ cell }) => [cell.id, cell]));
    const shown = current.cells.filter(({ cell }) => cell.state !== 'retired');
    return {
      revision,
      monitor: { trouble, intervalMs },
      cells: {
        items: shown.slice(0, OVERVIEW_LIMITS.cells).map((each) => toCell(current, each)),
        more: shown.length > OVERVIEW_LIMITS.cells,
      },
      tenants: {
        items: tenants.items.map((tenant) => toTenant(tenant, (id) => byId.get(id))),
        more: tenants.more,
      },
      fencing: current.fencing.progress(),
      failovers: failovers.list(),
      objectives,
      series: samples.series(),
    };
  };

  const take = async (current: RoundView): Promise<void> => {
    const newest = current.fencing.revision();
    if (newest !== null && newest !== revision) await readDirectory(newest);
    const now = clock.now();
    const living = current.cells.map(({ cell }) => cell).filter(({ state }) => state !== 'retired');
    lastAnswers = new Map(
      living.flatMap(({ id }) => {
        const answer = answerOf(current, id);
        const at = answer === null ? lastAnswers.get(id) : answer.sentAt + answer.tookMs;
        return at === undefined ? [] : [[id, at] as const];
      }),
    );
    const byId = new Map(living.map((cell) => [cell.id, cell]));
    measures = new Map([...measures].filter(([id]) => byId.has(id)));
    replication.keep(new Set(byId.keys()));
    backlogs.keep(byId);
    await failovers.measure(
      {
        silentSince: (cell) =>
          answerOf(current, cell) === null ? ((lastAnswers.get(cell) ?? null) as EpochMs | null) : null,
        answer: (cell) => answerOf(current, cell),
        standbysOf: (home) => standbysOf(home, byId),
      },
      now,
    );
    const ids = living.map(({ id }) => id);
    samples.sample(
      now,
      ids,
      (cell): Measured => ({
        probeMs: answerOf(current, cell)?.tookMs ?? null,
        parked: parkedIn(measures.get(cell)?.report),
        ...pace(cell),
      }),
    );
    askNow(current);
    view = current;
    seenAt = now;
    // Last: what is shown does not depend on whether it can be stored.
    await budgets.take(now, ids, pace, samples.total);
  };

  return {
    async round(current) {
      try {
        await take(current);
        isBehind = false;
      } catch (error) {
        if (!isBehind) log.warn('the overview cannot be made', describeError(error));
        isBehind = true;
      }
    },

    report: (traffic) => samples.report(traffic),

    pace,

    backlogs: (cell) => backlogs.of(cell, clock.now()),

    recoveries: () => latestRecoveries(failovers.list()),

    answer(trouble, known) {
      if (view === undefined) return null;
      if (rendered?.view !== view || rendered.trouble !== trouble) {
        const next = JSON.stringify(render(view, trouble));
        if (next !== body) {
          body = next;
          versions += 1;
          etag = `"${life}-${versions}"`;
        }
        rendered = { view, trouble };
      }
      return { etag, ageMs: Math.max(0, clock.now() - seenAt), body: known === etag ? null : body };
    },
  };
}

const timeOf = (at: number): string => new Date(at).toISOString();

const parkedIn = (report: CellReport | undefined): number | null =>
  report === undefined ? null : report.parked.reduce((sum, { parked }) => sum + parked, 0);

function toTenant(tenant: Tenant, cellOf: (id: string) => Cell | undefined): OverviewTenant {
  const { id, cell, standby, residency, tier, pinned, onIsolation = 'serve', standbyMode = 'warm' } = tenant;
  const home = cellOf(cell);
  const resolution = resolveTenant(tenant, cellOf);
  const isServed = resolution.status === 'served';
  return {
    ...{ id, cell, standby, residency, tier, pinned, onIsolation, standbyMode },
    servedBy: isServed ? resolution.cell : null,
    unserved: isServed ? null : resolution.reason,
    epoch: home === undefined ? null : epochOf(tenant, home),
  };
}
