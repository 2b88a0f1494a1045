// Errors on their way to operators: which refusal each of them is.
import { foreignCursor, Refusal } from '../../api/refusal.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { Log } from '../../ports/log.ts';

/** Retry-After while the directory or the monitor does not answer. */
export const RETRY_LATER = { retryAfterSeconds: 2 };

/** The only mapping from errors to refusals shown to operators. */
export function toRefusal(error: unknown, log: Log, traceparent: string): Refusal {
  if (error instanceof Refusal) return error;
  // The parameters have been checked, so only the cursor can be invalid to the directory.
  if (isPortError(error, 'invalid')) return foreignCursor();
  if (!isPortError(error)) throw error;
  log.warn('the directory has failed an operator', { ...describeError(error), traceparent });
  if (error.code === 'unknown-outcome')
    return new Refusal(
      'unknown_outcome',
      'The directory did not confirm the change. Repeat the command: it is idempotent.',
      RETRY_LATER,
    );
  return new Refusal(
    'directory_unavailable',
    'The directory is unavailable, and nothing has been changed. Retry later.',
    RETRY_LATER,
  );
}
