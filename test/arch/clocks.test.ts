// No outcome of a test depends on how fast the machine is.
import { clockUses } from './support/clocks.ts';
import { fixtureRoot, marked, PROJECT, places, report, sourcesBelow } from './support/sources.ts';

test('no test judges by the clock, and none has a limit of time of its own', () => {
  expect(report(clockUses(sourcesBelow(PROJECT)))).toEqual([]);
});

test('every way to judge by the clock is refused, and what looks alike is not', () => {
  const fixtures = sourcesBelow(fixtureRoot('clocks'));
  expect(places(clockUses(fixtures))).toEqual(marked(fixtures));
});
