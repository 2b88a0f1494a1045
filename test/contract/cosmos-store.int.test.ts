// The store contract, kept by CosmosStore against the Cosmos DB emulator.
import { PARTITION_KEY_PATH } from '../../adapters/azure/cosmos-items.ts';
import { CosmosStore } from '../../adapters/azure/cosmos-store.ts';
import { randomIds } from '../../adapters/system/system.ts';
import { checkedStore } from '../../core/ports/checked-store.ts';
import { PortError } from '../../core/ports/errors.ts';
import { CosmosEmulator } from '../../local/emulators/cosmos/emulator.ts';
import { FaultProxy } from '../../local/faults/fault-proxy.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { cosmosClient } from './azure/clients.ts';
import { cosmosFaults } from './azure/store-faults.ts';
import { storeContract } from './store.contract.ts';

// Far more than any clause takes, for machines that are busy with other things.
jest.setTimeout(20_000);

// Several ranges, so that what lies in different ones is met.
const emulator = new CosmosEmulator({ partitionRanges: 3 });
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

const DATABASE = 'cell';
let containers = 0;

/** A new container, reached directly and through a proxy that can fail. */
async function openContainer() {
  const id = `documents-${++containers}`;
  const proxy = new FaultProxy({ target: emulator.connection.endpoint });
  await proxy.start();
  const direct = cosmosClient(emulator.connection.endpoint);
  const proxied = cosmosClient(proxy.endpoint);
  const { database } = await direct.databases.createIfNotExists({ id: DATABASE });
  await database.containers.create({ id, partitionKey: PARTITION_KEY_PATH, defaultTtl: -1 });
  const clock = new HastyClock();
  const open = (client: typeof direct, container = id) =>
    checkedStore(new CosmosStore({ clock, ids: randomIds, container: client.database(DATABASE).container(container) }));
  return {
    store: open(proxied),
    other: open(direct),
    missing: open(direct, 'nobody-made-this'),
    clock,
    proxy,
    faults: cosmosFaults(proxy),
    /** Has the client read what it needs to know about the container, as its first requests do. */
    warmUp: () =>
      proxied
        .database(DATABASE)
        .container(id)
        .items.bulk([{ operationType: 'Read', id: 'nothing', partitionKey: 'p' }]),
    close: async () => {
      for (const client of [direct, proxied]) client.dispose();
      await proxy.stop();
    },
  };
}

// The clauses about lost answers count requests for documents, so the clients have their first ones behind them.
storeContract('Cosmos DB', async () => {
  const harness = await openContainer();
  await harness.warmUp();
  return harness;
});

test('a client that could not learn about its container at first learns about it later', async () => {
  const { store, faults, close } = await openContainer();
  const append = () => store.append([{ partition: 'p', id: 'a', body: 1 }]);
  for (const fail of [() => faults.loseRequests(), () => faults.throttle(), () => faults.disconnect()]) {
    await fail();
    expect(await append()).toStrictEqual([{ status: 'failed', error: expect.any(PortError) }]);
    await faults.heal();
  }
  expect(await append()).toStrictEqual([{ status: 'stored' }]);
  await close();
});
