// A timeout of our own, for calls whose platform timeout is longer than the caller can wait.
import type { Clock } from '../ports/clock.ts';

/** Settles as `work` does, or rejects with the error of `late` if `work` does not settle in time. Does not cancel the work. */
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
