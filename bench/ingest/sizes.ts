// How large an event may be before its item costs a second write unit.
import type { Context } from '../kit/benchmark.ts';
import type { Database } from '../kit/database.ts';
import { sizeOf } from '../kit/events.ts';
import { startMeter } from '../kit/meter.ts';
import type { Table } from '../kit/report.ts';
import { entrants, OURS } from './contenders.ts';
import { makeRound } from './job.ts';

/** Stores events of growing size through our function and reads their price off the meter. */
export async function measureSizes(database: Database, context: Context): Promise<Table> {
  const entrant = entrants.find(({ name }) => name === OURS);
  if (entrant === undefined) throw new TypeError(`No contender is called ${OURS}.`);
  const { endpoint, take } = await startMeter(database.endpoint, context);
  const table = await database.createTable('sizes', { stream: true });
  const store = await entrant.prepare(database, endpoint, table, context);
  const unitsOf = async (bytes: number): Promise<number> => {
    await store(makeRound({ name: `size-${bytes}`, batch: 1, bytes, requests: 1 }, 0));
    return take().writeUnits;
  };
  await unitsOf(400);
  const rows = [];
  for (const bytes of [300, 600, 1000, 1024]) rows.push({ what: 'an event of', bytes, units: await unitsOf(bytes) });
  let [low, high] = [1000, 2048];
  while (high - low > 1) {
    context.progress(`ingest sizes: between ${low} and ${high} bytes`);
    const middle = Math.floor((low + high) / 2);
    if ((await unitsOf(middle)) <= 1) low = middle;
    else high = middle;
  }
  rows.push({ what: 'the largest event for one unit', bytes: low, units: await unitsOf(low) });
  rows.push({ what: 'one byte more', bytes: high, units: await unitsOf(high) });
  const example = makeRound({ name: 'size-example', batch: 1, bytes: low, requests: 1 }, 0).requests[0]?.events[0];
  return {
    title: 'What an event costs by its size',
    columns: [
      { key: 'what', title: '' },
      { key: 'bytes', title: 'bytes of JSON' },
      { key: 'units', title: 'write units' },
    ],
    rows,
    notes: [
      `The event measured has ${example === undefined ? 0 : sizeOf(example)} bytes with a trace of 55; subject and source of other lengths shift the edge by a few bytes.`,
    ],
  };
}
