// The store on one Cosmos DB container: conditional writes by etag, transactional batches, and queries within a partition.
import type { Container, SqlQuerySpec } from '@azure/cosmos';
import { DEFAULT_RETRY, type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import { afterPrefix } from '../../core/lib/text.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { asUnknownOutcome, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type {
  AppendOptions,
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
import { appendToContainer } from './cosmos-append.ts';
import {
  type FoundItem,
  type Item,
  isExpired,
  partsOf,
  shownEtag,
  toDocument,
  toItem,
  versionOf,
} from './cosmos-items.ts';
import { readInBatch, transactInContainer } from './cosmos-transaction.ts';
import { isTransient, toPortError, toReadError } from './errors.ts';

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

/** 404 with this substatus: the container or database is missing, not the item. */
const OWNER_NOT_FOUND = 1003;

/** The item does not have the version that the write named. */
const PRECONDITION_FAILED = 412;

/** 64 random bits that identify a write. */
const WRITE_CHARACTERS = 16;

/**
 * Ids that a URL can contain unchanged. The SDK and intermediaries refuse, trim or resolve others (` `, `..`), so those are sent only
 * in the bodies of batches.
 */
const ADDRESSABLE = /^(?!\.{1,2}$)[\w.~!$&'()*+,;=:@|-]+$/;

/** Matches items that have not expired. */
const LIVE = '(NOT IS_DEFINED(c.x) OR c.x > @now)';

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
    if (!ADDRESSABLE.test(document.id)) {
      const [version] = await this.transact(document.partition, [{ kind: 'put', expected, ...document }]);
      return version as Version;
    }
    const item = toItem(document, this.#newWrite(), this.#options.clock.now());
    return this.#write(
      async () => versionOf(await this.#putOnce(item, expected), item.x),
      async () => {
        const found = await this.#read(document);
        return found?.w === item.w ? versionOf(shownEtag(found), found.x) : undefined;
      },
    );
  }

  append(documents: readonly NewDocument[], options?: AppendOptions): Promise<readonly AppendOutcome[]> {
    const helpers = {
      newWrite: () => this.#newWrite(),
      read: (key: Key) => this.#read(key),
      put: (document: NewDocument) => this.put(document, 'absent'),
    };
    return appendToContainer({ ...this.#options, ...helpers }, documents, options);
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
    const used = bounds.filter(([, , value]) => value !== undefined);
    const conditions = ['c.p = @p', LIVE, ...used.map(([condition]) => condition)].join(' AND ');
    const spec: SqlQuerySpec = {
      query: `SELECT * FROM c WHERE ${conditions} ORDER BY c.id ${descending ? 'DESC' : 'ASC'}`,
      parameters: [
        { name: '@p', value: partition },
        { name: '@now', value: clock.now() },
        ...used.map(([, name, value]) => ({ name, value: value ?? '' })),
      ],
    };
    return this.#retry(async () => {
      // One more than requested shows whether there is a next page. The SDK modifies the options, so each attempt has its own.
      const iterator = container.items.query<FoundItem>(spec, { partitionKey: partition, maxItemCount: limit + 1 });
      for (;;) {
        const { resources, hasMoreResults } = await iterator.fetchNext().catch(throwReadError);
        const items = (resources ?? []).map(toDocument);
        // The service ends a page at 4 MB, and this page ends there, too, instead of collecting up to a thousand large documents.
        if (items.length === 0 && hasMoreResults) continue;
        const last = items.length > limit ? items[limit - 1] : hasMoreResults ? items.at(-1) : undefined;
        return { items: items.slice(0, limit), ...(last !== undefined && { next: last.id as StoreCursor }) };
      }
    }, isTransient);
  }

  async delete(key: Key, expected: Version | 'any'): Promise<void> {
    if (!ADDRESSABLE.test(key.id)) {
      await this.transact(key.partition, [{ kind: 'delete', id: key.id, expected }]);
      return;
    }
    const item = this.#options.container.item(key.id, key.partition);
    await this.#write(
      async () => {
        if (expected !== 'any')
          await this.#onVersion(key, expected, (accessCondition) => item.delete({ accessCondition }));
        else await item.delete().catch(throwUnlessMissing);
        return true;
      },
      // The document is gone, by our own earlier attempt or another writer; the version will not return.
      async () => ((await this.#read(key)) === undefined ? true : undefined),
    );
  }

  /**
   * Retries a write. A conflict after an attempt whose answer was lost may be a conflict with that attempt: `findOwn` looks for its
   * result.
   */
  async #write<T>(send: () => Promise<T>, findOwn: () => Promise<T | undefined>): Promise<T> {
    let answerLost = false;
    let settled = false;
    const attempt = async (): Promise<T> => {
      try {
        return await send();
      } catch (error) {
        const portError = toWriteError(error);
        answerLost ||= portError.code === 'unknown-outcome';
        if (portError.code !== 'conflict' || !answerLost) throw asUnknownOutcome(portError, answerLost);
        const own = await findOwn().catch((cause: unknown) => {
          throw asUnknownOutcome(toPortError(cause), answerLost);
        });
        if (own !== undefined) return own;
        settled = true;
        throw new PortError('unknown-outcome', 'The answer to the write was lost, and another write has followed.', {
          cause: error,
        });
      }
    };
    return this.#retry(attempt, (error) => !settled && isTransient(error));
  }

  async #putOnce(item: Item, expected: Expected): Promise<string> {
    const { container, clock } = this.#options;
    const { items } = container;
    const key = { partition: item.p, id: item.id };
    const replace = async (accessCondition: AccessCondition) =>
      (await container.item(item.id, item.p).replace({ ...item }, { accessCondition })).etag;
    try {
      if (expected === 'any') return (await items.upsert(item)).etag;
      if (expected !== 'absent') return await this.#onVersion(key, expected, replace).catch(throwWriteError);
      return (await items.create(item)).etag;
    } catch (error) {
      const portError = toPortError(error);
      if (expected !== 'absent' || portError.code !== 'conflict') throw portError;
      const found = await this.#read(key);
      if (found === undefined || !isExpired(found, clock.now())) throw portError;
      return await replace(ifMatch(found._etag)).catch(throwWriteError);
    }
  }

  /** Sends a write conditional on a version. If checks have touched the item since, the shown version is compared. */
  async #onVersion<T>(key: Key, expected: Version, send: (condition: AccessCondition) => Promise<T>): Promise<T> {
    const { etag, x } = partsOf(expected);
    if (x !== undefined && isExpired({ x }, this.#options.clock.now()))
      throw new PortError('conflict', `${key.id} has expired.`);
    for (let condition = etag; ; ) {
      try {
        return await send(ifMatch(condition));
      } catch (error) {
        if ((error as { code?: unknown }).code !== PRECONDITION_FAILED) throw error;
        const found = await this.#read(key);
        if (found?.v !== etag || found._etag === condition) throw error;
        condition = found._etag;
      }
    }
  }

  /** The item, expired or not. */
  async #read({ partition, id }: Key): Promise<FoundItem | undefined> {
    const { container } = this.#options;
    if (!ADDRESSABLE.test(id)) return this.#retry(() => readInBatch(container, partition, id), isTransient);
    return this.#retry(async () => {
      const response = await container.item(id, partition).read<FoundItem>().catch(throwReadError);
      if (response.resource === undefined && response.substatus === OWNER_NOT_FOUND)
        throw new PortError('not-found', `There is no container ${container.id}.`);
      return response.resource;
    }, isTransient);
  }

  #retry<T>(operation: () => Promise<T>, again: (error: PortError) => boolean): Promise<T> {
    return withRetry(this.#options, this.#options.retry, operation, again);
  }

  #newWrite(): string {
    return this.#options.ids.next().slice(0, WRITE_CHARACTERS);
  }
}

interface AccessCondition {
  readonly type: 'IfMatch';
  readonly condition: string;
}

const ifMatch = (etag: string): AccessCondition => ({ type: 'IfMatch', condition: etag });

/** Whether a write of one item did not find it. */
function isMissing(error: unknown): boolean {
  const { code, substatus } = error as { code?: unknown; substatus?: unknown };
  return code === 404 && substatus !== OWNER_NOT_FOUND;
}

/** A replacement or deletion that does not find its item is a conflict. */
function toWriteError(error: unknown): PortError {
  if (!isMissing(error)) return toPortError(error);
  return new PortError('conflict', 'The document is not there.', { cause: error });
}

function throwWriteError(error: unknown): never {
  throw toWriteError(error);
}

function throwUnlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

function throwReadError(error: unknown): never {
  throw toReadError(error);
}
