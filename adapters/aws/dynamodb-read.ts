// The lowest layer of the store on DynamoDB: what all operations on a table need, and reads of one item, expired or not.
import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { isTransient, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { Key, StoredDocument, Version } from '../../core/ports/store.ts';
import { toDocument, toKey } from './dynamodb-items.ts';
import { toPortError } from './errors.ts';

export interface TableContext {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry: RetryPolicy;
}

/** 64 random bits: versions of one key never repeat. */
const VERSION_CHARACTERS = 16;

export const newVersion = ({ ids }: TableContext): Version => ids.next().slice(0, VERSION_CHARACTERS) as Version;

/** Retries a read. Losing its answer has no unknown outcome. */
export const readRetrying = <T>(context: TableContext, send: () => Promise<T>): Promise<T> =>
  withRetry(context, context.retry, () => send().catch(throwReadError), isTransient);

/** The item, expired or not. */
export async function readItem(context: TableContext, key: Key): Promise<StoredDocument | undefined> {
  const { client, table } = context;
  const { Item } = await readRetrying(context, () =>
    client.send(new GetItemCommand({ TableName: table, Key: toKey(key), ConsistentRead: true })),
  );
  return Item && toDocument(Item);
}

function throwReadError(error: unknown): never {
  const portError = toPortError(error);
  if (portError.code !== 'unknown-outcome') throw portError;
  throw new PortError('unavailable', portError.message, { cause: portError });
}
