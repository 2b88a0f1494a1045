// How far consumers are behind their relay: one that stops, catches up, or takes only some types; expired notes, and notes of an earlier release.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { MemoryTelemetry } from '../../../adapters/memory/memory-telemetry.ts';
import { backlogsIn } from '../../../core/cell/backlogs.ts';
import { DELAY_LIMITS, delayNotes, delaysIn, readDelayNotes } from '../../../core/cell/delays.ts';
import { statePartition } from '../../../core/cell/identity.ts';
import { MEASURE_LIMITS, readMeasures } from '../../../core/cell/measures.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { testCell } from '../../support/cell.ts';
import { candidate } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { countingIds } from '../../support/ids.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const CONSUMERS = [
  { name: 'sums', types: ['read', 'wrote'], effects: 'derived' },
  { name: 'alerts', types: ['wrote'], effects: 'home-only' },
  { name: 'replicate', types: ['read', 'wrote'], effects: 'copies' },
] as const;

function cell() {
  const clock = new FakeClock();
  const ids = countingIds();
  const state = checkedStore(new MemoryStore({ clock }));
  const telemetry = new MemoryTelemetry({ clock, ids });
  let writes = 0;
  const counting: Pick<typeof state, 'put'> = {
    put: (...given) => {
      writes += 1;
      return state.put(...given);
    },
  };
  const process = () => delayNotes({ state: counting, telemetry, clock, ids, log: new RecordingLog() });
  const [relay, sums, replicate] = [process(), process(), process()];
  const backlogs = async () => {
    const found = backlogsIn(await readDelayNotes(state, clock), CONSUMERS, clock.now());
    return Object.fromEntries(
      found.map(({ consumer, backlogMs, silent }) => [consumer, silent ? [backlogMs] : backlogMs]),
    );
  };
  return {
    ...{ clock, state, process, relay, sums, replicate, backlogs },
    /** Publishes an event that was accepted so long ago. */
    publish: (agoMs = 0, type = 'read') => relay.published([{ type, acceptedAt: clock.now() - agoMs }]),
    writes: () => writes,
  };
}

test('while nothing is published, or only what a consumer does not take, its backlog is not known', async () => {
  const w = cell();
  expect(await w.backlogs()).toEqual({ sums: [null], alerts: [null], replicate: [null] });
  await w.publish(0, 'read');
  await w.sums.record('state', 'sums', [40]);
  // `alerts` takes no such events, however long it has done nothing.
  expect(await w.backlogs()).toMatchObject({ sums: 40, alerts: [null] });
});

test('a consumer that keeps up has none, whatever its notes leave out', async () => {
  const w = cell();
  for (let second = 0; second < 300; second += 1) {
    await w.publish(200);
    await w.sums.record('state', 'sums', [900]);
    w.clock.jump(1000);
    const { sums } = await w.backlogs();
    // What is on its way, and has not been noted yet.
    expect(sums).toBeLessThanOrEqual(2000);
    expect(sums).not.toBeNull();
  }
});

test('the first event after a long silence is no older than it is', async () => {
  const w = cell();
  await w.publish();
  await w.sums.record('state', 'sums', [50]);
  w.clock.jump(100_000);
  await w.publish(300);
  w.clock.jump(200);
  expect((await w.backlogs()).sums).toBe(500);
  await w.sums.record('state', 'sums', [600]);
  expect((await w.backlogs()).sums).toBeLessThanOrEqual(600);
  w.clock.jump(DELAY_LIMITS.lifeMs + 1000);
  await w.publish(300);
  // No note of it counts any more, but nothing that is older waits.
  expect((await w.backlogs()).sums).toEqual([300]);
});

test('a consumer that stops is behind by ever more, and by at least so much when its notes have expired', async () => {
  const w = cell();
  const seen: unknown[] = [];
  await w.sums.record('state', 'sums', [100]);
  for (let second = 0; second <= 240; second += 10) {
    await w.publish();
    seen.push((await w.backlogs()).sums);
    w.clock.jump(10_000);
  }
  // What the consumer may have done without a note is not counted; the relay notes once in 30 s, too.
  expect(seen.slice(0, 4)).toEqual([100, 100, 100, 100]);
  const known = seen.slice(6, 12);
  expect(known).toEqual([...known].sort((one, other) => Number(one) - Number(other)));
  expect(known.at(-1)).toBeGreaterThanOrEqual(60_000);
  expect(seen.slice(13).every((each) => Array.isArray(each) && Number(each[0]) >= 60_000)).toBe(true);
});

test('a consumer that is slow is behind by the age of the newest event it was done with; once it has caught up, no more', async () => {
  const w = cell();
  await w.publish(700_000);
  await w.publish();
  w.clock.jump(DELAY_LIMITS.noteMs);
  await w.publish();
  await w.sums.record('state', 'sums', [650_000, 600_000]);
  expect((await w.backlogs()).sums).toBe(600_000);
  w.clock.jump(DELAY_LIMITS.noteMs);
  await w.publish();
  await w.sums.record('state', 'sums', [200]);
  expect((await w.backlogs()).sums).toBeLessThanOrEqual(200);
  // A single event that was tried for long leaves nothing behind.
  const lone = cell();
  await lone.publish(90_000);
  await lone.sums.record('state', 'sums', [90_000]);
  expect((await lone.backlogs()).sums).toBe(0);
});

test('of several processes the one that is furthest counts', async () => {
  const w = cell();
  const other = w.process();
  await w.publish(800_000);
  await other.record('state', 'sums', [800_000]);
  w.clock.jump(1000);
  w.clock.jump(DELAY_LIMITS.noteMs);
  await w.publish();
  await w.sums.record('state', 'sums', [50]);
  expect((await w.backlogs()).sums).toBe(50);
});

test('replication has come as far as it has sent copies, or had nothing to send: one note of both in 30 s', async () => {
  const w = cell();
  await w.publish(500);
  await w.replicate.record('copy', 'beta', [500]);
  await w.replicate.passed(w.clock.now() - 400);
  expect([w.writes(), (await w.backlogs()).replicate]).toEqual([2, 0]);
  w.clock.jump(DELAY_LIMITS.noteMs);
  await w.replicate.passed(w.clock.now() - 300);
  await w.replicate.passed(w.clock.now());
  expect(w.writes()).toBe(3);
  w.clock.jump(DELAY_LIMITS.noteMs + 5000);
  await w.publish(1000);
  w.clock.jump(20_000);
  expect((await w.backlogs()).replicate).toBe(21_000);
});

test('a relay writes once in 30 s, and of a bounded number of types', async () => {
  const w = cell();
  for (let number = 0; number <= DELAY_LIMITS.types; number += 1) await w.publish(0, `type-${number}`);
  expect(w.writes()).toBe(1);
  w.clock.jump(DELAY_LIMITS.noteMs);
  await w.publish(0, 'type-1');
  expect(w.writes()).toBe(2);
  const { items } = await readDelayNotes(w.state, w.clock);
  expect(items.map(({ body }) => Object.keys(body.types as object).length)).toEqual([DELAY_LIMITS.types, 1]);
});

test('notes of the previous release say when a consumer was last done with something, and not how far it is', async () => {
  const w = cell();
  const noteOfEarlierRelease = (agoMs: number) =>
    w.state.put(
      {
        partition: statePartition.delays,
        id: `${new Date(w.clock.now() - agoMs).toISOString()}!state!sums!p`,
        body: { counts: Array.from({ length: 23 }, () => 1), most: 1 },
        expiresAt: epochMs(w.clock.now() + 120_000),
      },
      'any',
    );
  await noteOfEarlierRelease(50_000);
  // Without a relay of this release nothing is known.
  expect((await w.backlogs()).sums).toBeNull();
  await w.publish(15_000);
  expect((await w.backlogs()).sums).toBe(15_000);
  await noteOfEarlierRelease(0);
  expect((await w.backlogs()).sums).toBeNull();
});

test('the previous release takes no note of a relay for how long events took, and reads those of consumers', async () => {
  const w = cell();
  await w.publish();
  await w.replicate.passed(w.clock.now());
  expect(delaysIn(await readDelayNotes(w.state, w.clock))).toMatchObject([{ kind: 'publish', name: 'relay' }]);
  await w.sums.record('state', 'sums', [40]);
  const { items } = await w.state.query(statePartition.delays, { limit: 10 });
  // What that release requires of a body; others are left out by it.
  expect(items.map(({ body }) => 'counts' in (body as object) && 'most' in (body as object))).toEqual([
    false,
    false,
    true,
  ]);
});

test('where there are more notes than are read, a consumer without one among them is not said to be silent, nor behind', async () => {
  const w = cell();
  await w.publish();
  await w.sums.record('state', 'sums', [10]);
  w.clock.jump(60_000);
  for (let number = 0; number < DELAY_LIMITS.notes; number += 1) await w.process().record('copy', 'beta', [10]);
  w.clock.jump(10_000);
  await w.publish();
  const { since } = await readDelayNotes(w.state, w.clock);
  expect(w.clock.now() - since).toBe(10_000);
  expect((await w.backlogs()).sums).toBeNull();
});

test('a cell says how far its consumers are behind: none that are done, and all that never get their events', async () => {
  const c = testCell();
  const now = () => ({ exp: Math.floor(c.clock.now() / 1000) + 30, iat: Math.floor(c.clock.now() / 1000) });
  const ask = async () => {
    const { body } = await c.call('/v1/health?measures=1', { token: { claims: { ...now(), scp: ['observe'] } } });
    return readMeasures(body.measures)?.backlogs ?? [];
  };
  await c.post([candidate({ id: 'a' })]);
  await c.pump();
  await c.replicate();
  const done = await ask();
  expect(done.map(({ consumer }) => consumer)).toContain('replicate');
  expect(done.filter(({ backlogMs }) => backlogMs !== null).length).toBeGreaterThan(0);
  for (const { backlogMs } of done) expect(backlogMs ?? 0).toBeLessThan(2000);
  c.clock.jump(DELAY_LIMITS.lifeMs);
  await c.post([candidate({ id: 'b' })], { token: { claims: now() } });
  await c.pump();
  c.clock.jump(70_000);
  // Only what replicates has not got its event.
  const behind = (await ask()).filter(({ backlogMs }) => (backlogMs ?? 0) >= 60_000);
  expect(behind.map(({ consumer, silent }) => [consumer, silent])).toEqual([['replicate', true]]);
});

test('of an answer only sound backlogs are taken', () => {
  const sound = { consumer: 'sums', backlogMs: 1, silent: true };
  const wrong = [{ ...sound, backlogMs: -1 }, { ...sound, backlogMs: 'x' }, { ...sound, consumer: 1 }, null];
  const unknown = { ...sound, backlogMs: null, silent: false };
  expect(readMeasures({ parked: [], backlogs: [sound, unknown, ...wrong] })?.backlogs).toEqual([sound, unknown]);
  expect(readMeasures({ parked: [] })?.backlogs).toEqual([]);
  const many = Array.from({ length: MEASURE_LIMITS.consumers + 1 }, () => sound);
  expect(readMeasures({ parked: [], backlogs: many })?.backlogs).toHaveLength(MEASURE_LIMITS.consumers);
});
