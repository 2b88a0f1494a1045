// Publishes changed records of the directory to the route cache, in bounded batches, and retries failures later.

import { pauseAfter } from '../../lib/retry.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { DirectoryRecord } from '../ports/directory-model.ts';
import type { DirectoryStorage } from '../ports/directory-storage.ts';
import type { RouteCache } from '../ports/route-cache.ts';

export const PUBLISHER_LIMITS = {
  /** Records per run; an invocation on Workers may make 1,000 requests (https://developers.cloudflare.com/workers/platform/limits/). */
  batch: 200,
  /** Concurrent writes; on Workers, more than six connections queue anyway. */
  concurrency: 6,
  /** The pause after a first failure; it doubles with each further failed run. KV accepts one write per key and second. */
  firstPauseMs: 1000,
  /** The longest pause. */
  longestPauseMs: 60_000,
} as const;

export interface PublisherDeps {
  readonly storage: Pick<DirectoryStorage, 'unpublished' | 'published'>;
  readonly cache: Pick<RouteCache, 'put'>;
  readonly log: Log;
}

export interface Published {
  readonly published: number;
  readonly failed: number;
  /** When to run again, in milliseconds; `null` when nothing is left. */
  readonly nextInMs: number | null;
}

/**
 * Returns a function that publishes one batch. Concurrent calls share one run, so that a late write of an old record cannot replace
 * a newer one. A failed record does not stop the others; failures of the cache never make it reject.
 */
export function publisher({ storage, cache, log }: PublisherDeps): () => Promise<Published> {
  let failures = 0;
  let running: Promise<Published> | undefined;

  const put = async (record: DirectoryRecord): Promise<Error | undefined> => {
    try {
      await cache.put(record);
    } catch (error) {
      if (isPortError(error)) return error;
      throw error;
    }
    storage.published(record);
    return undefined;
  };

  const run = async (): Promise<Published> => {
    const records = storage.unpublished(PUBLISHER_LIMITS.batch);
    const faults: Error[] = [];
    const queue = records.values();
    const lane = async () => {
      for (const record of queue) {
        const fault = await put(record);
        if (fault !== undefined) faults.push(fault);
      }
    };
    await Promise.all(Array.from({ length: Math.min(PUBLISHER_LIMITS.concurrency, records.length) }, lane));
    const failed = faults.length;
    const published = records.length - failed;
    failures = failed === 0 ? 0 : failures + 1;
    if (failed > 0)
      log.warn('the route cache did not take everything', { failed, published, ...describeError(faults[0]) });
    if (failed > 0)
      return {
        published,
        failed,
        nextInMs: pauseAfter(failures, PUBLISHER_LIMITS.firstPauseMs, PUBLISHER_LIMITS.longestPauseMs),
      };
    return { published, failed, nextInMs: storage.unpublished(1).length > 0 ? 0 : null };
  };

  return () => {
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  };
}
