// Asks a cell for its health from outside, as a client would reach it, and tells a cell that is slow from one that is silent.
import { type TimedFetchDeps, timedFetch } from '../lib/timed-fetch.ts';
import type { EpochMs } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';

/**
 * What came of one probe:
 * - `alive`: the cell answered 200 as itself; `degraded` too, for a store that throttles is served worse by moving all of its tenants;
 * - `refused`: something answered, and it was not this cell in health: a closed port, a 503, another cell;
 * - `silent`: there was no answer in time;
 * - `void`: there was no answer in time, but the observer itself was late, so that nothing follows for the cell.
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
  /** A probe that is not answered by then is judged, in milliseconds. */
  readonly timeoutMs: number;
  /** An answer that comes by then still counts as a sign of life, in milliseconds. */
  readonly lateMs: number;
}

/** A probe under way. Neither promise rejects. */
export interface Probe {
  readonly sentAt: EpochMs;
  /** The judgement, when the timeout is over at the latest. */
  readonly result: Promise<ProbeResult>;
  /** After `silent` or `void`: the answer that came late, or `null` if none did. `null` at once if there was one in time. */
  readonly late: Promise<ProbeResult | null>;
  /** Gives the connection up; there will be no late answer then. */
  cancel(): void;
}

/** The cell that is asked. */
export interface ProbeTarget {
  readonly id: string;
  readonly endpoint: string;
}

/**
 * A timer that fires later than this share of its time says that the observer was starved, and not the cell. A quarter of the timeout is
 * far more than timers are late on a machine that has time, and far less than a starved process loses.
 */
const LATENESS_SHARE = 0.25;

/** Returns a function that begins a probe. */
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
        ? { sentAt, answer: 'void', detail: 'the observer was too busy to tell', tookMs }
        : { sentAt, answer: 'silent', detail: `no answer in ${timeoutMs} ms`, tookMs };
    });
    const result = Promise.race([answered.then((answer) => answer ?? over), over]);
    const late = result.then(({ answer }) => (answer === 'silent' || answer === 'void' ? answered : null));
    return { sentAt, result, late, cancel: () => controller.abort() };
  };
}
