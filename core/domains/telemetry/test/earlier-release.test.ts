// Documents that the release before has left, one for each minute: they are read, taken over, and nothing is counted twice.
import fc from 'fast-check';
import { property } from '../../../../test/support/properties.ts';
import { eventKey } from '../../../events/cloud-event.ts';
import type { Json } from '../../../ports/json.ts';
import type { Store } from '../../../ports/store.ts';
import { deviceState } from '../device-state.ts';
import { partitions } from '../partitions.ts';
import { telemetryQueries } from '../queries.ts';
import { lastValueOf, later, readingOf } from '../reading.ts';
import { type RollupSummary, rollupFolds, rollupId, rollups, WINDOWS, type Window } from '../rollups.ts';
import { scenario } from './deliveries.ts';
import { distinct, expectedDevice, expectedRollups, type Made } from './telemetry-model.ts';
import { DEVICE, deliver, delivered, TENANT, type World, world } from './workers.ts';

/** The state as that release kept it: leaves and totals of these readings, in documents of their own. */
async function keptBefore({ state }: World, readings: readonly Made[]): Promise<void> {
  const rollupDocuments = new Map<string, RollupSummary>();
  const minutes = new Map<string, { readings: number }>();
  let device: { readings: number; metrics: Record<string, unknown>; lastSeen?: { position: string } } | undefined;
  for (const made of distinct(readings)) {
    const { event } = delivered(made);
    const fact = readingOf(event, eventKey(TENANT, event).id);
    const value = lastValueOf(fact);
    for (const window of Object.keys(WINDOWS) as Window[]) {
      const id = rollupId(window, fact.metric, fact.position.slice(0, WINDOWS[window]));
      const rollup = rollupDocuments.get(id) ?? rollupFolds.empty();
      rollupFolds.add(rollup, fact);
      rollupDocuments.set(id, rollup);
    }
    const minute = `minute!${fact.position.slice(0, 16)}`;
    minutes.set(minute, { readings: (minutes.get(minute)?.readings ?? 0) + 1 });
    const known = new Map(Object.entries(device?.metrics ?? {}));
    known.set(fact.metric, later(known.get(fact.metric) as typeof value | undefined, value));
    device = {
      readings: (device?.readings ?? 0) + 1,
      metrics: Object.fromEntries(known),
      lastSeen: later(device?.lastSeen, value),
    };
  }
  const put = (partition: string, id: string, body: unknown) => state.put({ partition, id, body: body as Json }, 'any');
  for (const [id, body] of rollupDocuments) await put(partitions.rollups.of(TENANT, DEVICE), id, body);
  for (const [id, body] of minutes) await put(partitions.device.of(TENANT, DEVICE), id, { ...body, metrics: {} });
  if (device !== undefined) await put(partitions.device.of(TENANT, DEVICE), 'state', device);
}

async function expectAllOf(readings: readonly Made[], { events, state }: World): Promise<void> {
  const queries = telemetryQueries({ events, state });
  expect(await queries.device(TENANT, DEVICE)).toEqual(expectedDevice(DEVICE, readings));
  for (const window of ['1m', '1h', '1d'] as const) {
    const { items } = await queries.rollups(TENANT, DEVICE, { window, limit: 1000 });
    const sorted = (rows: readonly { metric: string; start: string; unit?: string }[]) =>
      rows.map((row) => JSON.stringify(row, Object.keys(row).sort())).sort();
    expect(sorted(items as never)).toEqual(sorted(expectedRollups(window, readings)));
  }
}

property(
  'what was counted before is shown, and counted with what comes after, in any order and with repeats',
  fc.tuple(scenario, fc.nat({ max: 40 })),
  async ([given, before]) => {
    const here = world(given.script);
    const readings = distinct(given.events.map((made, index) => ({ ...made, id: `${made.id}-${index}` })));
    const earlier = readings.slice(0, before);
    await here.store(earlier);
    await keptBefore(here, earlier);
    if (earlier.length > 0) await expectAllOf(earlier, here);
    for (const { create } of [deviceState, rollups]) await deliver(here, create(here.deps), readings, given.deliveries);
    await expectAllOf(readings, here);
  },
  100,
);

test('minutes of a half hour that the store returns in several pages are all taken over', async () => {
  const here = world();
  const at = (minute: number): Made => ({ id: `r${minute}`, second: 600 + minute * 60, metric: 't', value: minute });
  const earlier = [at(0), at(1), at(2), at(4)];
  await here.store(earlier);
  await keptBefore(here, earlier);
  // A page may be short and still have a next one: a store of large documents ends it by their bytes.
  const query: Store['query'] = (partition, asked) => here.state.query(partition, { ...asked, limit: 1 });
  const deps = { ...here.deps, state: { ...here.deps.state, query } };
  const readings = [...earlier, at(3), { ...at(2), id: 'late' }];
  for (const { create } of [deviceState, rollups])
    await deliver(here, create(deps), readings, [
      { worker: 0, events: [4] },
      { worker: 0, events: [5] },
    ]);
  await expectAllOf(readings, here);
});
