// Time, timers, randomness and the environment reach core and the adapters through ports alone.
import { ambientUses } from './support/ambient.ts';
import { fixtureRoot, marked, PROJECT, places, report, sourcesBelow } from './support/sources.ts';

test('neither core nor an adapter uses the machine itself', () => {
  expect(report(ambientUses(sourcesBelow(PROJECT)))).toEqual([]);
});

test('every way to the machine is refused, and what looks alike is not', () => {
  const fixtures = sourcesBelow(fixtureRoot('ambient'));
  expect(places(ambientUses(fixtures))).toEqual(marked(fixtures));
});
