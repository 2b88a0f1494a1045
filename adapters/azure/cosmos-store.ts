// The store on one Cosmos DB container: conditional writes by etag, transactional batches, and queries within a partition.
import type { Container, SqlQuerySpec } from '@azure/cosmos';
import { DEFAULT_RETRY, type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import { afterPrefix } from '../../core/lib/text.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { isTransient } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type {
  AppendOptions,
  AppendOutcome,
  DigestPage,
  Expected,
  Key,
  NewDocument,
  Page,
  PartitionPage,
  PartitionQuery,
  Query,
  Store,
  StoreCursor,
  StoredDigest,
  StoredDocument,
  Version,
  Write,
} from '../../core/ports/store.ts';
import { appendToContainer } from './cosmos-append.ts';
import { type FoundItem, isExpired, toDocument } from './cosmos-items.ts';
import { type CosmosContext, readItem, throwReadError } from './cosmos-read.ts';
import { transactInContainer } from './cosmos-transaction.ts';
import { deleteFromContainer, putInContainer } from './cosmos-write.ts';

export interface CosmosStoreOptions {
  /**
   * A container of a client created with `cosmosClientOptions`: this adapter retries, and knows which retries are safe. The partition
   * key is `PARTITION_KEY`, the default time to live -1. The account's consistency must be Strong: consumers read what other
   * processes wrote.
   */
  readonly container: Container;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry?: RetryPolicy;
}

/** Matches items that have not expired. */
const LIVE = '(NOT IS_DEFINED(c.x) OR c.x > @now)';

export class CosmosStore implements Store {
  readonly #context: CosmosContext;

  constructor(options: CosmosStoreOptions) {
    this.#context = { retry: DEFAULT_RETRY, ...options };
  }

  async get(key: Key): Promise<StoredDocument | undefined> {
    const item = await readItem(this.#context, key);
    return item === undefined || isExpired(item, this.#context.clock.now()) ? undefined : toDocument(item);
  }

  put(document: NewDocument, expected: Expected): Promise<Version> {
    return putInContainer(this.#context, document, expected);
  }

  append(documents: readonly NewDocument[], options?: AppendOptions): Promise<readonly AppendOutcome[]> {
    return appendToContainer(this.#context, documents, options);
  }

  transact(partition: string, writes: readonly Write[]): Promise<readonly (Version | undefined)[]> {
    return transactInContainer(this.#context, partition, writes);
  }

  delete(key: Key, expected: Version | 'any'): Promise<void> {
    return deleteFromContainer(this.#context, key, expected);
  }

  /** One query over all ranges that needs no merging, which the service answers range by range with continuations of its own. */
  async partitions({ limit, cursor }: PartitionQuery): Promise<PartitionPage> {
    const { container } = this.#context;
    const nextPage = async () => {
      const iterator = container.items.query<string>('SELECT VALUE c.p FROM c', {
        maxItemCount: limit,
        ...(cursor !== undefined && { continuationToken: decodeURIComponent(cursor) }),
      });
      const { resources, continuationToken } = await iterator.fetchNext().catch(throwReadError);
      const found = resources ?? [];
      const next = continuationToken && (encodeURIComponent(continuationToken) as StoreCursor);
      return { partitions: [...new Set(found)], documents: found.length, ...(next && { next }) };
    };
    return withRetry(this.#context, this.#context.retry, nextPage, isTransient);
  }

  query(partition: string, query: Query): Promise<Page> {
    return this.#page<FoundItem, StoredDocument>(partition, query, '*', toDocument);
  }

  digests(partition: string, query: Query): Promise<DigestPage> {
    return this.#page<StoredDigest, StoredDigest>(partition, query, 'c.id, c.d AS digest', (found) => found);
  }

  /** A page of these members of items. */
  async #page<Row, Found extends { readonly id: string }>(
    partition: string,
    { from, to, prefix = '', limit, cursor, order = 'ascending' }: Query,
    members: string,
    read: (row: Row) => Found,
  ): Promise<{ readonly items: readonly Found[]; readonly next?: StoreCursor }> {
    const { container, clock } = this.#context;
    const descending = order === 'descending';
    const bounds: [string, string, string | undefined][] = [
      ['c.id >= @from', '@from', from],
      ['c.id < @to', '@to', to],
      ['c.id >= @prefix', '@prefix', prefix === '' ? undefined : prefix],
      ['c.id < @prefixEnd', '@prefixEnd', prefix === '' ? undefined : afterPrefix(prefix)],
      [descending ? 'c.id < @cursor' : 'c.id > @cursor', '@cursor', cursor],
    ];
    const used = bounds.filter(([, , value]) => value !== undefined);
    const conditions = ['c.p = @p', LIVE, ...used.map(([condition]) => condition)].join(' AND ');
    const spec: SqlQuerySpec = {
      query: `SELECT ${members} FROM c WHERE ${conditions} ORDER BY c.id ${descending ? 'DESC' : 'ASC'}`,
      parameters: [
        { name: '@p', value: partition },
        { name: '@now', value: clock.now() },
        ...used.map(([, name, value]) => ({ name, value: value ?? '' })),
      ],
    };
    const nextPage = async () => {
      // One more than requested shows whether there is a next page. The SDK modifies the options, so each attempt has its own.
      const iterator = container.items.query<Row>(spec, { partitionKey: partition, maxItemCount: limit + 1 });
      for (;;) {
        const { resources, hasMoreResults } = await iterator.fetchNext().catch(throwReadError);
        const items = (resources ?? []).map(read);
        // The service ends a page at 4 MB, and this page ends there, too, instead of collecting up to a thousand large documents.
        if (items.length === 0 && hasMoreResults) continue;
        const last = items.length > limit ? items[limit - 1] : hasMoreResults ? items.at(-1) : undefined;
        return { items: items.slice(0, limit), ...(last !== undefined && { next: last.id as StoreCursor }) };
      }
    };
    return withRetry(this.#context, this.#context.retry, nextPage, isTransient);
  }
}
