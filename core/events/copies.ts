// Which of two copies of an event stands: the one with the lower epoch, and of one epoch the one whose body has the lower hash; and what copies are compared by.
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import { canonicalJson } from '../lib/canonical-json.ts';
import { isJsonObject, type Json } from '../ports/json.ts';
import type { Beside } from '../ports/store.ts';

/** What a cell has of an event. */
export interface Copy {
  readonly body: Json;
  readonly beside?: Beside;
}

/** Attributes of tracing: a repeat may carry others, and earlier releases stored generated ones in the body. */
const TRACING = ['traceparent', 'tracestate'] as const;

/** The epoch under which a copy was accepted: 0 for what a release without epochs beside bodies has stored. */
export const epochOfCopy = ({ beside }: Copy): number => {
  const epoch = beside?.epoch;
  return typeof epoch === 'number' ? epoch : 0;
};

/** SHA-256 of the body in canonical JSON, without attributes of tracing, as hexadecimal digits. */
export function bodyHash({ body }: Pick<Copy, 'body'>): string {
  // Each event that is stored is hashed: most have nothing to be left out.
  if (!isJsonObject(body) || TRACING.every((name) => body[name] === undefined)) return hashOf(canonicalJson(body));
  const isTracing = (name: string) => (TRACING as readonly string[]).includes(name);
  return hashOf(canonicalJson(Object.fromEntries(Object.entries(body).filter(([name]) => !isTracing(name)))));
}

const encoder = new TextEncoder();

/** The first bytes of the SHA-256 of a text, as hexadecimal digits. */
const hashOf = (text: string, bytes = 32): string => bytesToHex(sha256(encoder.encode(text)).subarray(0, bytes));

/**
 * What two cells compare of an event: the first half of the SHA-256 of its id, epoch and body hash, as 32 hexadecimal digits. Documents of the log are stored
 * with it (`NewDocument.digest`), but for those of earlier releases.
 */
export const copyDigest = (id: string, epoch: number, hash: string): string =>
  hashOf(JSON.stringify([id, epoch, hash]), 16);

/** A document of the log with its digest. */
export const withDigest = <Document extends Copy & { readonly id: string }>(
  document: Document,
): Document & { readonly digest: string } => ({
  ...document,
  digest: copyDigest(document.id, epochOfCopy(document), bodyHash(document)),
});

/**
 * Whether `other` stands in the place of `own`, where both have one identity. A total order of copies, so that merging is commutative,
 * associative and idempotent: whatever arrives in whatever order, all cells end with the same one. Copies that are equal in it say the same.
 */
export function stands(other: Copy, own: Copy): boolean {
  const [a, b] = [epochOfCopy(other), epochOfCopy(own)];
  return a === b ? bodyHash(other) < bodyHash(own) : a < b;
}
