// Digests of ranges of a log: two cells compare what they have without sending it.
import { type LogDocument, logPartition } from '../events/cloud-event.ts';
import { bodyHash, copyDigest, epochOfCopy } from '../events/copies.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { ReadPage } from '../pipeline/log-walk.ts';
import type { Erased, Tombstones } from '../pipeline/tombstones.ts';
import type { Clock } from '../ports/clock.ts';
import { STORE_LIMITS, type Store, type StoreCursor, type StoredDigest, type StoredDocument } from '../ports/store.ts';
import { isOwnEvent } from './receive.ts';

export const DIGEST_LIMITS = {
  /** Ranges of one request. */
  ranges: 20,
  /** Events of all ranges of one request together, as their sender has them. */
  together: 4000,
  /** Ranges that are read at the same time. */
  concurrentRanges: 4,
  /** Documents that are read one by one at the same time. */
  concurrentReads: 16,
  /** Events of a range that are read; one with more is not equal to any of the sender's. */
  events: 1000,
  /** Events that are read to compare them with entries: what the sender has not may lie between. A request for more is refused. */
  compared: 40_000,
  /** An answer goes on to no further ranges after this time, in milliseconds: each of them is a read of its own. */
  answerMs: 2000,
  /** Ids that are named of those that a cell lacks: of at most 60 characters each, so that the answer is read as a whole (`timedFetch`). */
  lacking: 200,
} as const;

/** Events of one subject: behind `after`, up to and with `through`; from the beginning, or to the end, without them. */
export interface Range {
  readonly subject: string;
  readonly after?: string;
  readonly through?: string;
}

/** How many events, and the sum of their hashes modulo 2^128 as 32 hexadecimal digits: whatever the order in which they are added. */
export interface Digest {
  readonly count: number;
  readonly sum: string;
}

/** An event as far as copies are compared: id, epoch and hash of the body. */
export type Entry = readonly [id: string, epoch: number, hash: string];

/** How the receiver's events of a range differ from the sender's entries. */
export type Difference = {
  /** Of the sender's, those that the receiver lacks. */
  readonly missing: number;
  /** Those of which the receiver has another copy. */
  readonly different: number;
  /** Those that the sender lacks. */
  readonly extra: number;
};

/** An event by what copies of it are compared by. */
export interface ComparedCopy {
  readonly id: string;
  /** See `copyDigest`. */
  readonly digest: string;
}

/** The log, and what is erased of it. */
export interface ComparedLog {
  readonly events: Pick<Store, 'get' | 'query' | 'digests'>;
  readonly tombstones: Pick<Tombstones, 'of'>;
}

const MODULUS = 1n << 128n;

const DIGEST_CHARACTERS = 32;

export const entryOf = (document: LogDocument): Entry => [document.id, epochOfCopy(document), bodyHash(document)];

/** The digest of some events of one subject. */
export const digestOf = (entries: readonly Entry[]): Digest => sumOf(entries.map((entry) => copyDigest(...entry)));

/** The digest of events with these digests. It is added up in words of 32 bits, which is exact for two million, and takes a tenth of the time of long numbers. */
export function sumOf(digests: readonly string[]): Digest {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  for (const digest of digests) {
    first += word(digest, 0);
    second += word(digest, 8);
    third += word(digest, 16);
    fourth += word(digest, 24);
  }
  const sum = (BigInt(first) << 96n) + (BigInt(second) << 64n) + (BigInt(third) << 32n) + BigInt(fourth);
  return { count: digests.length, sum: hexOf(sum % MODULUS) };
}

/** What is no number, as only another hand could have stored it, counts as none: the copies differ then. */
const word = (digest: string, at: number): number => Number.parseInt(digest.slice(at, at + 8), 16) || 0;

/** The digest of two disjoint sets of events together. */
export const addDigests = (one: Digest, other: Digest): Digest => ({
  count: one.count + other.count,
  sum: hexOf((BigInt(`0x${one.sum}`) + BigInt(`0x${other.sum}`)) % MODULUS),
});

/** The digest of no events. */
export const NO_EVENTS: Digest = { count: 0, sum: '0'.repeat(32) };

const hexOf = (sum: bigint): string => sum.toString(16).padStart(32, '0');

/** Comes behind an id and before every longer one: ids have no spaces. */
const BEHIND = ' ';

/** The digest of a document of the log, as it was stored with it or made of what it says; `undefined` if it is no event of the tenant. */
export function digestIn(tenant: string, document: LogDocument): string | undefined {
  if (isNoted(document)) return document.digest;
  return isOwnEvent(tenant, document) ? copyDigest(...entryOf(document)) : undefined;
}

const isNoted = ({ digest }: StoredDigest): boolean => digest?.length === DIGEST_CHARACTERS;

/**
 * Returns what reads pages of digests of a tenant's log. Digests are those that the documents were stored with; the documents of a page are read where one of them has none, as
 * those of earlier releases. With `contents` they always are, so that what was changed in the store itself is found. What is no event of the tenant has no digest.
 */
export function digestReader(
  events: Pick<Store, 'query' | 'digests'>,
  tenant: string,
  contents: boolean,
): ReadPage<StoredDigest> {
  // Where a page had a document without one, the next will mostly have one, too: digests are not read before documents there.
  const without = new Set<string>();
  return async (partition, query) => {
    const noted = contents || without.has(partition) ? undefined : await events.digests(partition, query);
    if (noted?.items.every(isNoted)) return noted;
    const { items, next } = await events.query(partition, query);
    if (items.every(isNoted)) without.delete(partition);
    else without.add(partition);
    return { items: items.map((document) => madeOf(tenant, document)), ...(next !== undefined && { next }) };
  };
}

function madeOf(tenant: string, document: LogDocument): StoredDigest {
  const { id } = document;
  return isOwnEvent(tenant, document) ? { id, digest: copyDigest(...entryOf(document)) } : { id };
}

/** The events of a page that are not erased, and how many documents were left out as they are no events. */
export function copiesIn(
  erased: Pick<Erased, 'covers'>,
  subject: string,
  found: readonly StoredDigest[],
): { readonly copies: readonly ComparedCopy[]; readonly skipped: number } {
  const there = found.filter(({ id }) => !erased.covers(subject, id));
  const copies = there.filter((each): each is ComparedCopy => each.digest !== undefined);
  return { copies, skipped: there.length - copies.length };
}

/** What a request for a comparison goes by. */
export interface ComparedBy {
  /** The documents themselves; without it what they were stored with. See `digestReader`. */
  readonly contents: boolean;
}

/** How a cell's events of a range are to the sender's: there are none of them, or they are not just the same. */
export type RangeState = 'equal' | 'empty' | 'other';

/**
 * How ranges of this cell's log, without what is erased, are to these digests: of as many of them as there is time for, and of one at least. Of a range no more
 * events are read first than the digest has, and one more. Rejects with the store's error.
 */
export async function rangeStates(
  { events, tombstones, clock }: ComparedLog & { readonly clock: Pick<Clock, 'now'> },
  tenant: string,
  ranges: readonly (Range & Digest)[],
  { contents }: ComparedBy,
): Promise<readonly RangeState[]> {
  const until = clock.now() + DIGEST_LIMITS.answerMs;
  const read = digestReader(events, tenant, contents);
  const answers = await mapConcurrently(
    ranges,
    DIGEST_LIMITS.concurrentRanges,
    async ({ count, sum, ...range }, index): Promise<RangeState | undefined> => {
      if (index > 0 && clock.now() >= until) return undefined;
      const { subject } = range;
      const digests: string[] = [];
      const erased = await tombstones.of(tenant, [subject]);
      const first = Math.max(1, Math.min(count + 1, STORE_LIMITS.pageDocuments));
      for await (const page of pagesOf(read, tenant, range, first)) {
        for (const { digest } of copiesIn(erased, subject, page).copies) digests.push(digest);
        if (digests.length > Math.min(count, DIGEST_LIMITS.events)) return 'other';
      }
      if (digests.length === count && sumOf(digests).sum === sum) return 'equal';
      return digests.length === 0 ? 'empty' : 'other';
    },
  );
  const unread = answers.indexOf(undefined);
  return answers.slice(0, unread < 0 ? answers.length : unread) as RangeState[];
}

/**
 * How this cell's events of a range differ from the entries of a sender, how many documents were read for it, and which of these it lacks or has otherwise. It reads as far as the
 * last entry; what lies behind is counted as `extra` as far as it is read anyway. `undefined` if that is more than `DIGEST_LIMITS.compared`. Rejects with the store's error.
 */
async function differenceIn(
  { events, tombstones }: ComparedLog,
  tenant: string,
  range: Range,
  theirs: readonly Entry[],
  { contents }: ComparedBy,
): Promise<
  { readonly difference: Difference; readonly lacking: readonly string[]; readonly read: number } | undefined
> {
  const { subject } = range;
  const digests = new Map(theirs.map((entry) => [entry[0], copyDigest(...entry)]));
  const wanted = new Map(digests);
  const end = theirs.reduce((last, [id]) => (id > last ? id : last), '');
  const different = new Set<string>();
  const erased = await tombstones.of(tenant, [subject]);
  let extra = 0;
  let read = 0;
  for await (const page of pagesOf(digestReader(events, tenant, contents), tenant, range)) {
    read += page.length;
    for (const { id, digest } of copiesIn(erased, subject, page).copies) {
      const expected = wanted.get(id);
      wanted.delete(id);
      if (expected === undefined) extra += 1;
      else if (expected !== digest) different.add(id);
    }
    if (read >= DIGEST_LIMITS.events && (page.at(-1)?.id ?? '') >= end) break;
    if (read > DIGEST_LIMITS.compared) return undefined;
  }
  // What differs by what it was stored with may say the same.
  if (!contents)
    await mapConcurrently([...different], DIGEST_LIMITS.concurrentReads, async (id) => {
      const document = await events.get({ partition: logPartition(tenant, subject), id });
      if (document !== undefined && copyDigest(...entryOf(document)) === digests.get(id)) different.delete(id);
    });
  const difference = { missing: wanted.size, different: different.size, extra };
  const lacking = theirs.map(([id]) => id).filter((id) => wanted.has(id) || different.has(id));
  return { difference, lacking, read };
}

/** How this cell's events of a range differ; without the ids of those that it lacks or has otherwise if they are too many for an answer. */
export interface FoundDifference {
  readonly difference: Difference;
  readonly lacking?: readonly string[];
}

/**
 * Compares ranges with the entries of a sender: the first one, and as many of those behind it, in their order, as can be read and named in one answer. `undefined` if
 * the first one cannot be compared; see `differenceIn`. Rejects with the store's error.
 */
export async function differencesIn(
  deps: ComparedLog & { readonly clock: Pick<Clock, 'now'> },
  tenant: string,
  lists: readonly (Range & { readonly entries: readonly Entry[] })[],
  by: ComparedBy,
): Promise<readonly FoundDifference[] | undefined> {
  const answers: FoundDifference[] = [];
  const until = deps.clock.now() + DIGEST_LIMITS.answerMs;
  let named = 0;
  let looked = 0;
  for (const { entries, ...range } of lists) {
    const found = await differenceIn(deps, tenant, range, entries, by);
    if (found === undefined) return answers.length === 0 ? undefined : answers;
    const { difference, lacking, read } = found;
    const isNamed = lacking.length <= DIGEST_LIMITS.lacking;
    if (isNamed) named += lacking.length;
    if (named > DIGEST_LIMITS.lacking) break;
    answers.push({ difference, ...(isNamed && { lacking }) });
    looked += read;
    if (looked >= DIGEST_LIMITS.events || deps.clock.now() >= until) break;
  }
  return answers;
}

/** The entries of some events of a range, of those that are still there; their documents are read for it, as far as the last one. */
export async function entriesOf(
  events: Pick<Store, 'query'>,
  tenant: string,
  range: Range,
  ids: ReadonlySet<string>,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  const end = [...ids].reduce((last, id) => (id > last ? id : last), '');
  for await (const page of pagesOf((partition, query) => events.query(partition, query), tenant, range)) {
    for (const document of page) if (ids.has(document.id)) entries.push(entryOf(document));
    if ((page.at(-1)?.id ?? '') >= end) break;
  }
  return entries;
}

/** The documents of a range, page by page; the first page has `first` at most. */
async function* pagesOf<Found extends StoredDocument | StoredDigest>(
  read: ReadPage<Found>,
  tenant: string,
  { subject, after, through }: Range,
  first: number = STORE_LIMITS.pageDocuments,
): AsyncGenerator<readonly Found[]> {
  let cursor: StoreCursor | undefined;
  let limit = first;
  do {
    const page = await read(logPartition(tenant, subject), {
      limit,
      ...(after !== undefined && { from: after + BEHIND }),
      ...(through !== undefined && { to: through + BEHIND }),
      ...(cursor !== undefined && { cursor }),
    });
    yield page.items;
    cursor = page.next;
    limit = STORE_LIMITS.pageDocuments;
  } while (cursor !== undefined);
}
