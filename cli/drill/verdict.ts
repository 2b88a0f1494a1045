// What a drill promises, and whether it was kept: the targets of each kind of drill.
import type { LedgerSummary } from './ledger.ts';
import type { PhaseSummary } from './service.ts';

export const DRILLS = ['cell-loss', 'region-loss', 'cloud-loss', 'map-loss', 'slow-cell', 'partition'] as const;
export type DrillKind = (typeof DRILLS)[number];

/** Drills in which processes are killed. */
export const isLoss = (kind: DrillKind): boolean =>
  kind === 'cell-loss' || kind === 'region-loss' || kind === 'cloud-loss';

export const TARGETS = {
  /** Each tenant of a lost cell is served again within this, in milliseconds. */
  rtoMs: 5000,
  /**
   * A cell that swallows requests is noticed by timeouts alone: each probe that marks it down takes its whole timeout, and a router's
   * route may have been confirmed just before.
   */
  partitionRtoMs: 15_000,
  /** Tenants of other cells while one is slow: the factor by which the 99th percentile may rise … */
  slowRatio: 3,
  /** … or the milliseconds, whichever allows more: a factor of three of a few milliseconds is noise. */
  slowMs: 50,
  /** A cell that was cut off knows the new epochs within this, once it can be reached, in milliseconds. */
  fencedMs: 30_000,
} as const;

export interface Target {
  readonly name: string;
  readonly wanted: string;
  readonly actual: string;
  readonly met: boolean;
  /** Holds however slow the machine is: a miss counts even where the load had failures before the fault. */
  readonly unconditional?: true;
}

/** `inconclusive`: the machine did not carry the load before the fault, so misses of time and availability are not the fault's. */
export type Outcome = 'passed' | 'failed' | 'inconclusive';

/** What was seen before the fault. */
export interface Baseline {
  /** Requests that were answered before the fault, and how many of them failed. */
  readonly requests: number;
  readonly failed: number;
  readonly unsent: number;
  /** Cells that missed probes of the monitor. */
  readonly missedProbes: readonly string[];
}

/** What a drill has measured; parts that its kind does not have are absent. */
export interface Measured {
  readonly kind: DrillKind;
  readonly baseline: Baseline;
  readonly ledger: LedgerSummary;
  /** Devices whose state or rollups count something twice, or still lack something that the log of their cell has. */
  readonly effects: { readonly doubled: number; readonly missing: number };
  /** Answers by a cell that should not have served the tenant. */
  readonly wrongCell: number;
  /** Requests that the generator could not send, as too many were under way. */
  readonly unsent: number;
  readonly recovery?: readonly { readonly tenant: string; readonly rtoMs: number | null }[];
  /** All tenants, if the fault affects none of them. */
  readonly bystanders?: { readonly before: PhaseSummary; readonly fault: PhaseSummary };
  /** Requests after the failback, and how many of them succeeded at home. */
  readonly home?: { readonly requests: number; readonly atHome: number };
  /** Milliseconds until a cell that was cut off refused the older epoch of every tenant; `null` if it never did. */
  readonly fencedMs?: number | null;
}

/** The targets of the drill, met or missed. */
export function judge(measured: Measured): readonly Target[] {
  const { kind, ledger, recovery, bystanders, home, fencedMs } = measured;
  const targets: Target[] = [];
  if (recovery !== undefined) targets.push(recoveryTarget(recovery, kind));
  targets.push(
    never('acknowledged events lost', ledger.lost),
    never('acknowledged events missing where they were acknowledged', ledger.misplaced),
    never('double effects', ledger.doubled + measured.effects.doubled),
    never('missing effects', measured.effects.missing),
    never('answers by a wrong cell', measured.wrongCell),
  );
  if (ledger.acknowledged === 0) targets.push({ name: 'acknowledged events', wanted: 'some', actual: '0', met: false });
  if (bystanders !== undefined) targets.push(...bystanderTargets(kind, bystanders));
  if (fencedMs !== undefined)
    targets.push({
      name: 'fenced after it could be reached',
      wanted: `< ${seconds(TARGETS.fencedMs)}`,
      actual: fencedMs === null ? 'never' : seconds(fencedMs),
      met: fencedMs !== null && fencedMs < TARGETS.fencedMs,
    });
  if (home !== undefined)
    targets.push({
      name: 'served at home again',
      wanted: '100 %',
      actual: `${percent(home.atHome, home.requests)} of ${home.requests}`,
      met: home.requests > 0 && home.atHome === home.requests,
    });
  if (kind !== 'slow-cell') targets.push(zero('requests that could not be sent', measured.unsent));
  return targets;
}

/** Why the load before the fault is no baseline to compare with; empty if it is one. */
export function baselineFaults({ requests, failed, unsent, missedProbes }: Baseline): readonly string[] {
  return [
    ...(requests === 0 ? ['no request was answered'] : []),
    ...(failed > 0 ? [`${failed} of ${requests} requests failed`] : []),
    ...(unsent > 0 ? [`${unsent} requests could not be sent`] : []),
    ...missedProbes.map((cell) => `${cell} missed probes`),
  ];
}

/** What the drill has shown. */
export function outcomeOf(targets: readonly Target[], baseline: Baseline): Outcome {
  const missed = targets.filter(({ met }) => !met);
  const isSound = baselineFaults(baseline).length === 0;
  if (missed.some(({ unconditional }) => unconditional === true || isSound)) return 'failed';
  return isSound ? 'passed' : 'inconclusive';
}

function recoveryTarget(recovery: NonNullable<Measured['recovery']>, kind: DrillKind): Target {
  const limit = kind === 'partition' ? TARGETS.partitionRtoMs : TARGETS.rtoMs;
  const never = recovery.filter(({ rtoMs }) => rtoMs === null).length;
  const worst = Math.max(0, ...recovery.map(({ rtoMs }) => rtoMs ?? 0));
  return {
    name: `time to recovery of every tenant (${recovery.length})`,
    wanted: `< ${seconds(limit)}`,
    actual: never > 0 ? `${never} never` : `${seconds(worst)} at worst`,
    met: recovery.length > 0 && never === 0 && worst < limit,
  };
}

function bystanderTargets(kind: DrillKind, { before, fault }: NonNullable<Measured['bystanders']>): Target[] {
  const failed = fault.requests - fault.succeeded;
  const served: Target = {
    name: kind === 'map-loss' ? 'requests served during the loss' : 'requests of other cells’ tenants served',
    wanted: '100 %',
    actual: `${percent(fault.succeeded, fault.requests)} of ${fault.requests}`,
    met: fault.requests > 0 && failed === 0,
  };
  if (kind !== 'slow-cell') return [served];
  const limit = Math.max(TARGETS.slowRatio * before.p99Ms, before.p99Ms + TARGETS.slowMs);
  const slowed: Target = {
    name: 'latency of other cells’ tenants (p99)',
    wanted: `< ${Math.round(limit)} ms (${before.p99Ms} ms before)`,
    actual: `${fault.p99Ms} ms`,
    met: fault.p99Ms < limit,
  };
  return [served, slowed];
}

/** Something that there must be none of. */
export const zero = (name: string, actual: number): Target => ({
  name,
  wanted: '0',
  actual: String(actual),
  met: actual === 0,
});

/** Something that there must be none of, on a machine of any speed. */
export const never = (name: string, actual: number): Target => ({ ...zero(name, actual), unconditional: true });

export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;

const percent = (part: number, whole: number): string =>
  // Rounded down: less than all must not look like all.
  `${whole === 0 ? 0 : Math.floor((part / whole) * 10_000) / 100} %`;
