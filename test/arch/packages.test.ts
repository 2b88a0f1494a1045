// The packages that the project brings along, and that they install alike on every machine.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { importsOf, packageOf } from './support/imports.ts';
import {
  type LockFile,
  lockFileFaults,
  type Manifest,
  type OtherUse,
  unusedPackages,
  workspaceOf,
  workspacesOf,
} from './support/packages.ts';
import { filesBelow, fixtureRoot, PROJECT, sourcesBelow } from './support/sources.ts';

const read = (file: string): string => readFileSync(path.join(PROJECT, file), 'utf8');
const manifestOf = (folder: string): Manifest => JSON.parse(read(path.join(folder, 'package.json')));
const workspaces = workspacesOf(manifestOf(''), filesBelow(PROJECT));
const dynoxide = Object.keys(manifestOf('').optionalDependencies ?? {}).filter((name) => name.startsWith('@dynoxide/'));
const lockFile: LockFile = JSON.parse(read('package-lock.json'));

/** Tools, typings and platform packages that are used without being imported, by workspace. */
const OTHER_USES: Readonly<Record<string, Readonly<Record<string, OtherUse>>>> = {
  '': {
    '@biomejs/biome': { file: 'build/check.mjs', text: 'node_modules/.bin/biome' },
    ...Object.fromEntries(
      dynoxide.map((name) => [name, { file: 'emulators/dynamodb/dynamodb-emulator.ts', text: '@dynoxide/' }]),
    ),
    '@swc/core': { file: 'package-lock.json', text: '"@swc/core": "*"' },
    '@swc/jest': { file: 'jest.config.mjs', text: '@swc/jest' },
    '@types/jest': { file: 'tsconfig.json', text: '"jest"' },
    '@types/node': { file: 'tsconfig.json', text: '"node"' },
    jest: { file: 'build/test.mjs', text: 'node_modules/jest/bin/jest.js' },
    typescript: { file: 'build/check.mjs', text: 'node_modules/typescript/bin/tsc' },
    wrangler: { file: 'test/integration/infra/wrangler.int.test.ts', text: 'node_modules/wrangler/' },
  },
  'emulators/cosmos': { '@types/node': { file: 'tsconfig.json', text: '"node"' } },
  'emulators/service-bus': { '@types/node': { file: 'tsconfig.json', text: '"node"' } },
  'hosts/azure-functions': {
    '@azure/functions': {
      file: 'hosts/azure-functions/test/integration/http.int.test.ts',
      text: "from '@azure/functions'",
    },
  },
  // Powertools' DynamoDB persistence loads it as a peer.
  bench: { '@aws-sdk/lib-dynamodb': { file: 'package-lock.json', text: '"@aws-sdk/lib-dynamodb": ">=3.x"' } },
};

/** A package of one platform that not every registry has: docs/adr/0026-node-versions-and-platform-packages.md. */
const UNCHECKED = dynoxide.filter((name) => name !== '@dynoxide/linux-x64');

const sources = sourcesBelow(PROJECT);

/** The packages that the sources of a workspace import. */
const importedBy = (workspace: string): ReadonlySet<string> =>
  new Set(
    sources
      .filter(({ file }) => workspaceOf(file, workspaces) === workspace)
      .flatMap(importsOf)
      .flatMap(({ specifier }) => (specifier === undefined ? [] : [packageOf(specifier)])),
  );

test('the lock file fits every registry and every platform', () => {
  expect(lockFileFaults(lockFile, UNCHECKED)).toEqual([]);
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

test.each(['', ...workspaces])('every package in %s/package.json is used', (workspace) => {
  expect(unusedPackages(manifestOf(workspace), importedBy(workspace), OTHER_USES[workspace] ?? {}, read)).toEqual([]);
});

test('a workspace of its own is found, also by a pattern, and a folder that only has a manifest is none', () => {
  const files = ['bench/package.json', 'hosts/edge/package.json', 'hosts/edge/test/package.json', 'local/package.json'];
  expect(workspacesOf({ workspaces: ['bench', 'hosts/*'] }, files)).toEqual(['bench', 'hosts/edge']);
});

test('the workspaces are those that the lock file has', () => {
  const locked = Object.values(lockFile.packages).flatMap(({ link, resolved = '' }) => (link ? [resolved] : []));
  expect(workspaces).toEqual(locked.sort());
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
