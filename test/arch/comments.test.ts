// What is written down in the sources, and what is switched off in them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { MAXIMUM_LINES, missingBeginnings, overlongFiles, undocumentedPorts, unexplained } from './support/comments.ts';
import { filesBelow, fixtureRoot, marked, PROJECT, places, report, sourcesBelow } from './support/sources.ts';

/** Files whose length is right: they are made by programs or by lawyers. */
const LONG: Readonly<Record<string, string>> = {
  'package-lock.json': 'written by npm',
  'core/openapi.generated.json': 'written by npm run generate',
  'infra/monitoring/grafana-cells.generated.json': 'written by npm run infra:generate',
};

const sources = sourcesBelow(PROJECT);
const fixtures = sourcesBelow(fixtureRoot('comments'));
const fixture = (name: string) => fixtures.filter(({ file }) => file.endsWith(name));

test('every source file begins with a sentence that says what it is', () => {
  expect(report(missingBeginnings(sources))).toEqual([]);
});

test('a file without such a beginning is refused', () => {
  expect(places(missingBeginnings(fixtures))).toEqual([
    'core/block-beginning.ts:1',
    'core/no-beginning.ts:1',
    'core/no-sentence.ts:1',
    'core/script.mjs:2',
  ]);
});

test('every port says what it promises', () => {
  expect(report(undocumentedPorts(sources))).toEqual([]);
});

test('a port without its contract is refused', () => {
  const ports = fixture('core/ports/bad.ts');
  expect(places(undocumentedPorts(ports))).toEqual(marked(ports));
  expect(report(undocumentedPorts(ports)).join('\n')).toContain('Bad.get has no doc comment.');
});

test('every check that is switched off has a reason, and nothing is left for later', () => {
  expect(report(unexplained(sources))).toEqual([]);
});

test('an exception without a reason and a note to oneself are refused', () => {
  const exceptions = fixture('unexplained.ts');
  expect(places(unexplained(exceptions))).toEqual(marked(exceptions));
});

test(`no file is longer than ${MAXIMUM_LINES} lines`, () => {
  const files = filesBelow(PROJECT)
    .filter((file) => /\.([cm]?[jt]s|json|md|tf|hcl|ya?ml)$/.test(file))
    .map((file) => ({ file, text: readFileSync(path.join(PROJECT, file), 'utf8') }));
  expect(report(overlongFiles(files, LONG))).toEqual([]);
});

test('a longer file is refused, unless it is exempt', () => {
  const files = [
    { file: 'core/long.ts', text: 'line\n'.repeat(MAXIMUM_LINES + 1) },
    { file: 'core/full.ts', text: 'line\n'.repeat(MAXIMUM_LINES) },
    { file: 'package-lock.json', text: 'line\n'.repeat(MAXIMUM_LINES + 1) },
  ];
  expect(places(overlongFiles(files, LONG))).toEqual([`core/long.ts:${MAXIMUM_LINES + 1}`]);
});
