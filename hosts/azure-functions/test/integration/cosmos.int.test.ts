// Cosmos DB triggers against the emulator: delivery, checkpoints, retries, and what happens when something is down.
import { type Container, CosmosClient } from '@azure/cosmos';
import { CosmosEmulator } from '../../../../emulators/cosmos/emulator.ts';
import { type FunctionsHostOptions, realTimers } from '../../index.ts';
import { cosmosApp, FAST, LOG_IDS, startAccount } from './cosmos-support.ts';
import { cleanUp, eventually, freePort, startApp, type TestHost, track } from './support.ts';

afterEach(cleanUp);

async function start(
  connectionString: string,
  options: string,
  handler: string,
  host: Partial<FunctionsHostOptions> = {},
): Promise<TestHost> {
  const environment = { DB: connectionString };
  return startApp({ source: cosmosApp(options, handler) }, { environment, cosmosDB: FAST, ...host });
}

async function add(container: Container, ...ids: string[]): Promise<void> {
  for (const id of ids) await container.items.create({ id, pk: 'p', n: 1 });
}

/** All ids that were delivered, batch by batch. */
const batches = (host: TestHost): unknown[] => host.said();
const delivered = (host: TestHost): unknown[] => host.said().flat();

it('delivers documents from the beginning, updates included, and keeps its place in a lease', async () => {
  const { connectionString, container, leases } = await startAccount();
  await add(container, 'd-1', 'd-2');
  const handler = `async (documents, context) => context.log(JSON.stringify(documents))`;
  const host = await start(connectionString, 'startFromBeginning: true', handler);
  await eventually('two documents', () => delivered(host).length === 2);
  expect(delivered(host)).toEqual([
    expect.objectContaining({ id: 'd-1', pk: 'p', n: 1, _etag: expect.any(String), _ts: expect.any(Number) }),
    expect.objectContaining({ id: 'd-2' }),
  ]);
  await container.item('d-1', 'p').replace({ id: 'd-1', pk: 'p', n: 2 });
  await eventually('the update', () => delivered(host).length === 3);
  expect(delivered(host).at(-1)).toMatchObject({ id: 'd-1', n: 2 });

  const checkpoint = await eventually('the checkpoint', async () =>
    (await leases()).find(({ ContinuationToken }) => ContinuationToken === '"3"'),
  );
  expect(checkpoint).toMatchObject({
    id: expect.stringMatching(/^127\.0\.0\.1_[^_]+_[^_]+\.\.0$/),
    LeaseToken: '0',
    FeedRange: { Range: { min: '', max: 'FF' } },
    Owner: expect.stringMatching(/^[\da-f-]{36}$/),
    Mode: 'Incremental Feed',
    version: 0,
  });
  await host.host.stop();
  expect((await leases()).map(({ Owner }) => Owner)).toEqual([null]);
  const again = await start(connectionString, 'startFromBeginning: true', LOG_IDS);
  await add(container, 'd-3');
  await eventually('the new document', () => delivered(again).length > 0);
  expect(delivered(again)).toEqual(['d-3']);
});

it('begins with new items by default, or at a given time', async () => {
  const { connectionString, container, emulator } = await startAccount();
  const hour = 3_600_000;
  await add(container, 'old');
  emulator.advanceClock(hour);
  await add(container, 'late');
  emulator.advanceClock(hour);
  const timers = { ...realTimers, now: () => Date.now() + 2 * hour };
  const fromNow = await start(connectionString, `leaseContainerPrefix: 'a'`, LOG_IDS, { timers });
  const time = new Date(Date.now() + hour / 2).toISOString();
  const fromTime = await start(connectionString, `startFromTime: '${time}', leaseContainerPrefix: 'b'`, LOG_IDS);
  await eventually('both leases', () => delivered(fromTime).length === 1);
  await add(container, 'new');
  await eventually('the new one', () => delivered(fromNow).length > 0 && delivered(fromTime).length === 2);
  expect(delivered(fromNow)).toEqual(['new']);
  expect(delivered(fromTime)).toEqual(['late', 'new']);
});

it('loses a batch whose handler throws if there is no retry policy: the checkpoint moves on', async () => {
  const { connectionString, container, leases } = await startAccount();
  const handler = `async (documents, context) => {
    context.log(JSON.stringify(documents.map(({ id }) => id)));
    if (documents.some(({ id }) => id === 'bad')) throw new Error('cannot do this one');
  }`;
  await add(container, 'good', 'bad', 'innocent');
  const host = await start(connectionString, 'startFromBeginning: true', handler);
  await eventually('the checkpoint', async () => (await leases())[0]?.ContinuationToken === '"3"');
  await add(container, 'later');
  await eventually('the next batch', () => batches(host).length === 2);
  expect(batches(host)).toEqual([['good', 'bad', 'innocent'], ['later']]);
  const warning = host.log.find(({ message }) => message.startsWith('3 changes were not processed.'));
  expect(warning?.message).toContain('Without a retry policy they are lost');

  // A new host does not see them either.
  await host.host.stop();
  const again = await start(connectionString, 'startFromBeginning: true', handler);
  await add(container, 'last');
  await eventually('the last one', () => batches(again).length > 0);
  expect(batches(again)).toEqual([['last']]);
});

it('loses nothing with an unlimited retry policy, and passes each attempt the previous error', async () => {
  const { connectionString, container } = await startAccount();
  await add(container, 'd-1', 'd-2');
  const handler = `async (documents, context) => {
    const { retryContext } = context;
    context.log(JSON.stringify([documents.map(({ id }) => id), retryContext?.retryCount, retryContext?.maxRetryCount, retryContext?.exception?.message]));
    if ((retryContext?.retryCount ?? 0) < 3) throw new Error('attempt ' + (retryContext?.retryCount ?? 0));
  }`;
  const delays: number[] = [];
  const timers = {
    ...realTimers,
    sleep: (ms: number, signal?: AbortSignal) => {
      if (ms === 7000) delays.push(ms);
      return realTimers.sleep(ms === 7000 ? 0 : ms, signal);
    },
  };
  const retry = `retry: { strategy: 'fixedDelay', delayInterval: { seconds: 7 }, maxRetryCount: -1 }`;
  const host = await start(connectionString, `startFromBeginning: true, ${retry}`, handler, { timers });
  await eventually('four attempts', () => batches(host).length === 4);
  expect(batches(host)).toEqual([
    [['d-1', 'd-2'], null, null, null],
    [['d-1', 'd-2'], 1, -1, 'attempt 0'],
    [['d-1', 'd-2'], 2, -1, 'attempt 1'],
    [['d-1', 'd-2'], 3, -1, 'attempt 2'],
  ]);
  expect(delays).toEqual([7000, 7000, 7000]);
  expect(
    new Set(host.log.filter(({ category }) => category === 'user').map(({ invocationId }) => invocationId)).size,
  ).toBe(4);
});

it('loses a batch when its retry policy is exhausted', async () => {
  const { connectionString, container, leases } = await startAccount();
  await add(container, 'd-1');
  const retry = `retry: { strategy: 'fixedDelay', delayInterval: 0, maxRetryCount: 2 }`;
  const handler = `async (documents, context) => { context.log(JSON.stringify(documents[0].id)); throw new Error('never'); }`;
  const host = await start(connectionString, `startFromBeginning: true, ${retry}`, handler);
  await eventually('the checkpoint', async () => (await leases())[0]?.ContinuationToken === '"1"');
  expect(batches(host)).toEqual(['d-1', 'd-1', 'd-1']);
});

it('retries after a crash of the worker, and loses the batch without a policy', async () => {
  const { connectionString, container, leases } = await startAccount();
  const handler = `async (documents, context) => {
    context.log(JSON.stringify(documents.map(({ id }) => id)));
    if (!context.retryContext && documents[0].id === 'd-1') process.exit(1);
  }`;
  await add(container, 'd-1');
  const retry = `retry: { strategy: 'fixedDelay', delayInterval: 0, maxRetryCount: -1 }`;
  const kept = await start(connectionString, `startFromBeginning: true, leaseContainerPrefix: 'a', ${retry}`, handler);
  await eventually('a second attempt', () => batches(kept).length === 2);
  expect(batches(kept)).toEqual([['d-1'], ['d-1']]);
  const lost = await start(connectionString, `startFromBeginning: true, leaseContainerPrefix: 'b'`, handler);
  await eventually('the checkpoint', async () =>
    (await leases()).some(({ id, ContinuationToken }) => id.startsWith('b') && ContinuationToken === '"1"'),
  );
  expect(batches(lost)).toEqual([['d-1']]);
});

it('delivers again what was running when the host stopped', async () => {
  const { connectionString, container } = await startAccount();
  await add(container, 'd-1');
  const hang = `async (documents, context) => { context.log(JSON.stringify(documents.map(({ id }) => id))); await new Promise(() => undefined); }`;
  const first = await start(connectionString, 'startFromBeginning: true', hang, { stopGraceMs: 20 });
  await eventually('it runs', () => batches(first).length === 1);
  await first.host.stop();
  const second = await start(connectionString, 'startFromBeginning: true', LOG_IDS);
  await eventually('again', () => batches(second).length === 1);
  expect(batches(second)).toEqual([['d-1']]);
});

it('keeps batches small and in order when asked to', async () => {
  const { connectionString, container } = await startAccount();
  await add(container, 'd-1', 'd-2', 'd-3', 'd-4', 'd-5');
  const handler = `async (documents, context) => {
    const g = globalThis as any; g.active = (g.active ?? 0) + 1;
    await new Promise((resolve) => setImmediate(resolve));
    context.log(JSON.stringify([g.active--, ...documents.map(({ id }) => id)]));
  }`;
  const host = await start(connectionString, 'startFromBeginning: true, maxItemsPerInvocation: 2', handler);
  await eventually('three batches', () => batches(host).length === 3);
  expect(batches(host)).toEqual([
    [1, 'd-1', 'd-2'],
    [1, 'd-3', 'd-4'],
    [1, 'd-5'],
  ]);
});

it('delivers every version and deletes in that mode', async () => {
  const { connectionString, container } = await startAccount();
  const handler = `async (items, context) => context.log(JSON.stringify(items.map(({ current, metadata }) => [current?.n, metadata.operationType])))`;
  const host = await start(connectionString, `changeFeedMode: 'AllVersionsAndDeletes' as any`, handler);
  // The mode begins with the first read, so changes are made until one shows.
  let n = 0;
  await eventually('the first', async () => {
    await container.items.upsert({ id: 'd', pk: 'p', n: ++n });
    return batches(host).length > 0;
  });
  await container.items.upsert({ id: 'd', pk: 'p', n: -1 });
  await container.item('d', 'p').delete();
  await eventually('the delete', () => JSON.stringify(batches(host)).includes('delete'));
  const operations = batches(host).flat();
  expect(operations.at(-2)).toEqual([-1, 'replace']);
  expect(JSON.stringify(operations.at(-1))).toContain('delete');
});

it('creates the lease container, or names what is missing', async () => {
  const { connectionString, database } = await startAccount();
  await database.container('leases').delete();
  await expect(start(connectionString, 'startFromBeginning: true', LOG_IDS)).rejects.toThrow(
    'The Cosmos DB trigger of "feed" cannot be started: the lease container "db/leases" does not exist.',
  );
  await start(connectionString, 'createLeaseContainerIfNotExists: true', LOG_IDS);
  const { resource } = await database.container('leases').read();
  expect([resource?.partitionKey?.paths, resource?.defaultTtl]).toEqual([['/id'], -1]);
  await expect(start(connectionString, `leaseDatabaseName: 'none'`, LOG_IDS)).rejects.toThrow('"none/leases"');
});

it('refuses options that contradict each other, and identities that are not local', async () => {
  const { connectionString } = await startAccount();
  const options = `startFromBeginning: true, startFromTime: '2026-01-01T00:00:00Z'`;
  await expect(start(connectionString, options, LOG_IDS)).rejects.toThrow('exclude each other');
  const environment = { DB__accountEndpoint: 'https://polycell.documents.azure.com:443/' };
  await expect(start('', 'startFromBeginning: true', LOG_IDS, { environment })).rejects.toThrow(
    'The connection "DB" uses a managed identity',
  );
});

it('takes a local identity-based connection for the emulator', async () => {
  const { connectionString, container } = await startAccount();
  const endpoint = /AccountEndpoint=([^;]+)/.exec(connectionString)?.[1] ?? '';
  await add(container, 'd-1');
  const host = await start('', 'startFromBeginning: true', LOG_IDS, { environment: { DB__accountEndpoint: endpoint } });
  await eventually('a batch', () => delivered(host).length === 1);
});

it('outlives the database: nothing is lost while it is away, nor if it comes after the host', async () => {
  const port = await freePort();
  const emulator = track(new CosmosEmulator({ port, partitionRanges: 1 }));
  const { connectionString } = emulator.connection;
  const local = connectionString.replace(':0/', `:${port}/`);
  const host = await start(local, 'startFromBeginning: true', LOG_IDS);
  expect(host.log.some(({ message }) => message.startsWith('Cosmos DB cannot be reached'))).toBe(true);
  const first = await startAccount(emulator);
  await add(first.container, 'd-1');
  await eventually('the first', () => delivered(host).length === 1);
  await emulator.stop();
  await emulator.start();
  await add(new CosmosClient(local).database('db').container('events'), 'd-2');
  await eventually('the second', () => delivered(host).length === 2);
  expect(delivered(host)).toEqual(['d-1', 'd-2']);
});
