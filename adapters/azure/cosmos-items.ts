// Maps documents to Cosmos DB items.
import type { OperationInput } from '@azure/cosmos';
import { type EpochMs, epochMs } from '../../core/ports/clock.ts';
import type { Json } from '../../core/ports/json.ts';
import type { Beside, NewDocument, StoredDocument, Version } from '../../core/ports/store.ts';

/** The partition key of both containers. Keys beyond 101 bytes need version 2 (https://learn.microsoft.com/azure/cosmos-db/large-partition-keys). */
export const PARTITION_KEY = { paths: ['/p'], version: 2 };

/**
 * `p` partition, `b` body, `a` what is beside it, `d` its digest, `w` id of the write, `x` expiry in milliseconds. `ttl` counts whole seconds from the last write, so it
 * only removes items that `x` has hidden long before. `v` is the version that the item shows instead of its etag after a check
 * had to touch it.
 */
export interface Item {
  readonly id: string;
  readonly p: string;
  readonly b: Json;
  readonly a?: Beside;
  readonly d?: string;
  readonly w: string;
  readonly v?: string;
  readonly x?: number;
  readonly ttl?: number;
}

/** An item as the service returns it. */
export type FoundItem = Item & { readonly _etag: string };

/** A document as an item; `write` is a new id that identifies the item after a lost answer. */
export function toItem(
  { partition, id, body, beside, digest, expiresAt }: NewDocument,
  write: string,
  now: EpochMs,
): Item {
  const noted = { ...(beside !== undefined && { a: beside }), ...(digest !== undefined && { d: digest }) };
  const item = { id, p: partition, b: body, ...noted, w: write };
  if (expiresAt === undefined) return item;
  // The service accepts whole seconds from 1; an extra minute allows for clock skew.
  return { ...item, x: expiresAt, ttl: Math.max(1, Math.ceil((expiresAt - now) / 1000)) + 60 };
}

/** Whether an item has expired. */
export const isExpired = ({ x }: Pick<Item, 'x'>, now: EpochMs): boolean => x !== undefined && x <= now;

/** An item as a document. Throws a TypeError for an item not written by this adapter. */
export function toDocument(item: FoundItem): StoredDocument {
  const { id, p, b, a, d, x } = item;
  if (typeof p !== 'string' || b === undefined) throw new TypeError('The container holds an item that is no document.');
  return {
    partition: p,
    id,
    body: b,
    ...(a !== undefined && { beside: a }),
    ...(d !== undefined && { digest: d }),
    version: versionOf(shownEtag(item), x),
    ...(x !== undefined && { expiresAt: epochMs(x) }),
  };
}

/** The etag of the last write that was not a check. */
export const shownEtag = ({ v, _etag }: Pick<FoundItem, 'v' | '_etag'>): string => v ?? _etag;

/** Separates the two parts of a version; etags cannot contain it. */
const EXPIRY = '~';

/**
 * The etag and the expiry. With the expiry, a version is known to have expired without asking the service, which keeps the item until
 * it removes it.
 */
export const versionOf = (etag: string, expiresAt: number | undefined): Version =>
  (expiresAt === undefined ? etag : `${etag}${EXPIRY}${expiresAt}`) as Version;

/** The etag and expiry of a version. */
export function partsOf(version: Version): { etag: string; x?: number } {
  const at = version.lastIndexOf(EXPIRY);
  return at < 0 ? { etag: version } : { etag: version.slice(0, at), x: Number(version.slice(at + 1)) };
}

/** An operation of a batch or bulk request as the service accepts it; the SDK's types omit some members that it passes on. */
export type Operation = (
  | { readonly operationType: 'Create' | 'Upsert'; readonly resourceBody: Item }
  | { readonly operationType: 'Replace'; readonly id: string; readonly resourceBody: Item }
  | { readonly operationType: 'Read' | 'Delete'; readonly id: string }
  | {
      readonly operationType: 'Patch';
      readonly id: string;
      readonly resourceBody: { readonly operations: readonly { op: 'set'; path: string; value: string }[] };
    }
) & { readonly ifMatch?: string; readonly partitionKey?: string };

/** Operations for the SDK. */
export const toOperations = (operations: readonly Operation[]): OperationInput[] =>
  operations as unknown as OperationInput[];
