// The threat model: each threat has a test that exists, and each defence that is removed belongs to a threat.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { threatsIn } from '../threats/model.ts';
import { MUTATIONS } from '../threats/mutations.ts';
import { fixtureRoot, PROJECT } from './support/sources.ts';

const read = (file: string): string => readFileSync(path.join(PROJECT, file), 'utf8');
const document = read('docs/threat-model.md');
const threats = threatsIn(document);

/** The text of a file with what stands for quotes in names of tests as it is. */
const plain = (file: string): string => read(file).replaceAll("\\'", "'");

const missingTests = (all: typeof threats): string[] =>
  all.flatMap(({ id, file, test }) => {
    if (!existsSync(path.join(PROJECT, file))) return [`${id}: ${file} is not there.`];
    return plain(file).includes(test) ? [] : [`${id}: ${file} has no test “${test}”.`];
  });

test('every boundary of trust has threats, each with an id of its own', () => {
  const boundaries = document
    .split(/^## /m)
    .slice(1)
    .map((part) => [part.split('\n', 1)[0], threatsIn(part).length > 0]);
  expect(boundaries).toEqual(
    ['Client', 'Edge to cell', 'Directory', 'Cell', 'Bus', 'Operator', 'Supply chain'].map((name) => [name, true]),
  );
  expect(new Set(threats.map(({ id }) => id)).size).toBe(threats.length);
});

test('every threat names a test that exists', () => {
  expect(missingTests(threats)).toEqual([]);
});

test('a threat whose test is not there is refused, and so is a row of another form', () => {
  const text = readFileSync(path.join(fixtureRoot('threats'), 'model.md'), 'utf8');
  expect(missingTests(threatsIn(text))).toEqual([
    'X1: test/gone.test.ts is not there.',
    'X2: test/arch/threats.test.ts has no test “that was never ' + 'written”.',
  ]);
  expect(() => threatsIn('| X3 | S | threat | defence | none |')).toThrow('docs/threat-model.md:1 is no row');
});

test('the defences that `npm run threats` removes are those that the document marks, and are where it looks for them', () => {
  expect(MUTATIONS.map(({ threat }) => threat)).toEqual(
    threats.filter(({ isRemoved }) => isRemoved).map(({ id }) => id),
  );
  const absent = MUTATIONS.filter(({ file, find }) => read(file).split(find).length !== 2);
  expect(absent).toEqual([]);
});
