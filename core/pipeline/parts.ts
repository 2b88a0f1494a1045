// Lists that are spread by hash over several partitions of a store, and read as one.
import { sha256 } from '@noble/hashes/sha2';
import { utf8ToBytes } from '@noble/hashes/utils';
import { PortError } from '../ports/errors.ts';
import { type Query, STORE_LIMITS, type Store, type StoreCursor, type StoredDocument } from '../ports/store.ts';

/** Partitions of a list. Each takes 1,000 writes a second on DynamoDB, and 20 GB on Cosmos DB. */
export const PARTS = 16;

/** The part of a name: the first 4 bits of its hash. */
export const partOf = (name: string): number => (sha256(utf8ToBytes(name))[0] ?? 0) >> 4;

/** A part as one digit, for names of partitions and for cursors: hexadecimal for the `PARTS` of a list, with room for some more. */
export const digitOf = (part: number): string => part.toString(RADIX);

const RADIX = 36;

/** The digits of all parts of a list. */
export const PART_DIGITS: readonly string[] = Array.from({ length: PARTS }, (_, part) => digitOf(part));

export interface PartsQuery extends Pick<Query, 'limit' | 'cursor'> {
  /** Where the list begins: a part, and an id within it. A cursor goes on with a query of the store, which has the same bounds again. */
  readonly first?: { readonly part: number; readonly from: string } | undefined;
}

export interface PartsPage {
  /** The documents, with the part in which each was found. */
  readonly items: readonly (readonly [StoredDocument, number])[];
  readonly next?: StoreCursor;
}

/** A page of the documents of these partitions, one behind the other. `invalid` for a cursor of another list; rejects with the store's error otherwise. */
export async function queryParts(
  store: Pick<Store, 'query'>,
  partitions: readonly string[],
  { limit, cursor, first }: PartsQuery,
): Promise<PartsPage> {
  let { part, within } = positionOf(cursor, partitions.length);
  if (cursor === undefined && first !== undefined) part = first.part;
  const items: [StoredDocument, number][] = [];
  for (let partition = partitions[part]; partition !== undefined && items.length < limit; ) {
    const page = await store.query(partition, {
      limit: Math.min(limit - items.length, STORE_LIMITS.pageDocuments),
      ...(part === first?.part && { from: first.from }),
      ...(within !== undefined && { cursor: within }),
    });
    for (const item of page.items) items.push([item, part]);
    within = page.next;
    if (within === undefined) part += 1;
    partition = partitions[part];
  }
  if (part === partitions.length) return { items };
  return { items, next: `${digitOf(part)}${within ?? ''}` as StoreCursor };
}

/** Where a page begins: a part, and the store's cursor in it. */
function positionOf(cursor: StoreCursor | undefined, parts: number): { part: number; within: StoreCursor | undefined } {
  if (cursor === undefined) return { part: 0, within: undefined };
  const within = cursor.slice(1);
  const part = Number.parseInt(cursor.slice(0, 1), RADIX);
  if (!(part < parts)) throw new PortError('invalid', 'The cursor belongs to another listing.');
  return { part, within: within === '' ? undefined : (within as StoreCursor) };
}
