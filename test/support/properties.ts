// Property tests with one fixed seed, which the test's name tells: a failure is the same on every machine.
import fc from 'fast-check';

export const SEED = 20_261_121;

/** Looking for a smaller counterexample ends after this, so that a failure is told before Jest gives up. */
const TIME_LIMIT_MS = 30_000;

/** Declares a test that holds for every value; the seed and, on a failure, the smallest counterexample are printed. */
export function property<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  holds: (value: T) => void | Promise<void>,
  runs = 200,
): void {
  test(
    `${name} (seed ${SEED}, ${runs} runs)`,
    async () => {
      expect.hasAssertions();
      await fc.assert(
        fc.asyncProperty(arbitrary, async (value) => {
          await holds(value);
        }),
        { seed: SEED, numRuns: runs, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: true },
      );
    },
    2 * TIME_LIMIT_MS,
  );
}
