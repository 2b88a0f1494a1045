// Account, databases, containers, offers and what is refused, through the SDK.
import { CosmosClient, TriggerOperation, TriggerType } from '@azure/cosmos';
import { CosmosEmulator } from '../../emulator.ts';
import { failureOf, type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(async () => {
  await harness.stop();
});

test('the account names the endpoint that the client used', async () => {
  const { resource } = await harness.client.getDatabaseAccount();
  expect(resource?.writableLocations).toEqual([
    { name: 'Local', databaseAccountEndpoint: harness.connection.endpoint },
  ]);
});

test('databases: create, read, list, query, conflict, delete, missing', async () => {
  const { client } = harness;
  const created = await client.databases.create({ id: 'zoo' });
  expect(created.statusCode).toBe(201);
  expect(created.resource?._rid).toMatch(/^[A-Za-z0-9+-]{6}==$/);
  expect(await failureOf(client.databases.create({ id: 'zoo' }))).toMatchObject({ code: 409 });
  expect((await client.databases.createIfNotExists({ id: 'zoo' })).statusCode).toBe(200);
  const all = await client.databases.readAll().fetchAll();
  expect(all.resources.map(({ id }) => id).sort()).toEqual(['db', 'zoo']);
  const found = await client.databases
    .query({ query: 'SELECT r.id FROM root r WHERE r.id = @id', parameters: [{ name: '@id', value: 'zoo' }] })
    .fetchAll();
  expect(found.resources).toEqual([{ id: 'zoo' }]);
  expect((await client.database('zoo').delete()).statusCode).toBe(204);
  expect(await failureOf(client.database('zoo').read())).toMatchObject({ code: 404 });
});

test('containers keep their policies, with the defaults of the service', async () => {
  const { database } = await harness.client.databases.create({ id: 'policies' });
  const { resource } = await database.containers.create({
    id: 'c',
    partitionKey: { paths: ['/a/b'], version: 2 },
    defaultTtl: 60,
    indexingPolicy: { includedPaths: [{ path: '/x/?' }], excludedPaths: [{ path: '/*' }] },
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/name'] }] },
  });
  expect(resource).toMatchObject({
    id: 'c',
    defaultTtl: 60,
    partitionKey: { paths: ['/a/b'], kind: 'Hash', version: 2 },
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/name'] }] },
    indexingPolicy: {
      indexingMode: 'consistent',
      automatic: true,
      includedPaths: [{ path: '/x/?' }],
      excludedPaths: [{ path: '/*' }, { path: '/"_etag"/?' }],
    },
  });
  const container = database.container('c');
  expect(await failureOf(database.containers.create({ id: 'c', partitionKey: '/pk' }))).toMatchObject({ code: 409 });
  const changed = await container.replace({ id: 'c', partitionKey: { paths: ['/a/b'], version: 2 } });
  expect(changed.resource?.defaultTtl).toBeUndefined();
  expect(await failureOf(container.replace({ id: 'c', partitionKey: { paths: ['/z'] } }))).toMatchObject({ code: 400 });
  expect(await failureOf(container.replace({ id: 'd', partitionKey: { paths: ['/a/b'] } }))).toMatchObject({
    code: 400,
  });
  await container.delete();
  expect(await failureOf(container.read())).toMatchObject({ code: 404 });
  expect(await failureOf(container.items.create({ id: '1' }))).toMatchObject({ code: 404 });
});

test('throughput decides the number of ranges, and offers can be read and replaced', async () => {
  const container = await harness.container('offered', { throughput: 20_000 });
  const { resources } = await container.readPartitionKeyRanges().fetchAll();
  expect(resources).toHaveLength(4);
  const { resource, offer } = await container.readOffer();
  expect(resource?.content).toMatchObject({ offerThroughput: 20_000 });
  const replaced = await offer?.replace({
    ...resource,
    id: resource?.id ?? '',
    content: { ...resource?.content, offerThroughput: 500, offerIsRUPerMinuteThroughputEnabled: false },
  });
  expect(replaced?.resource?.content).toMatchObject({ offerThroughput: 500 });
});

test('autoscale throughput is kept in the offer', async () => {
  const { database } = await harness.client.databases.create({ id: 'scaled', maxThroughput: 5000 });
  const { resource } = await database.readOffer();
  expect(resource?.content).toMatchObject({ offerThroughput: 500, offerAutopilotSettings: { maxThroughput: 5000 } });
});

test('a wrong key is refused with 401, unless signatures are not verified', async () => {
  const wrong = new CosmosClient({
    endpoint: harness.connection.endpoint,
    key: Buffer.from('wrong').toString('base64'),
  });
  expect(await failureOf(wrong.databases.readAll().fetchAll())).toMatchObject({ code: 401 });
  wrong.dispose();
  const lax = new CosmosEmulator({ verifySignatures: false });
  const { endpoint } = await lax.start();
  const client = new CosmosClient({ endpoint, key: Buffer.from('any').toString('base64') });
  expect((await client.databases.readAll().fetchAll()).resources).toEqual([]);
  client.dispose();
  await lax.stop();
});

test('a port in use is an error that names it', async () => {
  const port = Number(new URL(harness.connection.endpoint).port);
  await expect(new CosmosEmulator({ port }).start()).rejects.toThrow(`Port ${port} is already in use`);
});

test('conflicts are empty; scripts, users and computed properties are refused by name', async () => {
  const container = await harness.container('scripts');
  expect((await container.conflicts.readAll().fetchAll()).resources).toEqual([]);
  expect((await container.scripts.storedProcedures.readAll().fetchAll()).resources).toEqual([]);
  const computedProperties = [{ name: 'n', query: 'SELECT VALUE 1 FROM c' }];
  const refusals: Record<string, () => Promise<unknown>> = {
    'Stored procedures': () => container.scripts.storedProcedures.create({ id: 's', body: 'function () {}' }),
    Triggers: () =>
      container.scripts.triggers.create({
        id: 't',
        body: '',
        triggerOperation: TriggerOperation.All,
        triggerType: TriggerType.Pre,
      }),
    'User-defined functions': () => container.scripts.userDefinedFunctions.create({ id: 'u', body: '' }),
    "The trigger 't'": () => container.items.create({ id: '1', pk: 'a' }, { preTriggerInclude: 't' }),
    'The user-defined function udf.f': () => container.items.query('SELECT VALUE udf.f(c.x) FROM c').fetchAll(),
    'Users and permissions': () => container.database.users.create({ id: 'u' }),
    'Computed properties': () => container.database.containers.create({ id: 'x', computedProperties }),
  };
  for (const [name, refuse] of Object.entries(refusals)) {
    const { code, message } = await failureOf(refuse());
    expect({ code, name: message.includes(name) ? name : message }).toEqual({ code: 501, name });
  }
});
