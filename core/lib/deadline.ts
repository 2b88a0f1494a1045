// An end to waiting: a platform's own patience is longer than that of whoever waits for it.
import type { Clock } from '../ports/clock.ts';

/** `work` if it settles within the time, or else a rejection with the error that `late` makes. The work itself goes on unheard. */
export function within<T>(
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
