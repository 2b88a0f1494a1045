// The feed contract, kept by DynamoDbFeed on the DynamoDB emulator's streams, whose one shard a front cuts into generations.
import { DynamoDbFeed } from '../../adapters/aws/dynamodb-feed.ts';
import { DynamoDbStore } from '../../adapters/aws/dynamodb-store.ts';
import { randomIds } from '../../adapters/system/system.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { DynamoDbEmulator } from '../../emulators/dynamodb/dynamodb-emulator.ts';
import { FaultProxy } from '../../emulators/faults/fault-proxy.ts';
import { provisionTable } from '../../local/emulators/provision.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { dynamodbClient, streamsClient } from './aws/clients.ts';
import { SplittingStreams } from './aws/splitting-streams.ts';
import { feedContract } from './feed.contract.ts';

const PAGE_RECORDS = 10;
const emulator = new DynamoDbEmulator();
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

let tables = 0;

async function openTable() {
  const table = `events-${++tables}`;
  const client = dynamodbClient(emulator.endpoint);
  await provisionTable(client, { name: table, partitionKey: 'p', sortKey: 's', stream: 'NEW_IMAGE' });
  return {
    table,
    client,
    store: checkedStore(new DynamoDbStore({ client, table, clock: new HastyClock(), ids: randomIds })),
  };
}

feedContract('DynamoDB Streams', async () => {
  const { table, client, store } = await openTable();
  const front = new SplittingStreams(emulator.endpoint);
  await front.start();
  const streams = streamsClient(front.endpoint);
  const open = (name: string) =>
    new DynamoDbFeed({ client: streams, table: name, log: new RecordingLog(), pageRecords: PAGE_RECORDS });
  return {
    store,
    pageRecords: PAGE_RECORDS,
    open: () => open(table),
    openMissing: () => open('missing'),
    split: () => front.split(table),
    close: async () => {
      for (const each of [client, streams]) each.destroy();
      await front.stop();
    },
  };
});

describe('DynamoDB Streams', () => {
  const refused = (name: string) => ({
    kind: 'answer' as const,
    response: {
      status: 400,
      headers: { 'content-type': 'application/x-amz-json-1.0' },
      body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: 'injected' }),
    },
  });

  test('an iterator that has expired is replaced, records that expired are reported, and a shard that is gone ends', async () => {
    const { table, client, store } = await openTable();
    const proxy = new FaultProxy({ target: emulator.endpoint });
    await proxy.start();
    const streams = streamsClient(proxy.endpoint);
    const log = new RecordingLog();
    const feed = new DynamoDbFeed({ client: streams, table, log, pageRecords: 2 });
    try {
      await store.append(['a', 'b', 'c'].map((id) => ({ partition: 'p', id, body: id })));
      const [shard] = await feed.shards();
      const id = shard?.id ?? '';
      const first = await feed.read(id, undefined);
      const position = 'position' in first.next ? first.next.position : undefined;
      expect(first.records.map((record) => record.id)).toEqual(['a', 'b']);

      proxy.inject({ operation: 'GetRecords', fault: refused('ExpiredIteratorException'), times: 1 });
      expect(await feed.read(id, position)).toEqual({ records: [], next: { position } });
      const next = await feed.read(id, position);
      expect(next.records.map((record) => record.id)).toEqual(['c']);
      expect(log.lines).toEqual([]);

      proxy.inject({ operation: 'GetRecords', fault: refused('TrimmedDataAccessException'), times: 1 });
      expect(await feed.read(id, position)).toEqual({ records: [], next: { position: undefined } });
      proxy.inject({ operation: 'GetShardIterator', fault: refused('ResourceNotFoundException'), times: 1 });
      expect(await feed.read(id, undefined)).toEqual({ records: [], next: { ended: [] } });
      expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
        ['error', 'records of the change stream expired before they were read'],
        ['error', 'a shard of the change stream is no more; what was not read of it is lost'],
      ]);
    } finally {
      for (const each of [client, streams]) each.destroy();
      await proxy.stop();
    }
  });
});
