// The store on one DynamoDB table: conditional writes, transactions and queries.
import { type AttributeValue, type DynamoDBClient, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { DEFAULT_RETRY, type RetryPolicy } from '../../core/lib/retry.ts';
import { afterPrefix, compareUtf8 } from '../../core/lib/text.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
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
  StoredDocument,
  Version,
  Write,
} from '../../core/ports/store.ts';
import { appendToTable } from './dynamodb-append.ts';
import { toDigest, toDocument, toKey } from './dynamodb-items.ts';
import { readItem, readRetrying, type TableContext } from './dynamodb-read.ts';
import { transactInTable } from './dynamodb-transaction.ts';
import { deleteFromTable, putInTable } from './dynamodb-write.ts';

export interface DynamoDbStoreOptions {
  /** Created with `maxAttempts: 1`: this adapter retries, and knows which retries are safe. */
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry?: RetryPolicy;
}

export class DynamoDbStore implements Store {
  readonly #context: TableContext;

  constructor(options: DynamoDbStoreOptions) {
    this.#context = { retry: DEFAULT_RETRY, ...options };
  }

  async get(key: Key): Promise<StoredDocument | undefined> {
    const document = await readItem(this.#context, key);
    return document?.expiresAt !== undefined && document.expiresAt <= this.#context.clock.now() ? undefined : document;
  }

  put(document: NewDocument, expected: Expected): Promise<Version> {
    return putInTable(this.#context, document, expected);
  }

  append(documents: readonly NewDocument[], options?: AppendOptions): Promise<readonly AppendOutcome[]> {
    return appendToTable(this.#context, documents, options);
  }

  transact(partition: string, writes: readonly Write[]): Promise<readonly (Version | undefined)[]> {
    return transactInTable(this.#context, partition, writes);
  }

  delete(key: Key, expected: Version | 'any'): Promise<void> {
    return deleteFromTable(this.#context, key, expected);
  }

  async partitions({ limit, cursor }: PartitionQuery): Promise<PartitionPage> {
    const { client, table } = this.#context;
    const start = cursor === undefined ? undefined : startOf(cursor);
    const page = await readRetrying(this.#context, () =>
      client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          ProjectionExpression: 'p',
          Limit: limit,
          ...(start && { ExclusiveStartKey: start }),
        }),
      ),
    );
    const found = (page.Items ?? []).flatMap(({ p }) => p?.S ?? []);
    const last = page.LastEvaluatedKey;
    const next = last && (encodeURIComponent(JSON.stringify([last.p?.S, last.s?.S])) as StoreCursor);
    return { partitions: [...new Set(found)], documents: found.length, ...(next !== undefined && { next }) };
  }

  query(partition: string, query: Query): Promise<Page> {
    return this.#page(partition, query, toDocument);
  }

  digests(partition: string, query: Query): Promise<DigestPage> {
    return this.#page(partition, query, toDigest, 's, d');
  }

  /** A page of items, or of these attributes of them. */
  async #page<Found extends { readonly id: string }>(
    partition: string,
    { from, to, prefix = '', limit, cursor, order = 'ascending' }: Query,
    read: (item: Record<string, AttributeValue>) => Found,
    attributes?: string,
  ): Promise<{ readonly items: readonly Found[]; readonly next?: StoreCursor }> {
    const { client, table, clock } = this.#context;
    const descending = order === 'descending';
    // Both bounds of BETWEEN are inclusive; `to` and the end of the prefix are not, so a match at the bound itself is dropped.
    const low = maximum(from, prefix === '' ? undefined : prefix);
    const high = minimum(to, prefix === '' ? undefined : afterPrefix(prefix));
    if (low !== undefined && high !== undefined && compareUtf8(low, high) >= 0) return { items: [] };
    const values: Record<string, AttributeValue> = { ':p': { S: partition }, ':now': { N: String(clock.now()) } };
    if (low !== undefined) values[':low'] = { S: low };
    if (high !== undefined) values[':high'] = { S: high };
    const items: Found[] = [];
    let start: Record<string, AttributeValue> | undefined =
      cursor === undefined ? undefined : toKey({ partition, id: cursor });
    do {
      const page = await readRetrying(this.#context, () =>
        client.send(
          new QueryCommand({
            TableName: table,
            ConsistentRead: true,
            ScanIndexForward: !descending,
            KeyConditionExpression: `p = :p${rangeCondition(low, high)}`,
            ...(attributes !== undefined && { ProjectionExpression: attributes }),
            FilterExpression: 'attribute_not_exists(x) OR x > :now',
            ExpressionAttributeValues: values,
            // One more than requested shows whether there is a next page.
            Limit: limit + 1,
            ...(start && { ExclusiveStartKey: start }),
          }),
        ),
      );
      for (const item of page.Items ?? []) {
        const found = read(item);
        if (found.id !== high) items.push(found);
      }
      start = page.LastEvaluatedKey;
      // The service ends a page at 1 MB, and this page ends there, too, instead of collecting up to a thousand large documents.
    } while (start !== undefined && items.length === 0);
    const last = items.length > limit ? items[limit - 1] : start !== undefined ? items.at(-1) : undefined;
    return { items: items.slice(0, limit), ...(last !== undefined && { next: last.id as StoreCursor }) };
  }
}

/** The key that a scan goes on behind. */
function startOf(cursor: StoreCursor): Record<string, AttributeValue> {
  try {
    const [partition, id] = JSON.parse(decodeURIComponent(cursor)) as unknown[];
    if (typeof partition === 'string' && typeof id === 'string') return toKey({ partition, id });
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof URIError || cause instanceof TypeError)) throw cause;
  }
  throw new PortError('invalid', 'The cursor belongs to another query.');
}

const rangeCondition = (low: string | undefined, high: string | undefined): string => {
  if (low !== undefined && high !== undefined) return ' AND s BETWEEN :low AND :high';
  if (low !== undefined) return ' AND s >= :low';
  return high === undefined ? '' : ' AND s < :high';
};

const maximum = (a: string | undefined, b: string | undefined) =>
  a !== undefined && b !== undefined ? (compareUtf8(a, b) >= 0 ? a : b) : (a ?? b);
const minimum = (a: string | undefined, b: string | undefined) =>
  a !== undefined && b !== undefined ? (compareUtf8(a, b) <= 0 ? a : b) : (a ?? b);
