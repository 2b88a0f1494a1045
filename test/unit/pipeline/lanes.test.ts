// Lanes: what a tenant sends beyond its share waits with its like, so that others wait for little of it, counted in events and bytes.

import { MemoryBus } from '../../../adapters/memory/memory-bus.ts';
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { LANE_NAMES, queueOf } from '../../../core/cell/topology.ts';
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import { LANE_LIMITS, lanes } from '../../../core/pipeline/lanes.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { relay } from '../../../core/pipeline/relay.ts';
import type { Bus, BusMessage, DeliveryHandler } from '../../../core/ports/bus.ts';
import type { ChangeRecord } from '../../../core/ports/change-stream.ts';
import { reading } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { countingIds } from '../../support/ids.ts';
import { LoopbackBus } from '../../support/loopback-bus.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const CONSUMER = {
  name: 'rollups',
  types: [reading().type],
  visibilitySeconds: 120,
  maximumDeliveries: 100,
  batchSize: 10,
} as const;

/** As many batches as a worker of this size applies in a second on a slow machine. */
const BATCHES = 11;

const EVENT_BYTES = 195 * 1024;

const event = (id: string, bytes = 0) => ({ ...reading({ id }), ...(bytes > 0 && { padding: 'x'.repeat(bytes) }) });
const message = (tenant: string, id: string, bytes = 0): BusMessage => ({ tenant, event: event(id, bytes) });

describe('the share of a tenant', () => {
  test('takes what a tenant usually sends into the first lane, whatever others send', () => {
    const clock = new FakeClock();
    const inLane = lanes(clock);
    for (let index = 0; index < 1000; index += 1) inLane(message('hostile', `h${index}`));
    for (let index = 0; index < LANE_LIMITS.burstEvents; index += 1)
      expect(inLane(message('quiet', `q${index}`)).lane).toBeUndefined();
  });

  test('ends at its events, and fills again', () => {
    const clock = new FakeClock();
    const inLane = lanes(clock);
    const first = (count: number) =>
      Array.from({ length: count }, (_, index) => inLane(message('acme', `e${index}`)).lane).filter((lane) => !lane)
        .length;
    expect(first(LANE_LIMITS.burstEvents + 1)).toBe(LANE_LIMITS.burstEvents);
    clock.jump(1000);
    expect(first(1000)).toBe(LANE_LIMITS.eventsPerSecond);
    clock.jump(3_600_000);
    expect(first(1000)).toBe(LANE_LIMITS.burstEvents);
    // A clock that was set back adds nothing, and takes nothing.
    clock.jump(-60_000);
    expect(first(1)).toBe(0);
  });

  test('ends at its bytes: one large event overdraws it, and is paid back', () => {
    const clock = new FakeClock();
    const inLane = lanes(clock);
    const lane = () => inLane(message('acme', 'e', EVENT_BYTES)).lane;
    expect([lane(), lane()]).toEqual([undefined, 'side']);
    const debt = EVENT_BYTES + 1024 - LANE_LIMITS.burstBytes;
    clock.jump((debt / LANE_LIMITS.bytesPerSecond) * 1000);
    expect([lane(), lane()]).toEqual([undefined, 'side']);
  });
});

/** Records of the stream as ingest has left them. */
function records(some: readonly BusMessage[], clock: FakeClock): ChangeRecord[] {
  return some.map(({ tenant, event: each }, index) => ({
    ...toLogDocument(tenant, each),
    kind: 'inserted',
    sequence: String(index),
    committedAt: clock.now(),
  }));
}

test('the relay publishes what is within the shares first, and answers for the records in their order', async () => {
  const clock = new FakeClock();
  const bus = new LoopbackBus();
  const calls: number[] = [];
  const counted: Bus = {
    publish(messages) {
      calls.push(messages.length);
      return bus.publish(messages);
    },
  };
  const parked = parking({ state: new MemoryStore({ clock }), clock });
  const handle = relay({ tombstones: NO_TOMBSTONES, bus: counted, parking: parked, clock, log: new RecordingLog() });
  const flood = Array.from({ length: 5 }, (_, index) => message('hostile', `h${index}`, EVENT_BYTES));
  const batch = records([...flood, message('quiet', 'q1'), message('quiet', 'q2')], clock);
  expect(await handle(batch)).toEqual({ status: 'done' });
  expect(bus.published.map(({ event: { id }, lane }) => `${id} ${lane ?? 'first'}`)).toEqual([
    ...['h0 first', 'q1 first', 'q2 first'],
    ...['h1 side', 'h2 side', 'h3 side', 'h4 side'],
  ]);
  // Nothing of the first lane waits until the side lane's megabytes are written down and sent.
  expect(calls).toEqual([3, 4]);
  bus.published.length = 0;
  bus.fault = ({ event: { id } }) => (id === 'h2' ? 'throttled' : id === 'h3' ? 'too-large' : undefined);
  clock.jump(60_000);
  expect(await handle(batch)).toEqual({ status: 'retry', failedAt: 2 });
  expect((await parked.list('relay', 'hostile', 10)).items).toEqual([]);
  bus.fault = ({ event: { id } }) => (id === 'h3' ? 'too-large' : undefined);
  expect(await handle(batch)).toEqual({ status: 'done' });
  expect((await parked.list('relay', 'hostile', 10)).items.map(({ event: each }) => each?.id)).toEqual(['h3']);
});

/**
 * A cell in simulated time: each second the hostile tenant stores so many events, and then the victim stores one; the relay takes records
 * in their order, 200 at a time; a worker of each lane applies batches of ten,
 * `BATCHES` of them a second. Returns how many events and bytes of the hostile
 * tenant a victim's event had to let pass, from its place in the log to its turn at the worker.
 */
async function passedBy(seconds: number, events: number, bytes: number) {
  const clock = new FakeClock();
  const consumers = LANE_NAMES.map((lane) => ({ ...CONSUMER, lane }));
  const bus = new MemoryBus({ clock, ids: countingIds(), consumers });
  const parked = parking({ state: new MemoryStore({ clock }), clock });
  const handle = relay({ tombstones: NO_TOMBSTONES, bus, parking: parked, clock, log: new RecordingLog() });
  const storedAt = new Map<string, number>();
  const waits: number[] = [];
  let [hostile, hostileBytes] = [0, 0];
  let worst = { events: 0, bytes: 0 };
  const before = new Map<string, { events: number; bytes: number }>();
  const work =
    (lane: (typeof LANE_NAMES)[number]): DeliveryHandler =>
    async (messages) => {
      for (const each of messages) {
        if (!('event' in each)) continue;
        if (each.tenant === 'quiet') {
          const at = before.get(each.event.id) ?? { events: 0, bytes: 0 };
          worst = {
            events: Math.max(worst.events, hostile - at.events),
            bytes: Math.max(worst.bytes, hostileBytes - at.bytes),
          };
          waits.push(clock.now() - (storedAt.get(each.event.id) ?? 0));
        } else if (lane === 'first') {
          hostile += 1;
          hostileBytes += JSON.stringify(each.event).length;
        }
      }
      return messages.map(() => ({ status: 'done' }));
    };
  for (let second = 0; second < seconds; second += 1) {
    const id = `q${second}`;
    const log = [
      ...Array.from({ length: events }, (_, index) => message('hostile', `h${second}-${index}`, bytes)),
      message('quiet', id),
    ];
    storedAt.set(id, clock.now());
    before.set(id, { events: hostile, bytes: hostileBytes });
    for (let from = 0; from < log.length; from += 200)
      expect(await handle(records(log.slice(from, from + 200), clock))).toEqual({ status: 'done' });
    for (const lane of LANE_NAMES)
      for (let batch = 0; batch < BATCHES; batch += 1) await bus.deliver(queueOf(CONSUMER.name, lane), work(lane));
    clock.jump(1000);
  }
  return {
    applied: waits.length,
    longestMs: Math.max(...waits),
    worst,
    aside: bus.backlog(queueOf(CONSUMER.name, 'side')),
  };
}

test('beside 39 MB of padded events a victim’s event lets one of them pass at most, and has its turn in the second it came in', async () => {
  const { applied, longestMs, worst, aside } = await passedBy(40, 5, EVENT_BYTES);
  expect({ applied, longestMs }).toEqual({ applied: 40, longestMs: 0 });
  expect(worst.events).toBeLessThanOrEqual(1);
  expect(worst.bytes).toBeLessThanOrEqual(EVENT_BYTES + 1024);
  // What the flood is worth to its sender: it is applied as well, behind itself.
  expect(aside).toBeLessThan(200);
});

test('beside a thousand small events a second it lets no more of them pass than a share holds', async () => {
  const { applied, longestMs, worst } = await passedBy(6, 1000, 0);
  expect({ applied, longestMs }).toEqual({ applied: 6, longestMs: 0 });
  expect(worst.events).toBe(LANE_LIMITS.burstEvents);
});
