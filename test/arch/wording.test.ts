// Texts for users, titles of tests, comments and documents are in plain technical English.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  filesBelow,
  fixtureRoot,
  marked,
  PROJECT,
  places,
  report,
  type Source,
  sourcesBelow,
} from './support/sources.ts';
import { bannedComments, bannedProse, bannedWords } from './support/wording.ts';

const FOLDERS = ['core', 'adapters', 'cli', 'local', 'examples', 'hosts', 'emulators', 'bench', 'test'];

const sources = sourcesBelow(PROJECT);
const seen = sources.filter(({ file }) => FOLDERS.includes(file.split('/')[0] ?? ''));

test('no text that users see and no title of a test has a banned word', () => {
  expect(report(bannedWords(seen))).toEqual([]);
});

test('every banned word in a text is refused, and names, types and other folders are not', () => {
  const fixtures = sourcesBelow(fixtureRoot('wording'));
  expect(places(bannedWords(fixtures))).toEqual(marked(fixtures));
});

test('no comment has a banned word', () => {
  expect(report(bannedComments(sources))).toEqual([]);
});

test('no document has a banned word', () => {
  const documents = filesBelow(PROJECT).filter((file) => file.endsWith('.md'));
  const texts = documents.map((file) => ({ file, text: readFileSync(path.join(PROJECT, file), 'utf8') }));
  expect(report(bannedProse(texts))).toEqual([]);
});

test('a banned word in a comment or in prose is refused, and one in code or in quotes is not', () => {
  const [source] = sourcesBelow(fixtureRoot('wording'));
  const text = "// Nobody is told.\nconst told = 'nobody';\n/**\n * It mends itself.\n */\n";
  expect(places(bannedComments([{ ...(source as Source), file: 'a.ts', text }]))).toEqual(['a.ts:1', 'a.ts:4']);
  const prose =
    'Anyone may read.\nNobody `told` us.\n\n```sh\nnobody\n```\nIt says "nobody".\nThey run by themselves.\n';
  expect(places(bannedProse([{ file: 'a.md', text: prose }]))).toEqual(['a.md:2', 'a.md:8']);
});
