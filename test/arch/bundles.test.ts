// What is deployed: which files and packages each bundle holds, and how large it may be.
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { absent } from '../../build/absent.mjs';
import { buildBundles, bundles, compileTool, outfileOf } from '../../build/bundles.mjs';
import { BUDGETS, bundleFaults, type Metafile, TELEMETRY_BUDGET, telemetryBytes } from './support/bundles.ts';
import { packageOf } from './support/imports.ts';
import { fixtureRoot, PROJECT, report } from './support/sources.ts';

const metafileAt = (file: string): Metafile => JSON.parse(readFileSync(file, 'utf8'));

beforeAll(() => buildBundles());

test.each(bundles.map((bundle) => [bundle.name, outfileOf(bundle)] as const))(
  '%s holds what it needs, within its budget',
  (name, outfile) => {
    const metafile = metafileAt(path.join(PROJECT, `${outfile}.meta.json`));
    expect(report(bundleFaults(name, metafile, BUDGETS[name]))).toEqual([]);
    expect(telemetryBytes(metafile)).toBeGreaterThan(0);
    expect(telemetryBytes(metafile)).toBeLessThanOrEqual(TELEMETRY_BUDGET);
  },
);

test('every budget is a bundle’s', () => {
  const names = bundles.map(({ name }) => name);
  expect(Object.keys(BUDGETS).filter((name) => !names.includes(name))).toEqual([]);
});

test('whatever does not belong into a bundle is refused', () => {
  const metafile = metafileAt(path.join(fixtureRoot('bundles'), 'worker.meta.json'));
  const messages = bundleFaults('aws/worker', metafile, BUDGETS['aws/worker']).map(({ message }) => message);
  expect(messages.map((message) => message.split(' ').slice(0, 3).join(' ')).sort()).toEqual([
    'The bundle has',
    'adapters/azure/cosmos-store.ts belongs to',
    'adapters/memory/memory-store.ts is in',
    'core/http/routes.ts is part',
    'core/pipeline/consume.ts brings in',
    'left-out is left',
    'node_modules/@aws-sdk/credential-provider-ini/index.js is in',
    'node_modules/@aws-sdk/nested-clients/sts.js is in',
    'node_modules/@azure/cosmos/index.js belongs to',
    'node_modules/ajv/dist/ajv.js is in',
    'test/support/fake-clock.ts is in',
  ]);
});

test('a module of Node.js and a package of a cloud are refused at the edge', () => {
  const metafile = metafileAt(path.join(fixtureRoot('bundles'), 'edge.meta.json'));
  expect(bundleFaults('edge/http', metafile, BUDGETS['edge/http']).map(({ message }) => message)).toEqual([
    'node_modules/@azure/cosmos/index.js belongs to another cloud.',
    'adapters/aws/errors.ts belongs to another cloud.',
    'node:crypto is left out of the bundle, so it would be missing where the bundle runs.',
  ]);
});

test('a part of an SDK that is left out may be imported and tested for, and says so when it is used', () => {
  const Left = absent('BulkHelper', 'bulk.js');
  class Child extends Left {}
  expect({} instanceof Left).toBe(false);
  for (const use of [() => new Left(), () => Left(), () => Left.create(), () => new Child()])
    expect(use).toThrow('BulkHelper of bulk.js is excluded from this bundle; see build/lean-azure.mjs.');
});

test('a bundle without a budget is refused', () => {
  const metafile = { outputs: { 'dist/aws/new/index.cjs': { bytes: 1, imports: [], inputs: {} } }, inputs: {} };
  expect(bundleFaults('aws/new', metafile, undefined)).toHaveLength(1);
});

test('the command line loads no SDK before a command needs it', async () => {
  const { outputs } = metafileAt(path.join(PROJECT, `${await compileTool('cli/main.ts')}.meta.json`));
  const packages = Object.values(outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ path: specifier, kind }) => kind !== 'dynamic-import' && !isBuiltin(specifier))
    .map(({ path: specifier }) => packageOf(specifier));
  expect([...new Set(packages)].sort()).toEqual(['@noble/hashes', 're2js', 'sax', 'ws']);
});
