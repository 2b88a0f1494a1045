// Reads of totals while a half hour moves from the head of its series into them.
import type { Store } from '../../../ports/store.ts';
import { telemetryQueries } from '../queries.ts';
import { rollups } from '../rollups.ts';
import type { Made } from './telemetry-model.ts';
import { DEVICE, deliver, delivered, TENANT, world } from './workers.ts';

const HOUR = 3600;

const at = (second: number): Made => ({ id: `r${second}`, second, metric: 't', value: 1 });

test('a half hour that moves between two pages of the store is not counted twice', async () => {
  const here = world();
  // Two hours that the query leaves out, so that it reads on, and the newest one, which is in the head.
  const readings = [at(0), at(HOUR), at(2 * HOUR)];
  const consumer = rollups.create(here.deps);
  await deliver(here, consumer, readings, [{ worker: 0, events: [0, 1, 2] }]);
  const next = at(3 * HOUR);
  await here.store([next]);
  let pages = 0;
  const state: Store = {
    ...here.deps.state,
    query: async (partition, query) => {
      pages += 1;
      if (pages === 2) await consumer.apply([delivered(next)]);
      return here.state.query(partition, query);
    },
  };
  const { items } = await telemetryQueries({ events: here.events, state }).rollups(TENANT, DEVICE, {
    window: '1h',
    from: '2026-11-21T01:00:00',
    limit: 2,
  });
  expect(pages).toBeGreaterThan(1);
  expect(items.map(({ start, count }) => [start, count])).toEqual([
    ['2026-11-21T01:00:00.000Z', 1],
    ['2026-11-21T02:00:00.000Z', 1],
  ]);
});
