// Leases of Cosmos DB triggers: sharing between hosts, taking over, losing one in the middle of a batch, and splits.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CosmosEmulator } from '../../../../emulators/cosmos/emulator.ts';
import { FunctionsHost } from '../../index.ts';
import { type Account, cosmosApp, FAST, LOG_IDS, type StoredLease, startAccount } from './cosmos-support.ts';
import { buildApp, cleanUp, eventually, startApp, type TestHost, track } from './support.ts';

afterEach(cleanUp);

const PARTITIONS = Array.from({ length: 24 }, (_, i) => `p-${i}`);

function start(
  account: Account,
  handler = LOG_IDS,
  options = 'startFromBeginning: true',
  timings = {},
  variables = {},
): Promise<TestHost> {
  const environment = { DB: account.connectionString, ...variables };
  return startApp({ source: cosmosApp(options, handler) }, { environment, cosmosDB: { ...FAST, ...timings } });
}

/** A server that answers nothing until it is opened: a handler that asks it is at work for as long as a test wants. */
async function openGate(): Promise<{ url: string; open(): void }> {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const server = createServer((_request, response) => void opened.then(() => response.end())).listen(0, '127.0.0.1');
  track({ stop: async () => void server.close() });
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, open };
}

async function addEverywhere(account: Account, round: number): Promise<string[]> {
  const ids = PARTITIONS.map((pk) => `${pk}/${round}`.replace('/', ':'));
  await Promise.all(ids.map((id, i) => account.container.items.create({ id, pk: PARTITIONS[i] })));
  return ids;
}

const ids = (...hosts: TestHost[]): string[] => hosts.flatMap((host) => host.said().flat().map(String));

/** How many leases each owner has, smallest first. */
function shares(leases: readonly StoredLease[]): number[] {
  const counts = new Map<string | null, number>();
  for (const { Owner } of leases) counts.set(Owner, (counts.get(Owner) ?? 0) + 1);
  return [...counts.values()].sort();
}

async function edit(account: Account, lease: StoredLease | undefined, change: Partial<StoredLease>): Promise<void> {
  const item = account.database.container('leases').item(lease?.id ?? '', lease?.id);
  const { resource } = await item.read();
  await item.replace({ ...resource, ...change });
}

it('shares ranges between hosts, delivers each change once meanwhile, and takes over when one stops', async () => {
  const account = await startAccount(new CosmosEmulator({ partitionRanges: 4 }));
  const one = await start(account);
  await eventually('one host has all', async () => shares(await account.leases()).join() === '4');
  const two = await start(account);
  await eventually('both have two', async () => shares(await account.leases()).join() === '2,2');
  // Until the first host notices that it lost a lease, both would deliver its changes.
  const losses = (): number => one.log.filter(({ message }) => message.includes('Stopped working')).length;
  await eventually('the first host has let go of two', () => losses() === 2);
  const first = await addEverywhere(account, 1);
  await eventually('all of them', () => new Set(ids(one, two)).size === first.length);
  expect(ids(one, two).sort()).toEqual([...first].sort());
  expect(ids(one).length).toBeGreaterThan(0);
  expect(ids(two).length).toBeGreaterThan(0);

  await one.host.stop();
  await eventually('the other has all', async () => shares(await account.leases()).join() === '4');
  const second = await addEverywhere(account, 2);
  await eventually('all of them', () => ids(two).filter((id) => id.endsWith(':2')).length === second.length);
});

it('takes the leases of a host that died, once they have expired', async () => {
  const account = await startAccount();
  const first = await start(account);
  await eventually('the lease is taken', async () => shares(await account.leases()).join() === '1');
  await first.host.stop();
  const [lease] = await account.leases();
  const died = Date.now();
  await edit(account, lease, { Owner: 'a-host-that-died', timestamp: new Date(died).toISOString() });
  await account.container.items.create({ id: 'd-1', pk: 'p' });
  const second = await start(account, LOG_IDS, 'startFromBeginning: true', { leaseExpirationIntervalMs: 600 });
  await eventually('the document', () => ids(second).length === 1);
  expect(Date.now() - died).toBeGreaterThanOrEqual(600);
});

it('writes no checkpoint for a lease it has lost, so that the new owner delivers the batch again', async () => {
  const account = await startAccount();
  const handler = `async (documents, context) => {
    context.log(JSON.stringify(documents.map(({ id }) => id)));
    await fetch(process.env.GATE!);
  }`;
  const gate = await openGate();
  const host = await start(account, handler, 'startFromBeginning: true', {}, { GATE: gate.url });
  await account.container.items.create({ id: 'd-1', pk: 'p' });
  await eventually('it is at work', () => ids(host).length === 1);
  const [lease] = await account.leases();
  await edit(account, lease, { Owner: 'a-faster-host' });
  gate.open();
  await eventually('it notices', () => host.log.some(({ message }) => message.includes('was taken by another host')));
  expect((await account.leases())[0]).toMatchObject({ Owner: 'a-faster-host', ContinuationToken: null });
  // The other host has not renewed for long, so this one gets the lease back and starts where the last checkpoint was.
  await edit(account, lease, { Owner: 'a-faster-host', timestamp: new Date(0).toISOString() });
  await eventually('the batch again', () => ids(host).length === 2);
  expect(ids(host)).toEqual(['d-1', 'd-1']);
});

it('follows a split: nothing is lost, and each part gets a lease of its own', async () => {
  const account = await startAccount();
  const host = await start(account);
  const first = await addEverywhere(account, 1);
  await eventually('the first round', () => ids(host).length === first.length);
  account.emulator.split('db', 'events');
  const second = await addEverywhere(account, 2);
  await eventually('the second round', () => ids(host).filter((id) => id.endsWith(':2')).length >= second.length);
  await eventually('two leases', async () => shares(await account.leases()).join() === '2');
  const tokens = (await account.leases()).map(({ LeaseToken }) => LeaseToken);
  expect(tokens).not.toContain('0');
  const third = await addEverywhere(account, 3);
  await eventually('the third round', () => ids(host).filter((id) => id.endsWith(':3')).length === third.length);
  // A split neither skips nor repeats.
  expect(ids(host).sort()).toEqual([...first, ...second, ...third].sort());
});

it('copes with a split that happened before the first read', async () => {
  const account = await startAccount();
  const first = await start(account, LOG_IDS, 'startFromBeginning: false');
  await eventually('a lease', async () => (await account.leases()).length === 1);
  await first.host.stop();
  account.emulator.split('db', 'events');
  const all = await addEverywhere(account, 1);
  const host = await start(account);
  await eventually('every document', () => new Set(ids(host)).size === all.length);
  expect((await account.leases()).map(({ LeaseToken }) => LeaseToken)).not.toContain('0');
});

it('makes two functions with the same lease prefix compete, as on Azure', async () => {
  const account = await startAccount(new CosmosEmulator({ partitionRanges: 2 }));
  const source = `
    import { app } from '@azure/functions';
    for (const name of ['a', 'b']) {
      app.cosmosDB(name, { connection: 'DB', databaseName: 'db', containerName: 'events', startFromBeginning: true,
        handler: async (documents: any[], context) => context.log(JSON.stringify(documents.map(({ id }) => id))) });
    }
  `;
  const host = await startApp({ source }, { environment: { DB: account.connectionString }, cosmosDB: FAST });
  await eventually('one lease each', async () => shares(await account.leases()).join() === '1,1');
  const all = await addEverywhere(account, 1);
  await eventually('every document', () => new Set(ids(host)).size === all.length);
  const by = (name: string): unknown[] =>
    host.log.filter((one) => one.category === 'user' && one.functionName === name);
  await eventually('each has seen a part', () => by('a').length > 0 && by('b').length > 0);
});

it('can be stopped while it starts', async () => {
  const account = await startAccount();
  await account.emulator.stop();
  const host = new FunctionsHost({
    appFolder: await buildApp({ source: cosmosApp('startFromBeginning: true', LOG_IDS) }),
    environment: { DB: account.connectionString },
    log: () => undefined,
  });
  const starting = host.start();
  const refused = expect(starting).rejects.toThrow();
  await host.stop();
  await refused;
  expect(host.url).toBeUndefined();
});
