// The AWS side of `ingest`: tables of a DynamoDB emulator, and capacity units by a meter in front of it.
import type { Context } from '../kit/benchmark.ts';
import { openDatabase } from '../kit/database.ts';
import { startMeter } from '../kit/meter.ts';
import type { Table } from '../kit/report.ts';
import { BARE_BATCH, BARE_SINGLE, type Entrant, entrants, PLAIN, PLAIN_REQUEST } from './contenders.ts';
import { type Ground, inOrder } from './ground.ts';
import { makeRound } from './job.ts';
import { measureSizes } from './sizes.ts';

/** Starts the emulator. `sizes` finds out what an event costs by its size. */
export async function openAwsGround(
  context: Context,
): Promise<{ readonly ground: Ground<Entrant>; readonly sizes: () => Promise<Table> }> {
  const database = await openDatabase(context);
  const ground: Ground<Entrant> = {
    participants: entrants,
    baseline: { single: BARE_SINGLE, batch: BARE_BATCH },
    targets: { [BARE_BATCH]: 0.7, [PLAIN]: 2, [PLAIN_REQUEST]: 2 },
    createPlace: (name) => database.createTable(name, { stream: true }),
    prepare: (entrant, table) => entrant.prepare(database, database.endpoint, table, context),
    async lines(table) {
      const items = await database.scan(table);
      return items.map(({ p, s, b }) => `${p?.S} ${s?.S} ${inOrder(JSON.parse(b?.S ?? 'null'))}`);
    },
    costs: [
      { key: 'calls', title: 'calls/event', digits: 2 },
      { key: 'writes', title: 'write units/event', digits: 2 },
      { key: 'reads', title: 'read units/event', digits: 2 },
    ],
    async measureCosts(entrant, shape) {
      const { endpoint, take } = await startMeter(database.endpoint, context);
      const name = `metered-${shape.name}-${entrants.indexOf(entrant)}`;
      const table = await database.createTable(name, { stream: true });
      const store = await entrant.prepare(database, endpoint, table, context);
      // The first request of a tenant makes its epoch known to the cell; that is not what every request costs.
      await store(makeRound({ ...shape, requests: 1 }, 0));
      take();
      const work = makeRound({ ...shape, requests: 5 }, 1);
      await store(work);
      const { calls, writeUnits, readUnits } = take();
      return { calls: calls / work.events, writes: writeUnits / work.events, reads: readUnits / work.events };
    },
  };
  return { ground, sizes: () => measureSizes(database, context) };
}
