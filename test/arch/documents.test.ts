// Documents that lead somewhere, and decisions that are complete.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type Document,
  deadReferences,
  malformedDecisions,
  unknownCommands,
  unmergedLines,
} from './support/documents.ts';
import { filesBelow, fixtureRoot, PROJECT, places, report } from './support/sources.ts';

const documentsBelow = (root: string): Document[] =>
  filesBelow(root)
    .filter((file) => file.endsWith('.md'))
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));
const existsBelow = (root: string) => (file: string) => existsSync(path.join(root, file));

const documents = documentsBelow(PROJECT);
const fixtures = documentsBelow(fixtureRoot('documents'));

test('every link and every path in a document leads to a file', () => {
  expect(report(deadReferences(documents, existsBelow(PROJECT)))).toEqual([]);
});

test('a link and a path that lead nowhere are refused', () => {
  expect(report(deadReferences(fixtures, existsBelow(fixtureRoot('documents'))))).toEqual([
    'docs/guide.md:3 docs/adr/0002-gone.md is not there.',
    'docs/guide.md:3 core/gone.ts is not there.',
  ]);
});

const known = {
  scripts: Object.keys(JSON.parse(readFileSync(path.join(PROJECT, 'package.json'), 'utf8')).scripts),
  commands: filesBelow(path.join(PROJECT, 'cli/commands')).map((file) => file.replace(/\.ts$/, '')),
  checks: [...readFileSync(path.join(PROJECT, 'build/check.mjs'), 'utf8').matchAll(/^ {2}(\w+): \[/gm)].map(
    ([, name = '']) => name,
  ),
};

test('every command in a document exists', () => {
  expect(report(unknownCommands(documents, known))).toEqual([]);
});

test('a command that does not exist is refused', () => {
  expect(report(unknownCommands(fixtures, known))).toEqual([
    'docs/guide.md:4 There is no `npm run fly`.',
    'docs/guide.md:4 There is no `npm run check -- nothing`.',
    'docs/guide.md:5 There is no `npx polycell sing`.',
  ]);
});

test('no document holds the marks of an unfinished merge', () => {
  expect(report(unmergedLines(documents))).toEqual([]);
});

test('a merge that is left unfinished is refused', () => {
  expect(places(unmergedLines(fixtures))).toEqual(['docs/unmerged.md:3', 'docs/unmerged.md:7']);
});

test('every decision has all its parts, and the architecture lists it', () => {
  expect(report(malformedDecisions(documents))).toEqual([]);
  const architecture = readFileSync(path.join(PROJECT, 'docs/architecture.md'), 'utf8');
  const unlisted = documents
    .map(({ file }) => /^docs\/(adr\/\d.*)$/.exec(file)?.[1])
    .filter((file) => file !== undefined && !architecture.includes(`](${file})`));
  expect(unlisted).toEqual([]);
});

test('a decision in another form is refused', () => {
  expect(places(malformedDecisions(fixtures))).toEqual([
    'docs/adr/0003-order.md:1',
    'docs/adr/0004-praise.md:1',
    'docs/adr/0005-number.md:1',
    'docs/adr/6-name.md:1',
  ]);
});

test('the README has a phrase for every folder', () => {
  const readme = readFileSync(path.join(PROJECT, 'README.md'), 'utf8');
  const folders = new Set(
    filesBelow(PROJECT)
      .filter((file) => file.includes('/') && !file.startsWith('.'))
      .map((file) => file.slice(0, file.indexOf('/') + 1)),
  );
  expect([...folders].filter((folder) => !readme.includes(`\n| \`${folder}\` |`))).toEqual([]);
});
