// Texts for users and titles of tests are in plain technical English.
import path from 'node:path';
import { fixtureRoot, marked, PROJECT, places, report, type Source, sourcesBelow } from './support/sources.ts';
import { bannedWords } from './support/wording.ts';

const FOLDERS = ['core', 'adapters', 'cli', 'local', 'examples', 'hosts', 'emulators', 'bench', 'test'];

const seen = (): Source[] =>
  FOLDERS.flatMap((folder) =>
    sourcesBelow(path.join(PROJECT, folder)).map((source) => ({ ...source, file: `${folder}/${source.file}` })),
  );

test('no text that users see and no title of a test has a banned word', () => {
  expect(report(bannedWords(seen()))).toEqual([]);
});

test('every banned word in a text is refused, and names, types and other folders are not', () => {
  const fixtures = sourcesBelow(fixtureRoot('wording'));
  expect(places(bannedWords(fixtures))).toEqual(marked(fixtures));
});
