// A store that browns out: requests take up to 5 s, those over 3 s are given up and carried out all the same, and the platform ends
// functions that take too long. Nothing innocent is parked by either kind of consumer, and everything is applied once.

import fc from 'fast-check';
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { consumerNamed, registryOf } from '../../../core/domain/application.ts';
import { consume } from '../../../core/pipeline/consume.ts';
import type { Consumer } from '../../../core/pipeline/consumer.ts';
import { crashMarkers } from '../../../core/pipeline/crash-markers.ts';
import { ingest } from '../../../core/pipeline/ingest.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { subjectIndex } from '../../../core/pipeline/subject-index.ts';
import type { DeliveredMessage, DeliveryOutcome } from '../../../core/ports/bus.ts';
import { PortError } from '../../../core/ports/errors.ts';
import type { Store } from '../../../core/ports/store.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { storeTime } from '../../../core/store/store-time.ts';
import { candidate, TRACEPARENT } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { countingIds } from '../../support/ids.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';
import { NOTICES } from '../../support/notices.ts';
import { property } from '../../support/properties.ts';
import { RecordingLog } from '../../support/recording-log.ts';

/** The adapters' patience with one request, and Lambda's with a function, in milliseconds. */
const REQUEST_MS = 3000;
const FUNCTION_MS = 20_000;
const VISIBILITY_MS = 120_000;

const QUICK_MS = 10;
const EVENTS = ['a', 'b', 'c', 'd'];

/** One event in each of four subjects in the log, and processes of one consumer that come and go. */
async function setUp(name: string, change: (consumer: Consumer) => Consumer = (each) => each) {
  const clock = new FakeClock();
  const ids = countingIds();
  const events = checkedStore(new MemoryStore({ clock }));
  const state = checkedStore(new MemoryStore({ clock }));
  const take = ingest({
    tombstones: NO_TOMBSTONES,
    cell: 'a',
    events,
    registry: registryOf(NOTICES),
    clock,
    subjects: subjectIndex({ events, state }),
  });
  const candidates = EVENTS.map((id) => candidate({ id, subject: `pump-${id}` }));
  await take({ tenant: 'acme', epoch: 1, candidates, traceparent: TRACEPARENT });
  /** How long the next requests take. */
  let latencies: Iterator<number> = [][Symbol.iterator]();
  const latency = (): number => latencies.next().value ?? QUICK_MS;

  const slow = (store: Store, process: { alive: boolean }): Store =>
    new Proxy(store, {
      get:
        (target, method) =>
        async (...call: unknown[]) => {
          const tookMs = latency();
          await clock.sleep(Math.min(tookMs, REQUEST_MS));
          if (!process.alive) return new Promise(() => undefined);
          const isWrite = ['put', 'append', 'transact', 'delete'].includes(String(method));
          if (tookMs <= REQUEST_MS || isWrite) {
            const result: unknown = await Reflect.apply(Reflect.get(target, method) as () => unknown, target, call);
            if (tookMs <= REQUEST_MS) return result;
          }
          throw new PortError(isWrite ? 'unknown-outcome' : 'unavailable', 'no answer in time', { timedOut: true });
        },
    });

  /** Delivers to a new process; what has no outcome when the platform ends it is delivered again, as is what is to be tried again. */
  const deliver = async (batch: readonly DeliveredMessage[]): Promise<readonly DeliveredMessage[]> => {
    const process = { alive: true };
    const stores = { events: slow(events, process), state: slow(state, process) };
    const { declaration, create } = consumerNamed(NOTICES, name);
    const time = storeTime(clock);
    const watched = { events: time.watch(stores.events), state: time.watch(stores.state) };
    const handle = consume({
      cell: 'a',
      consumer: change(create({ ...watched, clock, ids })),
      storeMs: time.busyMs,
      declaration,
      parking: parking({ state: stores.state, clock }),
      trials: crashMarkers(stores.state, clock),
      clock,
      log: new RecordingLog(),
    });
    let outcomes: readonly DeliveryOutcome[] = [];
    const deadline = clock.now() + FUNCTION_MS;
    let isOver = false;
    void handle(batch, deadline).then((answer) => {
      outcomes = answer;
      isOver = true;
    });
    while (!isOver && clock.now() < deadline) await clock.advance(250);
    process.alive = false;
    await clock.advance(VISIBILITY_MS);
    return batch
      .filter((_, index) => outcomes[index]?.status !== 'done')
      .map((message) => ({ ...message, attempt: message.attempt + 1 }));
  };

  return {
    deliver,
    slowDown: (all: Iterable<number>) => {
      latencies = all[Symbol.iterator]();
    },
    batch: candidates.map(
      (each): DeliveredMessage => ({
        tenant: 'acme',
        event: { ...each, traceparent: TRACEPARENT } as unknown as DeliveredMessage['event'],
        deliveryId: `d-${each.id}`,
        attempt: 1,
      }),
    ),
    parked: async () => (await parking({ state, clock }).list(name, 'acme', 100)).items.map(({ reason }) => reason),
    /** How often each event was counted, or noticed. */
    applied: async () => {
      if (name === 'notices') {
        const { items } = await state.query('notices.sent|acme', { prefix: 'notice!', limit: 100 });
        return items.map(({ id }) => id.slice('notice!'.length)).sort();
      }
      const found: string[] = [];
      for (const id of EVENTS)
        if ((await state.query(`meters.counts|acme|pump-${id}`, { limit: 100 })).items.length > 0) found.push(id);
      return found;
    },
  };
}

/** Delivers through a brown-out and after it, until nothing is left. */
async function survive(name: string, latencies: Iterable<number>, deliveries: number): Promise<void> {
  const { deliver, slowDown, batch, parked, applied } = await setUp(name);
  slowDown(latencies);
  let left: readonly DeliveredMessage[] = batch;
  for (let count = 0; count < deliveries && left.length > 0; count += 1) left = await deliver(left);
  expect(await parked()).toEqual([]);
  slowDown([]);
  for (let count = 0; count < 10 && left.length > 0; count += 1) left = await deliver(left);
  expect([left, await parked(), await applied()]).toEqual([[], [], EVENTS]);
}

function* always(latency: number): Generator<number> {
  for (;;) yield latency;
}

function* inTurn(latencies: readonly number[]): Generator<number> {
  for (;;) yield* latencies;
}

describe.each(['device-state', 'notices'])('%s', (name) => {
  test.each([5000, 2900, 1500])('every request takes %d ms for 12 deliveries', async (latency) => {
    await survive(name, always(latency), 12);
  });

  const latencies = fc.array(fc.constantFrom(QUICK_MS, 1500, 2900, 5000), { minLength: 1, maxLength: 12 });
  property('requests take now this, now that long', latencies, (all) => survive(name, inTurn(all), 8), 20);

  test('an event whose code never finishes is parked, as the store has answered meanwhile', async () => {
    const hanging = (consumer: Consumer): Consumer => ({
      ...consumer,
      apply: (events) =>
        events.some(({ event }) => event.id === 'b') ? new Promise(() => undefined) : consumer.apply(events),
    });
    const { deliver, batch, parked, applied } = await setUp(name, hanging);
    let left: readonly DeliveredMessage[] = batch;
    for (let count = 0; count < 10 && left.length > 0; count += 1) left = await deliver(left);
    expect([left, await parked(), await applied()]).toEqual([
      [],
      [{ code: 'crashed', message: 'The worker ended 2 times, or did not finish, while it handled this event alone.' }],
      EVENTS.filter((id) => id !== 'b'),
    ]);
  });
});
