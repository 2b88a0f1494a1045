// The simulation finds nothing wrong with the product, and finds each fault that is put into it.
import { faultsOf, play, shrink } from '../../simulation/history.ts';
import type { Mutant } from '../../simulation/world.ts';

test.each([1, 2, 3, 12])('seed %d violates no invariant', async (seed) => {
  expect(await play(seed, faultsOf(seed))).toBeUndefined();
});

test('the same seed gives the same history', async () => {
  const once = await play(2, faultsOf(2), 'forgetful-log');
  expect(once).toBeDefined();
  expect(await play(2, faultsOf(2), 'forgetful-log')).toEqual(once);
});

/** Seeds that `npm run simulate -- --mutant NAME` has found. */
test.each<[Mutant, number, string]>([
  ['count-cells', 23, 'every tenant that can be served is served'],
  ['state-alone', 25, 'every tenant that can be served is served'],
  ['slow-is-dead', 1, 'a cell that answers is not failed over'],
  ['slow-detection', 12, 'every tenant that can be served is served'],
  ['no-fence', 2, 'a cell serves no older epoch'],
  ['forgetful-log', 2, 'no acknowledged event is lost'],
])('%s is found by seed %d', async (mutant, seed, invariant) => {
  expect((await play(seed, faultsOf(seed), mutant))?.invariant).toBe(invariant);
});

test('a failing history shrinks to the faults that it takes', async () => {
  const smallest = await shrink(23, faultsOf(23), 'every tenant that can be served is served', 'count-cells');
  expect(smallest.map(({ what }) => what)).toEqual([
    { kind: 'way', from: '*', to: ['beta', 'gamma'], way: { how: 'refused' } },
  ]);
});
