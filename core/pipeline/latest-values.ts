// The latest values of a series by key: in its head while they are few, then in buckets, so that a change writes little.
import { fingerprint } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { sameJson } from '../lib/same-json.ts';
import { utf8Length } from '../lib/text.ts';
import { isJsonObject, type Json } from '../ports/json.ts';
import type { Store, StoreCursor } from '../ports/store.ts';
import type { Head } from './blocks.ts';
import type { Latest } from './derivation.ts';

export const LATEST_LIMITS = {
  /** Bytes of the keys in a head, each with `entryBytes` for its value: a head of usual values stays below the KiB that a write unit pays for. */
  inlineBytes: 480,
  entryBytes: 72,
  concurrentBuckets: 16,
  /** Buckets read at once; each holds as many values as are kept of all, at most. */
  bucketsRead: 4,
} as const;

/** A key's bucket is the first character of its fingerprint: one of 64. */
const bucketOf = (key: string): string => fingerprint(JSON.stringify(key), 1);

const bucketPrefix = (series: string): string => `latest!${series}`;

export type LatestByKey = ReadonlyMap<string, Latest>;

type Stored = { readonly [key: string]: readonly [position: string, value: Json] };

const decoded = (json: Json | undefined): Map<string, Latest> =>
  new Map(
    isJsonObject(json)
      ? Object.entries(json as unknown as Stored).map(([key, [position, value]]) => [key, { position, value }])
      : [],
  );

const encoded = (values: LatestByKey): Json =>
  Object.fromEntries([...values].map(([key, { position, value }]) => [key, [position, value]]));

/** The later value of each key, and of too many keys those with the latest values. Returns `values` itself if nothing is new. */
export function mergeLatest(values: LatestByKey, more: LatestByKey, keep: number): LatestByKey {
  const fresh = [...more].filter(([key, { position }]) => (values.get(key)?.position ?? '') < position);
  if (fresh.length === 0) return values;
  const merged = new Map([...values, ...fresh]);
  if (merged.size <= keep) return merged;
  return new Map([...merged].sort(([, a], [, b]) => (a.position < b.position ? 1 : -1)).slice(0, keep));
}

/** Whether values of these keys are kept in the head: decided by the keys alone, so that it never depends on the order of events. */
const fitsInline = (values: LatestByKey): boolean =>
  [...values.keys()].reduce((bytes, key) => bytes + utf8Length(JSON.stringify(key)) + LATEST_LIMITS.entryBytes, 0) <=
  LATEST_LIMITS.inlineBytes;

/**
 * The members of a head that say what came last, with these values. Writes the buckets, if they do not belong into the head: a
 * repeat changes nothing, so that may happen before the head is written. Rejects with `conflict` when another writer was faster.
 */
export async function keepLatest(
  state: Store,
  partition: string,
  series: string,
  head: Pick<Head, 'latest' | 'spread'>,
  more: LatestByKey,
  keep: number,
): Promise<Pick<Head, 'latest' | 'spread'>> {
  const known = decoded(head.latest);
  if (head.spread !== true) {
    const merged = mergeLatest(known, more, keep);
    if (fitsInline(merged)) return merged.size === 0 ? {} : { latest: encoded(merged) };
  }
  const buckets = new Map<string, Map<string, Latest>>();
  for (const [key, value] of mergeLatest(known, more, Number.POSITIVE_INFINITY)) {
    if (head.spread === true && !more.has(key)) continue;
    const bucket = bucketOf(key);
    buckets.set(bucket, (buckets.get(bucket) ?? new Map()).set(key, value));
  }
  await mapConcurrently([...buckets], LATEST_LIMITS.concurrentBuckets, async ([bucket, values]) => {
    const id = bucketPrefix(series) + bucket;
    const stored = await state.get({ partition, id });
    const body = encoded(mergeLatest(decoded(stored?.body), values, keep));
    if (stored !== undefined && sameJson(stored.body, body)) return;
    await state.put({ partition, id, body }, stored?.version ?? 'absent');
  });
  return { spread: true };
}

/** The latest values of a series with this head. */
export async function readLatest(
  state: Store,
  partition: string,
  series: string,
  head: Pick<Head, 'latest' | 'spread'>,
  keep: number,
): Promise<LatestByKey> {
  if (head.spread !== true) return decoded(head.latest);
  const prefix = bucketPrefix(series);
  let values: LatestByKey = new Map();
  let cursor: StoreCursor | undefined;
  do {
    const page = await state.query(partition, {
      prefix,
      limit: LATEST_LIMITS.bucketsRead,
      ...(cursor !== undefined && { cursor }),
    });
    // Ids that are longer are buckets of a series whose name begins with this one's.
    for (const { id, body } of page.items)
      if (id.length === prefix.length + 1) values = mergeLatest(values, decoded(body), keep);
    cursor = page.next;
  } while (cursor !== undefined);
  return values;
}
