// A log-only standby stores what its home sends and derives nothing, until it takes over: two whole cells over HTTP, and the edge's part.
import fc from 'fast-check';
import { UNDERIVED_LIMITS } from '../../../core/pipeline/underived.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import { items, refusal } from '../../support/cell.ts';
import { candidate, measured } from '../../support/events.ts';
import { property } from '../../support/properties.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

const event = (id: string, value: number, more: JsonObject = {}) =>
  candidate({ id, data: measured('temperature', value), ...more });

/** The cells of a tenant whose standby is log-only; both know of it. */
async function logOnly() {
  const where = tenantCells();
  where.state.standbyMode = 'log-only';
  for (const id of ['home', 'standby']) expect(await where.tell(id)).toBeNull();
  /** The documents of the derived consumers, without their versions. */
  const derived = async (id: string) => {
    const found = await where.cell(id).stored();
    return Object.fromEntries(
      Object.entries(found)
        .filter(([partition]) => partition.startsWith('meters.'))
        .map(([partition, documents]) => [
          partition,
          Object.fromEntries(Object.entries(documents).map(([key, { body }]) => [key, body])),
        ])
        .filter(([, documents]) => Object.keys(documents as object).length > 0),
    );
  };
  const note = async (id: string) => {
    const page = await where.ask(id, '/v1/replicas');
    return items(page).find(({ direction }) => String(direction) === 'own');
  };
  /** Steps of the edge until the cell has derived all; how many it took. */
  const deriveAll = async (id: string, ahead = false): Promise<number> => {
    for (let steps = 1; steps < 20; steps += 1) {
      const progress = await where.derive(id, ahead);
      if (typeof progress === 'string') throw new Error(progress);
      if (progress.done === true) return steps;
      if (progress.waiting !== undefined) where.clock.jump(UNDERIVED_LIMITS.settleMs);
    }
    throw new Error('It is not done after 20 steps.');
  };
  const failOver = async () => {
    where.state.switches += 1;
    for (const id of ['home', 'standby']) if (!where.down.has(id)) expect(await where.tell(id)).toBeNull();
    where.clock.jump(UNDERIVED_LIMITS.rememberedMs);
  };
  return { ...where, derived, note, deriveAll, failOver };
}

test('a takeover derives what the standby has stored, and reads wait for it while events are accepted', async () => {
  const { send, flow, cell, ask, derived, derive, deriveAll, failOver, clock } = await logOnly();
  await send('home', [event('a', 1), event('b', 2), event('c', 3, { subject: 'pump-2' })]);
  await flow('home');
  await cell('standby').pump();
  expect(await derived('standby')).toEqual({});
  await failOver();
  expect((await send('standby', [event('d', 4)])).status).toBe(202);
  const early = await ask('standby', '/v1/devices/pump-1');
  expect(refusal(early)).toBe('503 state_incomplete');
  expect(early.headers.get('retry-after')).toBe('5');
  expect((await ask('standby', '/v1/log')).status).toBe(200);
  expect(await derive('standby')).toMatchObject({ done: false, waiting: expect.stringContaining('may still leave') });
  clock.jump(UNDERIVED_LIMITS.settleMs);
  await cell('standby').pump();
  await deriveAll('standby');
  expect((await ask('standby', '/v1/devices/pump-1')).body).toMatchObject({ readings: 3 });
  expect((await ask('standby', '/v1/devices/pump-2')).body).toMatchObject({ readings: 1 });
});

test('a standby that is to be warm derives what it has left, and reads there are complete', async () => {
  const { send, flow, cell, derived, deriveAll, note, state, tell, clock } = await logOnly();
  await send('home', [event('a', 1)]);
  await flow('home');
  await cell('standby').pump();
  expect(await note('standby')).toMatchObject({
    ...{ leaves: true, underivedSince: clock.now(), from: '2026-11-21T07', derivesSince: null },
  });
  state.standbyMode = 'warm';
  state.placements += 1;
  expect(await tell('standby')).toBeNull();
  clock.jump(UNDERIVED_LIMITS.rememberedMs);
  await send('home', [event('b', 2)]);
  await flow('home');
  await cell('standby').pump();
  await deriveAll('standby');
  expect(await note('standby')).toMatchObject({ leaves: false, underivedSince: null, from: null });
  expect(await derived('standby')).toEqual(await derived('home'));
});

test('an order to derive ahead makes a log-only standby as good as a warm one, for as long as it holds', async () => {
  const { send, flow, cell, derived, deriveAll, derive, note, clock } = await logOnly();
  await send('home', [event('a', 1)]);
  await flow('home');
  await cell('standby').pump();
  expect(await derive('standby')).toMatchObject({ done: false, waiting: expect.stringContaining('log-only') });
  await deriveAll('standby', true);
  await send('home', [event('b', 2)]);
  await flow('home');
  await cell('standby').pump();
  expect(await derived('standby')).toEqual(await derived('home'));
  // What it has derived by then is not derived again.
  clock.jump(UNDERIVED_LIMITS.aheadMs);
  await send('home', [event('c', 3, { time: '2026-11-21T07:51:00Z' })]);
  await flow('home');
  await cell('standby').pump();
  expect(await note('standby')).toMatchObject({ underivedSince: clock.now(), derivesSince: null, aheadUntil: null });
  expect(await derived('standby')).not.toEqual(await derived('home'));
});

test('a second takeover derives only what has come since the first one', async () => {
  const { send, flow, cell, derived, deriveAll, failOver, derive, clock, push } = await logOnly();
  await send('home', [event('a', 1, { time: '2026-11-21T03:00:00Z' }), event('b', 2)]);
  await flow('home');
  await cell('standby').pump();
  await failOver();
  await deriveAll('standby');
  await failOver();
  await send('home', [event('c', 3)]);
  await flow('home');
  await cell('standby').pump();
  await failOver();
  clock.jump(UNDERIVED_LIMITS.settleMs);
  expect(await derive('standby')).toMatchObject({ subjects: 1, events: 2, done: true });
  await push('standby');
  expect(await derived('standby')).toEqual(await derived('home'));
});

test('a copy that a process leaves by what it had read before the takeover is derived with the others', async () => {
  const { send, flow, cell, derived, derive, deriveAll, state, tell, clock } = await logOnly();
  await send('home', [event('a', 1)]);
  await flow('home');
  await cell('standby').pump();
  await send('home', [event('b', 2)]);
  state.switches = 1;
  await tell('standby');
  // Before that process has read anew.
  await derive('standby');
  await flow('home');
  await cell('standby').pump();
  clock.jump(UNDERIVED_LIMITS.rememberedMs);
  await deriveAll('standby');
  expect(await derived('standby')).toEqual(await derived('home'));
});

test('what is answered from the log alone waits for nothing, and a write only where it reads state', async () => {
  const { send, flow, cell, ask, failOver } = await logOnly();
  await send('home', [event('a', 1)]);
  await flow('home');
  await cell('standby').pump();
  await failOver();
  const write = (method: 'PUT' | 'DELETE') =>
    ask('standby', '/v1/devices/pump-1/reading', {
      method,
      ...(method === 'PUT' && { headers: { 'content-type': 'application/json' }, body: { value: 3 } }),
    });
  expect((await write('PUT')).status).toBe(202);
  // Without the state it would say that there is no such meter.
  expect(refusal(await write('DELETE'))).toBe('503 state_incomplete');
  expect(items(await ask('standby', '/v1/devices/pump-1/readings'))).toHaveLength(2);
});

type Step =
  | { readonly do: 'send'; readonly subject: number; readonly hour: number; readonly minute: number }
  | { readonly do: 'flow' | 'pump' | 'tell' | 'derive' | 'push'; readonly at: 'home' | 'standby' }
  | { readonly do: 'ahead' | 'mode' | 'read' }
  | { readonly do: 'switch'; readonly told: boolean }
  | { readonly do: 'jump'; readonly seconds: number };

const at = fc.constantFrom('home' as const, 'standby' as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      subject: fc.integer({ min: 1, max: 2 }),
      hour: fc.integer({ min: 3, max: 6 }),
      minute: fc.integer({ min: 0, max: 59 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('flow' as const, 'pump' as const), at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('tell' as const, 'derive' as const, 'push' as const), at }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('ahead' as const, 'mode' as const, 'read' as const, 'read' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('switch' as const), told: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('jump' as const), seconds: fc.constantFrom(1, 4, 9, 700) }) },
);

property(
  'after a takeover at any point a log-only standby ends with what a warm one has, and no read before shows a part of it',
  fc.array(step, { maxLength: 40 }),
  async (steps) => {
    const w = await logOnly();
    let sent = 0;
    const serving = () => (w.state.switches % 2 === 0 ? 'home' : 'standby');
    const readAll = async () => {
      const id = serving();
      await w.cell(id).pump();
      for (const subject of ['pump-1', 'pump-2']) {
        const stored = (await w.log(id, subject)).length;
        const answer = await w.ask(id, `/v1/devices/${subject}`);
        if (answer.status === 503) expect(refusal(answer)).toBe('503 state_incomplete');
        else expect(Number(answer.body.readings ?? 0)).toBe(stored);
      }
    };
    for (const each of steps) {
      switch (each.do) {
        case 'send': {
          sent += 1;
          const time = `2026-11-21T0${each.hour}:${String(each.minute).padStart(2, '0')}:00Z`;
          await w.send(serving(), [event(`e-${sent}`, sent, { subject: `pump-${each.subject}`, time })]);
          break;
        }
        case 'flow':
          await w.flow(each.at);
          break;
        case 'pump':
          await w.cell(each.at).pump();
          break;
        case 'tell':
          await w.tell(each.at);
          break;
        case 'push':
          await w.step(each.at);
          break;
        case 'derive':
          await w.derive(each.at);
          break;
        case 'ahead':
          await w.derive('standby', true);
          break;
        case 'mode':
          w.state.standbyMode = w.state.standbyMode === 'warm' ? 'log-only' : 'warm';
          w.state.placements += 1;
          break;
        case 'read':
          await readAll();
          break;
        case 'switch':
          w.state.switches += 1;
          if (each.told) for (const id of ['home', 'standby']) await w.tell(id);
          break;
        default:
          w.clock.jump(each.seconds * 1000);
      }
    }
    if (serving() === 'home') await w.failOver();
    for (const id of ['home', 'standby']) {
      await w.tell(id);
      w.clock.jump(UNDERIVED_LIMITS.rememberedMs);
      await w.push(id);
    }
    for (const id of ['standby', 'home']) {
      await w.cell(id).pump();
      await w.deriveAll(id);
    }
    expect(await w.derived('standby')).toEqual(await w.derived('home'));
    expect(await w.log('standby')).toEqual(await w.log('home'));
    await readAll();
    expect((await w.ask('standby', '/v1/devices')).status).toBe(200);
  },
  60,
);
