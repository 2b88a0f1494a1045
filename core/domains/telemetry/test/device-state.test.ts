// The state of a device: which values it keeps, and that it always fits into its document.
import { candidate, measured } from '../../../../test/support/events.ts';
import type { CloudEvent } from '../../../ports/cloud-event.ts';
import { checkedStore } from '../../../store/checked-store.ts';
import { deviceState } from '../device-state.ts';
import { telemetryQueries } from '../queries.ts';
import { later } from '../reading.ts';
import { READING_LIMITS } from '../schemas.ts';
import { expectedDevice, type Made } from './telemetry-model.ts';
import { DEVICE, deliver, delivered, TENANT, world } from './workers.ts';

const made = (second: number, metric: string, more: Partial<Made> = {}): Made => ({
  id: `${metric.slice(0, 60)}-${second}`,
  second,
  metric,
  value: second,
  ...more,
});

async function stateOf(readings: readonly Made[], groupOf = 50) {
  const here = world();
  const state = checkedStore(here.state);
  const deps = { ...here.deps, state };
  const groups = Array.from({ length: Math.ceil(readings.length / groupOf) }, (_, part) => ({
    worker: 0 as const,
    events: [...readings.keys()].slice(part * groupOf, (part + 1) * groupOf),
  }));
  await deliver(here, deviceState.create(deps), readings, groups);
  return telemetryQueries({ events: here.events, state: here.state }).device(TENANT, DEVICE);
}

test('the 200 metrics reported last are kept, and every reading is counted', async () => {
  const readings = Array.from({ length: 250 }, (_, index) => made(index * 7, `m${index}`));
  const device = await stateOf(readings);
  expect(Object.keys(device?.metrics ?? {})).toHaveLength(200);
  expect(device?.metrics.m49).toBeUndefined();
  expect(device?.metrics.m50).toEqual({ value: 350, time: '2026-11-20T23:55:50Z' });
  expect(device).toEqual(expectedDevice(DEVICE, readings));
});

test('the bound holds whatever the order: 250 metrics, backwards and shuffled, in minutes and in one', async () => {
  for (const width of [0, 7]) {
    const readings = Array.from({ length: 250 }, (_, index) => made(index * width, `m${index}`, { id: `r${index}` }));
    const expected = expectedDevice(DEVICE, readings);
    expect(await stateOf([...readings].reverse())).toEqual(expected);
    expect(
      await stateOf(
        [...readings].sort((a, b) => ((a.value * 91) % 127) - ((b.value * 91) % 127)),
        17,
      ),
    ).toEqual(expected);
  }
});

test.each([
  ['control characters, six bytes each in JSON', '\u0001', '\u0001'],
  ['emoji', '🚰', '🚰'],
  ['quotes', '"', '\\'],
])('200 metrics of the longest names fit into the document: %s', async (_case, name, unit) => {
  const here = world();
  const events = Array.from({ length: 210 }, (_, index) => {
    const number = String(index);
    return candidate({
      id: `r${index}`,
      time: '2026-11-20T23:50:59.123456789012345678+00:00',
      data: measured(name.repeat(128 - number.length) + number, -1.2345678901234568e-300, {
        unit: unit.repeat(READING_LIMITS.unitCharacters),
      }),
    });
  });
  for (const from of [0, 105]) await here.ingest(events.slice(from, from + 105));
  const consumer = deviceState.create({ ...here.deps, state: checkedStore(here.state) });
  await consumer.apply(events.map((event) => ({ tenant: TENANT, event: event as unknown as CloudEvent })));
  const device = await telemetryQueries({ events: here.events, state: here.state }).device(TENANT, DEVICE);
  expect(device?.readings).toBe(210);
  expect(Object.keys(device?.metrics ?? {})).toHaveLength(200);
});

test('of one instant, the same reading wins whatever comes first', async () => {
  const readings = ['a', 'b', 'c', 'd'].map((id, value) => made(5, 't', { id, value }));
  const expected = expectedDevice(DEVICE, readings);
  expect(await stateOf(readings, 1)).toEqual(expected);
  expect(await stateOf([...readings].reverse(), 1)).toEqual(expected);
});

test('a value without a unit does not inherit that of the one before', async () => {
  const device = await stateOf([made(1, 't', { unit: 'Cel' }), made(2, 't')], 1);
  expect(device?.metrics.t).toEqual({ value: 2, time: '2026-11-20T23:50:02Z' });
});

test('a device is announced before its state is there, so that it is never missing from the list', async () => {
  const here = world();
  await here.store([made(1, 't')]);
  const { state } = here;
  let listed = 0;
  const watched = {
    ...checkedStore(state),
    put: async (...call: Parameters<typeof state.put>) => {
      const { partition } = call[0];
      if (partition.startsWith('device|')) listed = (await state.query('devices|acme', { limit: 10 })).items.length;
      return state.put(...call);
    },
  };
  await deviceState.create({ ...here.deps, state: watched }).apply([delivered(made(1, 't'))]);
  expect(listed).toBe(1);
});

test('a device that is announced and has no state yet is left out of the list', async () => {
  const here = world();
  await here.state.put({ partition: 'devices|acme', id: 'pump-7', body: null }, 'any');
  const queries = telemetryQueries({ events: here.events, state: here.state });
  expect(await queries.devices(TENANT, { limit: 10 })).toEqual({ items: [] });
});

describe('last values', () => {
  test('the later of two; of equals the first', () => {
    const a = { position: 'x', from: 'a' };
    expect(later(undefined, a)).toBe(a);
    expect(later(a, { position: 'x', from: 'b' })).toBe(a);
    expect(later(a, { position: 'y', from: 'b' })).toMatchObject({ from: 'b' });
  });
});
