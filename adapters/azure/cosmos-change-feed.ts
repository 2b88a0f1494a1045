// The change feed as the Functions Cosmos DB trigger delivers it: items in, an error for what must come again.
import type { ChangeHandler, ChangeRecord } from '../../core/ports/change-stream.ts';
import { epochMs } from '../../core/ports/clock.ts';
import { isJsonObject } from '../../core/ports/json.ts';

/** Thrown when records must be delivered again; the trigger's endless retry policy repeats the whole batch. */
export class ChangeFeedRetry extends Error {
  override readonly name = 'ChangeFeedRetry';
}

/**
 * Turns a change handler into what the trigger calls. The feed has the latest version of an item alone and does not tell inserts
 * from updates, so every record says `updated`. Without a retry policy of endless tries the trigger would checkpoint past a
 * batch that throws (https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger).
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
 * What is no document of ours becomes a record without a body: the relay parks it rather than stumbling over it for ever. Ranges
 * count their writes apart, and the writes of a transaction share one number, so the etag tells writes from each other.
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
