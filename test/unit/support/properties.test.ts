// What bounds a property test: numbers of runs, and no clock.
import fc from 'fast-check';
import { endingSearch, SEED, SMALLER_RUNS } from '../../support/properties.ts';

test('a search for a smaller counterexample that would not end soon ends after its number of runs, and the failure is reported', async () => {
  let runs = 0;
  const fails = endingSearch((values: readonly number[]) => {
    runs += 1;
    // Some of a million smaller ones fail as well, so the search goes on and on.
    if (values.reduce((sum, value) => sum + value, 0) % 7 !== 0) throw new TypeError('not a multiple');
  });
  const values = fc.array(fc.nat(1e9), { minLength: 300, maxLength: 300 });
  const details = await fc.check(fc.asyncProperty(values, fails), { seed: SEED, numRuns: 10 });
  expect(details).toMatchObject({ failed: true, errorInstance: new TypeError('not a multiple') });
  expect(runs).toBeGreaterThan(SMALLER_RUNS / 2);
  expect(runs).toBeLessThanOrEqual(SMALLER_RUNS + 10);
});

test('values that a property does not speak of do not end it', async () => {
  let runs = 0;
  const holds = endingSearch((value: number) => {
    fc.pre(value % 2 === 0);
    runs += 1;
  });
  await fc.assert(fc.asyncProperty(fc.nat(), holds), { seed: SEED, numRuns: 3 * SMALLER_RUNS });
  expect(runs).toBe(3 * SMALLER_RUNS);
});
