// Waiting that ends early: what every polling loop of the event source mappings is built from.

/** Resolves after `ms` milliseconds, or at once when `signal` aborts; never rejects. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** A bell: `wait` resolves at the next `ring`, or at once if one came since the last wait. */
export class Bell {
  #rung = false;
  #waiting: (() => void)[] = [];

  ring(): void {
    const waiting = this.#waiting.splice(0);
    if (waiting.length === 0) this.#rung = true;
    for (const wake of waiting) wake();
  }

  /** Resolves at the next ring, after `ms` milliseconds if given, or when `signal` aborts. */
  async wait(signal: AbortSignal, ms?: number): Promise<void> {
    if (this.#rung || signal.aborted) {
      this.#rung = false;
      return;
    }
    const awake = new AbortController();
    const wake = (): void => awake.abort();
    this.#waiting.push(wake);
    signal.addEventListener('abort', wake, { once: true });
    await (ms === undefined
      ? new Promise<void>((resolve) => awake.signal.addEventListener('abort', () => resolve(), { once: true }))
      : sleep(ms, awake.signal));
    signal.removeEventListener('abort', wake);
    this.#waiting = this.#waiting.filter((other) => other !== wake);
  }
}

/** Doubling delays between retries, in milliseconds: 100, 200, 400 … up to `mostMs`. */
export const exponentialDelay =
  (firstMs = 100, mostMs = 5_000) =>
  (attempt: number): number =>
    Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 20));

/** Waits for `work`, but no longer than `ms` milliseconds; late work continues unobserved. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const gaveUp = new AbortController();
  await Promise.race([work, sleep(ms, gaveUp.signal)]);
  gaveUp.abort();
}
