// The change feed on the Functions Cosmos DB trigger: takes items, throws if they must be delivered again.
import type { ChangeHandler, ChangeRecord } from '../../core/ports/change-stream.ts';
import { epochMs } from '../../core/ports/clock.ts';
import { isJsonObject } from '../../core/ports/json.ts';

/** Thrown when records must be delivered again; the trigger's unlimited retry policy repeats the whole batch. */
export class ChangeFeedRetry extends Error {
  override readonly name = 'ChangeFeedRetry';
}

/**
 * Wraps a change handler for the trigger. The feed has only the latest version of an item and does not distinguish inserts from
 * updates, so every record is `updated`. Without an unlimited retry policy, the trigger would checkpoint past a batch that throws
 * (https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger).
 */
export function cosmosChangeFeed(handler: ChangeHandler): (items: readonly unknown[]) => Promise<void> {
  return async (items) => {
    if (items.length === 0) return;
    const outcome = await handler(items.map(toRecord));
    if (outcome.status === 'retry')
      throw new ChangeFeedRetry(`The batch of ${items.length} changes comes again: it failed at ${outcome.failedAt}.`);
  };
}

/**
 * A foreign item becomes a record without a body: the relay parks it instead of failing on it forever. Ranges number their writes
 * separately, and the writes of a transaction share one number, so the etag distinguishes writes.
 */
function toRecord(item: unknown): ChangeRecord {
  const { p, id, b = null, _lsn, _etag, _ts } = isJsonObject(item) ? item : {};
  return {
    partition: typeof p === 'string' ? p : '',
    id: typeof id === 'string' ? id : '',
    kind: 'updated',
    body: b,
    sequence: `${String(_lsn)} ${String(_etag)}`,
    committedAt: epochMs(Number(_ts ?? 0) * 1000),
  };
}
