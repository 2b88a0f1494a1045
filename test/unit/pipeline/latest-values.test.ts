// The latest values of series that share a partition.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import type { Latest } from '../../../core/pipeline/derivation.ts';
import { keepLatest, readLatest } from '../../../core/pipeline/latest-values.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const KEEP = 200;

test('a series whose name begins with that of another one has its own values', async () => {
  const state = new MemoryStore({ clock: new FakeClock() });
  const valuesOf = (name: string) =>
    new Map(
      Array.from({ length: 20 }, (_, index): [string, Latest] => [`${name}${index}`, { position: 'p', value: index }]),
    );
  const [shorter, longer] = [valuesOf('of shorter '), valuesOf('of longer ')];
  const head = await keepLatest(state, 'device|acme|pump-1', 'door!', {}, shorter, KEEP);
  await keepLatest(state, 'device|acme|pump-1', 'door!front!', {}, longer, KEEP);
  expect(head).toEqual({ spread: true });
  const read = await readLatest(state, 'device|acme|pump-1', 'door!', head, KEEP);
  expect([...read.keys()].sort()).toEqual([...shorter.keys()].sort());
});
