// Retries of a conditional write whose answer may be lost, common to every service.
import { type RetryDeps, type RetryPolicy, withRetry } from '../lib/retry.ts';
import { asUnknownOutcome, isTransient, PortError } from '../ports/errors.ts';

interface WriteDeps extends RetryDeps {
  readonly retry: RetryPolicy;
  /** Maps a failure of the service. */
  readonly toPortError: (error: unknown) => PortError;
}

/**
 * Sends a write until it succeeds, or fails with an error that repeating does not help. A conflict after an attempt whose answer was
 * lost may be a conflict with that attempt: `findOwn` looks for its result. Rejects with `unknown-outcome` if it finds none.
 */
export async function writeRetrying<T>(
  { toPortError, ...deps }: WriteDeps,
  send: () => Promise<T>,
  findOwn: () => Promise<T | undefined>,
): Promise<T> {
  let answerLost = false;
  let settled = false;
  const attempt = async (): Promise<T> => {
    try {
      return await send();
    } catch (error) {
      const portError = toPortError(error);
      answerLost ||= portError.code === 'unknown-outcome';
      if (portError.code !== 'conflict' || !answerLost) throw asUnknownOutcome(portError, answerLost);
      const own = await findOwn().catch((cause: unknown) => {
        throw asUnknownOutcome(toPortError(cause), answerLost);
      });
      if (own !== undefined) return own;
      settled = true;
      throw new PortError('unknown-outcome', 'The answer to the write was lost, and another write has followed.', {
        cause: error,
      });
    }
  };
  return withRetry(deps, deps.retry, attempt, (error) => !settled && isTransient(error));
}
