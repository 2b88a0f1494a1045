// `polycell emulate` as a user at a terminal runs it, with programs of their own beside it.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { DEVELOPMENT_CERTIFICATE } from '../../../emulators/service-bus/certificate.ts';
import { sourceFile } from '../../../local/source-file.ts';

interface Run {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly output: () => string;
  readonly errors: () => string;
  readonly exit: Promise<{ code: number | null; signal: string | null }>;
}

const runs: Run[] = [];

function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Run {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...environment };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  const started: Run = { child, output: () => output, errors: () => errors, exit };
  runs.push(started);
  return started;
}

const polycell = (...args: string[]): Run => run([sourceFile('cli/polycell.mjs'), 'emulate', ...args]);

/** Waits until the command has said something; fails with its complaint if it ends before. */
async function said(command: Run, text: string): Promise<string> {
  while (!command.output().includes(text)) {
    const ended = await Promise.race([once(command.child.stdout, 'data').then(() => false), command.exit]);
    if (ended !== false && !command.output().includes(text))
      throw new Error(`It ended with ${JSON.stringify(ended)}: ${command.errors()}`);
  }
  return command.output();
}

/** The one line of `--json`. */
async function ready(command: Run): Promise<{ endpoint: string; connectionString: string }> {
  return JSON.parse(await said(command, '\n'));
}

/** Runs a program with the connection string and returns what it printed. */
async function program(script: string, connectionString: string): Promise<unknown> {
  const started = run([sourceFile(`test/integration/cli/scripts/${script}.mjs`)], {
    CONNECTION: connectionString,
    NODE_EXTRA_CA_CERTS: sourceFile('emulators/service-bus/certificate.pem'),
  });
  const { code } = await started.exit;
  if (code !== 0) throw new Error(started.errors());
  return JSON.parse(started.output());
}

afterEach(async () => {
  for (const { child, exit } of runs.splice(0)) {
    child.kill('SIGKILL');
    await exit;
  }
});

test('a program for Cosmos DB runs against it', async () => {
  const command = polycell('cosmos', '--port', '0', '--json');
  const { connectionString } = await ready(command);
  expect(await program('cosmos', connectionString)).toEqual({
    conflict: 409,
    batch: [200, [201, 200]],
    undone: [207, [424, 409]],
    total: 15,
    inOrder: [
      { id: '3', total: 30 },
      { id: '2', total: 20 },
      { id: '1', total: 15 },
    ],
    sum: [65],
    changes: [
      ['3', 30],
      ['1', 15],
    ],
    quiet: [304, 0],
  });
  command.child.kill('SIGINT');
  expect(await command.exit).toEqual({ code: 0, signal: null });
});

test('a program for Service Bus runs against it', async () => {
  const command = polycell('service-bus', '--port', '0', '--json');
  const { connectionString } = await ready(command);
  expect(await program('service-bus', connectionString)).toEqual({
    completed: [{ id: '2', total: 20 }],
    parked: [{ id: '3', total: 30 }],
    left: 0,
    dead: [{ id: '3', total: 30 }, 'too dear', 'over 25'],
    counts: [0, 0, 4],
  });
  command.child.kill('SIGINT');
  expect(await command.exit).toEqual({ code: 0, signal: null });
});

describe.each([
  ['cosmos', /^http:\/\/127\.0\.0\.1:\d+\/$/, /^AccountEndpoint=http:\/\/127\.0\.0\.1:\d+\/;AccountKey=[^;]+;$/],
  ['service-bus', /^sb:\/\/127\.0\.0\.1:\d+$/, /^Endpoint=sb:\/\/127\.0\.0\.1:\d+;.*UseDevelopmentEmulator=true;$/],
])('%s', (name, endpoint, connectionString) => {
  test('prints one line of JSON, and nothing more when it is stopped', async () => {
    const command = polycell(name, '--port', '0', '--json');
    await ready(command);
    command.child.kill('SIGTERM');
    expect(await command.exit).toEqual({ code: 0, signal: null });
    expect([command.output().split('\n').length, command.errors()]).toEqual([2, '']);
    expect(JSON.parse(command.output())).toEqual({
      ready: true,
      endpoint: expect.stringMatching(endpoint),
      connectionString: expect.stringMatching(connectionString),
    });
  });

  test('prints its connection string and how to use it', async () => {
    const command = polycell(name, '--port', '0');
    const text = await said(command, 'Ctrl-C stops the emulator.');
    expect(text).toMatch(/^ {2}(Account)?Endpoint=\S+;$/m);
    expect(text).toContain(`from @azure/${name}`);
    command.child.kill('SIGINT');
    expect(await command.exit).toEqual({ code: 0, signal: null });
    expect(command.output()).toMatch(/Stopped\.\n$/);
  });

  test('names a port that is taken, in one line', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const command = polycell(name, '--port', String(port), '--json');
    expect(await command.exit).toEqual({ code: 1, signal: null });
    other.close();
    expect(command.output()).toBe('');
    expect(command.errors()).toMatch(new RegExp(`^Port ${port} is already in use.*\\.\\n$`));
  });
});

test('keeps the state in a folder', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'polycell-emulate-'));
  const args = ['service-bus', '--port', '0', '--data', path.join(folder, 'state'), '--json'];
  const entities = async ({ endpoint }: { endpoint: string }, queue?: string): Promise<string> => {
    const url = `${endpoint.replace('sb:', 'http:')}/_control/entities`;
    if (queue !== undefined) await fetch(url, { method: 'POST', body: JSON.stringify({ queue }) });
    return (await fetch(url)).text();
  };
  const first = polycell(...args);
  expect(await entities(await ready(first), 'kept')).toContain('"kept"');
  first.child.kill('SIGTERM');
  await first.exit;
  const second = polycell(...args);
  expect(await entities(await ready(second))).toContain('"kept"');
  second.child.kill('SIGTERM');
  await second.exit;
  await rm(folder, { recursive: true });
});

test.each([
  [[], 'Name a service; there are cosmos, service-bus.\n'],
  [['kafka'], 'There is no emulator "kafka"; there are cosmos, service-bus.\n'],
  [['cosmos', '--recover'], '--recover is for service-bus, not for cosmos.\n'],
])('arguments that make no sense are refused: %p', async (args, complaint) => {
  const command = polycell(...args);
  expect(await command.exit).toEqual({ code: 2, signal: null });
  expect(command.errors()).toBe(complaint);
});

test('the certificate that the notice names is the one in use', async () => {
  const file = await readFile(sourceFile('emulators/service-bus/certificate.pem'), 'utf8');
  expect(file).toBe(DEVELOPMENT_CERTIFICATE.cert);
});
