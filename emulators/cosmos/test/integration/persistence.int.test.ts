// Data on disk: restarts, torn files, compaction, and a process killed in the middle of writing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChangeFeedStartFrom, CosmosClient } from '@azure/cosmos';
import { build } from 'esbuild';
import { type Harness, rows, startHarness } from './harness.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'polycell-cosmos-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const start = (): Promise<Harness> => startHarness({ dataDir: directory, partitionRanges: 2 });

test('everything survives a restart: documents, etags, positions, tokens, splits, offers', async () => {
  const first = await start();
  const container = await first.container('docs', {
    more: { defaultTtl: -1, uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/u'] }] } },
  });
  for (let n = 0; n < 20; n++) await container.items.create({ id: `i${n}`, pk: `p${n % 3}`, n, u: n });
  first.emulator.split('db', 'docs', '0');
  await container.item('i5', 'p2').delete();
  await container.items.batch([{ operationType: 'Upsert', resourceBody: { id: 'i4', pk: 'p1', n: 44, u: 4 } }], 'p1');
  await container.items.create({ id: 'none', u: 'none' });
  const { resource: before, etag = '' } = await container.item('i4', 'p1').read();
  const query = container.items.query('SELECT VALUE c.id FROM c ORDER BY c.n', { partitionKey: 'p0', maxItemCount: 2 });
  const page = await query.fetchNext();
  const feed = container.items.getChangeFeedIterator({
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning('p1'),
    maxItemCount: 3,
  });
  const { continuationToken } = await feed.readNext();
  const summary = first.emulator.inspect().databases;
  await first.stop();

  const second = await start();
  expect(second.emulator.inspect().databases).toEqual(summary);
  const again = second.client.database('db').container('docs');
  expect((await again.item('i4', 'p1').read()).resource).toEqual(before);
  expect((await again.item('i5', 'p2').read()).statusCode).toBe(404);
  expect((await again.item('none', undefined).read()).statusCode).toBe(200);
  const replaced = await again
    .item('i4', 'p1')
    .replace({ id: 'i4', pk: 'p1', n: 45, u: 4 }, { accessCondition: { type: 'IfMatch', condition: etag } });
  expect(replaced.statusCode).toBe(200);
  expect(replaced.etag).not.toBe(etag);
  await expect(again.items.create({ id: 'dup', pk: 'p1', u: 4 })).rejects.toMatchObject({ code: 409 });
  const more = {
    partitionKey: 'p0',
    ...(page.continuationToken === undefined ? {} : { continuationToken: page.continuationToken }),
  };
  const rest = await again.items.query('SELECT VALUE c.id FROM c ORDER BY c.n', more).fetchAll();
  expect([...page.resources, ...rest.resources]).toEqual(['i0', 'i3', 'i6', 'i9', 'i12', 'i15', 'i18']);
  const resumed = again.items.getChangeFeedIterator({
    changeFeedStartFrom: ChangeFeedStartFrom.Continuation(continuationToken),
  });
  expect((await resumed.readNext()).result.map(({ id }) => id)).toEqual(['i13', 'i16', 'i19', 'i4']);
  expect((await again.readOffer()).resource?.content?.offerThroughput).toBe(400);
  await second.stop();
});

test('a second emulator on the same directory is refused', async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(`is in use by process ${process.pid}`);
  await first.stop();
  await (await start()).stop();
});

test('a data directory that is a file is refused by its name', async () => {
  const dataDir = join(directory, 'a-file');
  writeFileSync(dataDir, '');
  await expect(startHarness({ dataDir })).rejects.toThrow(`The data directory ${dataDir} cannot be used: `);
});

test('a torn last record is cut off, and a snapshot replaces a grown log', async () => {
  const first = await start();
  const container = await first.container('docs');
  const text = 'x'.repeat(1_000_000);
  for (let n = 0; n < 40; n++) await container.items.upsert({ id: `i${n % 3}`, pk: 'a', n, text });
  const summary = first.emulator.inspect().databases;
  await first.stop();
  const file = join(directory, 'cosmos.log');
  expect(statSync(file).size).toBeLessThan(30_000_000);
  const intact = readFileSync(file);
  appendFileSync(file, '{"t":"w","c":"half a rec');
  const second = await start();
  expect(second.emulator.inspect().databases).toEqual(summary);
  const again = second.client.database('db').container('docs');
  expect(await rows(again, 'SELECT VALUE c.n FROM c ORDER BY c.n')).toEqual([37, 38, 39]);
  await second.stop();
  expect(readFileSync(file).equals(intact)).toBe(true);
});

test('a process killed while writing loses no acknowledged write, and starts with its parent gone', async () => {
  const program = join(directory, 'cli.mjs');
  await build({
    entryPoints: [join(__dirname, '../../cli.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    logLevel: 'error',
  });
  const data = join(directory, 'data');
  const acknowledged: string[] = [];
  for (let run = 0; run < 3; run++) {
    const { child, connectionString } = await launch(program, data);
    const client = new CosmosClient({
      ...parse(connectionString),
      connectionPolicy: { enableBackgroundEndpointRefreshing: false },
    });
    const { database } = await client.databases.createIfNotExists({ id: 'db' });
    const { container } = await database.containers.createIfNotExists({ id: 'docs', partitionKey: '/pk' });
    const stored = await rows(container, 'SELECT VALUE c.id FROM c');
    expect(stored).toEqual(expect.arrayContaining(acknowledged));
    const killed = once(child, 'exit');
    for (let batch = 0; batch < 40; batch++) {
      const ids = Array.from({ length: 5 }, (_, index) => `r${run}-${batch}-${index}`);
      const writes = ids.map((id) => container.items.create({ id, pk: id }));
      if (batch === 30) {
        // Killed with writes under way: those may or may not have been applied, but none of the earlier ones is lost.
        child.kill('SIGKILL');
        client.dispose();
        await Promise.race([Promise.allSettled(writes), killed]);
        break;
      }
      await Promise.all(writes);
      acknowledged.push(...ids);
    }
    await killed;
  }
  const { child, connectionString } = await launch(program, data);
  const client = new CosmosClient({
    ...parse(connectionString),
    connectionPolicy: { enableBackgroundEndpointRefreshing: false },
  });
  const stored = await rows(client.database('db').container('docs'), 'SELECT VALUE c.id FROM c');
  expect(stored).toEqual(expect.arrayContaining(acknowledged));
  expect(acknowledged).toHaveLength(450);
  client.dispose();
  const gone = once(child, 'exit');
  child.stdin?.end();
  expect(await gone).toEqual([0, null]);
});

function parse(connectionString: string): { endpoint: string; key: string } {
  const match = /^AccountEndpoint=(.*?);AccountKey=(.*);$/.exec(connectionString);
  return { endpoint: match?.[1] ?? '', key: match?.[2] ?? '' };
}

async function launch(program: string, data: string): Promise<{ child: ChildProcess; connectionString: string }> {
  const child = spawn(process.execPath, [program, '--port', '0', '--data', data, '--stop-with-stdin'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const ready = JSON.parse(line.toString()) as { connectionString: string };
  return { child, connectionString: ready.connectionString };
}
