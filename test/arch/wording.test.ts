// Texts for clients and for people at a terminal are in plain technical English.
import path from 'node:path';
import { fixtureRoot, marked, PROJECT, places, report, type Source, sourcesBelow } from './support/sources.ts';
import { bannedWords } from './support/wording.ts';

/** What lies elsewhere is not parsed: it is most of the project. */
const seen = (): Source[] =>
  ['core', 'adapters', 'cli', 'local'].flatMap((folder) =>
    sourcesBelow(path.join(PROJECT, folder)).map((source) => ({ ...source, file: `${folder}/${source.file}` })),
  );

test('no text that is seen has a banned word', () => {
  expect(report(bannedWords(seen()))).toEqual([]);
});

test('every banned word in a text is refused, and names, types and other folders are not', () => {
  const fixtures = sourcesBelow(fixtureRoot('wording'));
  expect(places(bannedWords(fixtures))).toEqual(marked(fixtures));
});
