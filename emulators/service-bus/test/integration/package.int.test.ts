// The package as others get it: packed, installed in an empty folder without a network, and used there.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = path.resolve(__dirname, '../..');
const MODULES = path.resolve(PACKAGE, '../../node_modules');
const { version } = JSON.parse(readFileSync(path.join(PACKAGE, 'package.json'), 'utf8'));

/** What a user's own program does; the SDK comes from this repository, as there is no network to install it from. */
const CLIENT = `
const { ServiceBusClient, ServiceBusAdministrationClient } = require('@azure/service-bus');
const [connectionString] = process.argv.slice(2);
(async () => {
  await new ServiceBusAdministrationClient(connectionString).createQueue('orders');
  const client = new ServiceBusClient(connectionString);
  await client.createSender('orders').sendMessages({ body: 'hello' });
  const receiver = client.createReceiver('orders');
  const [message] = await receiver.receiveMessages(1);
  await receiver.completeMessage(message);
  await client.close();
  process.stdout.write(message.body);
})();
`;

const TYPED = `
import { ServiceBusEmulator, type ServiceBusAddress } from '@polycell/service-bus-emulator';
export async function start(): Promise<number> {
  const emulator = new ServiceBusEmulator({ port: 0, fsync: 'always' });
  emulator.createQueue('q', { lockDurationMs: 5_000 });
  const { port }: ServiceBusAddress = await emulator.start();
  // @ts-expect-error -- what is not an option is refused, so the types have arrived
  new ServiceBusEmulator({ ports: 0 });
  return port + emulator.messages('q').length;
}
`;

describe('the package', () => {
  let folder: string;
  const inFolder = (program: string, ...args: readonly string[]) => run(program, [...args], { cwd: folder });

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'service-bus-package-'));
    await run('npm', ['pack', '--ignore-scripts=false', '--pack-destination', folder], { cwd: PACKAGE });
    const [archive = ''] = readdirSync(folder);
    expect(archive).toBe(`polycell-service-bus-emulator-${version}.tgz`);
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
    await inFolder('npm', 'install', '--offline', '--no-audit', '--no-fund', `./${archive}`);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test('brings what it says, and nothing to be installed beside it', () => {
    expect(readdirSync(path.join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      '@polycell',
    ]);
    const installed = path.join(folder, 'node_modules/@polycell/service-bus-emulator');
    expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'README.md', 'certificate.pem', 'dist', 'package.json']);
    const licences = readFileSync(path.join(installed, 'dist/licences.txt'), 'utf8');
    expect(licences).toMatch(/^sax [\d.]+ \(BlueOak-1\.0\.0\)/m);
    expect(licences).toMatch(/^ws [\d.]+ \(MIT\)/m);
  });

  test('serves the SDK from its program, and keeps the data', async () => {
    writeFileSync(path.join(folder, 'client.cjs'), CLIENT);
    const program: ChildProcess = spawn(
      path.join(folder, 'node_modules/.bin/service-bus-emulator'),
      ['--port', '0', '--data', 'data', '--stop-with-stdin'],
      { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const ended = new Promise((resolve) => program.on('exit', resolve));
    if (program.stdout === null) throw new Error('the program has no standard output');
    const line = await new Promise<string>((resolve) => {
      if (program.stdout !== null) createInterface(program.stdout).once('line', resolve);
    });
    const { connectionString } = JSON.parse(line);
    const certificate = path.join(folder, 'node_modules/@polycell/service-bus-emulator/certificate.pem');
    const env = { ...process.env, NODE_PATH: MODULES, NODE_EXTRA_CA_CERTS: certificate };
    const { stdout } = await run(process.execPath, ['client.cjs', connectionString], { cwd: folder, env });
    expect(stdout).toBe('hello');
    program.stdin?.end();
    expect(await ended).toBe(0);
    expect(readdirSync(path.join(folder, 'data'))).toEqual(['service-bus.journal']);
  });

  test('is imported and required by its name', async () => {
    const use = "const e = new ServiceBusEmulator(); e.createQueue('q'); console.log(e.entities()[0].path);";
    writeFileSync(
      path.join(folder, 'a.mjs'),
      `import { ServiceBusEmulator } from '@polycell/service-bus-emulator';${use}`,
    );
    writeFileSync(
      path.join(folder, 'a.cjs'),
      `const { ServiceBusEmulator } = require('@polycell/service-bus-emulator');${use}`,
    );
    expect((await inFolder(process.execPath, 'a.mjs')).stdout).toBe('q\n');
    expect((await inFolder(process.execPath, 'a.cjs')).stdout).toBe('q\n');
  });

  test('has types, for programs that Node.js resolves', async () => {
    writeFileSync(path.join(folder, 'typed.ts'), TYPED);
    cpSync(path.join(MODULES, '@types/node'), path.join(folder, 'types/node'), { recursive: true });
    cpSync(path.join(MODULES, 'undici-types'), path.join(folder, 'types/undici-types'), { recursive: true });
    const args = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'node16', '--moduleResolution', 'node16'];
    const types = ['--typeRoots', 'types', '--types', 'node'];
    await inFolder(process.execPath, path.join(MODULES, 'typescript/bin/tsc'), ...args, ...types, 'typed.ts').catch(
      (error) => {
        throw new Error(`${error.stdout}`);
      },
    );
  });

  test('explains its command line', async () => {
    const program = path.join(folder, 'node_modules/.bin/service-bus-emulator');
    expect((await inFolder(program, '--version')).stdout).toBe(`${version}\n`);
    expect((await inFolder(program, '--help')).stdout).toContain('--data DIR');
    for (const [argument, reason] of [
      ['--prot=1', "Unknown option '--prot'"],
      ['--port=1e3', '--port 1e3 is not a port number'],
      ['--fsync=often', '--fsync must be never or always'],
    ] as const)
      await expect(inFolder(program, argument)).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining(reason),
      });
  });
});
