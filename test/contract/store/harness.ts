// What an adapter's test provides so that the store's clauses can be run against it.
import { type Query, STORE_LIMITS, type Store, type StoredDocument } from '../../../core/ports/store.ts';
import type { HastyClock } from '../../support/fake-clock.ts';
import type { Clause } from '../contract.ts';

/** Makes the network between `store` and its service fail; `other` goes on untouched. */
export interface StoreFaults {
  /** The service refuses the credentials. */
  deny(): void;
  /** The service asks to slow down: for so many requests, or until healed. */
  throttle(requests?: number): void;
  /** Of the next append's first request the service takes all documents but those of these indices, which it throttles. */
  throttleDocuments(indices: readonly number[]): void;
  /** The service refuses as invalid every bulk request, however many documents it has, that this text is in. */
  refuseBulk(text: string): void;
  /** The service does what it is asked, and the connection breaks before the answer: so many times, or until healed. */
  loseAnswers(requests?: number): void;
  /** The connection breaks before the service has heard anything, which the client cannot know. */
  loseRequests(requests?: number): void;
  /** No server listens. */
  disconnect(): Promise<void>;
  heal(): Promise<void>;
}

export interface StoreHarness {
  /** A checked store without documents. */
  readonly store: Store;
  /** A second client of the same documents. */
  readonly other: Store;
  /** A client of a table or container that is not there, for adapters that address one by name. */
  readonly missing?: Store;
  /** The clock of all of them. */
  readonly clock: HastyClock;
  /** For adapters with a network. */
  readonly faults?: StoreFaults;
  close(): Promise<void>;
}

export type StoreClause = Clause<StoreHarness>;

/** The harness's faults; an adapter without a network exempts itself from the clauses that need them. */
export function faultsOf({ faults }: StoreHarness): StoreFaults {
  if (faults === undefined) throw new TypeError('This clause needs a network that can fail.');
  return faults;
}

/** Every document of a query, read page by page. */
export async function readAll(
  store: Store,
  partition: string,
  query: Partial<Query> = {},
  afterPage: () => Promise<unknown> = async () => undefined,
): Promise<StoredDocument[]> {
  const documents: StoredDocument[] = [];
  let cursor = query.cursor;
  do {
    const page = await store.query(partition, {
      limit: STORE_LIMITS.pageDocuments,
      ...query,
      ...(cursor !== undefined && { cursor }),
    });
    documents.push(...page.items);
    cursor = page.next;
    await afterPage();
  } while (cursor !== undefined);
  return documents;
}

/** The ids of a query's documents, read page by page. */
export const readIds = async (store: Store, partition: string, query: Partial<Query> = {}): Promise<string[]> =>
  (await readAll(store, partition, query)).map(({ id }) => id);
