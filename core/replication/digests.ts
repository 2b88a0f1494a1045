// Digests of ranges of a log: two cells compare what they have without sending it.
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils';
import { type LogDocument, logPartition } from '../events/cloud-event.ts';
import type { Tombstones } from '../pipeline/tombstones.ts';
import type { Store, StoreCursor } from '../ports/store.ts';
import { STORE_LIMITS } from '../ports/store.ts';
import { bodyHash, epochOfCopy } from './copies.ts';
import { isOwnEvent } from './receive.ts';

export const DIGEST_LIMITS = {
  /** Ranges of one request. */
  ranges: 20,
  /** Events of a range that are read; one with more is not equal to any of the sender's. */
  events: 1000,
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

/** The entries of a range of this cell's log without what is erased, or `undefined` if it has more than `DIGEST_LIMITS.events`. Rejects with the store's error. */
export async function entriesIn(
  { events, tombstones }: { readonly events: Store; readonly tombstones: Pick<Tombstones, 'of'> },
  tenant: string,
  range: Range,
): Promise<readonly Entry[] | undefined> {
  const { subject, after, through } = range;
  const entries: Entry[] = [];
  const erased = await tombstones.of(tenant, [subject]);
  let cursor: StoreCursor | undefined;
  do {
    const page = await events.query(logPartition(tenant, subject), {
      limit: STORE_LIMITS.pageDocuments,
      ...(after !== undefined && { from: after + BEHIND }),
      ...(through !== undefined && { to: through + BEHIND }),
      ...(cursor !== undefined && { cursor }),
    });
    for (const document of page.items)
      if (isOwnEvent(tenant, document) && !erased.covers(subject, document.id)) entries.push(entryOf(document));
    if (entries.length > DIGEST_LIMITS.events) return undefined;
    cursor = page.next;
  } while (cursor !== undefined);
  return entries;
}

/** How own entries differ from those of a sender, and which of the sender's are missing or different here. */
export function differenceOf(
  theirs: readonly Entry[],
  own: readonly Entry[],
): { readonly difference: Difference; readonly lacking: readonly string[] } {
  const known = new Map(own.map(([id, epoch, hash]) => [id, `${epoch} ${hash}`]));
  const lacking: string[] = [];
  let missing = 0;
  for (const [id, epoch, hash] of theirs) {
    const copy = known.get(id);
    if (copy === undefined) missing += 1;
    if (copy !== `${epoch} ${hash}`) lacking.push(id);
    known.delete(id);
  }
  return { difference: { missing, different: lacking.length - missing, extra: known.size }, lacking };
}
