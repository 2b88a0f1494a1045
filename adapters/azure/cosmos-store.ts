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

/**
 * The service loads documents whole, also for a query of two members, and an answer without bodies ends at no number of bytes. So pages of digests end by their charge, which grows with what
 * was loaded.
 */
const DIGESTS = {
  /** Documents of the first request, which shows what they cost: 20 MB of the largest. */
  first: 100,
  /** Request units of a page, about: those of 4 MB of documents, where a page of documents ends. */
  charge: 1400,
} as const;

/** Of a digest, as `StoredDigest` has them. */
const MEMBERS = 'c.id, c.d AS digest';

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

  async query(partition: string, query: Query): Promise<Page> {
    const { charge: _, ...page } = await this.#page<FoundItem, StoredDocument>(partition, query, '*', toDocument);
    return page;
  }

  async digests(partition: string, query: Query): Promise<DigestPage> {
    const items: StoredDigest[] = [];
    let charge = 0;
    let next = query.cursor;
    let limit = Math.min(query.limit, DIGESTS.first);
    do {
      const more = { ...query, limit, ...(next !== undefined && { cursor: next }) };
      const page = await this.#page<StoredDigest, StoredDigest>(partition, more, MEMBERS, (found) => found);
      items.push(...page.items);
      charge += page.charge;
      next = page.next;
      const affordable = Math.floor(((DIGESTS.charge - charge) * items.length) / charge);
      limit = Math.min(query.limit - items.length, Math.max(1, affordable));
    } while (next !== undefined && items.length < query.limit && charge < DIGESTS.charge);
    return { items, ...(next !== undefined && { next }) };
  }

  /** A page of these members of items. */
  async #page<Row, Found extends { readonly id: string }>(
    partition: string,
    { from, to, prefix = '', limit, cursor, order = 'ascending' }: Query,
    members: string,
    read: (row: Row) => Found,
  ): Promise<{ readonly items: readonly Found[]; readonly next?: StoreCursor; readonly charge: number }> {
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
      let charge = 0;
      for (;;) {
        const { resources, hasMoreResults, requestCharge } = await iterator.fetchNext().catch(throwReadError);
        charge += requestCharge;
        const items = (resources ?? []).map(read);
        // The service ends a page at 4 MB, and this page ends there, too, instead of collecting up to a thousand large documents.
        if (items.length === 0 && hasMoreResults) continue;
        const last = items.length > limit ? items[limit - 1] : hasMoreResults ? items.at(-1) : undefined;
        return { items: items.slice(0, limit), charge, ...(last !== undefined && { next: last.id as StoreCursor }) };
      }
    };
    return withRetry(this.#context, this.#context.retry, nextPage, isTransient);
  }
}
