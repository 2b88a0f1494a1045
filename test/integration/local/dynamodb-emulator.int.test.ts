// The DynamoDB emulator's life: starting, keeping data, dying, and what it says where it cannot run.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BatchWriteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { root } from '../../../build/bundles.mjs';
import { DynamoDbEmulator, dynoxideBinary } from '../../../emulators/dynamodb/dynamodb-emulator.ts';
import { SnsSqsEmulator } from '../../../emulators/sns-sqs/sns-sqs-emulator.ts';
import {
  dynamodbClient,
  snsClient,
  sqsClient,
} from '../../../hosts/event-source-mappings/test/integration/aws-clients.ts';
import { isAlive, until } from '../../../hosts/lambda/test/integration/lambda-support.ts';
import { provision } from '../../../local/emulators/provision.ts';

const opened: (DynamoDbEmulator | SnsSqsEmulator)[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((emulator) => emulator.stop()));
});
async function open(options: ConstructorParameters<typeof DynamoDbEmulator>[0] = {}): Promise<DynamoDbEmulator> {
  const emulator = new DynamoDbEmulator(options);
  opened.push(emulator);
  await emulator.start();
  return emulator;
}
const tables = [
  { name: 'events', partitionKey: 'pk', sortKey: 'sk', stream: 'NEW_IMAGE', timeToLiveAttribute: 'expiresAt' },
  { name: 'state', partitionKey: 'pk', sortKey: 'sk', timeToLiveAttribute: 'expiresAt' },
] as const;

test('tables are provisioned once and kept in a file over a restart, with the stream’s ARN', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'dynamodb-'));
  const bus = new SnsSqsEmulator();
  opened.push(bus);
  await bus.start();
  const cell = { tables, topic: 'events', queues: [] };
  const prepare = (endpoint: string): ReturnType<typeof provision> =>
    provision({ dynamodb: dynamodbClient(endpoint), sns: snsClient(bus.endpoint), sqs: sqsClient(bus.endpoint) }, cell);
  try {
    const first = await open({ dbPath: path.join(folder, 'db') });
    const made = await prepare(first.endpoint);
    expect(made.streamArns.events).toMatch(/^arn:aws:dynamodb:dynoxide:000000000000:table\/events\/stream\//);
    expect(made.streamArns.state).toBeUndefined();
    const Item = { pk: { S: 'a' }, sk: { S: 'b' } };
    await dynamodbClient(first.endpoint).send(new PutItemCommand({ TableName: 'events', Item }));
    await first.stop();
    const second = await open({ dbPath: path.join(folder, 'db') });
    expect(await prepare(second.endpoint)).toEqual(made);
    const found = await dynamodbClient(second.endpoint).send(new GetItemCommand({ TableName: 'events', Key: Item }));
    expect(found.Item).toEqual(Item);
    await second.stop();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a write costs the server no more when the stream is long', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'dynamodb-'));
  const dbPath = path.join(folder, 'db');
  await withSmallCache(dbPath);
  const emulator = await open({ dbPath });
  await rm(folder, { recursive: true });
  const client = dynamodbClient(emulator.endpoint);
  const bus = new SnsSqsEmulator();
  opened.push(bus);
  await bus.start();
  await provision(
    { dynamodb: client, sns: snsClient(bus.endpoint), sqs: sqsClient(bus.endpoint) },
    { tables, topic: 'events', queues: [] },
  );
  const costOf = async (round: number): Promise<number> => {
    const before = await readsOf(emulator.pid);
    for (let batch = 0; batch < 60; batch += 1) {
      const events = Array.from({ length: 25 }, (_, index) => ({
        PutRequest: { Item: { pk: { S: `${round}` }, sk: { S: `${batch}-${index}` } } },
      }));
      await client.send(new BatchWriteItemCommand({ RequestItems: { events } }));
    }
    return (await readsOf(emulator.pid)) - before;
  };
  const costs: number[] = [];
  for (let round = 0; round < 5; round += 1) costs.push(await costOf(round));
  const [first = 0, last = 0] = [costs[0], costs[4]];
  expect(first > 0).toBe(process.platform === 'linux');
  // 4,800 and 5,900 reads; without its index the first 1,500 writes need 40,000 and the last of 7,500 eight times as many.
  expect(last).toBeLessThanOrEqual(2 * first);
  expect(first).toBeLessThan(10_000);
});

/** The emulator's template, but for a cache of 10 pages, so that what a statement looks at shows in what the server reads. */
async function withSmallCache(dbPath: string): Promise<void> {
  const pages = Buffer.alloc(4);
  pages.writeInt32BE(10);
  const template = await readFile(path.join(root, 'emulators/dynamodb/template.sqlite'));
  // https://www.sqlite.org/fileformat.html#suggested_cache_size
  pages.copy(template, 48);
  await writeFile(dbPath, template);
}

/** How often a process has read from a file or a connection; Linux alone counts that. */
async function readsOf(pid: number | undefined): Promise<number> {
  if (process.platform !== 'linux') return 0;
  return Number(/^syscr: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

test('several start at once, each on a port of its own, and stop() leaves no process', async () => {
  const emulators = await Promise.all([open(), open(), open()]);
  expect(new Set(emulators.map(({ endpoint }) => endpoint)).size).toBe(3);
  const pids = emulators.map(({ pid }) => pid ?? 0);
  await Promise.all(emulators.map((emulator) => emulator.stop()));
  expect(pids.map(isAlive)).toEqual([false, false, false]);
});

test('an unexpected end is reported with its reason, a stop is not', async () => {
  const reasons: string[] = [];
  const emulator = await open({ onUnexpectedExit: (reason) => reasons.push(reason) });
  process.kill(emulator.pid ?? 0, 'SIGKILL');
  await until(() => reasons.length === 1);
  expect(reasons).toEqual([expect.stringMatching(/^signal SIGKILL/)]);
  const other = await open({ onUnexpectedExit: (reason) => reasons.push(reason) });
  await other.stop();
  expect(reasons).toHaveLength(1);
});

test('a taken port is named', async () => {
  const { endpoint } = await open();
  const port = Number(new URL(endpoint).port);
  await expect(open({ port })).rejects.toThrow(`port ${port} is in use`);
});

test('on a platform without a binary, the error names the variable to set', () => {
  expect(() => dynoxideBinary('win32', 'arm64')).toThrow(/win32-arm64.*DYNAMODB_ENDPOINT/);
});

test('a binary that ends at once is reported with what it wrote', async () => {
  await expect(open({ binary: '/bin/false' })).rejects.toThrow('did not start: exit status 1');
  await expect(open({ binary: '/nowhere/dynoxide' })).rejects.toThrow('ENOENT');
});
