// A consumer of a log-only standby: which messages it leaves, what it notes before, and for how long it goes by what it has read.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { leavingCopies } from '../../../core/pipeline/leave-copies.ts';
import { UNDERIVED_LIMITS, underivedNotes } from '../../../core/pipeline/underived.ts';
import type { DeliveredMessage, DeliveryOutcome, UnreadableMessage } from '../../../core/ports/bus.ts';
import { reading } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Fault, faultyStore } from '../../support/faulty-store.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const message = (id: string, more: Partial<DeliveredMessage> = {}): DeliveredMessage => ({
  ...{ event: reading({ id }), tenant: 'acme', origin: 'home', deliveryId: id, attempt: 1 },
  ...more,
});

/** The cell standby, and its consumer’s messages that were handed on. */
function leaving() {
  const clock = new FakeClock();
  let fault: Fault | undefined;
  const state = faultyStore(new MemoryStore({ clock }), () => fault);
  const notes = underivedNotes('standby', state, clock);
  const given: string[] = [];
  const process = () =>
    leavingCopies({ cell: 'standby', notes, clock, log: new RecordingLog() }, async (messages) => {
      given.push(...messages.map(({ deliveryId }) => deliveryId));
      return messages.map((): DeliveryOutcome => ({ status: 'done' }));
    });
  let handler = process();
  const deliver = async (...messages: (DeliveredMessage | UnreadableMessage)[]) => {
    const outcomes = await handler(messages, clock.now() + 60_000);
    return { given: given.splice(0), outcomes: outcomes.map(({ status }) => status) };
  };
  return {
    ...{ clock, state, notes, deliver },
    part: (leaves: boolean) => notes.follow('acme', async () => leaves),
    restart: () => {
      handler = process();
    },
    fail: (next: Fault | undefined) => {
      fault = next;
    },
  };
}

test('without a note of the edge everything is handed on', async () => {
  const l = leaving();
  expect(await l.deliver(message('a'), message('b', { origin: 'standby' }))).toMatchObject({ given: ['a', 'b'] });
});

test('copies are left and noted; what the cell has accepted, what is redriven and what cannot be read are handed on', async () => {
  const l = leaving();
  await l.part(true);
  const unreadable: UnreadableMessage = { deliveryId: 'x', attempt: 1, unreadable: 'no JSON', text: '' };
  const found = await l.deliver(
    message('a'),
    message('own', { origin: 'standby' }),
    unreadable,
    message('redriven', { consumer: 'rollups' }),
    message('old', { origin: undefined } as never),
    message('timeless', { event: { ...reading({ id: 'timeless' }), time: 'soon' } }),
    message('b', { tenant: 'other' }),
  );
  expect(found.given).toEqual(['own', 'x', 'redriven', 'old', 'timeless', 'b']);
  expect(found.outcomes).toEqual(Array.from({ length: 7 }, () => 'done'));
  expect(await l.notes.of('acme')).toMatchObject({ underivedSince: l.clock.now(), from: '2026-11-21T07' });
});

test('what is left costs nothing for each event, and a read in a while; an earlier hour is noted', async () => {
  const l = leaving();
  await l.part(true);
  await l.deliver(message('a'));
  const before = { ...l.state.calls };
  for (let index = 0; index < 20; index += 1)
    expect(await l.deliver(message(`m-${index}`))).toMatchObject({ given: [] });
  expect(l.state.calls).toEqual(before);
  l.clock.jump(UNDERIVED_LIMITS.rememberedMs);
  await l.deliver(message('b'));
  expect(l.state.calls).toEqual({ ...before, get: before.get + 1 });
  await l.deliver(message('late', { event: reading({ id: 'late', time: '2026-11-20T23:10:00Z' }) }));
  expect(await l.notes.of('acme')).toMatchObject({ from: '2026-11-20T23' });
});

test('a process that goes by what it has read leaves copies for so long at most, and notes no new ones as left', async () => {
  const l = leaving();
  await l.part(true);
  await l.deliver(message('a'));
  await l.part(false);
  expect(await l.notes.of('acme')).toMatchObject({ leaves: false, derivesSince: l.clock.now() });
  l.clock.jump(UNDERIVED_LIMITS.rememberedMs - 1);
  expect(await l.deliver(message('b'))).toMatchObject({ given: [] });
  // An earlier hour has to be noted, and may not be any more.
  const late = message('late', { event: reading({ id: 'late', time: '2026-11-20T23:10:00Z' }) });
  expect(await l.deliver(late)).toMatchObject({ given: ['late'] });
  l.clock.jump(1);
  expect(await l.deliver(message('c'))).toMatchObject({ given: ['c'] });
  expect(UNDERIVED_LIMITS.settleMs).toBeGreaterThan(UNDERIVED_LIMITS.rememberedMs);
});

test.each(['before', 'after'] as const)(
  'a store that fails (%s) has copies delivered again, and nothing else',
  async (when) => {
    const l = leaving();
    await l.part(true);
    l.fail({ code: 'unavailable', when });
    expect(await l.deliver(message('a'), message('own', { origin: 'standby' }))).toEqual({
      ...{ given: ['own'], outcomes: ['retry', 'done'] },
    });
    l.fail(undefined);
    l.restart();
    expect(await l.deliver(message('a'))).toEqual({ given: [], outcomes: ['done'] });
  },
);

test('an end of the process between the note and the next message leaves a note that is not too good', async () => {
  const l = leaving();
  await l.part(true);
  await l.notes.leave('acme', '2026-11-21T07');
  l.restart();
  expect(await l.notes.of('acme')).toMatchObject({ underivedSince: l.clock.now() });
  expect(await l.deliver(message('a'))).toMatchObject({ given: [] });
});

test('what was derived is noted only for the takeover that it was derived for', async () => {
  const l = leaving();
  await l.part(true);
  await l.deliver(message('a'));
  await l.part(false);
  const since = l.clock.now();
  l.clock.jump(UNDERIVED_LIMITS.settleMs);
  await l.part(true);
  await l.deliver(message('b'));
  await l.notes.advanced('acme', since, { subjects: 1, events: 1 });
  await l.notes.derived('acme', since);
  expect(await l.notes.of('acme')).toMatchObject({ underivedSince: since, derivesSince: null, events: null });
});
