// The store port: documents in partitions, with conditional writes, transactions within a partition and ordered queries.
import type { EpochMs } from './clock.ts';
import type { PortError } from './errors.ts';
import type { Json } from './json.ts';

/** The location of a document. Documents that must change together or be listed together share a partition. */
export interface Key {
  /** 1 to 1,000 bytes of UTF-8 without `/ \ # ?` and control characters. */
  readonly partition: string;
  /** Same charset and length; documents of a partition are ordered by the bytes of their ids. */
  readonly id: string;
}

/** Identifies one state of one document. Opaque; never repeats for a key, even when the document is deleted and recreated. */
export type Version = string & { readonly __brand: 'Version' };

/** Where a query continues. Opaque; valid only for the query that returned it. */
export type StoreCursor = string & { readonly __brand: 'StoreCursor' };

/** What a writer expects to be stored: nothing, anything (also nothing), or exactly one version. */
export type Expected = 'absent' | 'any' | Version;

/** What a writer notes beside a body: how the document came here, and not what it says. `append` does not compare it. */
export type Beside = Readonly<Record<string, string | number>>;

/** A document to write. Bodies are returned equal as JSON values; the order of their keys is not kept. */
export interface NewDocument extends Key {
  readonly body: Json;
  readonly beside?: Beside;
  /** A short text by which copies of the document are compared; see `Store.digests`. At most `STORE_LIMITS.digestBytes`. */
  readonly digest?: string;
  /** From this time on, the document is never returned; the service deletes it some time later. */
  readonly expiresAt?: EpochMs;
}

/** A stored document, with the version for a conditional write. */
export interface StoredDocument extends NewDocument {
  readonly version: Version;
}

/** How `append` compares existing documents. */
export interface AppendOptions {
  /** Members of a body to ignore in the comparison, such as those that a writer generates for each attempt. */
  readonly except?: readonly string[];
}

/** The outcome of one document of an `append`. */
export type AppendOutcome =
  | { readonly status: 'stored' }
  /** `differs` is present, and true, if the existing document has another body. */
  | { readonly status: 'duplicate'; readonly differs?: true }
  | { readonly status: 'failed'; readonly error: PortError };

/** One step of a transaction. Two steps must not name the same id. */
export type Write =
  | {
      readonly kind: 'put';
      readonly id: string;
      readonly body: Json;
      readonly expected: Expected;
      readonly expiresAt?: EpochMs;
    }
  | { readonly kind: 'delete'; readonly id: string; readonly expected: Version | 'any' }
  | { readonly kind: 'check'; readonly id: string; readonly expected: 'absent' | Version };

/** Selects documents of a partition, and the page size. All conditions apply together. */
export interface Query {
  /** First id, inclusive. */
  readonly from?: string;
  /** Last id, exclusive. */
  readonly to?: string;
  /** Only ids that start with this; narrows `from` and `to` further. */
  readonly prefix?: string;
  /** At most this many documents, 1 to 1,000. */
  readonly limit: number;
  readonly cursor?: StoreCursor;
  readonly order?: 'ascending' | 'descending';
}

/** One page of a query. */
export interface Page {
  readonly items: readonly StoredDocument[];
  /** Present while there may be more. A page may be short, even empty, and still have one. */
  readonly next?: StoreCursor;
}

/** What a document is compared by. */
export interface StoredDigest {
  readonly id: string;
  /** Absent where it was stored without one. */
  readonly digest?: string | undefined;
}

/** One page of digests. */
export interface DigestPage {
  readonly items: readonly StoredDigest[];
  /** Present while there may be more. A page may be short, even empty, and still have one. */
  readonly next?: StoreCursor;
}

/** Selects a page of the names of partitions. */
export interface PartitionQuery {
  /** Documents that are looked at for it, 1 to 1,000: a page may name fewer partitions, even none. */
  readonly limit: number;
  readonly cursor?: StoreCursor;
}

/** Names of partitions, each perhaps several times, also over several pages. */
export interface PartitionPage {
  readonly partitions: readonly string[];
  /** How many documents were looked at. */
  readonly documents: number;
  /** Present while there may be more. */
  readonly next?: StoreCursor;
}

/** The limits of a store, the lower ones of DynamoDB and Cosmos DB. */
export const STORE_LIMITS = {
  /** Of the JSON text of a body, in UTF-8. DynamoDB: 400 KB an item; Cosmos DB: 2 MB; both less their overhead. */
  bodyBytes: 256 * 1024,
  /** Of the JSON text of what is beside a body: some names and numbers. */
  besideBytes: 1024,
  /** Of a partition and of an id. Cosmos DB: ids of 1,023 characters; DynamoDB: sort keys of 1,024 bytes. */
  keyBytes: 1000,
  /** Of a digest, in UTF-8. */
  digestBytes: 64,
  /** Writes in a transaction. Both services: 100. */
  transactionWrites: 100,
  /** Of all bodies of a transaction together. Cosmos DB: 2 MB a batch. */
  transactionBytes: 1_500_000,
  /** Documents in a page. */
  pageDocuments: 1000,
  /** Of all bodies of a page together, but for the last: a page of large documents is short. Cosmos DB ends one at 4 MB, DynamoDB at 1 MB. */
  pageBytes: 4 * 1024 * 1024,
} as const;

/**
 * Every method rejects with a `PortError`: `not-found` when the table or container is missing, `denied`, `throttled` or
 * `unavailable` after the adapter's own retry budget, `invalid` and `too-large` for what `checkedStore` refuses.
 */
export interface Store {
  /** The document, or `undefined` if there is none or it has expired. Sees every write acknowledged to this client. */
  get(key: Key): Promise<StoredDocument | undefined>;

  /**
   * Writes one document if the stored state is as expected; the check and the write are one atomic step. Of N concurrent
   * writers with the same expectation, exactly one wins and the others get `conflict`. An expired document counts as absent.
   * Rejects with `unknown-outcome` if the answer was lost and reading the store could not determine whether it was written.
   */
  put(document: NewDocument, expected: Expected): Promise<Version>;

  /**
   * Writes many documents, each only if absent, in any partitions and with no atomicity across them. Returns one outcome per
   * document, in order, and never rejects for some of them: a document that could not be written is `failed` with its error.
   * `duplicate` means that a document with this key existed before this call, or came earlier in it; `differs` says whether that
   * body differs as a JSON value, apart from the excepted members. Bodies are read only for duplicates. Calls may be repeated.
   */
  append(documents: readonly NewDocument[], options?: AppendOptions): Promise<readonly AppendOutcome[]>;

  /**
   * Applies all writes or none, 1 to 100 of them, in one partition. Rejects with `conflict`, whose `failedWrite` is the index of
   * the first write whose expectation failed (absent when two transactions merely collided). Returns one version per write: the
   * new version of a put, `undefined` for others.
   */
  transact(partition: string, writes: readonly Write[]): Promise<readonly (Version | undefined)[]>;

  /**
   * The documents of a partition in the order of their ids' bytes, about `pageBytes` of them at once at most. Paging to the end neither skips nor repeats documents that exist
   * throughout, even while others write. Strongly consistent with this client's own writes. `invalid` for a bad cursor.
   */
  query(partition: string, query: Query): Promise<Page>;

  /**
   * As `query` with the same arguments, but without the documents: the service sends a fifth of the bytes or less, and bills what it reads. A page is made of 20 MB of documents at most.
   * A cursor of one continues the other.
   */
  digests(partition: string, query: Query): Promise<DigestPage>;

  /**
   * The partitions that have documents, in no particular order. Paging to the end names every one whose documents were there before the first
   * page, and stayed. Reads all that is stored, so it is for what is done once, and not for a request. `invalid` for a bad cursor.
   */
  partitions(query: PartitionQuery): Promise<PartitionPage>;

  /** Removes a document if it has that version; `conflict` if not. With `any`, removing an absent document is not an error. */
  delete(key: Key, expected: Version | 'any'): Promise<void>;
}
