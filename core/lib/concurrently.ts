// Runs work on many items with bounded concurrency.

/**
 * Calls `work` for each item, at most `limit` at the same time, and returns the results in order. After an error no further call
 * starts; the first error is thrown once all started calls have settled.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const errors: unknown[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length && errors.length === 0; index = next++) {
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
  return results;
}

/** Returns what calls work, at most `limit` at the same time; what comes later waits for its turn. */
export function atMost(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running < limit) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The turn passes on, or ends.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
