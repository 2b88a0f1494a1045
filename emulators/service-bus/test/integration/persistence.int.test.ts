// Persistence: what was acknowledged to a client is there after a restart, and after the process was killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ServiceBusClient } from '@azure/service-bus';
import { ServiceBusEmulator } from '../../emulator.ts';
import type { JournalDamagedError } from '../../persistence/damage.ts';
import { adminClient, first, openHarness, PATIENCE_MS } from './support.ts';

const ROOT = path.resolve(__dirname, '../../../..');
/** What is sent to a process that is gone gets no answer, and is waited for no longer than this. */
const QUICK = { maxRetries: 0, timeoutInMs: 10_000 };
/** What has come for this long is all that comes, once everything is there that must be. */
const WAIT_MS = 500;

interface Running {
  readonly child: ChildProcess;
  readonly connectionString: string;
  readonly exited: Promise<number | null>;
}

/** Runs the emulator as its own process. */
function run(...args: readonly string[]): Promise<Running> {
  return new Promise((resolve, reject) => {
    const program = ['build/run.mjs', 'emulators/service-bus/main.ts', '--port', '0', '--stop-with-stdin', ...args];
    const child = spawn(process.execPath, program, {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
    child.on('error', reject);
    createInterface(child.stdout).once('line', (line) => {
      const { connectionString }: { connectionString: string } = JSON.parse(line);
      resolve({ child, connectionString, exited });
    });
    exited.then((code) => reject(new Error(`the emulator ended with ${code}`))).catch(reject);
  });
}

describe('persistence', () => {
  let dataDir: string;

  beforeEach(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'service-bus-'));
  });

  afterEach(() => rmSync(dataDir, { recursive: true }));

  test('a data directory that is a file is refused by its name', () => {
    const file = path.join(dataDir, 'a-file');
    writeFileSync(file, '');
    expect(() => new ServiceBusEmulator({ dataDir: file })).toThrow(`The data directory ${file} cannot be used: `);
  });

  test('a second emulator on the same directory is refused, in another process too', async () => {
    const first = new ServiceBusEmulator({ dataDir });
    expect(() => new ServiceBusEmulator({ dataDir })).toThrow(`is in use by process ${process.pid}`);
    await first.stop();
    await first.stop();
    const other = await run('--data', dataDir);
    expect(() => new ServiceBusEmulator({ dataDir })).toThrow(`is in use by process ${other.child.pid}`);
    other.child.kill('SIGTERM');
    await other.exited;
    await new ServiceBusEmulator({ dataDir }).stop();
  });

  test('a configuration that is refused does not keep the directory', async () => {
    const config = { UserConfig: { Namespaces: [{ Name: 'n', Queues: [{ Name: '' }] }] } };
    expect(() => new ServiceBusEmulator({ dataDir, config } as object)).toThrow();
    await new ServiceBusEmulator({ dataDir }).stop();
  });

  test('entities, rules, messages, states and counters survive a restart', async () => {
    const before = await openHarness({ dataDir });
    await before.admin.createQueue('q', { requiresDuplicateDetection: true, lockDuration: 'PT2M' });
    await before.admin.createQueue('gone');
    await before.admin.createQueue('sessions', { requiresSession: true });
    await before.admin.createTopic('t');
    await before.admin.createSubscription('t', 's');
    await before.admin.deleteRule('t', 's', '$Default');
    await before.admin.createRule('t', 's', 'r', { sqlExpression: 'a = @a', sqlParameters: { '@a': 1 } });
    await before.admin.deleteQueue('gone');
    const sender = before.client.createSender('q');
    const messages = ['complete', 'abandon', 'defer', 'dead', 'stay'].map((body) => ({ body, messageId: body }));
    await sender.sendMessages(messages);
    const receiver = before.client.createReceiver('q');
    const [complete, abandon, defer, dead] = await receiver.receiveMessages(4);
    if (complete === undefined || abandon === undefined || defer === undefined || dead === undefined)
      throw new Error('four messages were expected');
    await receiver.completeMessage(complete);
    await receiver.abandonMessage(abandon, { tried: true });
    await receiver.deferMessage(defer);
    await receiver.deadLetterMessage(dead, { deadLetterReason: 'r', deadLetterErrorDescription: 'd' });
    await sender.scheduleMessages({ body: 'later', messageId: 'later' }, new Date(Date.now() + 60_000));
    const session = await before.client.acceptSession('sessions', 'one');
    await session.setSessionState({ step: 1 });
    await before.client.createSender('t').sendMessages([
      { body: 1, applicationProperties: { a: 1 } },
      { body: 2, applicationProperties: { a: 2 } },
    ]);
    const expected = before.emulator.messages('q').map((message) => ({ ...message, lockedUntil: undefined }));
    const expectedDead = before.emulator.messages('q/$DeadLetterQueue');
    await before.close();

    const after = await openHarness({ dataDir });
    expect(after.emulator.messages('q')).toEqual(expected);
    expect(after.emulator.messages('q/$DeadLetterQueue')).toEqual(expectedDead);
    expect(after.emulator.messages('t/Subscriptions/s').map(({ body }) => body)).toEqual(['1']);
    expect(await after.admin.getQueue('q')).toMatchObject({ lockDuration: 'PT2M', requiresDuplicateDetection: true });
    expect(await after.admin.queueExists('gone')).toBe(false);
    expect(await after.admin.getRule('t', 's', 'r')).toMatchObject({
      filter: { sqlExpression: 'a = @a', sqlParameters: { '@a': 1 } },
    });
    const again = await after.client.acceptSession('sessions', 'one');
    expect(await again.getSessionState()).toEqual({ step: 1 });
    await after.client.createSender('q').sendMessages([{ body: 'dup', messageId: 'complete' }, { body: 'new' }]);
    const last = after.emulator.messages('q').at(-1);
    expect(last).toMatchObject({ body: '"new"', sequenceNumber: 7 });
    after.emulator.advanceClock(61_000);
    expect(after.emulator.messages('q').at(-1)).toMatchObject({ body: '"later"', state: 'active' });
    await after.close();
  });

  test('a torn record at the end is dropped, and nothing before it', async () => {
    const before = await openHarness({ dataDir });
    before.emulator.createQueue('q');
    await before.client.createSender('q').sendMessages([{ body: 1 }, { body: 2 }]);
    await before.close();
    appendFileSync(path.join(dataDir, 'service-bus.journal'), Buffer.from([0, 0, 1, 0, 9, 9, 9, 9, 0, 0, 0, 3, 91]));
    const after = new ServiceBusEmulator({ dataDir });
    expect(after.messages('q').map(({ body }) => body)).toEqual(['1', '2']);
    await after.stop();
  });

  test('damage in the middle is reported with its place, and recovery goes on with what can be read', async () => {
    const before = await openHarness({ dataDir });
    before.emulator.createQueue('q');
    before.emulator.createTopic('t');
    const sender = before.client.createSender('q');
    for (const body of ['one', 'two', 'three']) await sender.sendMessages({ body });
    await before.close();
    const file = path.join(dataDir, 'service-bus.journal');
    const damaged = readFileSync(file);
    damaged.write('oops', damaged.indexOf('two'));
    writeFileSync(file, damaged);

    let error: unknown;
    try {
      new ServiceBusEmulator({ dataDir });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      name: 'JournalDamagedError',
      file,
      damage: [{ reason: 'its checksum is wrong' }],
      message: expect.stringMatching(
        /^The journal .*service-bus\.journal is damaged at byte \d+, in record \d+: its checksum is wrong; \d+ bytes cannot be read, \d+ records before them and \d+ after them can\. Nothing was changed\./,
      ),
    });
    expect(readFileSync(file)).toEqual(damaged);
    const [place] = (error as JournalDamagedError).damage;
    expect(damaged.subarray(place?.at, (place?.at ?? 0) + (place?.bytes ?? 0)).includes('oops')).toBe(true);

    const lines: string[] = [];
    const after = new ServiceBusEmulator({ dataDir, recover: true, log: (line) => lines.push(line) });
    expect(after.messages('q').map(({ body }) => body)).toEqual(['"one"', '"three"']);
    expect(after.namespace.topic('t')?.name).toBe('t');
    await after.stop();
    expect(lines).toEqual([
      expect.stringContaining(`It is kept as ${file}.damaged-1.`),
      'Messages left out, because their content or their entity cannot be read: 1.',
    ]);
    expect(readFileSync(`${file}.damaged-1`)).toEqual(damaged);
    const clean = new ServiceBusEmulator({ dataDir });
    expect(clean.messages('q').map(({ body }) => body)).toEqual(['"one"', '"three"']);
    await clean.stop();
  });

  test('a subscription whose topic cannot be read is left out', async () => {
    const before = await openHarness({ dataDir });
    before.emulator.createTopic('t', { userMetadata: 'mark' });
    before.emulator.createSubscription('t', 's');
    await before.client.createSender('t').sendMessages({ body: 1 });
    await before.close();
    const file = path.join(dataDir, 'service-bus.journal');
    const bytes = readFileSync(file);
    bytes.write('MARK', bytes.indexOf('mark'));
    writeFileSync(file, bytes);
    const after = new ServiceBusEmulator({ dataDir, recover: true });
    expect(after.entities()).toEqual([]);
    await after.stop();
  });

  test('no acknowledged message is lost, and none comes back, when the process is killed', async () => {
    const running = await run('--data', dataDir);
    await adminClient(running.connectionString).createQueue('q');
    const client = new ServiceBusClient(running.connectionString, { retryOptions: QUICK });
    const sender = client.createSender('q');
    const acknowledged: number[] = [];
    let next = 0;
    const pump = async (): Promise<void> => {
      for (;;) {
        const body = next++;
        await sender.sendMessages({ body, messageId: `m-${body}` });
        acknowledged.push(body);
        if (acknowledged.length === 500) running.child.kill('SIGKILL');
      }
    };
    const receiver = client.createReceiver('q');
    await sender.sendMessages([{ body: 'done-1' }, { body: 'done-2' }]);
    for (const message of await receiver.receiveMessages(2)) await receiver.completeMessage(message);
    await Promise.allSettled(Array.from({ length: 20 }, pump));
    await running.exited;
    await client.close();

    const again = await run('--data', dataDir);
    const reader = new ServiceBusClient(again.connectionString, { retryOptions: QUICK });
    const found = new Set<unknown>();
    const survivor = reader.createReceiver('q', { receiveMode: 'receiveAndDelete' });
    const asks = () => (acknowledged.every((body) => found.has(body)) ? 1 : PATIENCE_MS / WAIT_MS);
    for (let inVain = 0; inVain < asks(); ) {
      const messages = await survivor.receiveMessages(1_000, { maxWaitTimeInMs: WAIT_MS });
      inVain = messages.length === 0 ? inVain + 1 : 0;
      for (const { body } of messages) found.add(body);
    }
    await reader.close();
    again.child.stdin?.end();
    expect(await again.exited).toBe(0);
    expect(acknowledged.length).toBeGreaterThanOrEqual(500);
    expect(acknowledged.filter((body) => !found.has(body))).toEqual([]);
    expect([...found].filter((body) => String(body).startsWith('done'))).toEqual([]);
  });

  test('compaction keeps what is there and drops what is not', async () => {
    const harness = await openHarness({ dataDir, fsync: 'always' });
    harness.emulator.createQueue('q');
    const sender = harness.client.createSender('q');
    const receiver = harness.client.createReceiver('q', { receiveMode: 'receiveAndDelete' });
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 40 }, () => sender.sendMessages({ body: Buffer.alloc(100_000) })));
      for (let left = 40; left > 0; ) left -= (await receiver.receiveMessages(left)).length;
    }
    await sender.sendMessages({ body: 'kept' });
    const message = first(await receiver.peekMessages(1));
    await harness.close();
    expect(statSync(path.join(dataDir, 'service-bus.journal')).size).toBeLessThan(16 * 1024 * 1024);
    const after = new ServiceBusEmulator({ dataDir });
    expect(after.messages('q')).toMatchObject([{ body: '"kept"', sequenceNumber: message.sequenceNumber?.toNumber() }]);
    await after.stop();
  });
});
