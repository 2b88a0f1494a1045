// A worker of a whole cell's events in a process whose heap is limited: a hostile tenant's padded events, and others' among them.

import { MemoryBus } from '../../../../adapters/memory/memory-bus.ts';
import { MemoryStore } from '../../../../adapters/memory/memory-store.ts';
import { reading } from '../../../../test/support/events.ts';
import { EagerClock } from '../../../../test/support/fake-clock.ts';
import { countingIds } from '../../../../test/support/ids.ts';
import { NO_TOMBSTONES } from '../../../../test/support/nothing-erased.ts';
import { RecordingLog } from '../../../../test/support/recording-log.ts';
import { LANE_NAMES, queueOf } from '../../../cell/topology.ts';
import { toLogDocument } from '../../../events/cloud-event.ts';
import { sameJson } from '../../../lib/same-json.ts';
import { consume } from '../../../pipeline/consume.ts';
import { crashMarkers } from '../../../pipeline/crash-markers.ts';
import { parking } from '../../../pipeline/parking.ts';
import { relay } from '../../../pipeline/relay.ts';
import type { ChangeRecord } from '../../../ports/change-stream.ts';
import type { CloudEvent } from '../../../ports/cloud-event.ts';
import { checkedStore } from '../../../store/checked-store.ts';
import { deviceState } from '../device-state.ts';
import { telemetryQueries } from '../queries.ts';
import { rollups } from '../rollups.ts';

/** As many as one batch of the Azure trigger has, where batches have no bound in bytes. */
const BATCH = 100;
const HOSTILE = 200;
const VICTIMS = 40;
const PADDING = 195 * 1024;

const minuteOf = (index: number) => String(index % 60).padStart(2, '0');
const padded = (index: number): CloudEvent => ({
  ...reading({ id: `padded-${index}`, subject: 'padded', time: `2026-11-21T07:41:${minuteOf(index)}Z` }),
  padding: 'x'.repeat(PADDING),
});
const small = (index: number): CloudEvent =>
  reading({ id: `small-${index}`, subject: 'pump-1', time: `2026-11-21T07:41:${minuteOf(index)}.5Z` });

/** Applies all of it. Rejects unless every event of both tenants is counted by each consumer, and none is parked. */
export async function main(): Promise<number> {
  const changes: ChangeRecord[] = [];
  const clock = new EagerClock();
  const ids = countingIds();
  const events = checkedStore(new MemoryStore({ clock, onChange: (record) => changes.push(record) }));
  const state = checkedStore(new MemoryStore({ clock }));
  const definitions = [deviceState, rollups];
  const bus = new MemoryBus({
    clock,
    ids,
    consumers: definitions.flatMap(({ declaration }) =>
      LANE_NAMES.map((lane) => ({ ...declaration, lane, batchSize: BATCH })),
    ),
  });
  const log = new RecordingLog();
  const parked = parking({ state, clock });
  const handle = relay({ tombstones: NO_TOMBSTONES, bus, parking: parked, clock, log });
  for (let index = 0; index < HOSTILE; index += 1) {
    const document = toLogDocument('hostile', padded(index));
    await events.append(
      index % (HOSTILE / VICTIMS) === 0
        ? [document, toLogDocument('quiet', small(index / (HOSTILE / VICTIMS)))]
        : [document],
    );
  }
  await handle(changes.splice(0));
  // Both lanes of all consumers at once, as the functions of one Azure app.
  await Promise.all(
    definitions.flatMap(({ declaration, create }) => {
      const consumer = create({ events, state, clock, ids, permit: undefined });
      const trials = crashMarkers(state, clock);
      const handler = consume({ cell: 'cell-1', consumer, declaration, parking: parked, trials, clock, log });
      return LANE_NAMES.map(async (lane) => {
        while ((await bus.deliver(queueOf(declaration.name, lane), handler)) > 0);
      });
    }),
  );
  const queries = telemetryQueries({ events, state });
  const counted = async (tenant: string, device: string) => {
    const rollups = await queries.rollups(tenant, device, { window: '1h', limit: 10 });
    return [(await queries.device(tenant, device))?.readings, rollups.items.reduce((sum, { count }) => sum + count, 0)];
  };
  const report = {
    quiet: await counted('quiet', 'pump-1'),
    hostile: await counted('hostile', 'padded'),
    parked: await Promise.all(
      definitions.map(async ({ declaration }) => (await parked.count(declaration.name, 10)).parked),
    ),
  };
  const expected = { quiet: [VICTIMS, VICTIMS], hostile: [HOSTILE, HOSTILE], parked: [0, 0] };
  if (!sameJson(report, expected)) throw new Error(`Applied was ${JSON.stringify(report)}.`);
  return 0;
}
