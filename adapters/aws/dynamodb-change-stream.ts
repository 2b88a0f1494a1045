// The change stream on Lambda: takes DynamoDB Streams records, returns the first failed sequence number.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { ChangeHandler, ChangeRecord } from '../../core/ports/change-stream.ts';
import { epochMs } from '../../core/ports/clock.ts';
import { toDocument } from './dynamodb-items.ts';

/** The members of a stream event that are read (https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html). */
export interface StreamEvent {
  readonly Records: readonly {
    readonly eventName?: string;
    readonly dynamodb?: {
      readonly ApproximateCreationDateTime?: number;
      readonly NewImage?: Record<string, AttributeValue>;
      readonly SequenceNumber?: string;
    };
  }[];
}

/** The response that Lambda expects with ReportBatchItemFailures. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/** Wraps a change handler as a Lambda handler. Skips deletions, manual or by expiry. */
export function dynamoDbChangeStream(handler: ChangeHandler): (event: StreamEvent) => Promise<BatchResponse> {
  return async ({ Records }) => {
    const records = Records.flatMap(({ eventName, dynamodb = {} }) => {
      const { NewImage: image, SequenceNumber: sequence, ApproximateCreationDateTime: seconds = 0 } = dynamodb;
      return toChangeRecords({ eventName, image, sequence, committedAt: seconds * 1000 });
    });
    const outcome = records.length === 0 ? ({ status: 'done' } as const) : await handler(records);
    if (outcome.status === 'done') return { batchItemFailures: [] };
    const failed = records[outcome.failedAt];
    if (failed === undefined)
      throw new RangeError(`The handler failed at record ${outcome.failedAt} of ${records.length}.`);
    return { batchItemFailures: [{ itemIdentifier: failed.sequence }] };
  };
}

/** A record of a stream, from an event or from the service itself; times are in milliseconds. */
export interface RawChange {
  readonly eventName: string | undefined;
  readonly image: Record<string, AttributeValue> | undefined;
  readonly sequence: string | undefined;
  readonly committedAt: number;
}

/** The change in a record, or none: deletions, manual or by expiry, are left out. */
export function toChangeRecords({ eventName, image, sequence = '', committedAt }: RawChange): ChangeRecord[] {
  if (eventName === 'REMOVE' || image === undefined) return [];
  const kind = eventName === 'INSERT' ? 'inserted' : 'updated';
  return [{ ...readImage(image), kind, sequence, committedAt: epochMs(committedAt) }];
}

/**
 * A foreign item in the table has no body and is passed on as a non-event: refusing it here would block the stream permanently. Only
 * an item without our keys is refused, because it belongs to another table.
 */
function readImage(image: Record<string, AttributeValue>): Pick<ChangeRecord, 'partition' | 'id' | 'body' | 'beside'> {
  const { p, s } = image;
  if (p?.S === undefined || s?.S === undefined)
    throw new TypeError('The stream is of another table: its items lack the keys p and s.');
  try {
    const { partition, id, body, beside } = toDocument(image);
    return { partition, id, body, ...(beside !== undefined && { beside }) };
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return { partition: p.S, id: s.S, body: null };
    throw error;
  }
}
