// The store on one Cosmos DB container: conditional writes by etag, transactional batches, and queries within a partition.
import type { Container, FeedOptions, ItemResponse, SqlQuerySpec } from '@azure/cosmos';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { DEFAULT_RETRY, type RetryPolicy, withRetry } from '../../core/ports/retry.ts';
import type {
  AppendOutcome,
  Expected,
  Key,
  NewDocument,
  Page,
  Query,
  Store,
  StoreCursor,
  StoredDocument,
  Version,
  Write,
} from '../../core/ports/store.ts';
import { afterPrefix, compareUtf8 } from '../../core/ports/text.ts';
import { appendToContainer } from './cosmos-append.ts';
import { type FoundItem, isExpired, partsOf, toDocument, toItem, versionOf } from './cosmos-items.ts';
import { transactInContainer } from './cosmos-transaction.ts';
import { isTransient, toPortError } from './errors.ts';

export interface CosmosStoreOptions {
  /**
   * Of a client without retries of its own (`retryOptions` all zero) and with the plugins `keepErrors`: this adapter retries, and
   * knows which repetition is safe. The account's consistency must be Strong: consumers read what other processes wrote.
   */
  readonly container: Container;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry?: RetryPolicy;
}

/** 404 with this substatus: the container or database is missing, not the item. */
const OWNER_NOT_FOUND = 1003;

const WRITE_CHARACTERS = 16;

export class CosmosStore implements Store {
  readonly #options: Required<CosmosStoreOptions>;

  constructor(options: CosmosStoreOptions) {
    this.#options = { retry: DEFAULT_RETRY, ...options };
  }

  async get(key: Key): Promise<StoredDocument | undefined> {
    const item = await this.#read(key);
    return item === undefined || isExpired(item, this.#options.clock.now()) ? undefined : toDocument(item);
  }

  async put(document: NewDocument, expected: Expected): Promise<Version> {
    const { clock } = this.#options;
    const item = toItem(document, this.#newWrite(), clock.now());
    let answerLost = false;
    let settled = false;
    const send = async (): Promise<Version> => {
      try {
        const etag = await this.#putOnce(item, expected);
        return versionOf(etag, item.x);
      } catch (error) {
        const portError = toPortError(error);
        answerLost ||= portError.code === 'unknown-outcome';
        if (portError.code !== 'conflict' || !answerLost) throw portError;
        // The conflict may be with our own earlier try; the write's id tells.
        settled = true;
        const found = await this.#read(document);
        if (found?.w === item.w) return versionOf(found._etag, found.x);
        throw new PortError('unknown-outcome', 'The answer to the write was lost, and another write has followed.', {
          cause: error,
        });
      }
    };
    return this.#retry(send, (error) => !settled && isTransient(error));
  }

  append(documents: readonly NewDocument[]): Promise<readonly AppendOutcome[]> {
    const helpers = {
      newWrite: () => this.#newWrite(),
      read: (key: Key) => this.#read(key),
      put: (document: NewDocument) => this.put(document, 'absent'),
    };
    return appendToContainer({ ...this.#options, ...helpers }, documents);
  }

  transact(partition: string, writes: readonly Write[]): Promise<readonly (Version | undefined)[]> {
    const read = (id: string) => this.#read({ partition, id });
    return transactInContainer({ ...this.#options, newWrite: () => this.#newWrite(), read }, partition, writes);
  }

  async query(partition: string, { from, to, prefix = '', limit, cursor, order = 'ascending' }: Query): Promise<Page> {
    const { container, clock } = this.#options;
    const descending = order === 'descending';
    const bounds: [string, string, string | undefined][] = [
      ['c.id >= @from', '@from', from],
      ['c.id < @to', '@to', to],
      ['c.id >= @prefix', '@prefix', prefix === '' ? undefined : prefix],
      ['c.id < @prefixEnd', '@prefixEnd', prefix === '' ? undefined : afterPrefix(prefix)],
      [descending ? 'c.id < @cursor' : 'c.id > @cursor', '@cursor', cursor],
    ];
    if (cursor !== undefined && !within(cursor, bounds))
      throw new PortError('invalid', 'The cursor lies outside of the query.');
    const used = bounds.filter(([, , value]) => value !== undefined);
    const spec: SqlQuerySpec = {
      query: `SELECT * FROM c WHERE ${['c.p = @p', '(NOT IS_DEFINED(c.x) OR c.x > @now)', ...used.map(([text]) => text)].join(' AND ')} ORDER BY c.id ${descending ? 'DESC' : 'ASC'}`,
      parameters: [
        { name: '@p', value: partition },
        { name: '@now', value: clock.now() },
        ...used.map(([, name, value]) => ({ name, value: value ?? '' })),
      ],
    };
    // One more than asked for tells whether there is a next page.
    const options: FeedOptions = { partitionKey: partition, maxItemCount: limit + 1 };
    return this.#retry(async () => {
      const items: StoredDocument[] = [];
      const iterator = container.items.query<FoundItem>(spec, options);
      while (items.length <= limit) {
        const { resources, hasMoreResults } = await iterator.fetchNext().catch(throwPortError);
        for (const item of resources ?? []) items.push(toDocument(item));
        if (!hasMoreResults) break;
      }
      const last = items[limit - 1];
      return items.length > limit && last !== undefined
        ? { items: items.slice(0, limit), next: last.id as StoreCursor }
        : { items };
    }, isTransient);
  }

  async delete(key: Key, expected: Version | 'any'): Promise<void> {
    const { container, clock } = this.#options;
    const { etag, x } = expected === 'any' ? { etag: undefined, x: undefined } : partsOf(expected);
    if (x !== undefined && isExpired({ x }, clock.now())) throw new PortError('conflict', `${key.id} has expired.`);
    let answerLost = false;
    await this.#retry(async () => {
      try {
        const condition = etag === undefined ? {} : { accessCondition: { type: 'IfMatch', condition: etag } };
        await container.item(key.id, key.partition).delete(condition);
      } catch (error) {
        this.#refuseMissingContainer(error);
        const portError = toPortError(error);
        answerLost ||= portError.code === 'unknown-outcome';
        if (portError.code !== 'not-found') throw portError;
        // Gone: as wanted, or by our own earlier try, or by somebody else's hand.
        if (etag !== undefined && !answerLost)
          throw new PortError('conflict', `${key.id} is not there.`, { cause: error });
      }
    }, isTransient);
  }

  async #putOnce(item: ReturnType<typeof toItem>, expected: Expected): Promise<string> {
    const { container, clock } = this.#options;
    try {
      if (expected === 'any') return etagOf(await container.items.upsert(item));
      if (expected === 'absent') return etagOf(await container.items.create(item));
      const { etag, x } = partsOf(expected);
      if (x !== undefined && isExpired({ x }, clock.now())) throw new PortError('conflict', `${item.id} has expired.`);
      return await this.#replace(item, etag);
    } catch (error) {
      this.#refuseMissingContainer(error);
      const portError = toPortError(error);
      if (expected !== 'any' && portError.code === 'not-found')
        throw new PortError('conflict', `${item.id} is not there.`, { cause: error });
      if (expected !== 'absent' || portError.code !== 'conflict') throw portError;
      const found = await this.#read({ partition: item.p, id: item.id });
      if (found === undefined || !isExpired(found, clock.now())) throw portError;
      return await this.#replace(item, found._etag).catch(throwPortError);
    }
  }

  async #replace(item: ReturnType<typeof toItem>, etag: string): Promise<string> {
    const { container } = this.#options;
    return etagOf(
      await container
        .item(item.id, item.p)
        .replace({ ...item }, { accessCondition: { type: 'IfMatch', condition: etag } }),
    );
  }

  /** The item as it is, expired or not. */
  async #read({ partition, id }: Key): Promise<FoundItem | undefined> {
    const { container } = this.#options;
    return this.#retry(async () => {
      const response = await container.item(id, partition).read<FoundItem>().catch(throwPortError);
      if (response.resource === undefined && response.substatus === OWNER_NOT_FOUND) throw missingContainer(container);
      return response.resource;
    }, isTransient);
  }

  #refuseMissingContainer(error: unknown): void {
    const { code, substatus } = error as { code?: unknown; substatus?: unknown };
    if (code === 404 && substatus === OWNER_NOT_FOUND) throw missingContainer(this.#options.container, error);
  }

  #retry<T>(operation: () => Promise<T>, again: (error: PortError) => boolean): Promise<T> {
    return withRetry(this.#options, this.#options.retry, operation, again);
  }

  #newWrite(): string {
    return this.#options.ids.next().slice(0, WRITE_CHARACTERS);
  }
}

const missingContainer = (container: Container, cause?: unknown): PortError =>
  new PortError('not-found', `There is no container ${container.id}.`, cause === undefined ? {} : { cause });

const etagOf = (response: ItemResponse<object>): string => response.etag;

function throwPortError(error: unknown): never {
  throw toPortError(error);
}

function within(cursor: string, bounds: readonly [string, string, string | undefined][]): boolean {
  return bounds.every(([text, name, value]) => {
    if (value === undefined || name === '@cursor') return true;
    const order = compareUtf8(cursor, value);
    return text.includes('>=') ? order >= 0 : order < 0;
  });
}
