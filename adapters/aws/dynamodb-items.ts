// Maps documents to DynamoDB items. Attribute names are single letters, because they are billed with every write.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type EpochMs, epochMs } from '../../core/ports/clock.ts';
import type { Json } from '../../core/ports/json.ts';
import type {
  Beside,
  Expected,
  Key,
  NewDocument,
  StoredDigest,
  StoredDocument,
  Version,
} from '../../core/ports/store.ts';

/**
 * `p` partition, `s` id, `b` body as JSON text (DynamoDB's own numbers and nesting are narrower than JSON's), `a` what is beside it as
 * JSON text, `d` its digest, `v` version, `x` expiry in milliseconds, `t` expiry in seconds for the service's time to live.
 */
export const ATTRIBUTES = {
  partition: 'p',
  id: 's',
  body: 'b',
  beside: 'a',
  digest: 'd',
  version: 'v',
  expiresAt: 'x',
  timeToLive: 't',
} as const;

/** The key of an item. */
export const toKey = ({ partition, id }: Key): Record<string, AttributeValue> => ({
  p: { S: partition },
  s: { S: id },
});

/** A document as an item. */
export function toItem(
  { partition, id, body, beside, digest, expiresAt }: NewDocument,
  version: Version,
): Record<string, AttributeValue> {
  return {
    p: { S: partition },
    s: { S: id },
    b: { S: JSON.stringify(body) },
    ...(beside !== undefined && { a: { S: JSON.stringify(beside) } }),
    ...(digest !== undefined && { d: { S: digest } }),
    v: { S: version },
    // Rounded up: the service must not delete a document before it expires.
    ...(expiresAt !== undefined && { x: { N: String(expiresAt) }, t: { N: String(Math.ceil(expiresAt / 1000)) } }),
  };
}

/** An item as a document. Throws a TypeError for an item not written by this adapter. */
export function toDocument(item: Record<string, AttributeValue>): StoredDocument {
  const { p, s, b, a, d, v, x } = item;
  if (p?.S === undefined || s?.S === undefined || b?.S === undefined)
    throw new TypeError('The table holds an item that is no document.');
  return {
    partition: p.S,
    id: s.S,
    body: JSON.parse(b.S) as Json,
    ...(a?.S !== undefined && { beside: JSON.parse(a.S) as Beside }),
    ...(d?.S !== undefined && { digest: d.S }),
    version: (v?.S ?? '') as Version,
    ...(x?.N !== undefined && { expiresAt: epochMs(Number(x.N)) }),
  };
}

/** What an item is compared by. Throws a TypeError for an item not written by this adapter. */
export function toDigest({ s, d }: Record<string, AttributeValue>): StoredDigest {
  if (s?.S === undefined) throw new TypeError('The table holds an item that is no document.');
  return { id: s.S, ...(d?.S !== undefined && { digest: d.S }) };
}

/** The condition of a write. An expired item counts as absent even if the service has not deleted it yet. */
export function conditionOf(
  expected: Expected,
  now: EpochMs,
): { ConditionExpression?: string; ExpressionAttributeValues?: Record<string, AttributeValue> } {
  if (expected === 'any') return {};
  const values = { ':now': { N: String(now) } };
  if (expected === 'absent')
    return { ConditionExpression: 'attribute_not_exists(p) OR x <= :now', ExpressionAttributeValues: values };
  return {
    ConditionExpression: 'v = :expected AND (attribute_not_exists(x) OR x > :now)',
    ExpressionAttributeValues: { ...values, ':expected': { S: expected } },
  };
}
