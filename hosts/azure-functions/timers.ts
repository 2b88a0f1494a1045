// The host's only source of time, so that tests can decide how long a poll delay, a lease or a retry takes.

/** Time as the host sees it. */
export interface Timers {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `milliseconds`, or as soon as `signal` aborts. Never rejects: callers look at the signal. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout takes at most this long; a longer wait is made of several. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Real time. */
export const realTimers: Timers = {
  now: () => Date.now(),
  async sleep(milliseconds, signal) {
    let left = milliseconds;
    while (left > 0 && signal?.aborted !== true) {
      const part = Math.min(left, LONGEST_TIMEOUT_MS);
      await sleepOnce(part, signal);
      left -= part;
    }
  },
};

function sleepOnce(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** The result of `work`, or undefined as soon as the signal aborts; `work` then continues unobserved. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => resolve(undefined);
    if (signal.aborted) aborted();
    // Unlike Promise.race with one long-lived promise, this leaves nothing behind after each call.
    signal.addEventListener('abort', aborted, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
