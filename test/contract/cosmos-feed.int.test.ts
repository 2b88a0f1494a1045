// The feed contract, kept by CosmosFeed on the change feed of the Cosmos DB emulator, whose ranges really split.
import { CosmosClient } from '@azure/cosmos';
import { cosmosClientOptions } from '../../adapters/azure/cosmos-client.ts';
import { CosmosFeed } from '../../adapters/azure/cosmos-feed.ts';
import { PARTITION_KEY } from '../../adapters/azure/cosmos-items.ts';
import { CosmosStore } from '../../adapters/azure/cosmos-store.ts';
import { randomIds } from '../../adapters/system/system.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { CosmosEmulator } from '../../emulators/cosmos/emulator.ts';
import { WELL_KNOWN_KEY } from '../../emulators/cosmos/limits.ts';
import { FaultProxy } from '../../emulators/faults/fault-proxy.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { cosmosClient } from './azure/clients.ts';
import { feedContract } from './feed.contract.ts';

const DATABASE = 'cell';
const PAGE_RECORDS = 10;
const emulator = new CosmosEmulator({ partitionRanges: 3 });
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

let containers = 0;

feedContract('Cosmos DB change feed', async () => {
  const id = `events-${++containers}`;
  const client = cosmosClient(emulator.connection.endpoint);
  const { database } = await client.databases.createIfNotExists({ id: DATABASE });
  const { container } = await database.containers.create({ id, partitionKey: PARTITION_KEY, defaultTtl: -1 });
  const opened = [client];
  const open = (name: string) => {
    const own = cosmosClient(emulator.connection.endpoint);
    opened.push(own);
    return new CosmosFeed({ container: own.database(DATABASE).container(name), pageRecords: PAGE_RECORDS });
  };
  return {
    store: checkedStore(new CosmosStore({ container, clock: new HastyClock(), ids: randomIds })),
    pageRecords: PAGE_RECORDS,
    open: () => open(id),
    openMissing: () => open('missing'),
    split: async () => void emulator.split(DATABASE, id),
    close: async () => {
      for (const each of opened) each.dispose();
    },
  };
});

test('a page that does not come in time is said to be slow, and comes when the service answers', async () => {
  const proxy = new FaultProxy({ target: emulator.connection.endpoint });
  await proxy.start();
  const options = cosmosClientOptions({ requestTimeoutMs: 1000 });
  const client = new CosmosClient({ endpoint: proxy.endpoint, key: WELL_KNOWN_KEY, ...options });
  try {
    const { database } = await client.databases.createIfNotExists({ id: DATABASE });
    const { container } = await database.containers.create({ id: 'slow', partitionKey: PARTITION_KEY });
    const feed = new CosmosFeed({ container });
    const [shard] = await feed.shards([]);
    const id = shard?.id ?? '';
    const { next } = await feed.read(id, undefined);
    const position = 'position' in next ? next.position : undefined;
    const held = proxy.inject({
      when: ({ headers }) => headers['a-im'] !== undefined,
      fault: { kind: 'hold', until: new Promise(() => undefined) },
    });
    await expect(feed.read(id, position)).rejects.toMatchObject({ code: 'unavailable', timedOut: true });
    held.heal();
    expect(await feed.read(id, position)).toMatchObject({ records: [] });
  } finally {
    client.dispose();
    await proxy.stop();
  }
});
