// One recorded day on both clouds: the same answers and the same state in the end, but for what allowed.json lists.
import { inputOf } from '../fuzz/inputs.ts';
import { day, TENANTS } from '../parity/day.ts';
import { playDay } from '../parity/run.ts';
import { LONG_TEST_MS } from '../support/patience.ts';

jest.setTimeout(LONG_TEST_MS);

/** Some of the inputs of `npm run fuzz`, of a lane of their own. */
const fuzzed = Array.from({ length: 100 }, (_, number) => inputOf(1, number, 0));

test('both clouds answer a recorded day alike, and requests that are nearly right', async () => {
  const { counts, unexpected, unused } = await playDay(undefined, { steps: [...day(), ...fuzzed], tenants: TENANTS });
  expect(unexpected).toEqual([]);
  expect(unused).toEqual([]);
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(500);
});
