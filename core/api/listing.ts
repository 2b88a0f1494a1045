// A page of a listing, made of the documents of one partition.
import { ANSWER_LIMITS, answerBytes } from '../cell/answer-limits.ts';
import type { Page, Query, Store, StoreCursor, StoredDocument } from '../ports/store.ts';
import type { PageRequest, View } from './read.ts';

/** Pages of the store that one request reads in search of documents; then it answers with a short page and a cursor. */
export const PAGES_PER_REQUEST = 10;

/** Behind the store's cursor: how many items of the first document that follows it were in the page before. */
const SHOWN = '!';

/**
 * Pages through documents, each of which yields any number of items, until there are enough of them, the answer is full, or this
 * request has read its share. `prepare` is called with the documents of each page before they are viewed. A document whose items do not
 * all fit is read again for the next page, which leaves out those that were shown. Rejects with the store's error, `invalid` for a cursor
 * outside of the query.
 */
export async function listing<T>(
  store: Store,
  partition: string,
  query: Omit<Query, 'limit' | 'cursor'>,
  page: PageRequest,
  view: (document: StoredDocument) => readonly T[],
  prepare: (documents: readonly StoredDocument[]) => Promise<void> = async () => undefined,
): Promise<View<T>> {
  const items: T[] = [];
  let bytes = 0;
  /** How many of these have room in the answer; of none at all, one does. */
  const fitting = (some: readonly T[]): number => {
    const room = Math.min(some.length, page.limit - items.length);
    for (let index = 0; index < room; index += 1) {
      const size = answerBytes(some[index]);
      if (bytes + size > ANSWER_LIMITS.pageBytes && items.length + index > 0) return index;
      bytes += size;
    }
    return room;
  };
  let { cursor, shown } = readCursor(page.cursor);
  for (let pages = 0; pages < PAGES_PER_REQUEST; pages += 1) {
    const before = cursor;
    const found: Page = await store.query(partition, {
      ...query,
      limit: page.limit - items.length,
      ...(cursor && { cursor }),
    });
    await prepare(found.items);
    for (const [index, document] of found.items.entries()) {
      const left = view(document).slice(shown);
      const room = fitting(left);
      items.push(...left.slice(0, room));
      if (left.length <= room) {
        shown = 0;
        continue;
      }
      // The cursor before this document is the store's to give, so what comes before it is read once more, for its cursor alone.
      const at =
        index === 0
          ? before
          : (await store.query(partition, { ...query, limit: index, ...(before && { cursor: before }) })).next;
      return { items, next: `${shown + room}${SHOWN}${at ?? ''}` as StoreCursor };
    }
    cursor = found.next;
    if (cursor === undefined || items.length === page.limit) break;
  }
  return cursor === undefined ? { items } : { items, next: `0${SHOWN}${cursor}` as StoreCursor };
}

/**
 * Reads this version's cursors, and those of the version before it, which are the store's: a client may page through an upgrade. Ids
 * that begin with digits and `SHOWN` would be mistaken; no domain that had listings then has such ids.
 */
function readCursor(given: StoreCursor | undefined): { cursor: StoreCursor | undefined; shown: number } {
  if (given === undefined) return { cursor: undefined, shown: 0 };
  const match = /^(\d{1,6})!([\s\S]*)$/.exec(given);
  if (match === null) return { cursor: given, shown: 0 };
  const [, shown, cursor = ''] = match;
  return { cursor: cursor === '' ? undefined : (cursor as StoreCursor), shown: Number(shown) };
}
