// The one retry loop: full-jitter backoff within a budget of time and attempts.
import type { Clock } from '../ports/clock.ts';
import type { PortError } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import { nextFraction } from '../ports/ids.ts';

/** How often and for how long an operation is attempted, and the pauses in between. */
export interface RetryPolicy {
  /** Total attempts, including the first. */
  readonly attempts: number;
  /** Upper bound of the first pause, in milliseconds; doubles with each further pause. */
  readonly baseMs: number;
  /** Upper bound of any pause. */
  readonly maximumMs: number;
  /** No further attempt starts after this time, in milliseconds. */
  readonly budgetMs: number;
}

/** Long enough to outlast a second of throttling, short enough to answer a client in time. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 6, baseMs: 25, maximumMs: 800, budgetMs: 3000 };

/** Dependencies of waiting: the clock, and randomness for the jitter. */
export interface RetryDeps {
  readonly clock: Clock;
  readonly ids: Ids;
}

/** The pause after so many failures in a row, in milliseconds: twice as long after each, up to a maximum. */
export const pauseAfter = (failures: number, firstMs: number, maximumMs: number): number =>
  Math.min(maximumMs, firstMs * 2 ** (failures - 1));

/** Counts the attempts of one operation; `pause` waits for the next one and returns whether it is allowed. */
export class Backoff {
  readonly #policy: RetryPolicy;
  readonly #deps: RetryDeps;
  readonly #startedAt: number;
  #tries = 1;

  constructor(deps: RetryDeps, policy: RetryPolicy = DEFAULT_RETRY) {
    this.#deps = deps;
    this.#policy = policy;
    this.#startedAt = deps.clock.now();
  }

  /** Waits before the next attempt and resolves with true, or with false at once when the budget is exhausted. */
  async pause(retryAfterMs = 0): Promise<boolean> {
    if (this.#tries >= this.#policy.attempts) return false;
    const ceiling = pauseAfter(this.#tries, this.#policy.baseMs, this.#policy.maximumMs);
    const wait = Math.max(retryAfterMs, Math.round(nextFraction(this.#deps.ids) * ceiling));
    if (this.#deps.clock.now() - this.#startedAt + wait > this.#policy.budgetMs) return false;
    this.#tries += 1;
    await this.#deps.clock.sleep(wait);
    return true;
  }
}

/**
 * Calls `operation` until it succeeds, fails with an error for which `again` returns false, or the budget is exhausted; then throws
 * the last error. `operation` must throw only port errors.
 */
export async function withRetry<T>(
  deps: RetryDeps,
  policy: RetryPolicy,
  operation: () => Promise<T>,
  again: (error: PortError) => boolean,
): Promise<T> {
  const backoff = new Backoff(deps, policy);
  for (;;) {
    try {
      return await operation();
    } catch (error) {
      const portError = error as PortError;
      if (!again(portError) || !(await backoff.pause(portError.retryAfterMs))) throw error;
    }
  }
}
