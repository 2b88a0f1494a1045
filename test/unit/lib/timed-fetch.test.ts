// One request with a timeout: why there is no answer, in words that fit into a sentence.
import { timedFetch } from '../../../core/lib/timed-fetch.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test.each([
  ['internal error; reference = abc', 'it cannot be reached (internal error; reference = abc)'],
  ['Network connection lost.', 'Network connection lost'],
])('a request that fails with %j', async (message, problem) => {
  const fetch = () => Promise.reject(new Error(message));
  const answer = await timedFetch({ fetch, clock: new FakeClock() }, 'https://cell.example', {}, 1000);
  expect(answer).toEqual({ status: null, problem, timedOut: false });
});
