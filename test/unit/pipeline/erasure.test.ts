// Erasing events in a cell: what is left of them, what comes back, and what happens to those that are accepted meanwhile.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { statePartition } from '../../../core/cell/identity.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { isErased, tombstones } from '../../../core/pipeline/tombstones.ts';
import type { Json, JsonObject } from '../../../core/ports/json.ts';
import { items, type Loose } from '../../support/cell.ts';
import { candidate, measured, reading } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

const DRAIN_MS = 130_000;

const UNTIL = '2026-11-21T07:41:02Z';
const BEFORE = '2026-11-21T07:41:01Z';
const AFTER = '2026-11-21T07:41:02.5Z';

const event = (id: string, subject: string, time: string, more: JsonObject = {}) =>
  candidate({ id, subject, time, data: measured('temperature', 20), ...more });

/** The cells of a tenant, and what the edge does to erase in one of them. */
function setUp() {
  const cells = tenantCells();
  const step = async (id: string, phase: string, pass = 1, subject: string | null = 'pump-1', until = UNTIL) => {
    const body = { erasure: 'e-1', subject, until, phase, pass };
    return (await cells.ask(id, '/v1/erasures', { method: 'POST', body })).body;
  };
  const swept = async (id: string, pass: number, subject: string | null = 'pump-1') => {
    for (let steps = 0; steps < 50; steps += 1) {
      const progress = await step(id, 'sweep', pass, subject);
      if (progress.done as unknown) return progress;
      expect(progress.waiting).toBeUndefined();
    }
    throw new Error('It is not done after 50 steps.');
  };
  const erased = async (id: string, subject: string | null = 'pump-1') => {
    await step(id, 'mark', 1, subject);
    // What processes of the cell have read before is read again.
    cells.clock.jump(DRAIN_MS);
    const found: Loose[] = [];
    for (const pass of subject === null ? [1, 2, 3] : [1, 2]) found.push(await swept(id, pass, subject));
    await step(id, 'close', 1, subject);
    return found;
  };
  /** Everything in the state, as a text. */
  const stateOf = async (id: string) =>
    JSON.stringify(Object.entries(await cells.cell(id).stored()).filter(([, found]) => Object.keys(found).length > 0));
  const subjects = async (id: string) =>
    Object.entries(await cells.cell(id).stored())
      .filter(([partition]) => partition.startsWith('subjects|acme|'))
      .flatMap(([, documents]) => Object.keys(documents))
      .sort();
  return { ...cells, step, swept, erased, stateOf, subjects };
}

const results = (answer: { body: Loose }) =>
  answer.body.results as unknown as { status: string; error?: { code: string } }[];

/** Events of three subjects, one of them also later, derived; one parked, and one that has lost a conflict. */
async function filled() {
  const cells = setUp();
  await cells.send('home', [
    event('a', 'pump-1', BEFORE),
    event('b', 'pump-1', UNTIL),
    event('c', 'pump-2', BEFORE),
    event('d', 'pump-3', BEFORE),
  ]);
  await cells.cell('home').pump();
  const { state, clock } = cells.cell('home');
  const parked = parking({ state, clock });
  const reason = { code: 'TypeError', message: 'No.' };
  for (const subject of ['pump-1', 'pump-2'])
    await parked.park({
      consumer: 'tally',
      tenant: 'acme',
      event: reading({ id: `parked-${subject}`, subject, time: BEFORE }),
      reason,
    });
  const lost = reading({ id: 'lost', subject: 'pump-1', time: BEFORE }) as unknown as Json;
  await state.put({ partition: 'conflicts|acme', id: 'pump-1!x!y', body: { event: lost, epoch: 1 } }, 'any');
  // A later write has lost against an erased one; and a write whose key is remembered.
  const later = reading({ id: 'later', subject: 'pump-1', time: AFTER }) as unknown as Json;
  const collision = { partition: 'conflicts|acme', id: 'pump-1!z!y', body: { event: later, stands: lost, epoch: 1 } };
  await state.put(collision, 'any');
  await state.put({ partition: 'writes|acme', id: 'k', body: lost }, 'any');
  return { ...cells, parked };
}

test('an erased subject is nowhere in the cell, and the others are as they were', async () => {
  const { erased, stateOf, log, ask, parked, subjects, cell } = await filled();
  const before = (await ask('home', '/v1/devices/pump-2')).body;
  const [first, second] = await erased('home');
  expect([first?.removed, second?.removed]).toMatchObject([expect.any(Number), 0]);
  expect(await log('home', 'pump-1')).toEqual([]);
  expect(await stateOf('home')).not.toContain('pump-1');
  expect(await subjects('home')).toEqual(['pump-2', 'pump-3']);
  expect(items(await ask('home', '/v1/devices')).map(({ id }) => id)).toEqual(['pump-2', 'pump-3']);
  expect((await ask('home', '/v1/devices/pump-2')).body).toEqual(before);
  expect((await parked.list('tally', 'acme', 10)).items.map(({ event: of }) => of?.subject)).toEqual(['pump-2']);
  expect(cell('home').log.messages('error')).toEqual([]);
});

test('what came later than the time stays, and is derived anew', async () => {
  const { send, cell, erased, ask, log, subjects } = await filled();
  await send('home', [event('later', 'pump-1', AFTER)]);
  await cell('home').pump();
  await erased('home');
  expect((await log('home', 'pump-1')).map(({ body }) => (body as JsonObject).id)).toEqual(['later']);
  expect((await ask('home', '/v1/devices/pump-1')).body.readings).toBe(1);
  expect(await subjects('home')).toEqual(['pump-1', 'pump-2', 'pump-3']);
  // The claim of the later event is still there: it is not applied again.
  await cell('home').pump();
});

test('a sweep that finds nothing erased says so, also where subjects have later events, which stay listed', async () => {
  for (const subject of ['pump-1', null]) {
    const { send, cell, erased, ask, push } = await filled();
    await send('home', [event('later', 'pump-1', AFTER)]);
    await cell('home').pump();
    // The progress of a comparison is kept, too.
    await push('home');
    const [first, ...others] = await erased('home', subject);
    expect(first?.removed).toBeGreaterThan(0);
    expect(others.map(({ removed }) => removed)).toEqual(others.map(() => 0));
    expect(items(await ask('home', '/v1/devices')).map(({ id }) => id)).toContain('pump-1');
  }
});

test('an erased tenant leaves tombstones and what operates it, and later events are accepted', async () => {
  const { erased, stateOf, subjects, send, cell, ask } = await filled();
  await erased('home', null);
  const state = await stateOf('home');
  for (const name of ['pump-1', 'pump-2', 'pump-3', 'parked-']) expect(state).not.toContain(name);
  expect(await subjects('home')).toEqual([]);
  expect(items(await ask('home', '/v1/holdings'))).toEqual([]);
  const answer = await send('home', [event('d', 'pump-3', BEFORE), event('new', 'pump-3', AFTER)]);
  expect(results(answer)).toMatchObject([{ status: 'rejected', error: { code: 'erased' } }, { status: 'accepted' }]);
  await cell('home').pump();
  expect((await ask('home', '/v1/devices/pump-3')).body.readings).toBe(1);
  expect(items(await ask('home', '/v1/holdings'))).toEqual([{ tenant: 'acme' }]);
});

test('of a tenant that is erased up to a time, subjects that have later events alone keep what was made of them once', async () => {
  const { send, cell, erased } = await filled();
  await send('home', [event('new', 'pump-9', AFTER), event('later', 'pump-1', AFTER)]);
  await cell('home').pump();
  const kept = async (subject: string) =>
    (await cell('home').state.get({ partition: statePartition.claimed('tally', 'acme', subject), id: 'total' }))?.body;
  expect(await kept('pump-9')).toEqual({ count: 1 });
  await erased('home', null);
  expect([await kept('pump-9'), await kept('pump-1')]).toEqual([{ count: 1 }, undefined]);
});

test('a repeat of an erased event is rejected for good, and its subject is not listed', async () => {
  const { erased, send, subjects, step } = await filled();
  await step('home', 'mark');
  expect((await send('home', [event('a', 'pump-1', BEFORE)])).status).toBe(400);
  await erased('home');
  const answer = await send('home', [event('a', 'pump-1', BEFORE), event('e', 'pump-4', BEFORE)]);
  expect(answer.status).toBe(207);
  expect(results(answer)).toMatchObject([{ status: 'rejected', error: { code: 'erased' } }, { status: 'accepted' }]);
  expect(await subjects('home')).toEqual(['pump-2', 'pump-3', 'pump-4']);
});

test('a process goes by what it has read for 5 s, and reads no more than once in these', async () => {
  const clock = new FakeClock();
  const state = faultyStore(new MemoryStore({ clock }));
  const [one, other] = [tombstones({ state, clock }), tombstones({ state: state, clock })];
  const covers = async () => (await other.of('acme', ['pump-1', 'pump-2'])).covers('pump-1', '2026-11-21T07:41:02!x');
  for (let asked = 0; asked < 3; asked += 1) expect(await covers()).toBe(false);
  expect(state.calls.get).toBe(1);
  const scope = { tenant: 'acme', subject: 'pump-1', until: '2026-11-21T07:41:02' };
  await one.mark(scope, 'e-1');
  clock.jump(4999);
  expect(await covers()).toBe(false);
  clock.jump(1);
  const before = state.calls.get;
  for (let asked = 0; asked < 3; asked += 1) expect(await covers()).toBe(true);
  // The tenant, and each of its subjects.
  expect(state.calls.get - before).toBe(3);
  const erased = await other.of('acme', ['pump-1', 'pump-2']);
  expect(erased.covers('pump-2', '2026-11-21T07:41:02!x')).toBe(false);
  // Ids of one second sort by its fraction.
  for (const [id, is] of [
    ['2026-11-21T07:41:01.999!x', true],
    ['2026-11-21T07:41:02.001!x', false],
    ['2026-11-21T07:41:03!x', false],
  ] as const)
    expect(erased.covers('pump-1', id)).toBe(is);
  // An earlier time takes nothing back.
  await one.mark({ ...scope, until: '2026-11-20T00:00:00' }, 'e-2');
  expect(await covers()).toBe(true);
});

test('the place of an event in the log, a hash, is computed only where something of its subject is erased', async () => {
  const clock = new FakeClock();
  const tombs = tombstones({ state: new MemoryStore({ clock }), clock });
  const touched = async () => {
    const erased = await tombs.of('acme', ['pump-1', 'pump-2']);
    return ['pump-1', 'pump-2'].map((subject) => erased.touches(subject));
  };
  expect(await touched()).toEqual([false, false]);
  await tombs.mark({ tenant: 'acme', subject: 'pump-1', until: '2026-11-21T07:41:02' }, 'e-1');
  expect(await touched()).toEqual([true, false]);
  await tombs.mark({ tenant: 'acme', subject: null, until: '2026-11-21T07:41:02' }, 'e-2');
  expect(await touched()).toEqual([true, true]);
  const covers = () => {
    throw new Error('Nothing of the subject is erased.');
  };
  expect(isErased({ touches: () => false, covers }, 'acme', event('a', 'pump-1', BEFORE) as never)).toBe(false);
});

test('a copy that comes from the other cell is not taken, and both compare as equal', async () => {
  const { erased, push, log, send, step } = await filled();
  await push('home');
  await erased('standby');
  expect(await push('home')).toMatchObject({ stored: 0, erased: 2 });
  expect(await log('standby', 'pump-1')).toEqual([]);
  // Marked, and not swept yet: what is erased counts no longer.
  await step('home', 'mark');
  expect(await push('home', true)).toMatchObject({ missing: 0, different: 0, extra: 0 });
  expect(await push('standby', true)).toMatchObject({ missing: 0, different: 0, extra: 0 });
  await erased('home');
  await send('home', [event('later', 'pump-1', AFTER)]);
  expect(await push('home')).toMatchObject({ stored: 1, erased: 0 });
});

test('what the bus, a dead-letter queue or the change stream still hold is neither applied nor parked nor published', async () => {
  const { send, cell, erased, stateOf } = setUp();
  await send('home', [event('a', 'pump-1', BEFORE)]);
  // Relayed, and not delivered yet; another one waits in the stream.
  const { bus } = cell('home');
  const published = () => bus.published.length;
  bus.delivery = () => 'unacknowledged';
  await cell('home').pump(1);
  await send('home', [event('b', 'pump-1', BEFORE)]);
  await erased('home');
  const before = published();
  bus.delivery = () => 'once';
  await cell('home').pump();
  expect(published()).toBe(before);
  expect(await stateOf('home')).not.toContain('pump-1');
});

test('a parked event that was not swept yet is dropped in place of being redriven', async () => {
  const { step, ask, parked } = await filled();
  await step('home', 'mark');
  const { body } = await ask('home', '/v1/parked/redrive', { method: 'POST', body: { consumer: 'tally' } });
  expect(body).toMatchObject({ redriven: 1, failed: 1 });
  expect((await parked.list('tally', 'acme', 10)).items).toEqual([]);
});

test('an export shows nothing of it from the beginning', async () => {
  const { step, ask } = await filled();
  const digest = async () => (await ask('home', '/v1/log/digest')).body.count;
  const shown = async () =>
    items(await ask('home', '/v1/log'))
      .map(({ subject }) => subject)
      .sort();
  expect(await digest()).toBe(4);
  await step('home', 'mark');
  expect([await digest(), await shown()]).toEqual([2, ['pump-2', 'pump-3']]);
});

test('a subject that gets an event in the middle of its erasure stays in the index', async () => {
  const { step, swept, send, subjects } = await filled();
  await step('home', 'mark');
  await swept('home', 1);
  await send('home', [event('later', 'pump-1', AFTER)]);
  await swept('home', 2);
  await step('home', 'close');
  expect(await subjects('home')).toEqual(['pump-1', 'pump-2', 'pump-3']);
  // And it is remembered again, at the cost of one read.
  await send('home', [event('later-2', 'pump-1', AFTER)]);
});

test('the index is not relied on while any erasure of a subject is under way, whichever of several ends first', async () => {
  const clock = new FakeClock();
  for (const subject of ['pump-1', null]) {
    const tombs = tombstones({ state: new MemoryStore({ clock }), clock });
    const scope = { tenant: 'acme', subject, until: '2026-11-21T07:41:02' };
    const generation = async () => (await tombs.of('acme', ['pump-1'])).generation('pump-1');
    await tombs.mark(scope, 'e-1');
    await tombs.mark(scope, 'e-2');
    await tombs.mark(scope, 'e-2');
    await tombs.close(scope, 'e-2');
    expect(await generation()).toBeUndefined();
    await tombs.close(scope, 'e-1');
    expect(await generation()).toEqual(expect.any(Number));
  }
});

test('each request may be repeated, and one for another erasure changes nothing of this one', async () => {
  const { step, swept, stateOf } = await filled();
  for (const phase of ['mark', 'mark']) await step('home', phase);
  await swept('home', 1);
  await swept('home', 1);
  await swept('home', 2);
  for (const phase of ['close', 'close']) await step('home', phase);
  expect(await stateOf('home')).not.toContain('pump-1');
});

test('a body with a fault is refused, as is a token without the scope', async () => {
  const { ask } = setUp();
  const post = (body: unknown, more = {}) => ask('home', '/v1/erasures', { method: 'POST', body, ...more });
  const sound = { erasure: 'e-1', subject: null, until: UNTIL, phase: 'mark', pass: 1 };
  for (const body of [
    { ...sound, subject: 'a|b' },
    { ...sound, until: 'yesterday' },
    { ...sound, until: '2026-13-01T00:00:00Z' },
    { ...sound, erasure: 'a!b' },
    { ...sound, pass: 0 },
    { ...sound, more: 1 },
    { erasure: 'e-1', until: UNTIL, phase: 'mark', pass: 1 },
  ])
    expect((await post(body)).status).toBe(400);
  expect((await post(sound)).status).toBe(200);
});
