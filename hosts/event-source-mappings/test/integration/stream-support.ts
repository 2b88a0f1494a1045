// What the tests of the stream mapping share: a stream behind a proxy, a table for each test, and a function that records.
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { DynamoDbEmulator } from '../../../../emulators/dynamodb/dynamodb-emulator.ts';
import { FaultProxy } from '../../../../emulators/faults/fault-proxy.ts';
import { DynamoDbStreamMapping } from '../../dynamodb-stream-mapping.ts';
import type { DynamoDbStreamMappingOptions } from '../../stream-options.ts';
import { dynamodbClient, streamsClient } from './aws-clients.ts';

export type Answer = { payload: string; functionError?: 'Unhandled' };
export const ok: Answer = { payload: 'null' };
export const broken: Answer = { payload: '{"errorType":"Error"}', functionError: 'Unhandled' };
export const failing = (...identifiers: string[]): Answer => ({
  payload: JSON.stringify({ batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) }),
});
export const idsOf = (event: unknown): string[] =>
  (event as DynamoDBStreamEvent).Records.map(({ dynamodb }) => String(dynamodb?.NewImage?.sk?.S));
export const sequenceOf = (event: unknown, id: string): string =>
  (event as DynamoDBStreamEvent).Records.find(({ dynamodb }) => dynamodb?.NewImage?.sk?.S === id)?.dynamodb
    ?.SequenceNumber ?? '';

export const position = (mapping: DynamoDbStreamMapping): string =>
  Object.values(mapping.checkpoint?.shards ?? {})[0] ?? '';

/** Starts the servers before the tests of a file and stops them after; mappings end with the test that opened them. */
export function useStreams() {
  const emulator = new DynamoDbEmulator();
  let proxy: FaultProxy;
  let db: DynamoDBClient;
  let table = '';
  let tables = 0;
  const mappings: DynamoDbStreamMapping[] = [];

  beforeAll(async () => {
    await emulator.start();
    proxy = new FaultProxy({ target: emulator.endpoint });
    await proxy.start();
    db = dynamodbClient(emulator.endpoint);
  });
  afterAll(async () => {
    await proxy.stop();
    await emulator.stop();
  });
  beforeEach(async () => {
    table = `events-${++tables}`;
    await createTable();
  });
  afterEach(async () => {
    await Promise.all(mappings.splice(0).map((mapping) => mapping.stop({ graceMs: 100 })));
    await proxy.heal();
  });

  const createTable = (): Promise<unknown> =>
    db.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
      }),
    );
  const put = (sk: string | number, pk = 'p', more: object = {}): Promise<unknown> =>
    db.send(new PutItemCommand({ TableName: table, Item: { pk: { S: pk }, sk: { S: String(sk) }, ...more } }));
  async function putMany(count: number, pk = 'p'): Promise<void> {
    for (let first = 0; first < count; first += 25) {
      const items = Array.from({ length: Math.min(25, count - first) }, (_, index) => ({
        PutRequest: { Item: { pk: { S: pk }, sk: { S: String(first + index) } } },
      }));
      await db.send(new BatchWriteItemCommand({ RequestItems: { [table]: items } }));
    }
  }

  /** Starts a mapping whose function is `handle`, and keeps what it was invoked with. */
  function open(
    handle: (ids: string[], event: unknown) => Answer | Promise<Answer> = () => ok,
    options: Partial<DynamoDbStreamMappingOptions> = {},
  ): { mapping: DynamoDbStreamMapping; batches: string[][]; events: DynamoDBStreamEvent[]; problems: string[] } {
    const batches: string[][] = [];
    const events: DynamoDBStreamEvent[] = [];
    const problems: string[] = [];
    const mapping = new DynamoDbStreamMapping({
      client: streamsClient(proxy.endpoint),
      tableName: table,
      retryDelayMs: () => 5,
      idlePollMs: 10,
      onProblem: (problem) => problems.push(problem),
      invoke: async (event) => {
        batches.push(idsOf(event));
        events.push(event as DynamoDBStreamEvent);
        return handle(idsOf(event), event);
      },
      ...options,
    });
    mappings.push(mapping);
    mapping.start();
    return { mapping, batches, events, problems };
  }

  return {
    emulator,
    mappings,
    createTable,
    put,
    putMany,
    open,
    get proxy() {
      return proxy;
    },
    get db() {
      return db;
    },
    get table() {
      return table;
    },
  };
}
