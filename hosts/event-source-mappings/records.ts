// Turns what the SDK clients return into the records that Lambda passes to functions, field for field.
import type { _Record as StreamRecord } from '@aws-sdk/client-dynamodb-streams';
import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { DynamoDBRecord, AttributeValue as EventAttributeValue, SQSMessageAttribute, SQSRecord } from 'aws-lambda';

type Image = Record<string, unknown>;
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Attribute values as JSON: the SDK's bytes become base64, all else is the same. */
function attributeValue(value: unknown): EventAttributeValue {
  const { B, BS, L, M, ...rest } = value as { B?: Uint8Array; BS?: Uint8Array[]; L?: unknown[]; M?: Image };
  if (B !== undefined) return { B: base64(B) };
  if (BS !== undefined) return { BS: BS.map(base64) };
  if (L !== undefined) return { L: L.map(attributeValue) };
  if (M !== undefined) return { M: image(M) };
  return rest as EventAttributeValue;
}

function image(values: Image): Record<string, EventAttributeValue> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, attributeValue(value)]));
}

/**
 * A record of a DynamoDB stream. The region is the cell's: an emulator may name another in the record.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
export function toStreamEventRecord(
  record: StreamRecord,
  source: { region: string; streamArn: string },
): DynamoDBRecord {
  const { dynamodb = {}, userIdentity } = record;
  const change: NonNullable<DynamoDBRecord['dynamodb']> = {};
  const { ApproximateCreationDateTime: created } = dynamodb;
  if (created !== undefined) change.ApproximateCreationDateTime = Math.floor(created.getTime() / 1000);
  if (dynamodb.Keys !== undefined) change.Keys = image(dynamodb.Keys);
  if (dynamodb.NewImage !== undefined) change.NewImage = image(dynamodb.NewImage);
  if (dynamodb.OldImage !== undefined) change.OldImage = image(dynamodb.OldImage);
  if (dynamodb.SequenceNumber !== undefined) change.SequenceNumber = dynamodb.SequenceNumber;
  if (dynamodb.SizeBytes !== undefined) change.SizeBytes = dynamodb.SizeBytes;
  if (dynamodb.StreamViewType !== undefined) change.StreamViewType = dynamodb.StreamViewType;
  return {
    ...(record.eventID === undefined ? {} : { eventID: record.eventID }),
    ...(record.eventName === undefined ? {} : { eventName: record.eventName }),
    eventVersion: record.eventVersion ?? '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: source.region,
    dynamodb: change,
    ...(userIdentity === undefined
      ? {}
      : { userIdentity: { type: userIdentity.Type ?? '', principalId: userIdentity.PrincipalId ?? '' } }),
    eventSourceARN: source.streamArn,
  };
}

/**
 * A message of a queue.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
export function toSqsEventRecord(message: Message, source: { region: string; queueArn: string }): SQSRecord {
  const attributes = message.MessageAttributes ?? {};
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: { ...message.Attributes } as unknown as SQSRecord['attributes'],
    messageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [name, messageAttribute(value)]),
    ),
    ...(message.MD5OfMessageAttributes === undefined ? {} : { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN: source.queueArn,
    awsRegion: source.region,
  };
}

function messageAttribute({ StringValue, BinaryValue, DataType }: MessageAttributeValue): SQSMessageAttribute {
  return {
    ...(StringValue === undefined ? {} : { stringValue: StringValue }),
    ...(BinaryValue === undefined ? {} : { binaryValue: base64(BinaryValue) }),
    stringListValues: [],
    binaryListValues: [],
    dataType: (DataType ?? 'String') as SQSMessageAttribute['dataType'],
  };
}
