// Sending many items until each has a result: which are sent again, with which pauses, and what is left at the end of the budget.
import { settleEach } from '../../../core/lib/settle-each.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { EagerClock } from '../../support/fake-clock.ts';
import { countingIds } from '../../support/ids.ts';

type Answers = readonly (string | PortError | undefined)[];

/** Sends three items; each attempt answers by the next of these functions, the last of which serves for all further ones. */
async function settle(...attempts: ((open: readonly string[]) => Answers)[]) {
  const clock = new EagerClock();
  const sent: string[] = [];
  const deps = { clock, ids: countingIds(), retry: { attempts: 4, baseMs: 100, maximumMs: 250, budgetMs: 1000 } };
  const results = await settleEach(deps, ['a', 'b', 'c'], async (open) => {
    const answer = attempts[Math.min(sent.length, attempts.length - 1)] ?? (() => []);
    sent.push(open.join(''));
    return answer(open);
  });
  const shown = results.map((result) => (result instanceof PortError ? result.code : result));
  return { results: shown, sent, pauses: clock.slept.length };
}

const all = (open: readonly string[]): Answers => open.map((item) => item.toUpperCase());
const error = (code: PortError['code']) => new PortError(code, code);

test('results are in the order of the items, and one attempt is enough', async () => {
  expect(await settle(all)).toEqual({ results: ['A', 'B', 'C'], sent: ['abc'], pauses: 0 });
});

test('only what failed for a while is sent again, after a pause', async () => {
  const first = () => ['A', error('throttled'), 'C'];
  expect(await settle(first, all)).toEqual({ results: ['A', 'B', 'C'], sent: ['abc', 'b'], pauses: 1 });
});

test('what an attempt did not reach is sent at once, if it settled others', async () => {
  expect(await settle(() => ['A'], all)).toEqual({ results: ['A', 'B', 'C'], sent: ['abc', 'bc'], pauses: 0 });
});

test('attempts that settle nothing end with the budget', async () => {
  const { results, sent, pauses } = await settle(() => []);
  expect(results).toEqual(['unavailable', 'unavailable', 'unavailable']);
  expect([sent.length, pauses]).toEqual([4, 3]);
});

test('an item with a permanent error of its own is not sent again', async () => {
  const first = () => ['A', error('too-large'), error('denied')];
  expect(await settle(first)).toEqual({ results: ['A', 'too-large', 'denied'], sent: ['abc'], pauses: 0 });
});

test('items refused together are halved, and what was not reached follows', async () => {
  const together = error('invalid');
  const refuse = (open: readonly string[]): Answers =>
    open.includes('a') ? open.map(() => together).slice(0, 2) : all(open);
  expect(await settle(refuse)).toEqual({ results: ['invalid', 'B', 'C'], sent: ['abc', 'a', 'b', 'c'], pauses: 0 });
});

test('a lost answer outlasts later errors', async () => {
  const { results } = await settle(
    (open) => open.map(() => error('unknown-outcome')),
    (open) => open.map(() => error('throttled')),
  );
  expect(results).toEqual(['unknown-outcome', 'unknown-outcome', 'unknown-outcome']);
});

test('a rejection with a port error applies to all, any other is thrown on', async () => {
  const failing = (failure: Error) =>
    settle(() => {
      throw failure;
    });
  expect((await failing(error('denied'))).results).toEqual(['denied', 'denied', 'denied']);
  await expect(failing(new TypeError('a fault of ours'))).rejects.toThrow('a fault of ours');
});
