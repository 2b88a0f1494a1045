// Writes single documents to a DynamoDB table, each conditional on a version.
import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { Expected, Key, NewDocument, Version } from '../../core/ports/store.ts';
import { writeRetrying } from '../../core/store/write-retrying.ts';
import { conditionOf, toItem, toKey } from './dynamodb-items.ts';
import { newVersion, readItem, type TableContext } from './dynamodb-read.ts';
import { toPortError } from './errors.ts';

export function putInTable(context: TableContext, document: NewDocument, expected: Expected): Promise<Version> {
  const { client, table, clock } = context;
  const version = newVersion(context);
  const put = { TableName: table, Item: toItem(document, version) };
  return writeRetrying(
    { ...context, toPortError },
    async () => {
      await client.send(new PutItemCommand({ ...put, ...conditionOf(expected, clock.now()) }));
      return version;
    },
    async () => ((await readItem(context, document))?.version === version ? version : undefined),
  );
}

export async function deleteFromTable(context: TableContext, key: Key, expected: Version | 'any'): Promise<void> {
  const { client, table, clock } = context;
  const request = { TableName: table, Key: toKey(key) };
  await writeRetrying(
    { ...context, toPortError },
    async () => {
      await client.send(new DeleteItemCommand({ ...request, ...conditionOf(expected, clock.now()) }));
      return true;
    },
    // Versions are never reused: if this one is gone, the attempt whose answer was lost may have removed it.
    async () => ((await readItem(context, key)) === undefined ? true : undefined),
  );
}
