// One recorded day on both clouds: the same answers and the same state in the end, but for what allowed.json lists.
import { playDay } from '../parity/run.ts';
import { LONG_TEST_MS } from '../support/patience.ts';

jest.setTimeout(LONG_TEST_MS);

test('both clouds answer a recorded day alike', async () => {
  const { counts, unexpected, unused } = await playDay();
  expect(unexpected).toEqual([]);
  expect(unused).toEqual([]);
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(500);
});
