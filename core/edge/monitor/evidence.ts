// Evaluates the probes of one cell: how long it has been silent, how long to wait for it, and the verdict; pure.
import type { ProbeResult } from '../../cell/health-probe.ts';
import { type EpochMs, epochMs } from '../../ports/clock.ts';
import type { MonitorSettings } from './monitor-settings.ts';

export type Verdict = 'unknown' | 'up' | 'failing';

/** How long the cell takes to answer, smoothed as TCP smooths round-trip times (https://www.rfc-editor.org/rfc/rfc6298). */
export interface Latency {
  readonly meanMs: number;
  readonly deviationMs: number;
}

export interface Evidence {
  /** The latest probes in the order of sending; as many as the settings look at. */
  readonly probes: readonly ProbeResult[];
  /** `null` until the first answer. */
  readonly latency: Latency | null;
}

export const NO_EVIDENCE: Evidence = { probes: [], latency: null };

export const EVIDENCE_LIMITS = {
  /** Of a full window, the share of failures that marks a cell which answers now and then as failing. */
  flakyShare: 0.75,
  /** Upper bound of the silence allowed for a slow cell, as a multiple of the usual one. */
  patience: 4,
} as const;

/** An inconclusive probe is shown but not counted. */
const counts = ({ answer }: ProbeResult): boolean => answer !== 'void';

const isAlive = ({ answer }: ProbeResult): boolean => answer === 'alive';

/** Adds results; a late answer replaces the earlier `silent` result of the same probe. */
export function withResults(
  { probes, latency }: Evidence,
  results: readonly ProbeResult[],
  settings: MonitorSettings,
): Evidence {
  const length = Math.max(settings.window, settings.recoveries, settings.failures);
  let kept = [...probes];
  let smoothed = latency;
  for (const result of results) {
    const at = kept.findIndex(({ sentAt }) => sentAt === result.sentAt);
    if (at === -1) kept = [...kept, result];
    else kept[at] = result;
    if (isAlive(result)) smoothed = smooth(smoothed, result.tookMs);
  }
  kept.sort((a, b) => a.sentAt - b.sentAt);
  return { probes: kept.slice(-length), latency: smoothed };
}

function smooth(before: Latency | null, tookMs: number): Latency {
  if (before === null) return { meanMs: tookMs, deviationMs: tookMs / 2 };
  return {
    meanMs: before.meanMs + (tookMs - before.meanMs) / 8,
    deviationMs: before.deviationMs + (Math.abs(tookMs - before.meanMs) - before.deviationMs) / 4,
  };
}

/** How long a cell may show no sign of life: longer, within a bound, if it has been slow lately. */
export function patienceMs({ latency }: Evidence, { silenceMs }: MonitorSettings): number {
  const usual = latency === null ? 0 : latency.meanMs + 4 * latency.deviationMs;
  return Math.min(EVIDENCE_LIMITS.patience * silenceMs, Math.max(silenceMs, usual));
}

/** The failures since the last answer to a probe. */
export function failuresInARow({ probes }: Evidence): readonly ProbeResult[] {
  const counted = probes.filter(counts);
  return counted.slice(counted.findLastIndex(isAlive) + 1);
}

/** When the cell last showed a sign of life, or when the monitor started watching it. */
export function silentSince(evidence: Evidence): EpochMs | null {
  const first = failuresInARow(evidence)[0];
  if (first === undefined) return null;
  const signs = evidence.probes.filter(isAlive).map(({ sentAt, tookMs }) => sentAt + tookMs);
  return epochMs(Math.max(first.sentAt, ...signs));
}

/**
 * Whether the evidence is enough to consider the cell lost: enough failures in a row, with no sign of life for the whole silence
 * limit; or failures during most of a full window, the latest probe included.
 */
export function isLost(evidence: Evidence, now: EpochMs, settings: MonitorSettings): boolean {
  const since = silentSince(evidence);
  if (since === null) return false;
  if (failuresInARow(evidence).length >= settings.failures && now - since >= patienceMs(evidence, settings))
    return true;
  const window = evidence.probes.filter(counts).slice(-settings.window);
  const failures = window.filter((probe) => !isAlive(probe)).length;
  return window.length >= settings.window && failures >= settings.window * EVIDENCE_LIMITS.flakyShare;
}

/** The verdict given the current evidence. Between the two thresholds it does not change, so a flapping cell does not make it flap. */
export function verdictOf(before: Verdict, evidence: Evidence, now: EpochMs, settings: MonitorSettings): Verdict {
  if (isLost(evidence, now, settings)) return 'failing';
  const latest = evidence.probes.filter(counts).slice(-settings.recoveries);
  return latest.length >= settings.recoveries && latest.every(isAlive) ? 'up' : before;
}

/** Whether the latest probe that counts was answered; `null` if there is none. */
export function isAnswering({ probes }: Evidence): boolean | null {
  const latest = probes.findLast(counts);
  return latest === undefined ? null : isAlive(latest);
}

/** The probes as one line, oldest first: `.` an answer, `s` a late answer, `x` a failure, `?` inconclusive. */
export const drawn = ({ probes }: Evidence, { timeoutMs }: MonitorSettings): string =>
  probes
    .map(({ answer, tookMs }) =>
      answer === 'alive' ? (tookMs > timeoutMs ? 's' : '.') : answer === 'void' ? '?' : 'x',
    )
    .join('');
