// An end to waiting: the platform's own patience is longer than that of whoever waits for a router.
import type { Clock } from '../../core/ports/clock.ts';

/** `work` if it settles within the time, or else the error that `late` makes. The work itself goes on unheard. */
export async function within<T>(
  clock: Pick<Clock, 'sleep'>,
  milliseconds: number,
  work: Promise<T>,
  late: () => Error,
): Promise<T> {
  const timeout = clock.sleep(milliseconds).then(() => {
    throw late();
  });
  // Whichever of the two loses is nobody's failure any more.
  timeout.catch(() => undefined);
  work.catch(() => undefined);
  return Promise.race([work, timeout]);
}
