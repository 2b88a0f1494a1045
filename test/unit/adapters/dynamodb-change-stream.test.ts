// Stream records of items in a form that the store never writes: the table was changed by hand.
import { dynamoDbChangeStream } from '../../../adapters/aws/dynamodb-change-stream.ts';
import type { ChangeRecord } from '../../../core/ports/change-stream.ts';

const record = (NewImage: object) =>
  ({
    eventName: 'INSERT',
    dynamodb: { NewImage, SequenceNumber: '7', ApproximateCreationDateTime: 1 },
  }) as const;
const keys = { p: { S: 'acme|pump-1' }, s: { S: 'x' } };

test.each([
  ['no body', keys],
  ['a body that is no text', { ...keys, b: { N: '1' } }],
  ['a body that is no JSON', { ...keys, b: { S: '{' } }],
])('an item with %s is handed over without a body, so that the stream goes on', async (_case, image) => {
  const seen: ChangeRecord[] = [];
  const deliver = dynamoDbChangeStream(async (records) => {
    seen.push(...records);
    return { status: 'done' };
  });
  const good = { ...keys, s: { S: 'y' }, b: { S: '{"id":"1"}' } };
  expect(await deliver({ Records: [record(image), record(good)] as never })).toEqual({ batchItemFailures: [] });
  expect(seen.map(({ partition, id, body }) => [partition, id, body])).toEqual([
    ['acme|pump-1', 'x', null],
    ['acme|pump-1', 'y', { id: '1' }],
  ]);
});

test('an item without our keys is of another table: nothing is taken from that stream', async () => {
  const deliver = dynamoDbChangeStream(async () => ({ status: 'done' }));
  await expect(deliver({ Records: [record({ pk: { S: 'a' } })] as never })).rejects.toThrow('another table');
});
