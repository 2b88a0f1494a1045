// Digests of ranges of a log: two cells compare what they have without sending it.
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils';
import { type LogDocument, logPartition } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { Tombstones } from '../pipeline/tombstones.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store, StoreCursor } from '../ports/store.ts';
import { STORE_LIMITS } from '../ports/store.ts';
import { bodyHash, epochOfCopy } from './copies.ts';
import { isOwnEvent } from './receive.ts';

export const DIGEST_LIMITS = {
  /** Ranges of one request. */
  ranges: 20,
  /** Ranges that are read at the same time. */
  concurrentRanges: 4,
  /** Events of a range that are read; one with more is not equal to any of the sender's. */
  events: 1000,
  /** Events that are read to compare them with entries: what the sender has not may lie between. A request for more is refused. */
  compared: 20_000,
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

const MODULUS = 1n << 128n;

export const entryOf = (document: LogDocument): Entry => [document.id, epochOfCopy(document), bodyHash(document)];

/** The digest of some events of one subject. */
export function digestOf(entries: readonly Entry[]): Digest {
  let sum = 0n;
  for (const entry of entries) {
    const hash = sha256(utf8ToBytes(JSON.stringify(entry))).subarray(0, 16);
    sum = (sum + BigInt(`0x${bytesToHex(hash)}`)) % MODULUS;
  }
  return { count: entries.length, sum: hexOf(sum) };
}

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

/**
 * Which ranges of this cell's log, without what is erased, have these digests. Of a range no more events are read first than the digest has, and one more: so ranges
 * that are read at the same time hold no more than their sender has read together, but for what one of them has left out. Rejects with the store's error.
 */
export function equalRanges(
  { events, tombstones }: { readonly events: Store; readonly tombstones: Pick<Tombstones, 'of'> },
  tenant: string,
  ranges: readonly (Range & Digest)[],
): Promise<boolean[]> {
  return mapConcurrently(ranges, DIGEST_LIMITS.concurrentRanges, async ({ count, sum, ...range }) => {
    const { subject } = range;
    const entries: Entry[] = [];
    const erased = await tombstones.of(tenant, [subject]);
    const first = Math.max(1, Math.min(count + 1, STORE_LIMITS.pageDocuments));
    for await (const page of pagesOf(events, tenant, range, first)) {
      for (const document of page)
        if (isOwnEvent(tenant, document) && !erased.covers(subject, document.id)) entries.push(entryOf(document));
      if (entries.length > Math.min(count, DIGEST_LIMITS.events)) return false;
    }
    return entries.length === count && digestOf(entries).sum === sum;
  });
}

/**
 * How this cell's events of a range differ from the entries of a sender, how many documents were read for it, and which of these it lacks or has otherwise. It reads as far as the
 * last entry; what lies behind is counted as `extra` as far as it is read anyway. `undefined` if that is more than `DIGEST_LIMITS.compared`. Rejects with the store's error.
 */
async function differenceIn(
  { events, tombstones }: { readonly events: Store; readonly tombstones: Pick<Tombstones, 'of'> },
  tenant: string,
  range: Range,
  theirs: readonly Entry[],
): Promise<
  { readonly difference: Difference; readonly lacking: readonly string[]; readonly read: number } | undefined
> {
  const { subject } = range;
  const wanted = new Map(theirs.map(([id, epoch, hash]) => [id, `${epoch} ${hash}`]));
  const end = theirs.reduce((last, [id]) => (id > last ? id : last), '');
  const different = new Set<string>();
  const erased = await tombstones.of(tenant, [subject]);
  let extra = 0;
  let read = 0;
  for await (const page of pagesOf(events, tenant, range)) {
    read += page.length;
    for (const document of page) {
      if (!isOwnEvent(tenant, document) || erased.covers(subject, document.id)) continue;
      const expected = wanted.get(document.id);
      wanted.delete(document.id);
      if (expected === undefined) {
        extra += 1;
        continue;
      }
      const [, epoch, hash] = entryOf(document);
      if (expected !== `${epoch} ${hash}`) different.add(document.id);
    }
    if (read >= DIGEST_LIMITS.events && (page.at(-1)?.id ?? '') >= end) break;
    if (read > DIGEST_LIMITS.compared) return undefined;
  }
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
  deps: { readonly events: Store; readonly tombstones: Pick<Tombstones, 'of'>; readonly clock: Pick<Clock, 'now'> },
  tenant: string,
  lists: readonly (Range & { readonly entries: readonly Entry[] })[],
): Promise<readonly FoundDifference[] | undefined> {
  const answers: FoundDifference[] = [];
  const until = deps.clock.now() + DIGEST_LIMITS.answerMs;
  let named = 0;
  let looked = 0;
  for (const { entries, ...range } of lists) {
    const found = await differenceIn(deps, tenant, range, entries);
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

/** The documents of a range, page by page; the first page has `first` at most. */
async function* pagesOf(
  events: Store,
  tenant: string,
  { subject, after, through }: Range,
  first: number = STORE_LIMITS.pageDocuments,
) {
  let cursor: StoreCursor | undefined;
  let limit = first;
  do {
    const page = await events.query(logPartition(tenant, subject), {
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
