// Transactions on DynamoDB: translates the writes to one TransactWriteItems request.
import {
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { withRetry } from '../../core/lib/retry.ts';
import { asUnknownOutcome, isTransient, PortError } from '../../core/ports/errors.ts';
import type { Version, Write } from '../../core/ports/store.ts';
import { conditionOf, toItem, toKey } from './dynamodb-items.ts';
import { newVersion, type TableContext } from './dynamodb-read.ts';
import { itemError, toPortError } from './errors.ts';

/** Applies all writes or none. */
export async function transactInTable(
  context: TableContext,
  partition: string,
  writes: readonly Write[],
): Promise<readonly (Version | undefined)[]> {
  const { client, table, ids, clock, retry } = context;
  const versions = writes.map((write) => (write.kind === 'put' ? newVersion(context) : undefined));
  const items = writes.map((write, index): TransactWriteItem => {
    const condition = { TableName: table, ...conditionOf(write.expected, clock.now()) };
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
