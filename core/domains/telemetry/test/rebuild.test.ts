// Rebuilding state from the log: whatever was lost, dropped or computed wrongly, the documents are those of the log afterwards.
import fc from 'fast-check';
import { readAll } from '../../../../test/contract/store/harness.ts';
import { items, type TestCell, testCell } from '../../../../test/support/cell.ts';
import { scripted } from '../../../../test/support/deliveries.ts';
import { candidate, measured } from '../../../../test/support/events.ts';
import { START } from '../../../../test/support/fake-clock.ts';
import { meters } from '../../../../test/support/meters.ts';
import { property } from '../../../../test/support/properties.ts';
import { onItsWay } from '../../../../test/support/world.ts';
import { defineDomain } from '../../../domain/domain.ts';
import { claiming, updates } from '../../../pipeline/claiming-consumer.ts';
import { consume } from '../../../pipeline/consume.ts';
import type { Consumer, ConsumerDefinition } from '../../../pipeline/consumer.ts';
import { crashMarkers } from '../../../pipeline/crash-markers.ts';
import { derived } from '../../../pipeline/derived-consumer.ts';
import { FORGET_LIMITS } from '../../../pipeline/forget-derived.ts';
import { WALK_LIMITS } from '../../../pipeline/log-walk.ts';
import { type RebuildProgress, rebuild } from '../../../pipeline/rebuild.ts';
import { subjectIndex } from '../../../pipeline/subject-index.ts';
import { type Clock, epochMs } from '../../../ports/clock.ts';
import { isPortError } from '../../../ports/errors.ts';
import type { Json, JsonObject } from '../../../ports/json.ts';
import type { Store } from '../../../ports/store.ts';
import { telemetry } from '../domain.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;

const at = (ms: number): string => new Date(START - ms).toISOString();

const readings = (count: number, devices = 3): JsonObject[] =>
  Array.from({ length: count }, (_, index) =>
    candidate({
      id: `r-${index}`,
      subject: `pump-${index % devices}`,
      time: at(((index * 7919) % 300) * 11 * MINUTE + 1000),
      data: measured(index % 2 === 0 ? 'temperature' : 'pressure', (index * 13) % 97, { unit: 'x' }),
    }),
  );

async function filled(count = 150) {
  const cell = testCell({ application: [telemetry] });
  for (let from = 0; from < count; from += 100) await cell.post(readings(count).slice(from, from + 100));
  await cell.pump();
  return cell;
}

const STATE = (consumer: 'device-state' | 'rollups', device: string) =>
  `${consumer === 'device-state' ? 'device' : 'rollups'}|acme|${device}`;

/** What the API shows of every device. */
async function shown(cell: TestCell): Promise<unknown> {
  const found: Record<string, unknown> = {};
  for (const { id } of items(await cell.call('/v1/devices'))) {
    const windows = ['1m', '1h', '1d'].flatMap((window) =>
      ['temperature', 'pressure'].map((metric) => `metric=${metric}&window=${window}&limit=1000`),
    );
    const rollups = await Promise.all(
      windows.map(async (query) => [query, items(await cell.call(`/v1/devices/${id}/rollups?${query}`))]),
    );
    found[String(id)] = { device: (await cell.call(`/v1/devices/${id}`)).body, rollups };
  }
  return found;
}

/** Steps until it is done, as the command makes them. */
async function rebuilt(cell: TestCell, body: object): Promise<RebuildProgress> {
  for (let steps = 0; steps < 200; steps += 1) {
    const answer = await cell.call('/v1/rebuild', { method: 'POST', body });
    expect(answer.status).toBe(200);
    const progress = answer.body as unknown as RebuildProgress;
    if (progress.done) return progress;
  }
  throw new Error('It is not done after 200 steps.');
}

const deleteAll = async (state: Store, partition: string, which: (index: number) => boolean = () => true) => {
  for (const [index, { id }] of (await readAll(state, partition)).entries())
    if (which(index)) await state.delete({ partition, id }, 'any');
};

describe.each(['device-state', 'rollups'] as const)('%s', (consumer) => {
  test('derived documents that were deleted, all or some, are derived again, and those of others stay', async () => {
    const cell = await filled();
    const before = await shown(cell);
    await deleteAll(cell.state, STATE(consumer, 'pump-0'));
    await deleteAll(cell.state, STATE(consumer, 'pump-1'), (index) => index % 2 === 0);
    await deleteAll(cell.state, STATE(consumer, 'pump-2'), (index) => index % 3 === 1);
    const kept = await readAll(cell.state, STATE(consumer === 'rollups' ? 'device-state' : 'rollups', 'pump-1'));
    expect(await shown(cell)).not.toEqual(before);
    expect(await rebuilt(cell, { consumer })).toEqual({ subjects: 3, events: 150, done: true });
    expect(await shown(cell)).toEqual(before);
    expect(await readAll(cell.state, STATE(consumer === 'rollups' ? 'device-state' : 'rollups', 'pump-1'))).toEqual(
      kept,
    );
  });

  test('a rebuild of what is right changes nothing that is shown, and neither does a second one', async () => {
    const cell = await filled(60);
    const before = await shown(cell);
    await rebuilt(cell, { consumer });
    expect(await shown(cell)).toEqual(before);
    await rebuilt(cell, { consumer });
    expect(await shown(cell)).toEqual(before);
  });

  test('a consumer that is new derives what the log held before it', async () => {
    const cell = await filled();
    const before = await shown(cell);
    for (const device of ['pump-0', 'pump-1', 'pump-2']) await deleteAll(cell.state, STATE(consumer, device));
    await rebuilt(cell, { consumer, from: '2020-01-01T00:00:00Z' });
    expect(await shown(cell)).toEqual(before);
  });
});

test('events that were parked and dropped come back, with the others of their time and later', async () => {
  let broken = true;
  const faulty = (consumer: Consumer): Consumer => ({
    ...consumer,
    apply: async (events) => {
      if (broken && consumer.name === 'rollups' && events.some(({ event }) => event.id === 'r-7'))
        throw new TypeError('planned');
      await consumer.apply(events);
    },
  });
  const cell = testCell({ application: [telemetry], consumer: faulty });
  await cell.post(readings(60));
  await cell.pump();
  broken = false;
  const parked = items(await cell.call('/v1/parked?consumer=rollups'));
  expect(parked.map(({ id }) => String(id).split('.')[0])).toEqual(['rollups']);
  for (const { id } of parked) await cell.call(`/v1/parked/${id}`, { method: 'DELETE' });
  const whole = await filled(60);
  expect(await shown(cell)).not.toEqual(await shown(whole));
  const time = String(readings(60)[7]?.time);
  const { events } = await rebuilt(cell, { consumer: 'rollups', from: time });
  expect(events).toBe(readings(60).filter((each) => String(each.time) >= time).length);
  expect(await shown(cell)).toEqual(await shown(whole));
});

test('after a fix all is derived anew: what a fault had made too large becomes smaller', async () => {
  const extremes = (factor: number): ConsumerDefinition =>
    derived<number, { most: number }>({
      name: 'extremes',
      types: ['io.polycell.reading.v1'],
      partition: (tenant, subject) => `meters.extremes|${tenant}|${subject}`,
      project: (event) => (event.data as { value: number }).value * factor,
      leafOf: (_fact, minute) => `m!${minute}`,
      totalsOf: (leaf) => [`d!${leaf.slice(2, 12)}`, 'all'],
      empty: () => ({ most: 0 }),
      add(summary, fact) {
        summary.most = Math.max(summary.most, fact);
      },
      revise: (total, _before, after) => ({ most: Math.max(total?.most ?? 0, after.most) }),
    });
  const domain = (factor: number) => ({ ...meters, consumers: [extremes(factor)] });
  const docs = async (cell: TestCell) =>
    Object.fromEntries((await readAll(cell.state, 'meters.extremes|acme|pump-0')).map(({ id, body }) => [id, body]));
  const wrong = testCell({ application: [domain(1000)] });
  const right = testCell({ application: [domain(1)] });
  for (const cell of [wrong, right]) {
    await cell.post(readings(80, 1));
    await cell.pump();
  }
  expect(await docs(wrong)).not.toEqual(await docs(right));
  // The same state under the corrected release.
  const fixed = rebuildOf(wrong, extremes(1));
  while (!(await fixed({ tenant: 'acme', consumer: 'extremes' })).done);
  while (!(await rebuildOf(right, extremes(1))({ tenant: 'acme', consumer: 'extremes' })).done);
  expect(await docs(wrong)).toEqual(await docs(right));
});

/** The use case in another process of the same cell. */
function rebuildOf(
  cell: Pick<TestCell, 'events' | 'state' | 'ids' | 'log' | 'parking'> & { readonly clock: Clock },
  { declaration, create }: ConsumerDefinition,
  change: (consumer: Consumer) => Consumer = (each) => each,
) {
  const { events, state, clock, ids, log, parking } = cell;
  const consumer = change(create({ events, state, clock, ids }));
  const deliver = consume({
    cell: 'cell-1',
    consumer,
    declaration,
    parking,
    trials: crashMarkers(state, clock),
    clock,
    log,
  });
  const consumerNamed = () => ({ types: declaration.types, consumer, deliver });
  return rebuild({ events, state, subjects: subjectIndex({ events, state }), consumerNamed, clock, ids });
}

describe('a claiming consumer', () => {
  const tally = claiming({
    name: 'tally',
    types: ['io.polycell.reading.v1'],
    effects: updates<{ readonly count: number }>({
      idOf: () => 'total',
      initial: () => ({ count: 0 }),
      apply: ({ count }) => ({ count: count + 1 }),
    }),
  });
  const application = [defineDomain({ ...meters, consumers: [tally] })];
  const total = async ({ state }: TestCell, device: string) =>
    (await state.get({ partition: `claimed|tally|acme|${device}`, id: 'total' }))?.body as Json;

  test('applies what it has missed, and nothing twice', async () => {
    let broken = true;
    const cell = testCell({
      application,
      consumer: (consumer) => ({
        ...consumer,
        apply: async (events) => {
          if (broken && events.some(({ event }) => event.subject === 'pump-1')) throw new TypeError('planned');
          await consumer.apply(events);
        },
      }),
    });
    await cell.post(readings(60));
    await cell.pump();
    broken = false;
    expect([await total(cell, 'pump-0'), await total(cell, 'pump-1')]).toEqual([{ count: 20 }, undefined]);
    for (const body of [{ consumer: 'tally' }, { consumer: 'tally', from: '2020-01-01T00:00:00Z' }]) {
      expect(await rebuilt(cell, body)).toEqual({ subjects: 3, events: 60, done: true });
      for (const device of ['pump-0', 'pump-1', 'pump-2']) expect(await total(cell, device)).toEqual({ count: 20 });
    }
  });
});

test('a rebuild goes on in another process where it was, and begins again when it is asked to', async () => {
  const cell = await filled(150);
  const rollups = telemetry.consumers[1] as ConsumerDefinition;
  const steps: RebuildProgress[] = [];
  let time = START;
  do {
    // Each look at the clock takes time, so that a step is over after some pages.
    const clock = { now: () => epochMs((time += 500)), sleep: () => Promise.resolve() };
    steps.push(await rebuildOf({ ...cell, clock }, rollups)({ tenant: 'acme', consumer: 'rollups' }));
  } while (steps.at(-1)?.done !== true);
  expect(steps.length).toBeGreaterThan(1);
  expect(steps.at(-1)).toEqual({ subjects: 3, events: 150, done: true });
  const ascending = steps.map(({ events }) => events);
  expect([...ascending].sort((a, b) => a - b)).toEqual(ascending);
  const other = rebuildOf(cell, rollups);
  expect(await other({ tenant: 'acme', consumer: 'rollups', restart: true })).toMatchObject({ events: 150 });
});

test('of two steps at the same time one works; what a killed step left behind is found once it must be over', async () => {
  const cell = await filled(30);
  const rollups = telemetry.consumers[1] as ConsumerDefinition;
  let killed: (() => void) | undefined;
  const hanging = rebuildOf(cell, rollups, (consumer) => ({
    ...consumer,
    apply: () => new Promise(() => killed?.()),
  }));
  const stuck = new Promise<void>((resolve) => {
    killed = resolve;
  });
  void hanging({ tenant: 'acme', consumer: 'rollups' });
  await stuck;
  const next = rebuildOf(cell, rollups);
  expect(await next({ tenant: 'acme', consumer: 'rollups' })).toMatchObject({
    done: false,
    waiting: 'another step is under way',
  });
  await cell.clock.advance(WALK_LIMITS.abandonedMs);
  const attempts: number[] = [];
  const { declaration, create } = rollups;
  const consumer = create(cell);
  const watched = rebuild({
    ...cell,
    subjects: subjectIndex(cell),
    consumerNamed: () => ({
      types: declaration.types,
      consumer,
      deliver: async (messages) => {
        attempts.push(...messages.map(({ attempt }) => attempt));
        return messages.map(() => ({ status: 'done' }));
      },
    }),
  });
  expect(await watched({ tenant: 'acme', consumer: 'rollups' })).toMatchObject({ done: true });
  // The first page may have ended the process, so its events are handled as redelivered ones.
  expect([Math.max(...attempts.slice(0, 10)), attempts.at(-1)]).toEqual([2, 1]);
});

test('a store that fails makes a step wait, and the next one goes on', async () => {
  let failing = false;
  const cell = testCell({
    application: [telemetry],
    events: (method) => (failing && method === 'query' ? { code: 'throttled', when: 'before' } : undefined),
  });
  await cell.post(readings(30));
  await cell.pump();
  const before = await shown(cell);
  failing = true;
  const call = () => cell.call('/v1/rebuild', { method: 'POST', body: { consumer: 'rollups' } });
  expect((await call()).body).toEqual({
    subjects: 0,
    events: 0,
    done: false,
    waiting: 'throttled: planned: throttled',
  });
  failing = false;
  await rebuilt(cell, { consumer: 'rollups' });
  expect(await shown(cell)).toEqual(before);
});

describe('forgetting', () => {
  test('others wait while a subject is forgotten, and for no longer than a mark lasts', async () => {
    const cell = await filled(30);
    const { state, clock } = cell;
    const partition = STATE('rollups', 'pump-0');
    const head = (await readAll(state, partition, { prefix: 'head!' })).find(({ id }) => id.includes('temperature'));
    if (head === undefined) throw new Error('There is no head.');
    // A process that was killed while it forgot.
    const expiresAt = epochMs(clock.now() + FORGET_LIMITS.markMs);
    await state.put({ partition, id: head.id, body: { forgetting: 'gone' }, expiresAt }, head.version);
    const [event] = readings(1);
    const consumer = (telemetry.consumers[1] as ConsumerDefinition).create(cell);
    const apply = consumer.apply([onItsWay(event as JsonObject)]);
    await expect(apply).rejects.toMatchObject({ code: 'unavailable' });
    await expect(consumer.forget?.('acme', 'pump-0', 'other')).rejects.toMatchObject({ code: 'unavailable' });
    await clock.advance(FORGET_LIMITS.markMs);
    await consumer.forget?.('acme', 'pump-0', 'other');
    expect(await readAll(state, partition)).toEqual([]);
    await consumer.apply([onItsWay(event as JsonObject)]);
  });
});

const made = fc.record({
  minute: fc.nat({ max: 200 }),
  value: fc.integer({ min: -50, max: 50 }),
  metric: fc.constantFrom('a', 'b'),
});

property(
  'live deliveries during a rebuild, in any order of turns: the state is that of the log in the end',
  fc.record({
    stored: fc.array(made, { minLength: 1, maxLength: 25 }),
    live: fc.array(made, { minLength: 1, maxLength: 12 }),
    script: fc.array(fc.nat({ max: 6 }), { minLength: 0, maxLength: 120 }),
    deleted: fc.array(fc.nat({ max: 20 }), { maxLength: 4 }),
  }),
  async ({ stored, live, script, deleted }) => {
    const toCandidates = (some: typeof stored, prefix: string) =>
      some.map(({ minute, value, metric }, index) =>
        candidate({
          id: `${prefix}-${index}`,
          subject: 'pump-0',
          time: at(minute * 3 * MINUTE + HOUR),
          data: measured(metric, value),
        }),
      );
    const cell = testCell({ application: [telemetry] });
    await cell.post(toCandidates(stored, 's'));
    await cell.pump();
    const partition = STATE('rollups', 'pump-0');
    await deleteAll(cell.state, partition, (index) => deleted.includes(index));
    const later = toCandidates(live, 'l');
    await cell.post(later);

    const position = { next: -1 };
    const state = scripted(cell.state, script, position);
    const definition = telemetry.consumers[1] as ConsumerDefinition;
    const rebuilding = rebuildOf({ ...cell, state }, definition);
    const run = async () => {
      while (!(await rebuilding({ tenant: 'acme', consumer: 'rollups' }).catch(retryable)).done);
    };
    const worker = definition.create({ ...cell, state });
    const deliver = async () => {
      for (const each of later) while (!(await worker.apply([onItsWay(each)]).then(() => true, retryable)));
    };
    await Promise.all([run(), deliver()]);

    const whole = testCell({ application: [telemetry] });
    await whole.post(toCandidates(stored, 's'));
    await whole.post(later);
    await whole.pump();
    for (const metric of ['a', 'b'])
      for (const window of ['1m', '1h', '1d']) {
        const path = `/v1/devices/pump-0/rollups?metric=${metric}&window=${window}&limit=1000`;
        expect([path, items(await cell.call(path))]).toEqual([path, items(await whole.call(path))]);
      }
  },
  40,
);

/** What is to be tried again; faults of the code are not. */
function retryable(error: unknown): RebuildProgress & false {
  if (!isPortError(error) || !error.retryable) throw error;
  return { subjects: 0, events: 0, done: false } as RebuildProgress & false;
}
