// Property tests with one fixed seed, which the test's name shows: a failure is the same on every machine.
import fc from 'fast-check';

export const SEED = 20_261_121;

/** Values tried in search of a smaller counterexample: counted, so that a slow machine finds the same one as a fast one. */
export const SMALLER_RUNS = 1000;

/** `holds`, but for an end to the search for a smaller counterexample: after so many values no other one fails. */
export function endingSearch<T>(holds: (value: T) => void | Promise<void>): (value: T) => Promise<void> {
  let left = Number.POSITIVE_INFINITY;
  return async (value) => {
    fc.pre(left > 0);
    left -= 1;
    try {
      await holds(value);
    } catch (error) {
      if (!(error instanceof fc.PreconditionFailure)) left = Math.min(left, SMALLER_RUNS);
      throw error;
    }
  };
}

/** Declares a test that holds for every value; the seed and, on a failure, the smallest counterexample are printed. */
export function property<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  holds: (value: T) => void | Promise<void>,
  runs = 200,
): void {
  test(`${name} (seed ${SEED}, ${runs} runs)`, async () => {
    expect.hasAssertions();
    await fc.assert(fc.asyncProperty(arbitrary, endingSearch(holds)), { seed: SEED, numRuns: runs });
  });
}
