// Who may import what; CONTRIBUTING.md has the table in words.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  forbiddenImports,
  INSIDE_PACKAGES,
  importCycles,
  importsOf,
  LOADERS,
  mutualFolders,
} from './support/imports.ts';
import { type Manifest, packagesOf, workspaceOf, workspacesOf } from './support/packages.ts';
import { filesBelow, fixtureRoot, marked, PROJECT, places, report, sourcesBelow } from './support/sources.ts';

/** A lookup of the packages that the manifest of a file's workspace names. */
function declaredIn(root: string): (file: string) => ReadonlySet<string> {
  const read = (folder: string): Manifest => JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
  const workspaces = workspacesOf(read(''), filesBelow(root));
  const declared = new Map(['', ...workspaces].map((folder) => [folder, new Set(packagesOf(read(folder)))]));
  return (file) => declared.get(workspaceOf(file, workspaces)) ?? new Set();
}

const sources = sourcesBelow(PROJECT);

test('every file imports only what its folder may import', () => {
  expect(report(forbiddenImports(sources, declaredIn(PROJECT)))).toEqual([]);
});

test('the rule refuses each forbidden import of its fixtures, and no other', () => {
  const fixtures = sourcesBelow(fixtureRoot('imports'));
  const violations = forbiddenImports(fixtures, declaredIn(fixtureRoot('imports')));
  expect(places(violations)).toEqual(marked(fixtures));
  expect(report(violations)).toContain(
    'core/pipeline/bad.ts:3 @aws-sdk/client-dynamodb may not be imported from here. ' +
      'The engine knows no domain: it takes an Application as a value. ' +
      'Declare what is needed as a port in core/ports and let compose.ts pass an adapter in.',
  );
});

test('a file that may compute its imports does compute one', () => {
  const computing = sources.filter((source) => importsOf(source).some(({ specifier }) => specifier === undefined));
  const present = Object.keys(LOADERS).filter((file) => sources.some((source) => source.file === file));
  expect(present.filter((file) => !computing.some((source) => source.file === file))).toEqual([]);
});

test('a file that may look inside a package does so', () => {
  const looking = sources.filter((source) =>
    importsOf(source).some(({ specifier }) =>
      path.posix
        .join(path.posix.dirname(source.file), specifier ?? '')
        .startsWith(INSIDE_PACKAGES[source.file]?.folder ?? '\0'),
    ),
  );
  expect(looking.map(({ file }) => file)).toEqual(Object.keys(INSIDE_PACKAGES).sort());
});

test('no file imports itself by way of others', () => {
  expect(report(importCycles(sources))).toEqual([]);
});

test('a cycle of imports is refused, unless it is one of types', () => {
  const fixtures = sourcesBelow(fixtureRoot('cycles'));
  expect(places(importCycles(fixtures))).toEqual(marked(fixtures));
});

test('no two folders of core import each other', () => {
  expect(report(mutualFolders(sources))).toEqual([]);
});

test('two folders that import each other are refused, for types too', () => {
  const fixtures = sourcesBelow(fixtureRoot('mutual'));
  expect(places(mutualFolders(fixtures))).toEqual(marked(fixtures));
});
