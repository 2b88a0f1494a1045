// The store contract, kept by DynamoDbStore against the DynamoDB emulator, or another server (`npm run conformance`).
import { DynamoDbStore } from '../../adapters/aws/dynamodb-store.ts';
import { randomIds } from '../../adapters/system/system.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { FaultProxy } from '../../emulators/faults/fault-proxy.ts';
import { provisionTable } from '../../local/emulators/provision.ts';
import { dynamoDbServer } from '../support/contract-servers.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { dynamodbClient } from './aws/clients.ts';
import { dynamoDbFaults } from './aws/store-faults.ts';
import { storeContract } from './store.contract.ts';

const emulator = dynamoDbServer();
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

storeContract('DynamoDB', async () => {
  const table = emulator.name('documents');
  const proxy = new FaultProxy({ target: emulator.endpoint });
  await proxy.start();
  const direct = dynamodbClient(emulator.endpoint);
  const proxied = dynamodbClient(proxy.endpoint);
  await provisionTable(direct, { name: table, partitionKey: 'p', sortKey: 's', timeToLiveAttribute: 't' });
  const clock = new HastyClock();
  const common = { clock, ids: randomIds };
  return {
    store: checkedStore(new DynamoDbStore({ ...common, client: proxied, table })),
    other: checkedStore(new DynamoDbStore({ ...common, client: direct, table })),
    missing: checkedStore(new DynamoDbStore({ ...common, client: direct, table: 'nobody-made-this' })),
    clock,
    faults: dynamoDbFaults(proxy),
    close: async () => {
      for (const client of [direct, proxied]) client.destroy();
      await proxy.stop();
    },
  };
});
