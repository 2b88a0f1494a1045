// The package as others get it: packed, installed in an empty folder without a network, and used there.
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = path.resolve(__dirname, '../..');
const MODULES = path.resolve(PACKAGE, '../../node_modules');
const { version } = JSON.parse(readFileSync(path.join(PACKAGE, 'package.json'), 'utf8')) as { version: string };

/** What a user's own program does; the SDK comes from this repository, as there is no network to install it from. */
const CLIENT = `
const { CosmosClient } = require('@azure/cosmos');
(async () => {
  const client = new CosmosClient(process.argv[2]);
  const { database } = await client.databases.createIfNotExists({ id: 'shop' });
  const { container } = await database.containers.createIfNotExists({ id: 'orders', partitionKey: '/customer' });
  await container.items.upsert({ id: '1', customer: 'a', note: 'hello' });
  const { resources } = await container.items.query('SELECT VALUE c.note FROM c WHERE RegexMatch(c.note, "^h")').fetchAll();
  client.dispose();
  process.stdout.write(resources.join());
})();
`;

const TYPED = `
import { CosmosEmulator, type CosmosConnection } from '@polycell/cosmos-emulator';
export async function start(): Promise<string> {
  const emulator = new CosmosEmulator({ port: 0, clock: () => 0 });
  emulator.addFault({ operation: 'create', status: 429 });
  const { connectionString }: CosmosConnection = await emulator.start();
  // @ts-expect-error -- what is not an option is refused, so the types have arrived
  new CosmosEmulator({ ports: 0 });
  return connectionString + emulator.inspect().databases.length;
}
`;

let folder: string;
const inFolder = (program: string, ...args: readonly string[]) => run(program, [...args], { cwd: folder });

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'cosmos-package-'));
  await run('npm', ['pack', '--ignore-scripts=false', '--pack-destination', folder], { cwd: PACKAGE });
  const [archive = ''] = readdirSync(folder);
  expect(archive).toBe(`polycell-cosmos-emulator-${version}.tgz`);
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  await inFolder('npm', 'install', '--offline', '--no-audit', '--no-fund', `./${archive}`);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('brings what it says, and nothing to be installed beside it', () => {
  expect(readdirSync(path.join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['@polycell']);
  const installed = path.join(folder, 'node_modules/@polycell/cosmos-emulator');
  expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
  expect(readFileSync(path.join(installed, 'dist/licences.txt'), 'utf8')).toMatch(/^re2js [\d.]+ \(MIT\)/m);
});

test('serves the SDK from npx, and keeps the data', async () => {
  writeFileSync(path.join(folder, 'client.cjs'), CLIENT);
  const program = spawn('npx', ['--offline', 'cosmos-emulator', '--port', '0', '--data', 'data', '--stop-with-stdin'], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => program.on('exit', resolve));
  const line = await new Promise<string>((resolve) => createInterface(program.stdout).once('line', resolve));
  const { connectionString } = JSON.parse(line) as { connectionString: string };
  const env = { ...process.env, NODE_PATH: MODULES };
  const { stdout } = await run(process.execPath, ['client.cjs', connectionString], { cwd: folder, env });
  expect(stdout).toBe('hello');
  program.stdin.end();
  expect(await ended).toBe(0);
  expect(readdirSync(path.join(folder, 'data'))).toEqual(['cosmos.log']);
});

test('is imported and required by its name', async () => {
  const use = "console.log(new CosmosEmulator().inspect().databases.length, OPERATIONS.includes('bulk'));";
  const names = '{ CosmosEmulator, OPERATIONS }';
  writeFileSync(path.join(folder, 'a.mjs'), `import ${names} from '@polycell/cosmos-emulator';${use}`);
  writeFileSync(path.join(folder, 'a.cjs'), `const ${names} = require('@polycell/cosmos-emulator');${use}`);
  expect((await inFolder(process.execPath, 'a.mjs')).stdout).toBe('0 true\n');
  expect((await inFolder(process.execPath, 'a.cjs')).stdout).toBe('0 true\n');
});

test.each(['bundler', 'node16'])('has types, with module resolution %s', async (resolution) => {
  writeFileSync(path.join(folder, 'typed.ts'), TYPED);
  cpSync(path.join(MODULES, '@types/node'), path.join(folder, 'types/node'), { recursive: true });
  cpSync(path.join(MODULES, 'undici-types'), path.join(folder, 'types/undici-types'), { recursive: true });
  const module = resolution === 'bundler' ? 'esnext' : 'node16';
  const args = ['--noEmit', '--strict', '--target', 'es2022', '--module', module, '--moduleResolution', resolution];
  const compiler = path.join(MODULES, 'typescript/bin/tsc');
  const checked = await inFolder(
    process.execPath,
    compiler,
    ...args,
    '--typeRoots',
    'types',
    '--types',
    'node',
    'typed.ts',
  )
    .then(({ stdout }) => stdout)
    .catch((error: { stdout: string }) => error.stdout);
  expect(checked).toBe('');
});

test('explains its command line', async () => {
  const program = path.join(folder, 'node_modules/.bin/cosmos-emulator');
  expect((await inFolder(program, '--version')).stdout).toBe(`${version}\n`);
  expect((await inFolder(program, '--help')).stdout).toContain('--data DIR');
  for (const [argument, reason] of [
    ['--prot=1', "Unknown option '--prot'"],
    ['--port=1e3', '--port 1e3 is not a port number'],
    ['--ranges=many', '--ranges many is not a number'],
    ['--consistency=Weak', '--consistency must be one of Strong'],
  ] as const) {
    await expect(inFolder(program, argument)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining(reason),
    });
  }
});
