// The records that event source mappings hand to functions, and how they read the functions' answers; literals only.

import { exponentialDelay } from '../../../processes/wait.ts';
import { readBatchResponse, runBatch } from '../../batch-response.ts';
import { laneOf } from '../../dynamodb-stream-mapping.ts';
import { toSqsEventRecord, toStreamEventRecord } from '../../records.ts';

test('a stream record keeps every attribute type, as JSON', () => {
  const record = toStreamEventRecord(
    {
      eventID: '7',
      eventName: 'INSERT',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'dynoxide',
      dynamodb: {
        ApproximateCreationDateTime: new Date('2026-03-01T10:20:30.900Z'),
        Keys: { pk: { S: 'a' }, sk: { N: '1' } },
        NewImage: {
          pk: { S: 'a' },
          empty: { S: '' },
          bytes: { B: new Uint8Array([1, 2, 255]) },
          set: { BS: [new Uint8Array([0])] },
          list: { L: [{ NULL: true }, { BOOL: false }, { B: new Uint8Array([9]) }] },
          map: { M: { deep: { M: { n: { N: '0' } } } } },
          names: { SS: ['x', 'y'] },
        },
        SequenceNumber: '400',
        SizeBytes: 26,
        StreamViewType: 'NEW_IMAGE',
      },
    },
    { region: 'eu-central-1', streamArn: 'arn:stream' },
  );
  expect(record).toStrictEqual({
    eventID: '7',
    eventName: 'INSERT',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-central-1',
    dynamodb: {
      ApproximateCreationDateTime: 1772360430,
      Keys: { pk: { S: 'a' }, sk: { N: '1' } },
      NewImage: {
        pk: { S: 'a' },
        empty: { S: '' },
        bytes: { B: 'AQL/' },
        set: { BS: ['AA=='] },
        list: { L: [{ NULL: true }, { BOOL: false }, { B: 'CQ==' }] },
        map: { M: { deep: { M: { n: { N: '0' } } } } },
        names: { SS: ['x', 'y'] },
      },
      SequenceNumber: '400',
      SizeBytes: 26,
      StreamViewType: 'NEW_IMAGE',
    },
    eventSourceARN: 'arn:stream',
  });
});

test('a record of a deletion by time to live names the service', () => {
  const record = toStreamEventRecord(
    { eventName: 'REMOVE', userIdentity: { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' }, dynamodb: {} },
    { region: 'r', streamArn: 'a' },
  );
  expect(record.userIdentity).toEqual({ type: 'Service', principalId: 'dynamodb.amazonaws.com' });
});

test('an SQS record has the event’s spelling', () => {
  const record = toSqsEventRecord(
    {
      MessageId: 'id',
      ReceiptHandle: 'handle',
      Body: 'body',
      MD5OfBody: '841a2d689ad86bd1611447453c22c6fc',
      MD5OfMessageAttributes: 'abc',
      Attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1545082649183', SenderId: '0' },
      MessageAttributes: {
        type: { DataType: 'String', StringValue: 'a' },
        raw: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2, 3]) },
      },
    },
    { region: 'eu-central-1', queueArn: 'arn:aws:sqs:eu-central-1:000000000000:q' },
  );
  expect(record).toStrictEqual({
    messageId: 'id',
    receiptHandle: 'handle',
    body: 'body',
    attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1545082649183', SenderId: '0' },
    messageAttributes: {
      type: { stringValue: 'a', stringListValues: [], binaryListValues: [], dataType: 'String' },
      raw: { binaryValue: 'AQID', stringListValues: [], binaryListValues: [], dataType: 'Binary' },
    },
    md5OfMessageAttributes: 'abc',
    md5OfBody: '841a2d689ad86bd1611447453c22c6fc',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-central-1:000000000000:q',
    awsRegion: 'eu-central-1',
  });
});

const known = new Set(['1', '2', '3']);
test.each(['', 'null', '""', '{}', '{"batchItemFailures":null}', '{"batchItemFailures":[]}', '{"other":1}', '[]'])(
  'the result %s is a success',
  (payload) => {
    expect(readBatchResponse(payload, known)).toEqual({ kind: 'success' });
  },
);

test.each([
  '{"batchItemFailures":[{"itemIdentifier":""}]}',
  '{"batchItemFailures":[{"itemIdentifier":null}]}',
  '{"batchItemFailures":[{"itemIdentifier":1}]}',
  '{"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"9"}]}',
  '{"batchItemFailures":[{"ItemIdentifier":"2"}]}',
  '{"batchItemFailures":["2"]}',
  '{"batchItemFailures":[null]}',
  '{"batchItemFailures":{}}',
  '"done"',
  '7',
  'no json',
])('the result %s fails the whole batch', (payload) => {
  expect(readBatchResponse(payload, known).kind).toBe('failure');
});

test('identifiers of the batch fail alone', () => {
  const payload = '{"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"2"},{"itemIdentifier":"3"}]}';
  expect(readBatchResponse(payload, known)).toEqual({ kind: 'partial', failed: new Set(['2', '3']) });
});

test('without reporting, any result without an error is a success; an error and a rejection are failures', async () => {
  const payload = '{"batchItemFailures":[{"itemIdentifier":"2"}]}';
  const run = (result: Promise<{ payload: string; functionError?: 'Unhandled' }>): ReturnType<typeof runBatch> =>
    runBatch(() => result, {}, known, false);
  expect(await run(Promise.resolve({ payload }))).toEqual({ kind: 'success' });
  expect(await run(Promise.resolve({ payload, functionError: 'Unhandled' }))).toEqual({
    kind: 'failure',
    reason: payload,
  });
  expect(await run(Promise.reject(new Error('throttled')))).toEqual({ kind: 'failure', reason: 'Error: throttled' });
});

test('a key has one lane, whatever the order of its parts, and keys spread over all lanes', () => {
  expect(laneOf({ a: { S: '1' }, b: { S: '2' } }, 10)).toBe(laneOf({ b: { S: '2' }, a: { S: '1' } }, 10));
  expect(laneOf({ S: 'x' }, 1)).toBe(0);
  const lanes = new Set(Array.from({ length: 200 }, (_, index) => laneOf({ S: `p${index}` }, 10)));
  expect(lanes.size).toBe(10);
});

test('delays double up to their limit', () => {
  const delay = exponentialDelay(100, 1_000);
  expect([1, 2, 3, 4, 5, 1_000].map(delay)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
});
