// A timeout of our own, where a platform's is longer than the caller can wait.
import type { Clock } from '../ports/clock.ts';

/** Settles as `work` does, or rejects with the error that `late` makes if `work` has not settled in time. The work itself is not cancelled. */
export function withTimeout<T>(
  clock: Pick<Clock, 'sleep'>,
  milliseconds: number,
  work: Promise<T>,
  late: () => Error,
): Promise<T> {
  const timeout = clock.sleep(milliseconds).then(() => {
    throw late();
  });
  return Promise.race([work, timeout]);
}
