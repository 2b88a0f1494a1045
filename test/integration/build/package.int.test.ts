// The packages of a release: the same bytes from a second build, what a pipeline expects, and contents that run.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, stop } from 'esbuild';
import { bundles, deployableOptions, outfileOf, root } from '../../../build/bundles.mjs';
import { releaseOf, verify } from '../../../build/infra/pipeline/packages.mjs';
import { crc32 } from '../../../build/package/crc32.ts';
import { packageOf, sbom } from '../../../build/package/sbom.ts';
import { tar } from '../../../build/package/tar.ts';
import { zip } from '../../../build/package/zip.ts';
import { makePackages } from '../../../build/package.ts';
import { FunctionsHost } from '../../../hosts/azure-functions/index.ts';
import { LambdaHost } from '../../../hosts/lambda/lambda-host.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from '../../support/route-tokens.ts';

let folder = '';
const inFolder = (name: string) => path.join(folder, name);
const read = (name: string) => readFileSync(inFolder(name));
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'polycell-packages-'));
  await makePackages(folder);
});
afterAll(async () => {
  // Its service process would keep the tests' own from ending.
  await stop();
  await rm(folder, { recursive: true, force: true });
});

/** Unpacks an archive by a program that is not ours. */
function unpack(name: string): string {
  const to = inFolder(`unpacked-${randomUUID()}`);
  execFileSync('unzip', ['-q', inFolder(name), '-d', to]);
  return to;
}

const FILES = [
  'SHA256SUMS',
  'aws-http.zip',
  'aws-relay.zip',
  'aws-worker.zip',
  'azure.zip',
  'container-aws.tar',
  'container-azure.tar',
  'edge.mjs',
  'sbom.cdx.json',
];

test('a second build from nothing makes the same bytes', async () => {
  for (const bundle of bundles) {
    const { outputFiles } = await build({ ...deployableOptions(bundle), write: false });
    const built = outputFiles.find((file) => /\.[cm]js$/.test(file.path))?.contents ?? new Uint8Array();
    expect([bundle.name, sha256(built)]).toEqual([
      bundle.name,
      sha256(await readFile(path.join(root, outfileOf(bundle)))),
    ]);
  }
  const other = inFolder('again');
  await makePackages(other);
  for (const name of FILES)
    expect([name, sha256(readFileSync(path.join(other, name)))]).toEqual([name, sha256(read(name))]);
});

test('the pipeline takes them by the digest of their list, and refuses a file that was changed', () => {
  const digest = sha256(read('SHA256SUMS'));
  verify(read, digest);
  expect(() => verify((file) => (file === 'azure.zip' ? Buffer.from('x') : read(file)), digest)).toThrow(
    'azure.zip is not what was built.',
  );
  const { artifacts } = releaseOf(folder, '1.0.0', 'aws');
  expect(Object.values(artifacts).every((file) => existsSync(String(file)))).toBe(true);
  expect(read('SHA256SUMS').toString().match(/\S+$/gm)).toHaveLength(FILES.length - 1);
});

test('functions out of their archives start and answer in their hosts', async () => {
  const host = new LambdaHost({
    functionName: 'http',
    bundle: path.join(unpack('aws-http.zip'), 'index.cjs'),
    handler: 'handler',
    timeoutMs: 60_000,
    initTimeoutMs: 60_000,
    environment: {
      APP_CELL: 'aws-alpha',
      APP_VERSION: '1.0.0',
      APP_EVENTS_TABLE: 'events',
      APP_STATE_TABLE: 'state',
      APP_TOPIC_ARN: 'arn:aws:sns:eu-central-1:1:events',
      APP_ROUTE_KEYS: JSON.stringify([publicPart(EDGE_KEY)]),
      APP_ENDPOINTS: 'https://x.example',
      APP_ROUTE_AUDIENCE: 'required',
      APP_IDENTITY_KEY: JSON.stringify(CELL_KEY),
      APP_EDGE: 'none',
    },
  });
  try {
    const event = { version: '2.0', rawPath: '/v1/devices', rawQueryString: '', headers: {}, isBase64Encoded: false };
    const http = { method: 'GET', path: '/v1/devices', sourceIp: '127.0.0.1' };
    const { payload } = await host.invoke({
      ...event,
      requestContext: { http, domainName: 'x.example', timeEpoch: 0 },
    });
    expect(JSON.parse(payload)).toMatchObject({ statusCode: 401 });
  } finally {
    await host.stop();
  }

  const app = unpack('azure.zip');
  const functions = new FunctionsHost({
    appFolder: app,
    environment: {
      APP_CELL: 'azure-beta',
      APP_VERSION: '1.0.0',
      APP_REGION: 'westeurope',
      APP_DATABASE: 'polycell',
      APP_TOPIC: 'events',
      APP_ROUTE_KEYS: JSON.stringify([publicPart(EDGE_KEY)]),
      APP_ENDPOINTS: 'https://x.example',
      APP_ROUTE_AUDIENCE: 'required',
      APP_IDENTITY_KEY: JSON.stringify(CELL_KEY),
      APP_EDGE: 'none',
      COSMOS: 'AccountEndpoint=http://127.0.0.1:1/;AccountKey=a2V5;',
      SERVICE_BUS: 'Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;',
      'AzureWebJobs.relay.Disabled': 'true',
      'AzureWebJobs.device-state.Disabled': 'true',
      'AzureWebJobs.rollups.Disabled': 'true',
    },
    log: () => undefined,
  });
  try {
    const { url } = await functions.start();
    expect((await fetch(`${url}/v1/devices`)).status).toBe(401);
  } finally {
    await functions.stop();
  }
});

test.each(['aws', 'azure'])(
  'the root file system of the %s container belongs to root, cannot be written, and says what it lacks to run',
  (cloud) => {
    const to = inFolder(`root-${cloud}`);
    mkdirSync(to);
    const archive = inFolder(`container-${cloud}.tar`);
    const listed = execFileSync('tar', ['--numeric-owner', '-tvf', archive]).toString().trim().split('\n');
    expect(
      listed
        .map((line) => line.replace(/ +/g, ' ').split(' '))
        .map(([rights, owner, , , , name]) => [rights, owner, name]),
    ).toEqual([
      ['dr-xr-xr-x', '0/0', 'app/'],
      ['-r--r--r--', '0/0', 'app/LICENSE'],
      ['-r--r--r--', '0/0', 'app/index.cjs'],
    ]);
    execFileSync('tar', ['-xf', archive, '-C', to]);
    // What cannot be written cannot be removed either, but by root.
    chmodSync(path.join(to, 'app'), 0o755);
    const { status, stdout } = spawnSync(process.execPath, [path.join(to, 'app/index.cjs')], {
      env: { APP_RUN: 'relay', APP_HEALTH_PORT: '8081', APP_CELL: 'some-cell' },
    });
    expect(status).toBe(1);
    const line = JSON.parse(stdout.toString()) as { level: string; message: string; error_message: string };
    expect([line.level, line.message]).toEqual(['error', 'the container does not start']);
    expect(line.error_message).toContain('APP_VERSION is not set');
  },
);

test('the bill of materials names what each artifact holds, with licence and integrity', () => {
  const bom = JSON.parse(read('sbom.cdx.json').toString());
  expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 });
  const refs = bom.components.map((component: { 'bom-ref': string }) => component['bom-ref']);
  expect(new Set(refs).size).toBe(refs.length);
  const of = (ref: string): string[] =>
    bom.dependencies
      .find((each: { ref: string }) => each.ref === ref)
      ?.dependsOn.map((each: string) => each.replace(/@[^@]*$/, ''));
  expect(of('polycell')).toHaveLength(7);
  expect(of('container-azure.tar')).toEqual(expect.arrayContaining(['pkg:npm/%40azure/cosmos', 'pkg:npm/rhea']));
  expect(of('aws-http.zip')).toContain('pkg:npm/%40aws-sdk/client-dynamodb');
  expect(of('azure.zip')).toEqual(expect.arrayContaining(['pkg:npm/%40azure/cosmos', 'pkg:npm/rhea']));
  expect(of('edge.mjs').filter((name) => /aws|azure/.test(name))).toEqual([]);
  for (const { licenses, hashes, version } of bom.components) {
    expect(licenses[0].license.id).toMatch(/^[\w.-]+$/);
    expect(hashes[0]).toEqual({ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) });
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  }
  for (const { name, hashes } of bom.metadata.component.components) expect(hashes[0].content).toBe(sha256(read(name)));
});

describe('a bill of materials is refused', () => {
  const artifacts = [{ name: 'a.zip', sha256: '', inputs: ['core/a.ts', 'node_modules/@x/y/index.js'] }];
  const integrity = `sha512-${Buffer.alloc(64).toString('base64')}`;
  const make = (locked: object) => () => sbom({ version: '1.0.0', artifacts }, { 'node_modules/@x/y': locked });
  test.each([
    [
      'for a licence that no release may have',
      { version: '1.0.0', integrity, license: 'GPL-3.0-only' },
      '@x/y 1.0.0 is part of a release under GPL-3.0-only',
    ],
    ['for no licence', { version: '1.0.0', integrity }, 'under no licence'],
    ['for no integrity', { version: '1.0.0', license: 'MIT' }, 'has no version and integrity of node_modules/@x/y'],
  ])('%s', (_, locked, message) => {
    expect(make(locked)).toThrow(message);
  });
  test('and is made for what may be', () => {
    expect(make({ version: '1.0.0', integrity, license: 'MIT' })()).toMatchObject({
      components: [{ group: '@x', name: 'y' }],
    });
  });
});

test('a file belongs to the innermost package', () => {
  expect(packageOf('node_modules/a/node_modules/@b/c/lib/x.js')).toBe('node_modules/a/node_modules/@b/c');
  expect(packageOf('core/x.ts')).toBeUndefined();
});

test('an archive has its files in order, whatever order they were given in, and plain names only', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  const [a, b] = [Buffer.from('a'), Buffer.from('b')];
  expect(zip({ 'x/b': b, a })).toEqual(zip({ a, 'x/b': b }));
  for (const name of ['../a', '/a', 'a\\b', 'ü', '']) expect(() => zip({ [name]: a })).toThrow('is no name');
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`f${index}`, a]));
  for (const archive of [zip, tar]) expect(() => archive(many)).toThrow('An archive takes 1000 files.');
});
