// The change stream contract, kept by cosmosChangeFeed behind the change feed of the Cosmos DB emulator.
import { cosmosChangeFeed } from '../../adapters/azure/cosmos-change-feed.ts';
import { PARTITION_KEY } from '../../adapters/azure/cosmos-items.ts';
import { CosmosStore } from '../../adapters/azure/cosmos-store.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { CosmosEmulator } from '../../emulators/cosmos/emulator.ts';
import { FaultProxy } from '../../emulators/faults/fault-proxy.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { cosmosClient } from './azure/clients.ts';
import { FeedDriver } from './azure/feed-driver.ts';
import { Tape } from './change-stream/harness.ts';
import { changeStreamContract } from './change-stream.contract.ts';
import { codeOf } from './contract.ts';

const BATCH_SIZE = 10;
const DATABASE = 'cell';
const emulator = new CosmosEmulator({ partitionRanges: 3 });
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

let containers = 0;

changeStreamContract(
  'Cosmos DB change feed',
  async () => {
    const id = `events-${++containers}`;
    const proxy = new FaultProxy({ target: emulator.connection.endpoint });
    await proxy.start();
    const client = cosmosClient(emulator.connection.endpoint);
    const proxied = cosmosClient(proxy.endpoint);
    const { database } = await client.databases.createIfNotExists({ id: DATABASE });
    const { container } = await database.containers.create({ id, partitionKey: PARTITION_KEY, defaultTtl: -1 });
    const clock = new HastyClock();
    const driver = new FeedDriver(proxied.database(DATABASE).container(id), BATCH_SIZE);
    return {
      store: checkedStore(new CosmosStore({ container, clock, ids: randomIds })),
      clock,
      commits: systemClock,
      batchSize: BATCH_SIZE,
      start: (handler) => driver.start(cosmosChangeFeed(handler)),
      stop: () => driver.stop(),
      quirks: { everyWrite: false, tellsInserts: false },
      faults: { disconnect: () => proxy.goDown(), heal: () => proxy.heal() },
      close: async () => {
        await driver.stop();
        for (const each of [client, proxied]) each.dispose();
        await proxy.stop();
      },
    };
  },
  {
    'writes that were refused are not delivered, nor are checks': {
      reason: 'the service has no check of a version without a write, so the checked document comes again as it is',
      instead: async ({ store, start }) => {
        const tape = new Tape();
        start(tape.handler);
        const version = await store.put({ partition: 'p', id: 'a', body: 'first' }, 'absent');
        await tape.untilLatest({ a: 'first' });
        expect(await codeOf(store.put({ partition: 'p', id: 'a', body: 'refused' }, 'absent'))).toBe('conflict');
        await store.append([{ partition: 'p', id: 'a', body: 'duplicate' }]);
        const refused = store.transact('p', [
          { kind: 'put', id: 'b', body: 'rolled back', expected: 'absent' },
          { kind: 'put', id: 'a', body: 'refused', expected: 'absent' },
        ]);
        expect(await codeOf(refused)).toBe('conflict');
        // A check of absence leaves nothing behind.
        await store.transact('p', [{ kind: 'check', id: 'c', expected: 'absent' }]);
        await store.transact('p', [{ kind: 'check', id: 'a', expected: version }]);
        await tape.untilDealtWith((records) => records.length === 2);
        await store.put({ partition: 'p', id: 'a', body: 'second' }, version);
        await tape.untilLatest({ a: 'second' });
        expect(tape.records.map(({ id, body }) => `${id} ${String(body)}`)).toStrictEqual([
          'a first',
          'a first',
          'a second',
        ]);
      },
    },
  },
);
