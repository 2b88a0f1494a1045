// Probes a cell's health from outside, as a client reaches it, and distinguishes a slow cell from a silent one.
import { type TimedFetchDeps, timedFetch } from '../lib/timed-fetch.ts';
import type { EpochMs } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';

/**
 * The outcome of one probe:
 * - `alive`: the cell itself answered 200, `ok` or `degraded`: moving all tenants of a throttling store would make matters worse;
 * - `refused`: something answered, but not this cell in good health: a closed port, a 503, another cell;
 * - `silent`: there was no answer in time;
 * - `void`: there was no answer in time, but the observer itself was late, so the probe is inconclusive.
 */
export type ProbeAnswer = 'alive' | 'refused' | 'silent' | 'void';

export interface ProbeResult {
  readonly sentAt: EpochMs;
  readonly answer: ProbeAnswer;
  /** `ok`, `degraded`, or why it counts as a failure. */
  readonly detail: string;
  readonly tookMs: number;
}

export interface ProbeLimits {
  /** A probe without an answer is judged after this, in milliseconds. */
  readonly timeoutMs: number;
  /** An answer within this time still counts as a sign of life, in milliseconds. */
  readonly lateMs: number;
}

/** A probe in progress. Neither promise rejects. */
export interface Probe {
  readonly sentAt: EpochMs;
  /** The result, at the latest when the timeout is over. */
  readonly result: Promise<ProbeResult>;
  /** After `silent` or `void`: the late answer, or `null` if there was none. `null` at once after an answer in time. */
  readonly late: Promise<ProbeResult | null>;
  /** Closes the connection; there will be no late answer then. */
  cancel(): void;
}

/** The cell to probe. */
export interface ProbeTarget {
  readonly id: string;
  readonly endpoint: string;
}

/**
 * A timer that fires late by more than this share of its time shows that the observer was starved, not the cell. A quarter of the
 * timeout is far more than the usual timer latency of an idle machine, and far less than a starved process loses.
 */
const LATENESS_SHARE = 0.25;

/** Returns a function that starts a probe. */
export function healthProbe(deps: TimedFetchDeps, { timeoutMs, lateMs }: ProbeLimits): (target: ProbeTarget) => Probe {
  const { clock } = deps;
  return ({ id, endpoint }) => {
    const sentAt = clock.now();
    const controller = new AbortController();
    const answered = timedFetch(deps, `${endpoint}/v1/health`, {}, lateMs, controller.signal).then(
      (answer): ProbeResult | null => {
        const tookMs = Math.max(0, clock.now() - sentAt);
        const refused = (detail: string): ProbeResult => ({ sentAt, answer: 'refused', detail, tookMs });
        if (answer.status === null) return answer.timedOut ? null : refused(answer.problem);
        const body = isJsonObject(answer.body) ? answer.body : {};
        if (answer.status !== 200) return refused(`it answers ${answer.status} ${String(body.status ?? '')}`.trim());
        if (body.cell !== id) return refused(`another cell answers at ${endpoint}`);
        return { sentAt, answer: 'alive', detail: body.status === 'degraded' ? 'degraded' : 'ok', tookMs };
      },
    );
    const over = clock.sleep(timeoutMs).then((): ProbeResult => {
      const tookMs = clock.now() - sentAt;
      const isLate = tookMs - timeoutMs > timeoutMs * LATENESS_SHARE;
      return isLate
        ? { sentAt, answer: 'void', detail: 'inconclusive: the observer was too busy', tookMs }
        : { sentAt, answer: 'silent', detail: `no answer in ${timeoutMs} ms`, tookMs };
    });
    const result = Promise.race([answered.then((answer) => answer ?? over), over]);
    const late = result.then(({ answer }) => (answer === 'silent' || answer === 'void' ? answered : null));
    return { sentAt, result, late, cancel: () => controller.abort() };
  };
}
