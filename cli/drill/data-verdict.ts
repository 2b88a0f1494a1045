// What drills about copies of data promise, and whether it was kept: moves, failbacks, lost standbys, long outages, a hostile administrator.
import type { LedgerSummary } from './ledger.ts';
import type { PhaseSummary } from './service.ts';
import { type Baseline, never, seconds, type Target, zero } from './verdict.ts';

export const DATA_DRILLS = [
  'move-under-load',
  'failback-union',
  'standby-loss',
  'long-outage',
  'hostile-administrator',
] as const;
export type DataDrill = (typeof DATA_DRILLS)[number];

export const DATA_TARGETS = {
  /** Neighbours of a move: the factor by which the 99th percentile may rise while it is seeded … */
  neighbourRatio: 1.1,
  /** … or the milliseconds, whichever allows more: a tenth of a few milliseconds is noise. */
  neighbourMs: 50,
  /** A cell that was away has everything within this, in milliseconds: it is found to be behind every 30 s, and then compared. */
  caughtUpMs: 180_000,
} as const;

/** What clients saw through the edge at one moment. */
export interface Stage {
  readonly name: string;
  /** Events that were acknowledged by then. */
  readonly acknowledged: number;
  /** Of these, how many clients did not see, though they went on looking. */
  readonly missing: number;
  readonly twice: number;
  readonly servedBy: readonly string[];
  /** How long clients looked until they saw all, in milliseconds. */
  readonly afterMs: number;
}

/** Something that an administrator of one cell tried against the other one. */
export interface Attempt {
  readonly from: string;
  readonly at: string;
  readonly what: string;
  /** What came of it. */
  readonly answer: string;
  /** `limit`: it succeeds, as the decision about it says (ADR 0044), and destroys nothing. */
  readonly outcome: 'held' | 'BROKEN' | 'limit';
}

/** What such a drill has measured; parts that its kind does not have are absent. */
export interface DataMeasured {
  readonly kind: DataDrill;
  readonly baseline: Baseline;
  readonly ledger?: LedgerSummary;
  readonly effects?: { readonly doubled: number; readonly missing: number };
  /** Answers by a cell that should not have served the tenant. */
  readonly wrongCell?: number;
  readonly unsent?: number;
  /** Requests from the fault on, and how many of them failed. */
  readonly requests?: {
    readonly sent: number;
    readonly failed: number;
    /** Of all of them, how many had which answer. */
    readonly byStatus: Readonly<Record<string, number>>;
  };
  readonly neighbours?: { readonly before: PhaseSummary; readonly during: PhaseSummary };
  readonly stages?: readonly Stage[];
  /** What differs between the two cells of the tenants at the end: events, and documents of consumers. */
  readonly differing?: { readonly events: number; readonly documents: number; readonly compared: number };
  /** Moves, and how many of them came to the step that was waited for. */
  readonly moves?: { readonly step: string; readonly ordered: number; readonly arrived: number };
  readonly failback?: 'back' | 'forced' | 'was home';
  /** From the return of the cell until nothing was missing in it, in milliseconds; `null`: something was to the end. */
  readonly caughtUpMs?: number | null;
  readonly attempts?: readonly Attempt[];
  /** Of the other cell's events after all attempts. */
  readonly victims?: { readonly events: number; readonly deleted: number; readonly rewritten: number };
  readonly facts: readonly { readonly what: string; readonly value: string }[];
}

const sum = (stages: readonly Stage[], of: 'missing' | 'twice'): number =>
  stages.reduce((total, stage) => total + stage[of], 0);

/** The targets of the drill, met or missed. */
export function judgeData(measured: DataMeasured): readonly Target[] {
  const { ledger, effects, requests, stages, neighbours, differing, moves, failback, caughtUpMs } = measured;
  const targets: Target[] = [];
  if (requests !== undefined) {
    const answers = Object.entries(requests.byStatus).map(([status, count]) => `${count} ${status}`);
    targets.push({
      ...zero(`requests that failed (${requests.sent})`, requests.failed),
      ...(requests.failed > 0 && { actual: `${requests.failed}: ${answers.join(', ')}` }),
    });
    targets.push(zero('requests that could not be sent', measured.unsent ?? 0));
  }
  if (moves !== undefined)
    targets.push({
      name: `moves that are ${moves.step}`,
      wanted: String(moves.ordered),
      actual: String(moves.arrived),
      met: moves.ordered > 0 && moves.arrived === moves.ordered,
    });
  if (failback !== undefined)
    targets.push({
      name: 'failed back once nothing was missing',
      wanted: 'yes',
      actual: failback === 'back' ? 'yes' : failback === 'forced' ? 'no, with force' : 'it was not failed over',
      met: failback === 'back',
    });
  if (stages !== undefined)
    targets.push(
      never('acknowledged events that clients did not see', sum(stages, 'missing')),
      never('events that clients saw twice', sum(stages, 'twice')),
    );
  if (ledger !== undefined) {
    targets.push(
      never('acknowledged events lost', ledger.lost),
      never('acknowledged events missing where they were acknowledged', ledger.misplaced),
      never('double effects', ledger.doubled + (effects?.doubled ?? 0)),
      never('missing effects', effects?.missing ?? 0),
      never('answers by a wrong cell', measured.wrongCell ?? 0),
    );
    if (ledger.acknowledged === 0)
      targets.push({ name: 'acknowledged events', wanted: 'some', actual: '0', met: false });
  }
  if (differing !== undefined)
    targets.push(
      never('events that differ between the two cells', differing.events),
      never(`documents that differ between the two cells (${differing.compared})`, differing.documents),
    );
  if (caughtUpMs !== undefined)
    targets.push({
      name: 'nothing missing after the cell’s return',
      wanted: `< ${seconds(DATA_TARGETS.caughtUpMs)}`,
      actual: caughtUpMs === null ? 'never' : seconds(caughtUpMs),
      met: caughtUpMs !== null && caughtUpMs < DATA_TARGETS.caughtUpMs,
    });
  if (neighbours !== undefined) targets.push(neighbourTarget(neighbours));
  return [...targets, ...attemptTargets(measured)];
}

function neighbourTarget({ before, during }: NonNullable<DataMeasured['neighbours']>): Target {
  const limit = Math.max(DATA_TARGETS.neighbourRatio * before.p99Ms, before.p99Ms + DATA_TARGETS.neighbourMs);
  return {
    name: 'latency of neighbours while tenants are moved (p99)',
    wanted: `< ${Math.round(limit)} ms (${before.p99Ms} ms before)`,
    actual: `${during.p99Ms} ms`,
    met: during.p99Ms < limit,
  };
}

function attemptTargets({ attempts, victims }: DataMeasured): Target[] {
  if (attempts === undefined || victims === undefined) return [];
  const broken = attempts.filter(({ outcome }) => outcome === 'BROKEN').length;
  return [
    { ...never(`attempts that did what they were to do (${attempts.length})`, broken) },
    never(`events of the other cell that are gone (${victims.events})`, victims.deleted),
    never('events of the other cell that say something else', victims.rewritten),
    ...(attempts.length === 0 || victims.events === 0
      ? [{ name: 'attempts', wanted: 'some', actual: '0', met: false } as const]
      : []),
  ];
}
