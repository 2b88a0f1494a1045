// The store on one DynamoDB table: conditional writes, transactions and queries.
import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { DEFAULT_RETRY, type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import { afterPrefix, compareUtf8 } from '../../core/lib/text.ts';
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
import { appendToTable } from './dynamodb-append.ts';
import { toDocument, toItem, toKey } from './dynamodb-items.ts';
import { isTransient, itemError, toPortError } from './errors.ts';

export interface DynamoDbStoreOptions {
  /** Created with `maxAttempts: 1`: this adapter retries, and knows which retries are safe. */
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry?: RetryPolicy;
}

/** 64 random bits: versions of one key never repeat. */
const VERSION_CHARACTERS = 16;

export class DynamoDbStore implements Store {
  readonly #options: Required<DynamoDbStoreOptions>;

  constructor(options: DynamoDbStoreOptions) {
    this.#options = { retry: DEFAULT_RETRY, ...options };
  }

  async get(key: Key): Promise<StoredDocument | undefined> {
    const document = await this.#peek(key);
    return document?.expiresAt !== undefined && document.expiresAt <= this.#options.clock.now() ? undefined : document;
  }

  async put(document: NewDocument, expected: Expected): Promise<Version> {
    const { client, table } = this.#options;
    const version = this.#newVersion();
    const item = toItem(document, version);
    await this.#write(version, (own) =>
      client.send(new PutItemCommand({ TableName: table, Item: item, ...this.#condition(expected, own) })),
    );
    return version;
  }

  append(documents: readonly NewDocument[], options?: AppendOptions): Promise<readonly AppendOutcome[]> {
    return appendToTable(
      { ...this.#options, newVersion: () => this.#newVersion(), put: (document) => this.put(document, 'absent') },
      documents,
      options,
    );
  }

  async transact(partition: string, writes: readonly Write[]): Promise<readonly (Version | undefined)[]> {
    const { client, table, ids, clock, retry } = this.#options;
    const versions = writes.map((write) => (write.kind === 'put' ? this.#newVersion() : undefined));
    const items = writes.map((write, index): TransactWriteItem => {
      const condition = { TableName: table, ...this.#condition(write.expected) };
      if (write.kind === 'put')
        return { Put: { Item: toItem({ ...write, partition }, versions[index] as Version), ...condition } };
      const key = { Key: toKey({ partition, id: write.id }), ...condition };
      if (write.kind === 'delete') return { Delete: key };
      return { ConditionCheck: { ...key, ConditionExpression: key.ConditionExpression ?? '' } };
    });
    // The token makes repeating this transaction idempotent for ten minutes.
    const command = new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: ids.next() });
    let answerLost = false;
    const attempt = async () => {
      try {
        await client.send(command);
      } catch (error) {
        const portError = toTransactionError(error);
        answerLost ||= portError.code === 'unknown-outcome';
        throw asUnknownOutcome(portError, answerLost);
      }
    };
    await withRetry({ clock, ids }, retry, attempt, isTransient);
    return versions;
  }

  async query(partition: string, { from, to, prefix = '', limit, cursor, order = 'ascending' }: Query): Promise<Page> {
    const { client, table, clock } = this.#options;
    const descending = order === 'descending';
    // Both bounds of BETWEEN are inclusive; `to` and the end of the prefix are not, so a match at the bound itself is dropped.
    const low = maximum(from, prefix === '' ? undefined : prefix);
    const high = minimum(to, prefix === '' ? undefined : afterPrefix(prefix));
    if (low !== undefined && high !== undefined && compareUtf8(low, high) >= 0) return { items: [] };
    const values: Record<string, AttributeValue> = { ':p': { S: partition }, ':now': { N: String(clock.now()) } };
    if (low !== undefined) values[':low'] = { S: low };
    if (high !== undefined) values[':high'] = { S: high };
    const items: StoredDocument[] = [];
    let start: Record<string, AttributeValue> | undefined =
      cursor === undefined ? undefined : toKey({ partition, id: cursor });
    do {
      const page = await this.#read(() =>
        client.send(
          new QueryCommand({
            TableName: table,
            ConsistentRead: true,
            ScanIndexForward: !descending,
            KeyConditionExpression: `p = :p${rangeCondition(low, high)}`,
            FilterExpression: 'attribute_not_exists(x) OR x > :now',
            ExpressionAttributeValues: values,
            // One more than requested shows whether there is a next page.
            Limit: limit + 1,
            ...(start && { ExclusiveStartKey: start }),
          }),
        ),
      );
      for (const item of page.Items ?? []) {
        const document = toDocument(item);
        if (document.id !== high) items.push(document);
      }
      start = page.LastEvaluatedKey;
      // The service ends a page at 1 MB, and this page ends there, too, instead of collecting up to a thousand large documents.
    } while (start !== undefined && items.length === 0);
    const last = items.length > limit ? items[limit - 1] : start !== undefined ? items.at(-1) : undefined;
    return { items: items.slice(0, limit), ...(last !== undefined && { next: last.id as StoreCursor }) };
  }

  async delete(key: Key, expected: Version | 'any'): Promise<void> {
    const { client, table, clock, ids, retry } = this.#options;
    let answerLost = false;
    let mayBeOurs = false;
    await withRetry(
      { clock, ids },
      retry,
      async () => {
        try {
          await client.send(new DeleteItemCommand({ TableName: table, Key: toKey(key), ...this.#condition(expected) }));
        } catch (error) {
          const portError = toPortError(error);
          answerLost ||= portError.code === 'unknown-outcome';
          if (portError.code !== 'conflict' || !answerLost) throw asUnknownOutcome(portError, answerLost);
          const found = await this.#peek(key).catch((cause: unknown) => {
            throw asUnknownOutcome(toPortError(cause), answerLost);
          });
          // Versions are never reused: if this one is gone after an attempt whose answer was lost, that attempt may have removed it.
          if (found === undefined) return;
          mayBeOurs = true;
          throw new PortError(
            'unknown-outcome',
            'The answer to the deletion was lost, and another write has followed.',
            { cause: error },
          );
        }
      },
      (error) => !mayBeOurs && isTransient(error),
    );
  }

  /**
   * Retries a conditional write. After an attempt whose answer was lost, the condition also accepts the write's own version, so that
   * a successful attempt is not mistaken for another writer's.
   */
  async #write(version: Version, send: (own: Version | undefined) => Promise<unknown>): Promise<void> {
    let own: Version | undefined;
    let lost = false;
    const { clock, ids, retry } = this.#options;
    await withRetry(
      { clock, ids },
      retry,
      async () => {
        try {
          await send(own);
        } catch (error) {
          const portError = toPortError(error);
          if (portError.code === 'conflict' && own !== undefined) {
            lost = true;
            throw new PortError(
              'unknown-outcome',
              'The answer to the write was lost, and another write has followed.',
              { cause: error },
            );
          }
          if (portError.code === 'unknown-outcome') own = version;
          throw asUnknownOutcome(portError, own !== undefined);
        }
      },
      (error) => !lost && isTransient(error),
    );
  }

  /** Retries a read. Losing its answer has no unknown outcome. */
  async #read<T>(send: () => Promise<T>): Promise<T> {
    const { clock, ids, retry } = this.#options;
    return withRetry({ clock, ids }, retry, () => send().catch(throwReadError), isTransient);
  }

  /** The item, expired or not. */
  async #peek(key: Key): Promise<StoredDocument | undefined> {
    const { client, table } = this.#options;
    const { Item } = await this.#read(() =>
      client.send(new GetItemCommand({ TableName: table, Key: toKey(key), ConsistentRead: true })),
    );
    return Item && toDocument(Item);
  }

  #newVersion(): Version {
    return this.#options.ids.next().slice(0, VERSION_CHARACTERS) as Version;
  }

  #condition(
    expected: Expected,
    own?: Version,
  ): { ConditionExpression?: string; ExpressionAttributeValues?: Record<string, AttributeValue> } {
    const orOwn = own === undefined ? '' : ' OR v = :own';
    const values: Record<string, AttributeValue> = own === undefined ? {} : { ':own': { S: own } };
    const now = { ':now': { N: String(this.#options.clock.now()) } };
    switch (expected) {
      case 'any':
        return {};
      // An expired item counts as absent even if the service has not deleted it yet.
      case 'absent':
        return {
          ConditionExpression: `attribute_not_exists(p) OR x <= :now${orOwn}`,
          ExpressionAttributeValues: { ...values, ...now },
        };
      default:
        return {
          ConditionExpression: `(v = :expected AND (attribute_not_exists(x) OR x > :now))${orOwn}`,
          ExpressionAttributeValues: { ...values, ...now, ':expected': { S: expected } },
        };
    }
  }
}

function throwReadError(error: unknown): never {
  const portError = toPortError(error);
  if (portError.code !== 'unknown-outcome') throw portError;
  throw new PortError('unavailable', portError.message, { cause: portError });
}

/** A cancelled transaction gives a reason for each item; the first failed condition is the conflict. */
function toTransactionError(error: unknown): PortError {
  if (!(error instanceof TransactionCanceledException)) return toPortError(error);
  const reasons = error.CancellationReasons ?? [];
  const failedWrite = reasons.findIndex((reason) => reason.Code === 'ConditionalCheckFailed');
  if (failedWrite >= 0)
    return new PortError('conflict', `The condition of write ${failedWrite} did not hold.`, {
      failedWrite,
      cause: error,
    });
  const reason = reasons.find((candidate) => candidate.Code !== undefined && candidate.Code !== 'None');
  const { code } = itemError(reason?.Code, reason?.Message);
  return new PortError(
    code,
    `The transaction was cancelled: ${reason?.Code ?? 'no reason given'} ${reason?.Message ?? ''}`.trim(),
    { cause: error },
  );
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
