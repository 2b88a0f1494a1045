// Two cells of a tenant exchange their logs: over HTTP, each proving who it is, under an assignment signed by the edge.
import fc from 'fast-check';
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import { bodyHash } from '../../../core/events/copies.ts';
import type { Json, JsonObject } from '../../../core/ports/json.ts';
import { readAll } from '../../contract/store/harness.ts';
import { items } from '../../support/cell.ts';
import { candidate, measured, reading } from '../../support/events.ts';
import { property } from '../../support/properties.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

const event = (id: string, value: number, more: JsonObject = {}) =>
  candidate({ id, data: measured('temperature', value), ...more });

test('a push brings the log to the standby as it is, which then derives the same', async () => {
  const { send, push, log, cell, ask } = tenantCells();
  await send('home', [event('a', 1), event('b', 2), event('c', 3, { subject: 'pump-2' })]);
  expect(await push('home')).toMatchObject({ subjects: 2, stored: 3, same: 0, done: true });
  expect(await log('standby')).toEqual(await log('home'));
  expect((await log('standby'))[0]?.beside).toMatchObject({ origin: 'home', epoch: 1 });
  for (const id of ['home', 'standby']) await cell(id).pump();
  const shown = async (id: string) => [
    (await ask(id, '/v1/devices/pump-1')).body,
    items(await ask(id, '/v1/devices/pump-1/rollups')),
    items(await ask(id, '/v1/devices')),
  ];
  expect(await shown('standby')).toEqual(await shown('home'));
  // Repeating it changes nothing.
  expect(await push('home')).toMatchObject({ subjects: 2, stored: 0, same: 3, done: true });
});

test('a repeat after a failover is a duplicate, and what the standby took comes back: a union of both, each once', async () => {
  const { send, push, log, state, cell, ask } = tenantCells();
  await send('home', [event('a', 1), event('b', 2)]);
  await push('home');
  state.switches = 1;
  expect((await send('standby', [event('b', 2), event('c', 3)])).body).toMatchObject({ accepted: 1, duplicates: 1 });
  state.switches = 2;
  await send('home', [event('d', 4)]);
  expect(await push('standby')).toMatchObject({ stored: 1, same: 2 });
  expect(await push('home')).toMatchObject({ stored: 1, same: 3 });
  expect(await log('home')).toEqual(await log('standby'));
  for (const id of ['home', 'standby']) {
    await cell(id).pump();
    expect((await ask(id, '/v1/devices/pump-1')).body.readings).toBe(4);
  }
});

test('of two copies the one of the lower epoch stands in both cells, and the other is kept as a conflict', async () => {
  const { send, push, log, state, ask, cell } = tenantCells();
  await send('home', [event('a', 1)]);
  state.switches = 1;
  await send('standby', [event('a', 2)]);
  expect(await push('home')).toMatchObject({ replaced: 1, kept: 0, unproven: 0 });
  expect(await log('standby')).toEqual(await log('home'));
  expect((await log('standby'))[0]?.body).toMatchObject({ data: { value: 1 } });
  expect(items(await ask('standby', '/v1/conflicts'))).toMatchObject([
    { event: { id: 'a', data: { value: 2 } }, epoch: 2, origin: 'standby', standsEpoch: 1 },
  ]);
  expect(
    cell('standby')
      .log.messages('warn')
      .filter((message) => message.includes('replaced')),
  ).toHaveLength(1);
  expect(await push('standby')).toMatchObject({ same: 1, replaced: 0 });
  // The other way about: the loser arrives.
  const { send: put, push: bring, state: other, ask: look } = tenantCells();
  await put('home', [event('a', 1)]);
  other.switches = 1;
  await put('standby', [event('a', 2)]);
  expect(await bring('standby')).toMatchObject({ kept: 1, replaced: 0 });
  expect(items(await look('home', '/v1/conflicts'))).toMatchObject([{ event: { data: { value: 2 } } }]);
});

test('a copy that claims an epoch under which its origin has not served replaces nothing', async () => {
  const { send, push, log, state, cell } = tenantCells();
  await send('home', [event('a', 1)]);
  // A cell that would rewrite its peer: it claims the first epoch, which is the home's.
  for (const origin of ['standby', 'elsewhere']) {
    const body = reading({ id: 'a', data: measured('temperature', 666) });
    const forged = toLogDocument('acme', body, { origin, epoch: 0 });
    await cell('standby').events.put(forged, 'any');
    state.switches = 1;
    expect(await push('standby')).toMatchObject({ replaced: 0, unproven: 1 });
  }
  expect((await log('home'))[0]?.body).toMatchObject({ data: { value: 1 } });
});

test('a cell in foreign hands cannot rewrite what its peer accepted by naming the peer as the origin', async () => {
  const { send, push, log, state, cell } = tenantCells();
  await send('home', [event('a', 1)]);
  state.switches = 2;
  await send('home', [event('b', 2)]);
  const before = await log('home');
  // Under the home's first epoch: of `a` it is the same one, so that the hash decides, which is found by trying; of `b` it is lower.
  const forged = (id: string) =>
    Array.from({ length: 64 }, (_, value) =>
      toLogDocument('acme', reading({ id, data: measured('temperature', 600 + value) }), { origin: 'home', epoch: 1 }),
    ).reduce((best, each) => (bodyHash(each) < bodyHash(best) ? each : best));
  for (const id of ['a', 'b']) await cell('standby').events.put(forged(id), 'any');
  expect(await push('standby')).toMatchObject({ replaced: 0, unproven: 2 });
  expect(await log('home')).toEqual(before);
});

test('a cell cannot say something else afterwards of what it has accepted itself, under the same epoch or under another of its own', async () => {
  const { send, push, log, state, cell } = tenantCells();
  await send('home', [event('a', 1)]);
  state.switches = 2;
  await send('home', [event('b', 2)]);
  await push('home');
  const before = await log('standby');
  // Of `a` the hash decides, as the epoch is the same one; of `b` the epoch is lower, and one under which the home has served.
  const forged = (id: string) =>
    Array.from({ length: 64 }, (_, value) =>
      toLogDocument('acme', reading({ id, data: measured('temperature', 600 + value) }), { origin: 'home', epoch: 1 }),
    ).reduce((best, each) => (bodyHash(each) < bodyHash(best) ? each : best));
  for (const id of ['a', 'b']) await cell('home').events.put(forged(id), 'any');
  expect(await push('home')).toMatchObject({ replaced: 0, unproven: 2 });
  expect(await log('standby')).toEqual(before);
});

test('events of a release without epochs go along, and stand', async () => {
  const { send, push, log, cell } = tenantCells();
  await cell('home').events.append([toLogDocument('acme', reading({ id: 'old' }))]);
  await send('home', [event('new', 1)]);
  expect(await push('home')).toMatchObject({ stored: 2 });
  const bodies = async (id: string) => (await log(id)).map(({ body }) => body);
  expect(await bodies('standby')).toEqual(await bodies('home'));
  expect(await push('home', true)).toMatchObject({ missing: 0, different: 0, extra: 0, same: 2 });
});

test('an effect of an event of a release that noted no origin does not happen again where its copy comes to', async () => {
  const { push, cell } = tenantCells();
  const total = async (id: string) =>
    (await cell(id).state.get({ partition: 'claimed|tally|acme|pump-1', id: 'total' }))?.body as Json;
  await cell('home').events.append([toLogDocument('acme', reading({ id: 'old' }))]);
  await push('home');
  for (const id of ['home', 'standby']) await cell(id).pump();
  expect([await total('home'), await total('standby')]).toEqual([{ count: 1 }, undefined]);
});

test('what is no event of the tenant is left out by the sender', async () => {
  const { send, push, cell } = tenantCells();
  await send('home', [event('a', 1)]);
  await cell('home').events.append([{ partition: 'acme|pump-1', id: '2026-11-21T07:41:00!AAAAAAAAAAAAAAAA', body: 1 }]);
  expect(await push('home')).toMatchObject({ stored: 1, skipped: 1 });
});

test('an event that another hand has made none in the store is left out, and holds up no other', async () => {
  const { send, push, cell } = tenantCells();
  await send('home', [event('a', 1), event('b', 2)]);
  const { events } = cell('home');
  const [first] = await readAll(events, 'acme|pump-1');
  if (first === undefined) throw new Error('There is no event.');
  await events.put({ ...first, body: { note: 'no event' } }, 'any');
  expect(await push('home')).toMatchObject({ stored: 1, skipped: 1, done: true });
});

test('a comparison counts what the other cell lacks, has otherwise, or has alone, and changes nothing', async () => {
  const { send, push, log, state, cell } = tenantCells();
  const many = Array.from({ length: 230 }, (_, index) =>
    event(`r-${index}`, index, { time: new Date(1_795_246_000_000 + index * 1000).toISOString() }),
  );
  await send('home', many);
  expect(await push('home', true)).toMatchObject({ missing: 230, different: 0, extra: 0, same: 0, stored: 0 });
  expect(await log('standby')).toEqual([]);
  await push('home');
  expect(await push('home', true)).toMatchObject({ missing: 0, different: 0, extra: 0, same: 230 });

  state.switches = 1;
  const time = new Date(1_795_246_150_500).toISOString();
  await send('standby', [event('only-there', 1, { time })]);
  const { events } = cell('standby');
  const [first, second] = await readAll(events, 'acme|pump-1');
  if (first === undefined || second === undefined) throw new Error('There are no events.');
  await events.delete(first, 'any');
  const damaged = Array.from({ length: 64 }, (_, value) => ({
    ...second,
    body: { ...(second.body as JsonObject), data: measured('temperature', 900 + value) },
  })).find((each) => bodyHash(each) > bodyHash(second));
  if (damaged === undefined) throw new Error('Every damage has a lower hash.');
  await events.put(damaged, 'any');
  const before = await log('standby');
  expect(await push('home', true, true)).toMatchObject({ missing: 1, different: 1, extra: 1, same: 228 });
  // It says what it was stored with.
  expect(await push('home', true)).toMatchObject({ missing: 1, different: 0, extra: 1, same: 229 });
  expect(await log('standby')).toEqual(before);
  // What was lost comes back; what was damaged does once it is deleted, as from outside damage looks like any other copy.
  await push('home');
  await push('standby');
  expect(await push('home', true, true)).toMatchObject({ missing: 0, different: 1, extra: 0, same: 230 });
  await events.delete(damaged, 'any');
  await push('home');
  for (const from of ['home', 'standby'])
    for (const contents of [true, false])
      expect(await push(from, true, contents)).toMatchObject({ missing: 0, different: 0, extra: 0, same: 231 });
});

test('what is equal is not sent', async () => {
  const { send, push, bodies } = tenantCells();
  await send('home', [event('a', 1)]);
  await push('home');
  expect(bodies).toHaveLength(1);
  await push('home');
  await push('standby');
  expect(bodies).toHaveLength(1);
});

test('a request takes at most 1 MiB, and is compressed', async () => {
  const { send, push, bodies, log } = tenantCells();
  const note = 'x'.repeat(190 * 1024);
  for (let index = 0; index < 12; index += 1)
    await send('home', [event(`r-${index}`, index, { data: { metric: 't', value: index, note } })]);
  expect(await push('home')).toMatchObject({ stored: 12 });
  expect(bodies.length).toBeGreaterThan(2);
  expect(Math.max(...bodies.map(({ length }) => length))).toBeLessThan(64 * 1024);
  expect(await log('standby')).toEqual(await log('home'));
});

test('while the other cell is away a push waits, and goes on where it was', async () => {
  const { send, step, push, down } = tenantCells();
  await send('home', [event('a', 1), event('b', 2, { subject: 'pump-2' })]);
  down.add('standby');
  expect(await step('home', true)).toMatchObject({
    done: false,
    stored: 0,
    waiting: 'unavailable: standby: ECONNREFUSED',
  });
  down.clear();
  expect(await step('home')).toMatchObject({ stored: 2, done: true });
  expect(await push('home')).toMatchObject({ same: 2 });
  down.add('home');
  expect(await step('home')).toBe('home does not answer: ECONNREFUSED');
});

test('an effect that must happen once happens in the cell that accepted the event, and in no other', async () => {
  const { send, push, cell, state } = tenantCells();
  const total = async (id: string) =>
    (await cell(id).state.get({ partition: 'claimed|tally|acme|pump-1', id: 'total' }))?.body as Json;
  await send('home', [event('a', 1), event('b', 2)]);
  await push('home');
  for (const id of ['home', 'standby']) await cell(id).pump();
  expect([await total('home'), await total('standby')]).toEqual([{ count: 2 }, undefined]);
  state.switches = 1;
  await send('standby', [event('c', 3)]);
  await push('standby');
  for (const id of ['home', 'standby']) await cell(id).pump();
  expect([await total('home'), await total('standby')]).toEqual([{ count: 2 }, { count: 1 }]);
});

property(
  'whatever both cells accept under whatever epochs, pushes in any order end in equal logs and equal state',
  fc.record({
    sends: fc.array(
      fc.record({ at: fc.constantFrom('home', 'standby'), id: fc.nat({ max: 4 }), value: fc.nat({ max: 2 }) }),
      { minLength: 1, maxLength: 12 },
    ),
    pushes: fc.array(fc.record({ after: fc.nat({ max: 12 }), from: fc.constantFrom('home', 'standby') }), {
      maxLength: 4,
    }),
    last: fc.constantFrom<[string, string]>(['home', 'standby'], ['standby', 'home']),
  }),
  async ({ sends, pushes, last }) => {
    const where = tenantCells();
    for (const [index, { at, id, value }] of sends.entries()) {
      // The home serves under odd epochs, the standby under even ones.
      if ((where.state.switches % 2 === 0) !== (at === 'home')) where.state.switches += 1;
      await where.send(at, [event(`e-${id}`, value)]);
      for (const { from } of pushes.filter(({ after }) => after === index)) await where.push(from);
    }
    for (const from of last) await where.push(from);
    expect(await where.log('home')).toEqual(await where.log('standby'));
    for (const id of ['home', 'standby']) await where.cell(id).pump();
    const shown = async (id: string) => [
      (await where.ask(id, '/v1/devices/pump-1')).body,
      items(await where.ask(id, '/v1/devices/pump-1/rollups')),
    ];
    expect(await shown('standby')).toEqual(await shown('home'));
  },
  40,
);
