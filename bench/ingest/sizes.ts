// How large an event may be before its item costs a second write unit.
import type { Context } from '../kit/benchmark.ts';
import type { Database } from '../kit/database.ts';
import { type ReadingOptions, reading, recentMinute } from '../kit/events.ts';
import { startMeter } from '../kit/meter.ts';
import type { Table } from '../kit/report.ts';
import { entrants } from './contenders.ts';
import { OURS } from './job.ts';

/** Kinds of events whose items differ in more than the event's size. */
const kinds: readonly { readonly name: string; readonly more: Partial<ReadingOptions> }[] = [
  { name: 'with its own trace', more: {} },
  { name: 'without a trace (it is given one)', more: { traced: false } },
  { name: 'with its own trace, at a whole second written as .000Z', more: { time: recentMinute() } },
];

/** Stores events of growing size through our function and reads their price off the meter. */
export async function measureSizes(database: Database, context: Context): Promise<Table> {
  const entrant = entrants.find(({ name }) => name === OURS);
  if (entrant === undefined) throw new TypeError(`No contender is called ${OURS}.`);
  const { endpoint, take } = await startMeter(database.endpoint, context);
  const table = await database.createTable('sizes', { stream: true });
  const store = await entrant.prepare(database, endpoint, table, context);
  let events = 0;
  const unitsOf = async (bytes: number, more: Partial<ReadingOptions>): Promise<number> => {
    const id = String((events += 1)).padStart(6, '0');
    const event = reading({ id, device: 'device-1', time: recentMinute() + 1, value: 20.25, bytes, ...more });
    await store({ requests: [{ events: [event], body: JSON.stringify(event) }], events: 1 });
    return take().writeUnits;
  };
  // The first request makes the tenant's epoch known to the cell, which is a write too.
  await unitsOf(400, {});
  const rows = [];
  for (const { name, more } of kinds) {
    context.progress(`ingest sizes: ${name}`);
    let [low, high] = [400, 2048];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((await unitsOf(middle, more)) <= 1) low = middle;
      else high = middle;
    }
    rows.push({ name, at300: await unitsOf(300, more), at1000: await unitsOf(1000, more), largest: low });
  }
  return {
    title: 'What an event costs by its size',
    columns: [
      { key: 'name', title: 'an event' },
      { key: 'at300', title: 'units at 300 bytes' },
      { key: 'at1000', title: 'units at 1,000' },
      { key: 'largest', title: 'largest for one unit' },
    ],
    rows,
    notes: ['Tenant, subject, source and id of other lengths than here shift the edge by as many bytes.'],
  };
}
