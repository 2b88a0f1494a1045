// Probes a cell's health from outside, as a client reaches it, and distinguishes a slow cell from a silent one.
import { type TimedFetchDeps, timedFetch } from '../lib/timed-fetch.ts';
import type { EpochMs } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import { isJsonObject } from '../ports/json.ts';
import type { PublicKey } from '../ports/keys.ts';
import { identityFault, NONCE_PARAMETER } from './identity-proof.ts';

/**
 * The outcome of one probe:
 * - `alive`: the cell itself answered 200, `ok` or `degraded`: moving all tenants of a throttling store would make matters worse;
 * - `refused`: something answered, but not this cell in good health: a closed port, a 503, another cell, one without the cell's key;
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
  /** Present if what answered could not prove that it is the cell: it may be an impostor. */
  readonly impostor?: true;
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
  /** The cell's keys: its answer must be signed by one of them. Without keys nothing has to be proved. */
  readonly keys?: readonly PublicKey[];
}

export interface HealthProbeDeps extends TimedFetchDeps {
  /** Makes nonces; without it no proof is asked for. */
  readonly ids?: Ids;
}

/**
 * A timer that fires late by more than this share of its time shows that the observer was starved, not the cell. A quarter of the
 * timeout is far more than the usual timer latency of an idle machine, and far less than a starved process loses.
 */
const LATENESS_SHARE = 0.25;

/** Returns a function that starts a probe. */
export function healthProbe(deps: HealthProbeDeps, { timeoutMs, lateMs }: ProbeLimits): (target: ProbeTarget) => Probe {
  const { clock, ids } = deps;
  return ({ id, endpoint, keys = [] }) => {
    const sentAt = clock.now();
    const controller = new AbortController();
    const nonce = keys.length > 0 ? ids?.next() : undefined;
    const query = nonce === undefined ? '' : `?${NONCE_PARAMETER}=${nonce}`;
    const answered = timedFetch(deps, `${endpoint}/v1/health${query}`, {}, lateMs, controller.signal).then(
      async (answer): Promise<ProbeResult | null> => {
        const tookMs = Math.max(0, clock.now() - sentAt);
        const refused = (detail: string): ProbeResult => ({ sentAt, answer: 'refused', detail, tookMs });
        if (answer.status === null) return answer.timedOut ? null : refused(answer.problem);
        const body = isJsonObject(answer.body) ? answer.body : {};
        if (answer.status !== 200) return refused(`it answers ${answer.status} ${String(body.status ?? '')}`.trim());
        if (body.cell !== id) return refused(`another cell answers at ${endpoint}`);
        const claim = { cell: id, endpoint, keys };
        const fault = nonce === undefined ? undefined : await identityFault(body.proof, { ...claim, nonce });
        if (fault !== undefined) return { ...refused(fault), impostor: true };
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
