// How a crowded minute is read: few pages at once, and all of them, whatever the store makes of its pages.
import { WINDOW_LIMITS } from '../../../pipeline/log-windows.ts';
import type { Store, StoreCursor } from '../../../ports/store.ts';
import { deviceState } from '../device-state.ts';
import { telemetryQueries } from '../queries.ts';
import type { Made } from './telemetry-model.ts';
import { DEVICE, deliver, delivered, TENANT, world } from './workers.ts';

/** Pages that may be in memory at once; each may have 4 MiB. */
const PAGES = 4;

test('a crowded minute is read a few pages at a time, however often it is split', async () => {
  const here = world();
  const readings = Array.from(
    { length: 900 },
    (_, index): Made => ({
      id: `n${index}`,
      second: index % 60,
      metric: 't',
      value: index,
    }),
  );
  let running = 0;
  let most = 0;
  const events: Store = {
    ...here.deps.events,
    query: async (partition, query) => {
      running += 1;
      most = Math.max(most, running);
      // As long as any other query can begin meanwhile.
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      running -= 1;
      return here.events.query(partition, query);
    },
  };
  const consumer = deviceState.create({ ...here.deps, events, windows: { ...WINDOW_LIMITS, events: 4 } });
  await deliver(here, consumer, readings, [{ worker: 0, events: [0] }]);
  await here.store(readings.slice(0, 450));
  await here.store(readings.slice(450));
  await consumer.apply([delivered(readings[1] as Made)]);
  expect(await telemetryQueries(here).device(TENANT, DEVICE)).toMatchObject({ readings: 900 });
  expect(most).toBe(PAGES);
});

test('empty pages with more behind them hide nothing of a crowded minute', async () => {
  const here = world();
  const readings = Array.from(
    { length: 12 },
    (_, index): Made => ({
      id: `n${index}`,
      second: index * 5,
      metric: 't',
      value: index,
    }),
  );
  /** Marks the cursor behind an empty page. */
  const EMPTY = 'empty:';
  const events: Store = {
    ...here.deps.events,
    query: async (partition, { cursor, ...query }) => {
      if (cursor?.startsWith(EMPTY) !== true) return { items: [], next: `${EMPTY}${cursor ?? ''}` as StoreCursor };
      const at = cursor.slice(EMPTY.length) as StoreCursor;
      return here.events.query(partition, { ...query, ...(at !== '' && { cursor: at }) });
    },
  };
  const consumer = deviceState.create({ ...here.deps, events, windows: { ...WINDOW_LIMITS, events: 4 } });
  await deliver(here, consumer, readings, [{ worker: 0, events: [0, 4, 8] }]);
  await here.store(readings);
  await consumer.apply([delivered(readings[11] as Made)]);
  expect(await telemetryQueries(here).device(TENANT, DEVICE)).toMatchObject({ readings: 12 });
});
