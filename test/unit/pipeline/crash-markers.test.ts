// Redelivered messages: the one that kills its process is found and parked, and no innocent one is.
import fc from 'fast-check';
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { consume } from '../../../core/pipeline/consume.ts';
import type { TenantEvent } from '../../../core/pipeline/consumer.ts';
import { crashMarkers } from '../../../core/pipeline/crash-markers.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import type { DeliveredMessage, DeliveryOutcome } from '../../../core/ports/bus.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { FakeClock, START, settle } from '../../support/fake-clock.ts';
import { type FaultPlan, faultyStore } from '../../support/faulty-store.ts';
import { message } from '../../support/messages.ts';
import { property } from '../../support/properties.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const DONE = { status: 'done' };

function setUp(plan?: FaultPlan) {
  const clock = new FakeClock();
  const memory = new MemoryStore({ clock });
  const state = faultyStore(checkedStore(memory), plan);
  const parked = parking({ state: checkedStore(memory), clock });
  const log = new RecordingLog();
  const notes = async () => (await memory.query('trials|device-state|acme', { limit: 1000 })).items;
  const listed = async () => (await parked.list('device-state', 'acme', 1000)).items;
  const worker = (apply: (events: readonly TenantEvent[]) => Promise<void>) =>
    consume({
      cell: 'cell-1',
      consumer: { name: 'device-state', apply },
      declaration: { tries: 2, crashes: 2, effects: 'derived' },
      parking: parked,
      trials: crashMarkers(state, clock),
      clock,
      log,
    });

  /** Delivers a batch to a new process that dies when it touches a killer: then there is no answer, and nothing is undone. */
  const deliver = async (
    batch: readonly DeliveredMessage[],
    killers: ReadonlySet<string>,
    calls: string[][] = [],
  ): Promise<readonly DeliveryOutcome[] | 'died'> => {
    const never = new Promise<never>(() => undefined);
    const handle = worker(async (events) => {
      calls.push(events.map(({ event }) => event.id));
      if (events.some(({ event }) => killers.has(event.id))) await never;
    });
    let answer: readonly DeliveryOutcome[] | 'died' = 'died';
    // What goes on after the process's death is not real: the answer is taken, or not, at the moment nothing moves any more.
    const work = handle(batch, START + 60_000).then((outcomes) => {
      answer = outcomes;
    });
    await Promise.race([work, settle()]);
    await settle();
    return answer;
  };

  return { clock, memory, state, notes, listed, worker, deliver, log };
}

const again = (id: string, attempt = 2) => message(id, { attempt });

test('a first delivery takes no notes', async () => {
  const { deliver, state } = setUp();
  await deliver([message('a'), message('b')], new Set());
  expect(Object.values(state.calls).every((count) => count === 0)).toBe(true);
});

test('a redelivery is noted while it is in work, and the note is gone afterwards', async () => {
  const { worker, notes } = setUp();
  let during = 0;
  const handle = worker(async () => {
    during = (await notes()).length;
  });
  expect(await handle([again('a'), again('b')], START + 60_000)).toEqual([DONE, DONE]);
  expect(during).toBe(2);
  expect(await notes()).toEqual([]);
});

test('a redelivered batch without a crash is applied together', async () => {
  const { deliver } = setUp();
  const calls: string[][] = [];
  await deliver([again('a'), again('b'), message('c')], new Set(), calls);
  expect(calls).toEqual([['c'], ['a', 'b']]);
});

test('after a death each message is handled alone, the killer is found and parked, its mates are applied', async () => {
  const { deliver, listed, notes, log } = setUp();
  const killers = new Set(['killer']);
  const batch = (attempt: number) => [again('a', attempt), again('killer', attempt), again('b', attempt)];
  const calls: string[][] = [];
  let answer: Awaited<ReturnType<typeof deliver>> = 'died';
  let attempt = 2;
  for (; answer === 'died' && attempt < 12; attempt += 1) answer = await deliver(batch(attempt), killers, calls);
  expect(answer).toEqual([DONE, DONE, DONE]);
  expect(calls.filter((call) => call.includes('killer'))).toEqual([['a', 'killer', 'b'], ['killer'], ['killer']]);
  expect(await listed()).toMatchObject([
    {
      reason: {
        code: 'crashed',
        message: 'The worker ended 2 times, or did not finish, while it handled this event alone.',
      },
      event: { id: 'killer' },
    },
  ]);
  expect(await notes()).toEqual([]);
  expect(log.messages('error')).toEqual(['parked an event']);
});

property(
  'however many killers there are, all of them are parked, and none of their mates',
  fc.record({
    killers: fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { maxLength: 4 }),
    size: fc.integer({ min: 1, max: 12 }),
    subjects: fc.integer({ min: 1, max: 3 }),
    rotate: fc.nat(11),
  }),
  async ({ killers: numbers, size, subjects, rotate }) => {
    const { deliver, listed, notes } = setUp();
    const all = Array.from({ length: size }, (_, index) => `m${index}`);
    const killers = new Set(numbers.map((number) => `m${number}`));
    const applied = new Set<string>();
    let waiting = all;
    for (let attempt = 2; waiting.length > 0 && attempt < 40; attempt += 1) {
      const turn = (rotate * attempt) % waiting.length;
      const order = [...waiting.slice(turn), ...waiting.slice(0, turn)];
      const batch = order.map((id) => message(id, { attempt }, { subject: `pump-${Number(id.slice(1)) % subjects}` }));
      const answer = await deliver(batch, killers);
      if (answer === 'died') continue;
      waiting = order.filter((_, index) => answer[index]?.status !== 'done');
      for (const id of order) if (!waiting.includes(id)) applied.add(id);
    }
    expect(waiting).toEqual([]);
    const parkedIds = (await listed()).map(({ event }) => event?.id).sort();
    expect(parkedIds).toEqual(all.filter((id) => killers.has(id)).sort());
    expect(await notes()).toEqual([]);
  },
  60,
);

test('a killer that is delivered twice in one batch is found as well', async () => {
  const { deliver, listed } = setUp();
  const batch = (attempt: number) => [
    message('killer', { attempt, deliveryId: 'first' }),
    again('a', attempt),
    message('killer', { attempt, deliveryId: 'second' }),
  ];
  let answer: Awaited<ReturnType<typeof deliver>> = 'died';
  for (let attempt = 2; answer === 'died' && attempt < 12; attempt += 1)
    answer = await deliver(batch(attempt), new Set(['killer']));
  expect(answer).toEqual([DONE, DONE, DONE]);
  expect((await listed()).map(({ event }) => event?.id)).toEqual(['killer']);
});

test('a suspect that was not reached before the deadline keeps what is known of it', async () => {
  const { clock, worker, deliver, notes } = setUp();
  const killers = new Set(['killer']);
  for (let attempt = 2; attempt < 5; attempt += 1) await deliver([again('killer', attempt)], killers);
  const known = (await notes()).map(({ body }) => body);
  expect(known).toEqual([{ crashes: 2 }]);
  const handle = worker(async () => undefined);
  clock.jump(59_000);
  expect(await handle([again('killer', 5)], START + 60_000)).toEqual([
    { status: 'retry', reason: 'the deadline is near', timedOut: true },
  ]);
  expect((await notes()).map(({ body }) => body)).toEqual([{ crashes: 2 }]);
});

test('two workers with one message at the same time: the slower one leaves it alone', async () => {
  const { worker, listed } = setUp();
  const handle = worker(async () => undefined);
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => handle([again('a')], START + 60_000)));
  for (const [outcome] of outcomes) expect(['done', 'retry']).toContain(outcome?.status);
  expect(await listed()).toEqual([]);
});

test('a fault of the store while notes are taken: everything comes again, nothing is parked', async () => {
  const { worker, listed, state } = setUp((method) =>
    method === 'append' ? { code: 'throttled', when: 'before' } : undefined,
  );
  const handle = worker(async () => undefined);
  expect(await handle([again('a'), message('b')], START + 60_000)).toEqual([
    { status: 'retry', reason: expect.stringMatching(/^throttled: /) },
    DONE,
  ]);
  expect(state.calls.append).toBe(1);
  expect(await listed()).toEqual([]);
});

test('notes that cannot be removed are reported, and do not undo what was done', async () => {
  const { worker, notes, log } = setUp((method) =>
    method === 'transact' || method === 'delete' ? { code: 'unavailable', when: 'before' } : undefined,
  );
  const handle = worker(async () => undefined);
  expect(await handle([again('a')], START + 60_000)).toEqual([DONE]);
  expect(log.messages('warn')).toEqual(['crash markers could not be removed']);
  expect(await notes()).toHaveLength(1);
});

test('notes expire after a day', async () => {
  const { deliver, notes, clock } = setUp();
  await deliver([again('killer')], new Set(['killer']));
  expect(await notes()).toHaveLength(1);
  clock.jump(24 * 3_600_000);
  expect(await notes()).toEqual([]);
});

test('250 redelivered messages: notes are removed a hundred at a time', async () => {
  const { worker, notes } = setUp();
  const handle = worker(async () => undefined);
  const batch = Array.from({ length: 250 }, (_, index) => again(`m${index}`));
  expect((await handle(batch, START + 60_000)).every(({ status }) => status === 'done')).toBe(true);
  expect(await notes()).toEqual([]);
});
