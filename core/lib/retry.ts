// The one retry loop: full-jitter backoff within a budget of time and attempts.
import type { Clock } from '../ports/clock.ts';
import type { PortError } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import { nextFraction } from '../ports/ids.ts';

/** How often, how patiently and how long one operation is tried. */
export interface RetryPolicy {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  /** Upper bound of the first pause, in milliseconds; it doubles with each further one. */
  readonly baseMs: number;
  /** Upper bound of any pause. */
  readonly maximumMs: number;
  /** Once this much time has passed, no further try is begun. */
  readonly budgetMs: number;
}

/** Enough to ride out a throttled second, short enough to answer a client within its patience. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 6, baseMs: 25, maximumMs: 800, budgetMs: 3000 };

/** What waiting needs: the time, and randomness for the jitter. */
export interface RetryDeps {
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Keeps count of one operation's tries; `pause` says whether another one is due, after waiting for it. */
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

  /** Waits before the next try and returns true, or returns false at once when the budget is used up. */
  async pause(retryAfterMs = 0): Promise<boolean> {
    if (this.#tries >= this.#policy.attempts) return false;
    const ceiling = Math.min(this.#policy.maximumMs, this.#policy.baseMs * 2 ** (this.#tries - 1));
    const wait = Math.max(retryAfterMs, Math.round(nextFraction(this.#deps.ids) * ceiling));
    if (this.#deps.clock.now() - this.#startedAt + wait > this.#policy.budgetMs) return false;
    this.#tries += 1;
    await this.#deps.clock.sleep(wait);
    return true;
  }
}

/**
 * Calls `operation` until it succeeds, fails with an error that `again` does not want repeated, or the budget is used up;
 * then the last error is thrown. `operation` must throw port errors only.
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
