// The consumers that derive: whatever is delivered how often, in whatever order, the documents are those of the log.
import fc from 'fast-check';
import type { Scenario } from '../../../../test/support/deliveries.ts';
import { faultyStore, writesOf } from '../../../../test/support/faulty-store.ts';
import { property } from '../../../../test/support/properties.ts';
import { consumerNamed } from '../../../domain/application.ts';
import { WINDOW_LIMITS } from '../../../pipeline/log-windows.ts';
import type { Store } from '../../../ports/store.ts';
import { telemetry } from '../domain.ts';
import { telemetryQueries } from '../queries.ts';
import { scenario } from './deliveries.ts';
import { expectedDevice, expectedRollups, type Made } from './telemetry-model.ts';
import { DEVICE, deliver, delivered, storePoison, TENANT, type World, world } from './workers.ts';

const NAMES = ['device-state', 'rollups'] as const;

function consumerOf({ deps }: World, name: string) {
  const consumer = consumerNamed([telemetry], name).create(deps);
  if (consumer === undefined) throw new Error(`There is no consumer ${name}.`);
  return consumer;
}

/** What the API would show of everything. */
async function shown({ events, state }: World) {
  const queries = telemetryQueries({ events, state });
  const rollups = async (window: '1m' | '1h' | '1d') =>
    (await queries.rollups(TENANT, DEVICE, { window, limit: 1000 })).items;
  return {
    device: await queries.device(TENANT, DEVICE),
    '1m': await rollups('1m'),
    '1h': await rollups('1h'),
    '1d': await rollups('1d'),
  };
}

interface Row {
  readonly metric: string;
  readonly start: string;
  readonly unit?: string;
}

const keyOf = ({ start, metric, unit = null }: Omit<Row, 'unit'> & { readonly unit?: string | null }) =>
  JSON.stringify([start, metric, unit]);
const byKey = (a: Row, b: Row) => (keyOf(a) < keyOf(b) ? -1 : 1);

/** Compares everything with the straightforward computation. The first of two readings of one identity stands. */
async function expectAllOf(readings: readonly Made[], where: World) {
  const seen = await shown(where);
  expect(seen.device).toEqual(expectedDevice(DEVICE, readings));
  for (const window of ['1m', '1h', '1d'] as const) {
    expect([...seen[window]].sort(byKey)).toEqual([...expectedRollups(window, readings)].sort(byKey));
  }
}

/** The order in which readings reach the log decides which of two with one identity stands. */
async function storedReadings({ events: readings }: Scenario<Made>, where: World): Promise<Made[]> {
  const queries = telemetryQueries({ events: where.events, state: where.state });
  const log = await queries.readings(TENANT, DEVICE, { limit: 1000, order: 'asc' });
  return log.items.flatMap(
    ({ id, time, metric, value, unit }) =>
      readings.find(
        (made) =>
          made.id === id &&
          new Date((1_795_218_600 + made.second) * 1000).toISOString().slice(0, 19) === time.slice(0, 19) &&
          made.metric === metric &&
          made.value + 0 === value &&
          made.unit === unit,
      ) ?? [],
  );
}

/** So small that two readings crowd a minute or a second, and readings of one instant are distinguished, too. */
const SMALL = { events: 1, characters: 1000, pageDocuments: 2, deliveryCharacters: 1_000_000 };

describe.each([
  ['quiet minutes', WINDOW_LIMITS],
  ['crowded minutes', SMALL],
])('%s', (how, windows) => {
  property(
    `${how}: any order, grouping, repeats, two workers and faults of the store end in the state of all distinct readings; a repeat of everything writes nothing`,
    scenario,
    async (given) => {
      const made = world(given.script);
      const here = { ...made, deps: { ...made.deps, windows } };
      for (const name of NAMES) await deliver(here, consumerOf(here, name), given.events, given.deliveries);
      const stored = await storedReadings(given, here);
      await expectAllOf(stored, here);

      const written = writesOf(here.scriptedState);
      for (const name of NAMES) {
        await deliver(here, consumerOf(here, name), given.events, [
          { worker: 0, events: [...given.events.keys()] },
          { worker: 1, events: [...given.events.keys()].reverse() },
        ]);
      }
      expect(writesOf(here.scriptedState)).toBe(written);
    },
    150,
  );
});

property(
  'crowded windows that grow by a few readings at a time hold all of them',
  fc.record({
    seconds: fc.array(fc.constantFrom(7, 8, 17, 70), { minLength: 1, maxLength: 20 }),
    sizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
    events: fc.integer({ min: 1, max: 4 }),
  }),
  async ({ seconds, sizes, events }) => {
    const made = world();
    const here = { ...made, deps: { ...made.deps, windows: { ...WINDOW_LIMITS, events } } };
    const readings = seconds.map((second, index): Made => ({ id: `n${index}`, second, metric: 't', value: index }));
    for (let from = 0, part = 0; from < readings.length; part += 1) {
      const size = sizes[part % sizes.length] ?? 1;
      const some = Array.from({ length: Math.min(size, readings.length - from) }, (_, index) => from + index);
      for (const name of NAMES) await deliver(here, consumerOf(here, name), readings, [{ worker: 0, events: some }]);
      from += size;
      await expectAllOf(readings.slice(0, from), here);
    }
  },
  100,
);

describe('given readings of one device', () => {
  const at = (second: number, more: Partial<Made> = {}): Made => ({
    id: `r${second}`,
    second,
    metric: 't',
    value: second,
    ...more,
  });

  async function applied(readings: readonly Made[], groups: readonly (readonly number[])[]): Promise<World> {
    const here = world();
    for (const name of NAMES) {
      await deliver(
        here,
        consumerOf(here, name),
        readings,
        groups.map((group) => ({ worker: 0 as const, events: group })),
      );
    }
    return here;
  }

  test('windows end where minutes, hours and days do', async () => {
    const readings = [at(599), at(600), at(4199), at(4200), at(86_999), at(87_000)];
    const here = await applied(readings, [[0, 1, 2, 3, 4, 5]]);
    const seen = await shown(here);
    expect(seen['1d'].map(({ start, count, sum, last }) => [start, count, sum, last])).toEqual([
      ['2026-11-20T00:00:00.000Z', 1, 599, 599],
      ['2026-11-21T00:00:00.000Z', 4, 95_998, 86_999],
      ['2026-11-22T00:00:00.000Z', 1, 87_000, 87_000],
    ]);
    expect(seen['1h'].map(({ start, count }) => [start, count])).toEqual([
      ['2026-11-20T23:00:00.000Z', 1],
      ['2026-11-21T00:00:00.000Z', 2],
      ['2026-11-21T01:00:00.000Z', 1],
      ['2026-11-21T23:00:00.000Z', 1],
      ['2026-11-22T00:00:00.000Z', 1],
    ]);
    await expectAllOf(readings, here);
  });

  test('a late arrival changes its windows and neither last value nor last seen', async () => {
    const readings = [at(100, { value: 5 }), at(50, { value: 9 }), at(101, { value: 1 })];
    const here = await applied(readings, [[0], [2], [1]]);
    const { device, '1h': hours } = await shown(here);
    expect(device).toMatchObject({ lastSeen: '2026-11-20T23:51:41Z', readings: 3, metrics: { t: { value: 1 } } });
    expect(hours).toEqual([
      { metric: 't', window: '1h', start: '2026-11-20T23:00:00.000Z', count: 3, min: 1, max: 9, sum: 15, last: 1 },
    ]);
  });

  test('45 minutes of three metrics in one group', async () => {
    const readings = Array.from({ length: 45 }, (_, minute) =>
      ['a', 'b', 'c'].map((metric, index) =>
        at(minute * 60 + index, { id: `${minute}${metric}`, metric, value: minute / 10 }),
      ),
    ).flat();
    const here = await applied(readings, [[...readings.keys()]]);
    await expectAllOf(readings, here);
  });

  test('1,500 readings of one minute, more than a page of the log', async () => {
    const readings = Array.from({ length: 1500 }, (_, index) => at(index % 60, { id: `n${index}`, value: 0.1 }));
    const here = world();
    for (let from = 0; from < 1500; from += 500) await here.store(readings.slice(from, from + 500));
    for (const name of NAMES)
      for (let from = 0; from < 1500; from += 10)
        await consumerOf(here, name).apply(readings.slice(from, from + 10).map(delivered));
    await expectAllOf(readings, here);
    expect((await shown(here))['1m']).toMatchObject([{ count: 1500, sum: 150 }]);
  });

  test.each([
    ['one after the other', [[0], [1], [2], [3], [4], [5]]],
    [
      'in pairs',
      [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
    ],
    ['one, then all others', [[0], [1, 2, 3, 4, 5]]],
  ])('readings of one instant that crowd their windows, %s, are all counted', async (_how, groups) => {
    const made = world();
    const here = { ...made, deps: { ...made.deps, windows: { ...WINDOW_LIMITS, events: 2 } } };
    const readings = Array.from({ length: 6 }, (_, index) => at(7, { id: `n${index}`, value: index }));
    for (const name of NAMES)
      for (const group of groups) await deliver(here, consumerOf(here, name), readings, [{ worker: 0, events: group }]);
    expect((await shown(here)).device).toMatchObject({ readings: 6 });
    expect((await shown(here))['1m']).toMatchObject([{ count: 6, sum: 15 }]);
  });

  test.each(['query', 'get', 'write'] as const)(
    'a reading that another worker applies around the first %s of the slower one is not lost',
    async (method) => {
      for (const name of NAMES) {
        const here = world();
        const readings = [at(1), at(2)];
        await here.store([at(1)]);
        let waiting = true;
        const faster = async () => {
          if (!waiting) return;
          waiting = false;
          await here.store([at(2)]);
          await consumerOf(here, name).apply([delivered(at(2))]);
        };
        /** Does the work, then lets the other one have its way before the answer arrives. */
        const overtaken = (store: Store): Store => ({
          ...faultyStore(store),
          get: async (key) => {
            const found = await store.get(key);
            if (method === 'get') await faster();
            return found;
          },
          query: async (partition, query) => {
            const page = await store.query(partition, query);
            if (method === 'query') await faster();
            return page;
          },
          put: async (document, expected) => {
            if (method === 'write' && document.partition.startsWith('device|')) await faster();
            return store.put(document, expected);
          },
          transact: async (partition, writes) => {
            if (method === 'write') await faster();
            return store.transact(partition, writes);
          },
        });
        const slower = {
          ...here,
          deps: { ...here.deps, events: overtaken(here.events), state: overtaken(here.state) },
        };
        await consumerOf(slower, name).apply([delivered(at(1))]);
        expect(waiting).toBe(false);
        const seen = await shown(here);
        if (name === 'device-state') expect(seen.device).toEqual(expectedDevice(DEVICE, readings));
        else expect(seen['1d']).toEqual(expectedRollups('1d', readings));
      }
    },
  );

  test('poison in the log is left out, and harms nothing beside it', async () => {
    const here = world();
    await storePoison(here, 10, { metric: 5, value: 'x' });
    await storePoison(here, 11, null);
    await storePoison(here, 12, 'text');
    const readings = [at(9), at(10), at(13)];
    for (const name of NAMES) await deliver(here, consumerOf(here, name), readings, [{ worker: 0, events: [0, 1, 2] }]);
    await expectAllOf(readings, here);
  });

  test('an event of another type in the log is left out', async () => {
    const here = world();
    const { event } = delivered(at(10));
    await here.events.append([
      { partition: 'acme|pump-1', id: '2026-11-20T23:50:10!AAAAAAAAAAAAAAAA', body: { ...event, type: 'other' } },
      { partition: 'acme|pump-1', id: '2026-11-20T23:50:10!BBBBBBBBBBBBBBBB', body: null },
    ]);
    await deliver(here, consumerOf(here, 'device-state'), [at(9)], [{ worker: 0, events: [0] }]);
    expect((await shown(here)).device?.readings).toBe(1);
  });

  test('an event that cannot be processed rejects with what is wrong, and writes nothing', async () => {
    const here = world();
    const poison = { ...delivered(at(1)).event, data: { metric: 't' } };
    for (const name of NAMES) {
      await expect(consumerOf(here, name).apply([{ tenant: TENANT, event: poison }])).rejects.toThrow(
        'The event r1 of urn:made is no reading.',
      );
    }
    expect(writesOf(here.scriptedState)).toBe(0);
  });

  test('a log that does not show yet what was delivered out of it is asked again: nothing is derived without it', async () => {
    const here = world();
    await here.store([at(1)]);
    for (const name of NAMES) {
      const behind = consumerOf(here, name).apply([delivered(at(1)), delivered(at(2))]);
      await expect(behind).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(writesOf(here.scriptedState)).toBe(0);
  });

  test('a log that shows a crowded minute but not yet what was delivered out of it is asked again, too', async () => {
    const made = world();
    const here = { ...made, deps: { ...made.deps, windows: { ...WINDOW_LIMITS, events: 2 } } };
    const readings = [at(1), at(2), at(3)];
    await deliver(here, consumerOf(here, 'device-state'), readings, [{ worker: 0, events: [0, 1] }]);
    await here.store(readings);
    const behind = consumerOf(here, 'device-state').apply([delivered(at(3)), delivered(at(31))]);
    await expect(behind).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('no events are no work', async () => {
    const here = world();
    await consumerOf(here, 'rollups').apply([]);
    expect(writesOf(here.scriptedState)).toBe(0);
  });

  test('one transaction for any number of readings of a minute, none for a repeat', async () => {
    const here = world();
    const readings = Array.from({ length: 50 }, (_, index) => at(index));
    await here.store(readings);
    const consumer = consumerOf(here, 'rollups');
    await consumer.apply(readings.map(delivered));
    await consumer.apply(readings.map(delivered));
    expect(here.scriptedState.calls.transact).toBe(1);
  });

  test('a store that always conflicts: unavailable within the budget, so that the messages are redelivered', async () => {
    const here = world(Array.from({ length: 5000 }, () => 7));
    await here.store([at(1)]);
    await expect(consumerOf(here, 'rollups').apply([delivered(at(1))])).rejects.toMatchObject({ code: 'unavailable' });
    expect(here.scriptedState.calls.transact).toBe(12);
  });
});
