// The simulation finds nothing wrong with the product, and finds each fault that is put into it.
import { faultsOf } from '../../simulation/faults.ts';
import { play, shrink } from '../../simulation/history.ts';
import type { Mutant } from '../../simulation/setting.ts';

/** Of those that faults of the product were found by: two slow cells, and losses in both clouds. */
test.each([1, 82, 479, 989, 1557])('seed %d violates no invariant', async (seed) => {
  expect(await play(seed, faultsOf(seed))).toBeUndefined();
});

test('the same seed gives the same history', async () => {
  const once = await play(7, faultsOf(7), 'forgetful-log');
  expect(once).toBeDefined();
  expect(await play(7, faultsOf(7), 'forgetful-log')).toEqual(once);
});

/** Seeds that `npm run simulate -- --mutant NAME` has found. */
test.each<[Mutant, number, string]>([
  ['count-cells', 208, 'every tenant that can be served is served'],
  ['state-alone', 872, 'every tenant that can be served is served'],
  ['slow-is-dead', 15, 'a cell that answers is not failed over'],
  ['slow-detection', 12, 'every tenant that can be served is served'],
  ['no-fence', 170, 'a cell serves no older epoch'],
  ['forgetful-log', 7, 'no acknowledged event is lost'],
  ['raw-answers', 4, 'clients get answers of cells and of the edge alone'],
  ['no-lease', 2, 'effects happen in one cell at a time'],
  ['no-wait', 2, 'effects happen in one cell at a time'],
  ['sticky-keys', 14, 'every tenant that can be served is served'],
  ['blamed-cell', 131, 'a client that sends slowly gets an answer that says so'],
  ['late-put', 817, 'the read cache comes to hold what the directory says'],
  ['tokens-renew', 4, 'effects happen in one cell at a time'],
])('%s is found by seed %d', async (mutant, seed, invariant) => {
  expect((await play(seed, faultsOf(seed), mutant))?.invariant).toBe(invariant);
});

test('a failing history shrinks to the faults that it takes', async () => {
  const smallest = await shrink(12, faultsOf(12), 'every tenant that can be served is served', 'slow-detection');
  expect(smallest.map(({ what }) => what)).toEqual([{ kind: 'way', from: '*', to: ['beta'], way: { how: 'silent' } }]);
});
