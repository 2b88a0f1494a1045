// The change stream contract, kept by dynamoDbChangeStream behind an event source mapping on the DynamoDB emulator.
import { dynamoDbChangeStream, type StreamEvent } from '../../adapters/aws/dynamodb-change-stream.ts';
import { DynamoDbStore } from '../../adapters/aws/dynamodb-store.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { FaultProxy } from '../../emulators/faults/fault-proxy.ts';
import { DynamoDbStreamMapping } from '../../hosts/event-source-mappings/dynamodb-stream-mapping.ts';
import type { StreamCheckpoint } from '../../hosts/event-source-mappings/stream-options.ts';
import { provisionTable } from '../../local/emulators/provision.ts';
import { dynamoDbServer } from '../support/contract-servers.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { dynamodbClient, streamsClient } from './aws/clients.ts';
import { invokeInProcess } from './aws/invoke.ts';
import { changeStreamContract } from './change-stream.contract.ts';

const BATCH_SIZE = 10;
const emulator = dynamoDbServer();
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

changeStreamContract('DynamoDB Streams', async () => {
  const table = emulator.name('events');
  const proxy = new FaultProxy({ target: emulator.endpoint });
  await proxy.start();
  const client = dynamodbClient(emulator.endpoint);
  const streams = streamsClient(proxy.endpoint);
  await provisionTable(client, { name: table, partitionKey: 'p', sortKey: 's', stream: 'NEW_IMAGE' });
  const clock = new HastyClock();
  let mapping: DynamoDbStreamMapping | undefined;
  let checkpoint: StreamCheckpoint | undefined;
  const stop = async () => {
    await mapping?.stop();
    checkpoint = mapping?.checkpoint ?? checkpoint;
    mapping = undefined;
  };
  return {
    store: checkedStore(new DynamoDbStore({ client, table, clock, ids: randomIds })),
    clock,
    commits: systemClock,
    batchSize: BATCH_SIZE,
    start: (handler) => {
      const consume = dynamoDbChangeStream(handler);
      mapping = new DynamoDbStreamMapping({
        client: streams,
        tableName: table,
        invoke: invokeInProcess((event) => consume(event as StreamEvent)),
        // As the topology declares the relay, but for the waiting.
        batchSize: BATCH_SIZE,
        parallelizationFactor: 2,
        partitionKey: 'p',
        reportBatchItemFailures: true,
        maximumRetryAttempts: -1,
        retryDelayMs: () => 1,
        idlePollMs: 5,
        ...(checkpoint !== undefined && { checkpoint }),
      });
      mapping.start();
    },
    stop,
    quirks: { everyWrite: true, tellsInserts: true },
    faults: { disconnect: () => proxy.goDown(), heal: () => proxy.heal() },
    close: async () => {
      await stop();
      for (const each of [client, streams]) each.destroy();
      await proxy.stop();
    },
  };
});
