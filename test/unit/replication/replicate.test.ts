// Events go to the tenant's other cell as they come; while that is away they wait, are left unsent, and are brought by a push.

import fc from 'fast-check';
import { subjectIndex } from '../../../core/pipeline/subject-index.ts';
import { PortError } from '../../../core/ports/errors.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import type { PrivateKey } from '../../../core/ports/keys.ts';
import type { Store } from '../../../core/ports/store.ts';
import { heldAssignments } from '../../../core/replication/held-assignments.ts';
import { NOTE_LIMITS, replicaNotes } from '../../../core/replication/notes.ts';
import { peerClient } from '../../../core/replication/peer-client.ts';
import { push as pushing } from '../../../core/replication/push.ts';
import { replicaProver } from '../../../core/replication/replica-proof.ts';
import { REPLICATE_LIMITS } from '../../../core/replication/replicate.ts';
import { replicator } from '../../../core/replication/replicator.ts';
import { items } from '../../support/cell.ts';
import { Crash, crashing } from '../../support/crashing.ts';
import { candidate, measured, TRACEPARENT } from '../../support/events.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';
import { property } from '../../support/properties.ts';
import { RecordingLog } from '../../support/recording-log.ts';
import { EDGE_KEY, publicPart } from '../../support/route-tokens.ts';
import { KEYS, tenantCells } from '../../support/tenant-cells.ts';

const event = (id: string, value = 1, more: JsonObject = {}) =>
  candidate({ id, data: measured('temperature', value), ...more });

const noteOf = (where: ReturnType<typeof tenantCells>, from = 'home', to = 'standby') =>
  replicaNotes(where.cell(from).stateMemory, where.clock).sender('acme', to);

/** Later than any pause after a failure, and than what is remembered of a tenant. */
const later = (where: ReturnType<typeof tenantCells>, milliseconds: number = REPLICATE_LIMITS.pauseMs) =>
  where.clock.jump(milliseconds);

test('what a cell accepts goes to the tenant’s other cell as it is, and is not sent back', async () => {
  const where = tenantCells();
  expect(await where.tell('home')).toBeNull();
  await where.send('home', [event('a'), event('b', 2, { subject: 'pump-2' })]);
  await where.flow('home');
  for (const subject of ['pump-1', 'pump-2'])
    expect(await where.log('standby', subject)).toEqual(await where.log('home', subject));
  expect(where.bodies).toHaveLength(1);
  // The standby knows the assignment by now, and derives from copies, but is no sender of them.
  await where.flow('standby');
  expect(where.bodies).toHaveLength(1);
  expect(items(await where.ask('standby', '/v1/devices')).map(({ id }) => id)).toEqual(['pump-1', 'pump-2']);
  // After a failover it sends what it accepts itself.
  where.state.switches = 1;
  await where.send('standby', [event('c', 3)]);
  await where.flow('standby');
  expect(await where.log('home')).toEqual(await where.log('standby'));
});

test('a tenant without a standby, and one of which the cell knows nothing, cost no request and wait for nothing', async () => {
  const where = tenantCells();
  await where.send('home', [event('a')]);
  await where.flow('home');
  where.state.standby = false;
  await where.tell('home');
  await where.send('home', [event('b')]);
  later(where);
  await where.flow('home');
  expect(where.bodies).toEqual([]);
  expect(where.cell('home').bus.waiting('replicate')).toBe(0);
});

test('what a cell accepts before it knows of the tenant’s other cell comes by a push, which the cell asks for', async () => {
  const where = tenantCells();
  const { clock } = where;
  await where.send('home', [event('a')]);
  await where.flow('home');
  await where.tell('home');
  const joinedAt = clock.now();
  expect(await noteOf(where)).toMatchObject({ behindSince: joinedAt, walk: null, joinedAt, passedAt: null });
  // For some seconds a process goes by what it has read: of this event a walk that begins now may know nothing.
  await where.send('home', [event('b')]);
  await where.flow('home');
  expect(await where.log('standby')).toEqual([]);
  clock.jump(NOTE_LIMITS.settleMs - 1);
  expect(await where.push('home')).toMatchObject({ stored: 2 });
  expect(await noteOf(where)).toMatchObject({ behindSince: joinedAt, joinedAt });
  clock.jump(1);
  expect(await where.push('home')).toMatchObject({ same: 2 });
  expect(await noteOf(where)).toMatchObject({ behindSince: null, joinedAt: null, lacking: 0 });
  // The same assignment, signed again, changes nothing.
  clock.jump(60_000);
  await where.tell('home');
  expect(await noteOf(where)).toMatchObject({ behindSince: null });
});

test('a new standby gets what the home sent to the old one, or to none', async () => {
  const where = tenantCells();
  where.state.standby = false;
  await where.tell('home');
  expect(await noteOf(where)).toMatchObject({ behindSince: null, passedAt: null });
  await where.send('home', [event('a')]);
  await where.flow('home');
  where.clock.jump(60_000);
  where.state.standby = true;
  await where.tell('home');
  expect(await noteOf(where)).toMatchObject({ behindSince: where.clock.now() });
});

test('a standby that was taken away gets nothing any more, and refuses what it is sent', async () => {
  const where = tenantCells();
  await where.tell('home');
  await where.send('home', [event('a')]);
  await where.flow('home');
  where.state.standby = false;
  where.state.switches = 2;
  await where.tell('home');
  later(where);
  await where.send('home', [event('b')]);
  await where.flow('home');
  expect(await where.log('standby')).toHaveLength(1);
});

test('while the other cell is away events wait; after ten minutes they are left unsent, which a push makes good', async () => {
  const where = tenantCells();
  await where.join('home');
  where.down.add('standby');
  await where.send('home', [event('a')]);
  await where.flow('home');
  expect(where.cell('home').bus.waiting('replicate')).toBe(1);
  const since = where.clock.now();
  expect(await noteOf(where)).toMatchObject({ failingSince: since, behindSince: null });
  later(where, NOTE_LIMITS.patienceMs - 1);
  await where.flow('home');
  expect(where.cell('home').bus.waiting('replicate')).toBe(1);
  later(where, REPLICATE_LIMITS.pauseMs);
  await where.flow('home');
  // The queue is empty, however long it lasts.
  await where.send('home', [event('b')]);
  await where.flow('home');
  expect(where.cell('home').bus.waiting('replicate')).toBe(0);
  expect(await noteOf(where)).toMatchObject({ behindSince: since });
  // For how long, which the alarms of the clouds go by.
  const { lines } = where.cell('home').log;
  expect(lines.flatMap(({ fields }) => (fields.failingMs === undefined ? [] : [fields.failingMs])).sort()).toEqual([
    0,
    NOTE_LIMITS.patienceMs - 1,
    NOTE_LIMITS.patienceMs - 1 + REPLICATE_LIMITS.pauseMs,
  ]);
  // A new event finds the way as soon as there is one; what was left comes by the push alone.
  where.down.clear();
  later(where);
  await where.send('home', [event('c')]);
  await where.flow('home');
  expect(await where.log('standby')).toHaveLength(1);
  expect(await noteOf(where)).toMatchObject({ failingSince: null, behindSince: since });
  const startedAt = where.clock.now();
  expect(await where.push('home')).toMatchObject({ done: true });
  expect(await where.log('standby')).toEqual(await where.log('home'));
  expect(await noteOf(where)).toEqual({
    ...{ failingSince: null, behindSince: null, walk: null, joinedAt: null },
    ...{ passedAt: startedAt, passedEpoch: 1, lacking: 0 },
  });
});

test('an event that the other cell cannot store for good does not stop the others, and shows', async () => {
  const where = tenantCells();
  const { events } = where.cell('standby');
  const append = events.append.bind(events);
  const full = new PortError('too-large', 'It is full.', { partitionFull: true });
  events.append = async (documents) => {
    const isFull = ({ partition }: { partition: string }) => partition === 'acme|pump-2';
    const outcomes = [...(await append(documents.filter((document) => !isFull(document))))];
    return documents.map((document) =>
      isFull(document) ? { status: 'failed', error: full } : outcomes.shift(),
    ) as never;
  };
  await where.tell('home');
  await where.send('home', [event('a'), event('b', 2, { subject: 'pump-2' }), event('c', 3, { subject: 'pump-3' })]);
  await where.flow('home');
  expect(where.cell('home').bus.waiting('replicate')).toBe(0);
  expect(await where.push('home')).toMatchObject({ same: 2, refused: 1, done: true });
  expect(await noteOf(where)).toMatchObject({ lacking: 1, passedAt: null });
});

test('a read that a standby serves says from how long ago on events may be missing', async () => {
  const where = tenantCells();
  const rpo = async (id: string) => (await where.ask(id, '/v1/devices')).headers.get('x-polycell-rpo-ms');
  await where.tell('home');
  await where.send('home', [event('a')]);
  await where.flow('home');
  expect(await rpo('home')).toBeNull();
  where.state.switches = 1;
  expect(await rpo('standby')).toBe('unknown');
  await where.push('home');
  later(where, 7000);
  expect(await rpo('standby')).toBe('7000');
  // Each comparison that passes counts anew; one that does not, leaves it as it was.
  where.down.add('standby');
  await where.step('home', true);
  where.down.clear();
  later(where, 60_000);
  expect(await rpo('standby')).toBe('67000');
  where.state.switches = 2;
  expect(await rpo('home')).toBeNull();
});

test('a difference that is gone at a second look is none: events were on their way', async () => {
  const where = tenantCells();
  await where.tell('home');
  await where.send('home', [event('a'), event('b', 2)]);
  await where.cell('home').pump();
  const { clock } = where;
  const pause = clock.sleep.bind(clock);
  clock.sleep = async (milliseconds) => {
    if (milliseconds <= 1000) await where.cell('home').replicate();
    return pause(milliseconds);
  };
  expect(await where.push('home', true)).toMatchObject({ missing: 0, different: 0, same: 2 });
  await where.send('home', [event('c', 3)]);
  expect(await where.push('home', true)).toMatchObject({ missing: 1, same: 2 });
});

property(
  'whatever fails and ends when: where nothing is noted as left, everything that left the queue is in the other cell',
  fc.record({
    /** Whether the other cell has been away for long when it begins. */
    behind: fc.boolean(),
    /** Steps that pass before the cell begins to learn which the other one is. */
    unknown: fc.constantFrom(0, 0, 1, 3),
    steps: fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constant('send' as const) },
        { weight: 5, arbitrary: fc.constant('deliver' as const) },
        { weight: 2, arbitrary: fc.constantFrom('away' as const, 'back' as const) },
        { weight: 2, arbitrary: fc.constantFrom('soon' as const, 'late' as const) },
        { weight: 2, arbitrary: fc.constant('push' as const) },
        { weight: 4, arbitrary: fc.constant('push and meanwhile' as const) },
      ),
      { minLength: 3, maxLength: 14 },
    ),
    crashes: fc.array(fc.record({ left: fc.integer({ min: 1, max: 25 }), after: fc.boolean() }), { maxLength: 6 }),
  }),
  async ({ behind, unknown, steps, crashes }) => {
    const where = tenantCells();
    if (unknown === 0) await where.join('home');
    const { events, stateMemory, bus } = where.cell('home');
    const identityKey = KEYS.home as PrivateKey;
    const keys = [publicPart(EDGE_KEY)];
    const log = new RecordingLog();
    const { telemetry } = where.cell('home');
    const { clock, fetch } = where;
    const plans: typeof crashes = [];
    /** A process: its next crash is planned. */
    const started = () => crashing(stateMemory, { ...(plans.shift() ?? { left: 0, after: false }) });
    const survived = async (work: () => Promise<unknown>) => {
      await work().catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
    };
    const deliver = () =>
      survived(() =>
        bus.deliver(
          'replicate',
          async (messages, deadline) => {
            const state = started();
            const work = replicator({
              cell: 'home',
              identityKey,
              routeKeys: keys,
              events,
              state,
              delays: { record: async () => undefined, passed: async () => undefined },
              fetch,
              clock,
              log,
              telemetry,
            });
            try {
              return await work(messages, deadline);
            } catch (error) {
              if (!(error instanceof Crash)) throw error;
              return messages.map(() => ({ status: 'retry' as const, reason: 'the process ended' }));
            }
          },
          clock.now() + 60_000,
        ),
      );
    /** With `meanwhile`, which happens while the walk waits for an answer: the page in progress has been read. */
    const push = (meanwhile?: () => Promise<void>) =>
      survived(async () => {
        let isFirst = meanwhile !== undefined;
        const reach: typeof fetch = async (request) => {
          const answer = await fetch(request);
          if (isFirst) {
            isFirst = false;
            await meanwhile?.();
          }
          return answer;
        };
        const state = started();
        const held = await assignments(state).newest('acme');
        if (held === undefined) return;
        const prove = replicaProver(identityKey, 'home', clock);
        const step = pushing({
          ...{ events, state, clock, cell: 'home', ids: where.cell('home').ids },
          subjects: subjectIndex({ events, state }),
          tombstones: NO_TOMBSTONES,
          peer: peerClient({ fetch: reach, clock, prove, telemetry }),
          notes: replicaNotes(state, clock),
          claiming: () => [],
        });
        const how = { restart: false, verify: false, contents: false, once: false, receipts: false };
        await step({ tenant: 'acme', ...held, ...how, traceparent: TRACEPARENT });
      });
    const assignments = (state: Store) =>
      heldAssignments({ cell: 'home', state, keys, notes: replicaNotes(state, clock) });
    const isKnown = async () => (await assignments(stateMemory).newest('acme')) !== undefined;
    /** The edge brings the assignment, again and again until it is there. */
    const learn = async () => {
      if (!(await isKnown()))
        await survived(async () => assignments(started()).adopt((await where.assignment()) ?? ''));
    };
    const ids = async (id: string) => (await where.log(id)).map((each) => each.id);
    const holds = async () => {
      if (bus.waiting('replicate') > 0 || (await noteOf(where)).behindSince !== null || !(await isKnown())) return;
      expect(await ids('standby')).toEqual(await ids('home'));
    };
    let sent = 0;
    const send = async () => {
      sent += 1;
      await where.send('home', [event(`e-${sent}`, sent, { subject: 'pump-1' })]);
      await where.cell('home').pump();
    };
    /** An event comes, and the other cell is not reached with it. */
    const missed = async () => {
      await send();
      where.down.add('standby');
      await deliver();
      where.down.clear();
    };
    if (behind && unknown === 0) {
      await missed();
      clock.jump(NOTE_LIMITS.patienceMs);
      await missed();
    }
    plans.push(...crashes);
    for (const [index, step] of steps.entries()) {
      if (index >= unknown) await learn();
      if (step === 'send') await send();
      else if (step === 'push and meanwhile') await push(missed);
      else if (step === 'deliver') await deliver();
      else if (step === 'away') where.down.add('standby');
      else if (step === 'back') where.down.clear();
      else if (step === 'push') await push();
      else clock.jump(step === 'soon' ? REPLICATE_LIMITS.pauseMs : NOTE_LIMITS.patienceMs);
      await holds();
    }
    // Once nothing fails any more, everything comes.
    plans.length = 0;
    where.down.clear();
    await learn();
    for (let round = 0; round < 6; round += 1) {
      clock.jump(60_000);
      await deliver();
      await push();
    }
    expect(bus.waiting('replicate')).toBe(0);
    expect((await noteOf(where)).behindSince).toBeNull();
    await holds();
  },
  25,
);
