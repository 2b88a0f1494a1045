// A page of a listing, made of the documents of one partition.
import type { Query, Store, StoredDocument } from '../ports/store.ts';
import type { PageRequest, View } from './read.ts';

/** Pages of the store that one request reads in search of documents; then it answers with a short page and a cursor. */
export const PAGES_PER_REQUEST = 10;

/**
 * The documents of a partition that meet the query, as `view` shows them; `undefined` leaves one out. Rejects with the store's error,
 * `invalid` for a cursor that is none.
 */
export async function listing<T>(
  store: Store,
  partition: string,
  query: Omit<Query, 'limit' | 'cursor'>,
  { limit, cursor }: PageRequest,
  view: (document: StoredDocument) => T | undefined,
): Promise<View<T>> {
  const items: T[] = [];
  let next = cursor;
  for (let pages = 0; pages < PAGES_PER_REQUEST; pages += 1) {
    const found = await store.query(partition, {
      ...query,
      limit: limit - items.length,
      ...(next && { cursor: next }),
    });
    for (const document of found.items) {
      const item = view(document);
      if (item !== undefined) items.push(item);
    }
    next = found.next;
    if (next === undefined || items.length === limit) break;
  }
  return next === undefined ? { items } : { items, next };
}
