// Sends many items in requests that succeed, fail or are refused item by item, until each has a result.
import { isPortError, isTransient, PERMANENT, PortError } from '../ports/errors.ts';
import { Backoff, type RetryDeps, type RetryPolicy } from './retry.ts';

/**
 * Calls `attempt` with the items that have no result yet, and returns the result of each item, in order; a port error is one, too.
 * An attempt answers with a result or an error per item, `undefined` for an item that it left open, and fewer answers if it did not
 * reach the last ones; it rejects with a port error that applies to all. Items with a transient error are retried within the budget.
 *
 * Items that share one permanent error object were refused together because of at least one of them: they are halved until that
 * one is alone. N items cost at most 2 N - 1 requests, none of which is a retry that would need a pause.
 */
export async function settleEach<T, R>(
  deps: RetryDeps & { readonly retry: RetryPolicy },
  items: readonly T[],
  attempt: (open: readonly T[]) => Promise<readonly (R | PortError | undefined)[]>,
): Promise<readonly (R | PortError)[]> {
  const results = new Map<number, R | PortError>();
  const backoff = new Backoff(deps, deps.retry);

  const settle = async (indices: readonly number[], lostBefore?: PortError): Promise<void> => {
    let open = indices;
    // Once an answer was lost, items still open at the end may have arrived, whatever the outcome of the last attempt.
    let lost = lostBefore;
    for (;;) {
      const answers = await attempt(open.map((index) => items[index] as T)).catch((error: unknown) => {
        if (!isPortError(error)) throw error;
        return open.map(() => error);
      });
      let transient: PortError | undefined;
      const refused = new Map<PortError, number[]>();
      for (const [position, index] of open.entries()) {
        const answer = answers[position];
        if (answer instanceof PortError && isTransient(answer)) {
          transient = answer;
          if (answer.code === 'unknown-outcome') lost = answer;
        } else if (answer instanceof PortError && PERMANENT[answer.code])
          refused.set(answer, [...(refused.get(answer) ?? []), index]);
        else if (answer !== undefined) results.set(index, answer);
      }
      for (const [error, group] of refused) {
        if (group.length === 1) for (const index of group) results.set(index, error);
        else {
          const half = Math.ceil(group.length / 2);
          await settle(group.slice(0, half), lost);
          await settle(group.slice(half), lost);
        }
      }
      const left = open.filter((index) => !results.has(index));
      if (left.length === 0) return;
      const hasProgressed = left.length < open.length && transient === undefined;
      open = left;
      if (hasProgressed || (await backoff.pause(transient?.retryAfterMs))) continue;
      const error = lost ?? transient ?? new PortError('unavailable', 'The attempts ended without a result.');
      for (const index of open) results.set(index, error);
      return;
    }
  };

  await settle(items.map((_, index) => index));
  return items.map((_, index) => results.get(index) as R | PortError);
}
