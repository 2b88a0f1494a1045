// The change feed on the Functions Cosmos DB trigger: takes items, throws if they must be delivered again.
import { BoundedCache } from '../../core/lib/bounded-cache.ts';
import { jsonBytesAtMost } from '../../core/lib/text.ts';
import type { ChangeHandler, ChangeRecord } from '../../core/ports/change-stream.ts';
import { epochMs } from '../../core/ports/clock.ts';
import { isJsonObject } from '../../core/ports/json.ts';
import type { Beside } from '../../core/ports/store.ts';

export const FEED_LIMITS = {
  /** Records and bytes that the handler gets at once: what a failure has handled again. One record may be larger. */
  sliceRecords: 25,
  sliceBytes: 1024 * 1024,
  /** Records remembered of batches that failed; each function delivers at most 100 of a range at once. */
  remembered: 10_000,
} as const;

/** Thrown when records must be delivered again; the trigger's unlimited retry policy repeats the whole batch. */
export class ChangeFeedRetry extends Error {
  override readonly name = 'ChangeFeedRetry';
}

/**
 * Wraps a change handler for the trigger. The feed has only the latest version of an item and does not distinguish inserts from
 * updates, so every record is `updated`. Without an unlimited retry policy, the trigger would checkpoint past a batch that throws
 * (https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger).
 *
 * The trigger has no checkpoint inside a batch and repeats all of it, to the same process. Records that are done are remembered, by the
 * write that they are of, and passed over: a batch gets ahead with each try. Partitions with few bytes come first, as those with many
 * take most of the slices: the order is kept within each partition.
 */
export function cosmosChangeFeed(handler: ChangeHandler): (items: readonly unknown[]) => Promise<void> {
  const done = new BoundedCache<string, true>(FEED_LIMITS.remembered);
  return async (items) => {
    const records = items.map(toChangeRecord);
    const left = records.filter((record) => done.get(writeOf(record)) === undefined);
    let handled = records.length - left.length;
    for (const slice of inSlices(smallFirst(left))) {
      const outcome = await handler(slice);
      if (outcome.status === 'retry' && slice[outcome.failedAt] === undefined)
        throw new RangeError(`The handler failed at record ${outcome.failedAt} of ${slice.length}.`);
      const count = outcome.status === 'retry' ? outcome.failedAt : slice.length;
      for (const record of slice.slice(0, count)) done.set(writeOf(record), true);
      handled += count;
      if (outcome.status === 'retry')
        throw new ChangeFeedRetry(`The batch of ${items.length} changes comes again; ${handled} of them are done.`);
    }
    for (const record of records) done.delete(writeOf(record));
  };
}

/** Names one write of one item. */
const writeOf = ({ partition, id, sequence }: ChangeRecord): string => JSON.stringify([partition, id, sequence]);

function smallFirst(records: readonly ChangeRecord[]): ChangeRecord[] {
  const partitions = new Map<string, { bytes: number; readonly records: ChangeRecord[] }>();
  for (const record of records) {
    const found = partitions.get(record.partition) ?? { bytes: 0, records: [] };
    found.bytes += jsonBytesAtMost(record.body);
    found.records.push(record);
    partitions.set(record.partition, found);
  }
  return [...partitions.values()].sort((a, b) => a.bytes - b.bytes).flatMap((each) => each.records);
}

function inSlices(records: readonly ChangeRecord[]): ChangeRecord[][] {
  const slices: ChangeRecord[][] = [];
  let bytes = 0;
  for (const record of records) {
    const size = jsonBytesAtMost(record.body);
    const slice = slices.at(-1);
    if (slice === undefined || slice.length === FEED_LIMITS.sliceRecords || bytes + size > FEED_LIMITS.sliceBytes) {
      slices.push([record]);
      bytes = size;
    } else {
      slice.push(record);
      bytes += size;
    }
  }
  return slices;
}

/**
 * A foreign item becomes a record without a body: the relay parks it instead of failing on it forever. Ranges number their writes
 * separately, and the writes of a transaction share one number, so the etag distinguishes writes.
 */
export function toChangeRecord(item: unknown): ChangeRecord {
  const { p, id, b = null, a, _lsn, _etag, _ts } = isJsonObject(item) ? item : {};
  return {
    partition: typeof p === 'string' ? p : '',
    id: typeof id === 'string' ? id : '',
    kind: 'updated',
    body: b,
    ...(isJsonObject(a) && { beside: a as Beside }),
    sequence: `${String(_lsn)} ${String(_etag)}`,
    committedAt: epochMs(Number(_ts ?? 0) * 1000),
  };
}
