// The store contract, kept by CosmosStore against the Cosmos DB emulator.
import { PARTITION_KEY } from '../../adapters/azure/cosmos-items.ts';
import { CosmosStore } from '../../adapters/azure/cosmos-store.ts';
import { randomIds } from '../../adapters/system/system.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { Version } from '../../core/ports/store.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { FaultProxy, type ProxiedCall } from '../../emulators/faults/fault-proxy.ts';
import { cosmosServer } from '../support/contract-servers.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { cosmosClient } from './azure/clients.ts';
import { cosmosFaults } from './azure/store-faults.ts';
import { codeOf } from './contract.ts';
import { storeContract } from './store.contract.ts';

// Several ranges, so that what lies in different ones is met.
const emulator = cosmosServer(3);
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

const DATABASE = emulator.name('cell');
let containers = 0;

/** A new container, reached directly and through a proxy that can fail. */
async function openContainer() {
  const id = `documents-${++containers}`;
  const proxy = new FaultProxy({ target: emulator.endpoint });
  await proxy.start();
  const direct = cosmosClient(emulator.endpoint, emulator.key);
  const proxied = cosmosClient(proxy.endpoint, emulator.key);
  const { database } = await direct.databases.createIfNotExists({ id: DATABASE });
  await database.containers.create({ id, partitionKey: PARTITION_KEY, defaultTtl: -1 });
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

test('a page of a query is one request: the SDK would ask for a plan beside each first page', async () => {
  const { store, proxy, warmUp, close } = await openContainer();
  await warmUp();
  await store.append(['a', 'b', 'c'].map((id) => ({ partition: 'p', id, body: 1 })));
  for (const read of [
    () => store.query('p', { limit: 2 }),
    () => store.digests('p', { limit: 2, order: 'descending' }),
    () => store.partitions({ limit: 2 }),
  ]) {
    proxy.forgetCalls();
    await read();
    expect(proxy.calls().map(({ headers }) => headers['x-ms-cosmos-is-query-plan-request'])).toStrictEqual([undefined]);
  }
  await close();
});

test('a version holds for every write after checks of it have touched its document', async () => {
  const { store, close } = await openContainer();
  const writes: ((version: Version) => Promise<unknown>)[] = [
    (version) => store.put({ partition: 'p', id: 'a', body: 2 }, version),
    (version) => store.delete({ partition: 'p', id: 'a' }, version),
    (version) => store.transact('p', [{ kind: 'put', id: 'a', body: 2, expected: version }]),
    (version) => store.transact('p', [{ kind: 'delete', id: 'a', expected: version }]),
  ];
  for (const write of writes) {
    const version = await store.put({ partition: 'p', id: 'a', body: 1 }, 'any');
    for (let check = 0; check < 2; check += 1)
      await store.transact('p', [{ kind: 'check', id: 'a', expected: version }]);
    expect((await store.get({ partition: 'p', id: 'a' }))?.version).toBe(version);
    await write(version);
    expect(await codeOf(write(version))).toBe('conflict');
  }
  await close();
});

test('documents whose ids no URL holds are written on condition, as all others', async () => {
  const { store, other, faults, close } = await openContainer();
  for (const id of ['..', ' ', '100%', 'é']) {
    const key = { partition: 'p', id };
    faults.loseAnswers(1);
    const version = await store.put({ ...key, body: 1 }, 'absent');
    expect(await other.get(key)).toStrictEqual({ ...key, body: 1, version });
    expect(await codeOf(store.put({ ...key, body: 2 }, 'absent'))).toBe('conflict');
    const next = await store.put({ ...key, body: 2 }, version);
    expect(await codeOf(store.delete(key, version))).toBe('conflict');
    await store.delete(key, next);
    expect(await other.get(key)).toBeUndefined();
  }
  await close();
});

test('a partition at its limit of 20 GB is distinguished from a document that is too large and from a missing permission', async () => {
  const { store, proxy, warmUp, close } = await openContainer();
  await warmUp();
  const json = { 'content-type': 'application/json' };
  const body = JSON.stringify({ code: 'Forbidden', message: 'Partition key reached maximum size of 20 GB' });
  const isBatch = (atomic: string) => (call: ProxiedCall) => call.headers['x-ms-cosmos-batch-atomic'] === atomic;
  const refused = [{ statusCode: 403, subStatusCode: 1014, requestCharge: 1.2 }];
  const full = { code: 'too-large', partitionFull: true };
  for (const atomic of ['false', 'true'])
    proxy.inject({
      when: isBatch(atomic),
      fault: { kind: 'answer', response: { status: 207, headers: json, body: JSON.stringify(refused) } },
    });
  const [outcome] = await store.append([{ partition: 'p', id: 'a', body: 1 }]);
  expect(outcome).toMatchObject({ status: 'failed', error: full });
  await expect(store.transact('p', [{ kind: 'put', id: 'a', body: 1, expected: 'absent' }])).rejects.toMatchObject(
    full,
  );
  await proxy.heal();
  proxy.inject({
    fault: { kind: 'answer', response: { status: 403, headers: { ...json, 'x-ms-substatus': '1014' }, body } },
  });
  await expect(store.put({ partition: 'p', id: 'a', body: 1 }, 'any')).rejects.toMatchObject(full);
  await close();
});
