// How long events take: counted by each process, noted once in a while, and added up over processes.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { MemoryTelemetry } from '../../../adapters/memory/memory-telemetry.ts';
import { DELAY_LIMITS, delayNotes, delaysIn, readDelayNotes } from '../../../core/cell/delays.ts';
import { readMeasures } from '../../../core/cell/measures.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { testCell } from '../../support/cell.ts';
import { candidate } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { countingIds } from '../../support/ids.ts';
import { RecordingLog } from '../../support/recording-log.ts';

function cell() {
  const clock = new FakeClock();
  const ids = countingIds();
  const log = new RecordingLog();
  const telemetry = new MemoryTelemetry({ clock, ids });
  const state = checkedStore(new MemoryStore({ clock }));
  let writes = 0;
  let fault: PortError | undefined;
  const counting: Pick<typeof state, 'put'> = {
    put: async (...given) => {
      writes += 1;
      if (fault !== undefined) throw fault;
      return state.put(...given);
    },
  };
  return {
    ...{ clock, log, telemetry },
    process: () => delayNotes({ state: counting, telemetry, clock, ids, log }),
    read: async () => delaysIn(await readDelayNotes(state, clock)),
    writes: () => writes,
    breakStore: () => {
      fault = new PortError('unavailable', 'It is away.');
    },
  };
}

test('the delays of all processes are added up: quantiles are rounded up to a class, the longest one is exact', async () => {
  const w = cell();
  await w.process().record('state', 'rollups', [...Array.from({ length: 98 }, () => 40), 700]);
  await w.process().record('state', 'rollups', [130_000]);
  await w.process().record('copy', 'beta', [30]);
  expect(await w.read()).toEqual([
    { kind: 'copy', name: 'beta', events: 1, p50Ms: 30, p99Ms: 30, mostMs: 30 },
    { kind: 'state', name: 'rollups', events: 100, p50Ms: 50, p99Ms: 1000, mostMs: 130_000 },
  ]);
});

test('a process writes once in 30 s, however many events there are, and loses none of them', async () => {
  const w = cell();
  const process = w.process();
  await process.record('state', 'rollups', [10]);
  for (let batch = 0; batch < 50; batch += 1) await process.record('state', 'rollups', [20, 20]);
  w.clock.jump(DELAY_LIMITS.noteMs - 1);
  await process.record('state', 'rollups', [20]);
  expect(w.writes()).toBe(1);
  expect(await w.read()).toMatchObject([{ events: 1 }]);
  w.clock.jump(1);
  await process.record('state', 'rollups', [20]);
  expect(w.writes()).toBe(2);
  expect(await w.read()).toMatchObject([{ events: 103 }]);
  await process.record('state', 'rollups', []);
  expect(w.writes()).toBe(2);
});

test('a relay says how long events took until they were published, in the note that it writes anyway', async () => {
  const w = cell();
  const relay = w.process();
  const published = (...agoMs: readonly number[]) =>
    relay.published(agoMs.map((ago) => ({ type: 'read', acceptedAt: w.clock.now() - ago })));
  await published(300);
  await published(20, 5000);
  expect(w.writes()).toBe(1);
  const took = { kind: 'publish', name: 'relay' };
  expect(await w.read()).toEqual([{ ...took, events: 1, p50Ms: 300, p99Ms: 300, mostMs: 300 }]);
  w.clock.jump(DELAY_LIMITS.noteMs);
  await published(40);
  expect(await w.read()).toEqual([{ ...took, events: 4, p50Ms: 50, p99Ms: 5000, mostMs: 5000 }]);
  expect(w.telemetry.measured.map(({ name, value }) => [name, value])).toEqual(
    [0.3, 0.02, 5, 0.04].map((seconds) => ['polycell.relay.duration', seconds]),
  );
  expect(readMeasures({ parked: [], delays: await w.read() })?.delays).toHaveLength(1);
});

test('each note is also a line of the log, by which a cloud alarms', async () => {
  const w = cell();
  const process = w.process();
  await process.record('state', 'rollups', [400]);
  await process.record('state', 'rollups', [...Array.from({ length: 98 }, () => 40), 700]);
  expect(w.log.lines).toEqual([
    {
      level: 'info',
      message: 'how long events took',
      fields: { kind: 'state', name: 'rollups', events: 1, p50Ms: 400, p99Ms: 400, mostMs: 400 },
    },
  ]);
  w.clock.jump(DELAY_LIMITS.noteMs);
  await process.record('state', 'rollups', [1300]);
  expect(w.log.lines.slice(1)).toMatchObject([
    { message: 'how long events took', fields: { events: 100, p99Ms: 1000, mostMs: 1300 } },
  ]);
  // A store that is away keeps no line back.
  w.breakStore();
  await process.record('copy', 'beta', [30]);
  expect(w.log.lines.slice(2)).toMatchObject([
    { level: 'info', fields: { kind: 'copy', name: 'beta', p99Ms: 30 } },
    { level: 'warn' },
  ]);
});

test('what was noted two minutes ago says nothing any more', async () => {
  const w = cell();
  await w.process().record('copy', 'beta', [10]);
  w.clock.jump(DELAY_LIMITS.lifeMs - 1);
  expect(await w.read()).toHaveLength(1);
  w.clock.jump(1);
  expect(await w.read()).toEqual([]);
});

test('notes that have expired hide none of the others while the store still has them, and are not read again and again', async () => {
  const clock = new FakeClock();
  const ids = countingIds();
  const state = new MemoryStore({ clock });
  const expiries = new Map<string, number>();
  let read = 0;
  // As in DynamoDB, what has expired takes its place in a page until it is removed, hours later.
  const late: Pick<typeof state, 'put' | 'query'> = {
    put: ({ expiresAt = epochMs(0), ...document }, expected) => {
      expiries.set(document.id, expiresAt);
      return state.put(document, expected);
    },
    query: async (partition, query) => {
      const { items, next } = await state.query(partition, query);
      read += items.length;
      const live = items.filter(({ id }) => (expiries.get(id) ?? 0) > clock.now());
      return { items: live, ...(next !== undefined && { next }) };
    },
  };
  const telemetry = new MemoryTelemetry({ clock, ids });
  const process = () => delayNotes({ state: late, telemetry, clock, ids, log: new RecordingLog() });
  for (let number = 0; number <= DELAY_LIMITS.notes; number += 1) await process().record('copy', 'beta', [10]);
  clock.jump(DELAY_LIMITS.lifeMs);
  await process().record('state', 'rollups', [20]);
  expect(delaysIn(await readDelayNotes(late, clock))).toMatchObject([{ kind: 'state', name: 'rollups', events: 1 }]);
  expect(read).toBe(1);
});

test('longer than every class, and below zero by a clock that was set back', async () => {
  const w = cell();
  await w.process().record('state', 'slow', [9_000_000]);
  await w.process().record('state', 'back', [-5]);
  expect(await w.read()).toMatchObject([
    { name: 'back', p99Ms: 0, mostMs: 0 },
    { name: 'slow', p50Ms: 9_000_000, p99Ms: 9_000_000, mostMs: 9_000_000 },
  ]);
});

test('each event is a value of a distribution; a store that fails costs the note, and no delivery', async () => {
  const w = cell();
  w.breakStore();
  await w.process().record('copy', 'beta', [1500, 2500]);
  expect(w.telemetry.measured.map(({ kind, name, value, attributes }) => [kind, name, value, attributes])).toEqual([
    ['record', 'polycell.replication.duration', 1.5, { 'polycell.peer': 'beta' }],
    ['record', 'polycell.replication.duration', 2.5, { 'polycell.peer': 'beta' }],
  ]);
  expect(w.log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'info how long events took',
    'warn how long events took is not noted',
  ]);
});

test('a cell measures what it has accepted until it is published and its consumers are done; not what is redriven', async () => {
  const c = testCell();
  await c.post([candidate({ id: 'a' })]);
  c.clock.jump(1300);
  await c.pump();
  const { body } = await c.call('/v1/health?measures=1', { token: { claims: { scp: ['observe'] } } });
  const { delays } = readMeasures(body.measures) ?? { delays: [] };
  expect(delays.map(({ events, mostMs }) => [events, mostMs])).toEqual(delays.map(() => [1, 1300]));
  expect(delays.map(({ kind }) => kind)).toEqual([
    'publish',
    ...Array.from({ length: delays.length - 1 }, () => 'state'),
  ]);
  expect(delays.length).toBeGreaterThan(1);
});

test('of an answer only sound delays are taken', () => {
  const sound = { kind: 'state', name: 'rollups', events: 1, p50Ms: 1, p99Ms: 2, mostMs: 3 };
  const wrong = [
    { ...sound, kind: 'x' },
    { ...sound, p99Ms: -1 },
    { ...sound, mostMs: 'x' },
    null,
    { ...sound, name: 1 },
  ];
  expect(readMeasures({ parked: [], delays: [sound, ...wrong] })?.delays).toEqual([sound]);
  expect(readMeasures({ parked: [] })?.delays).toEqual([]);
  const many = Array.from({ length: DELAY_LIMITS.reported + 1 }, () => sound);
  expect(readMeasures({ parked: [], delays: many })?.delays).toHaveLength(DELAY_LIMITS.reported);
});
