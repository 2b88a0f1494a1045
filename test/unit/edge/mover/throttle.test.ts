// Moves are slowed down where the clients of their source wait longer, or a store takes no more, and get faster step by step.
import fc from 'fast-check';
import { isSlower, moveThrottle, THROTTLE_LIMITS } from '../../../../core/edge/mover/throttle.ts';
import { addTimes, type IngestTimes, NO_TIMES, timeOf } from '../../../../core/edge/ports/ingest-times.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { property } from '../../../support/properties.ts';
import { RecordingLog } from '../../../support/recording-log.ts';

/** So many requests of these times in turn. */
const times = (count: number, ...milliseconds: readonly number[]): IngestTimes =>
  Array.from({ length: count }, (_, index) => timeOf(milliseconds[index % milliseconds.length] ?? 0)).reduce(
    addTimes,
    NO_TIMES,
  );

const CALM = times(400, 10, 12, 20);
const SLOW = times(400, 10, 12, 40);

/** A throttle of the cell a, which looks at these times. */
function throttled(seen: IngestTimes | null = CALM) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const asked: number[] = [];
  const state = { seen };
  const throttle = moveThrottle({
    clock,
    log,
    ingestTimes: async (_cell, agoMs) => {
      asked.push(agoMs);
      return state.seen;
    },
  });
  const rate = () => throttle.rateOf('a');
  /** Moves for so long, as fast as it may; how many events. */
  const move = async (milliseconds: number, fails = () => false, purpose: 'send' | 'compare' = 'send') => {
    const until = clock.now() + milliseconds;
    let events = 0;
    while (clock.now() < until) {
      const grant = await throttle.take('a', purpose);
      if (typeof grant === 'number') clock.jump(Math.min(grant, until - clock.now()));
      else {
        events += grant.budget;
        grant.end({ read: grant.budget, sent: purpose === 'send' ? grant.budget : 0 }, fails());
      }
    }
    return events;
  };
  /** Until it has seen what there is without moves. */
  const settled = async () => {
    await move(THROTTLE_LIMITS.lookMs);
    while (typeof (await throttle.take('a', 'send')) === 'number') clock.jump(1000);
  };
  return { clock, log, asked, state, throttle, rate, move, settled };
}

test('an idle source has no p99, and is read at a rate that rises', async () => {
  const t = throttled(times(THROTTLE_LIMITS.requests - 1, 5000));
  expect(await t.move(60_000)).toBeGreaterThan(THROTTLE_LIMITS.start * 50);
  expect(t.rate()).toBeGreaterThan(THROTTLE_LIMITS.start);
  expect(t.log.messages('info')).toEqual([]);
});

test('before the first event it looks at requests without moves, and only at those that were reported since', async () => {
  const t = throttled();
  expect(await t.throttle.take('a', 'send')).toBe(THROTTLE_LIMITS.lookMs);
  await t.settled();
  expect(t.asked[0]).toBe(THROTTLE_LIMITS.windowMs);
  expect(t.asked[1]).toBe(THROTTLE_LIMITS.lookMs - THROTTLE_LIMITS.settleMs);
});

test('the rate is halved where requests take longer than without moves, in two looks, and is raised again by steps', async () => {
  const t = throttled();
  await t.settled();
  const before = t.rate();
  t.state.seen = SLOW;
  await t.move(2 * THROTTLE_LIMITS.lookMs - 1);
  expect(t.rate()).toBeGreaterThanOrEqual(before);
  await t.move(THROTTLE_LIMITS.lookMs);
  const halved = t.rate();
  expect(halved).toBeLessThan(0.7 * before);
  expect(t.log.messages('info')).toEqual(['moves were slowed down']);
  t.state.seen = CALM;
  await t.move(40_000);
  expect(t.rate()).toBeGreaterThan(halved);
  expect((t.rate() - halved) % THROTTLE_LIMITS.raise).toBeCloseTo(0);
});

test('requests that take longer without moves, too, slow moves down once: then that is what they are compared with', async () => {
  const t = throttled();
  await t.settled();
  t.state.seen = SLOW;
  await t.move(120_000);
  expect(t.log.messages('info')).toHaveLength(1);
  expect(t.rate()).toBeGreaterThanOrEqual(THROTTLE_LIMITS.start / 2);
});

test('what was seen without moves is seen anew after a while, as the load may have become less', async () => {
  const t = throttled(SLOW);
  await t.settled();
  t.state.seen = CALM;
  await t.move(THROTTLE_LIMITS.renewMs + 2 * THROTTLE_LIMITS.restMs);
  expect(t.log.messages('info')).toEqual([]);
  t.state.seen = SLOW;
  await t.move(3 * THROTTLE_LIMITS.lookMs);
  expect(t.log.messages('info')).toHaveLength(1);
});

test('a rise by less than a tenth, or of few requests, is none', () => {
  expect(isSlower(times(1000, 100), 100)).toBe(false);
  expect(isSlower(times(1000, 107), 100)).toBe(false);
  expect(isSlower(times(1000, 115), 100)).toBe(true);
  expect(isSlower(addTimes(times(990, 10), times(10, 500)), 100)).toBe(false);
  expect(isSlower(addTimes(times(970, 10), times(30, 500)), 100)).toBe(true);
});

test('a store that takes no more halves the rate, of moves at the same time only once', async () => {
  const t = throttled(NO_TIMES);
  await t.move(THROTTLE_LIMITS.lookMs);
  const before = t.rate();
  const [one, other] = [await t.throttle.take('a', 'send'), await t.throttle.take('a', 'send')];
  for (const grant of [one, other])
    if (typeof grant !== 'number') grant.end({ read: grant.budget, sent: grant.budget }, true);
  expect(t.rate()).toBeGreaterThanOrEqual(before / 4);
  expect(t.log.messages('info')).toHaveLength(1);
});

test('events that are only compared may be many more, and so may those that are found to be there', async () => {
  const { start, comparedForOne, burstMs } = THROTTLE_LIMITS;
  const t = throttled(NO_TIMES);
  expect(await t.throttle.take('a', 'compare')).toMatchObject({ budget: start * comparedForOne });
  const compared = await throttled(NO_TIMES).move(burstMs, () => false, 'compare');
  expect(compared).toBe(comparedForOne * (await throttled(NO_TIMES).move(burstMs)));
  // A step that was to send, and has found most of them there, leaves what it has not needed.
  const some = throttled(NO_TIMES);
  let steps = 0;
  for (let grant = await some.throttle.take('a', 'send'); typeof grant !== 'number'; steps += 1) {
    grant.end({ read: grant.budget, sent: 0 }, false);
    grant = await some.throttle.take('a', 'send');
  }
  expect(steps).toBe(2 * comparedForOne + 1);
});

test('what is not known neither slows moves down nor makes them faster', async () => {
  const t = throttled();
  await t.settled();
  const before = t.rate();
  t.state.seen = null;
  await t.move(60_000);
  expect(t.rate()).toBe(before);
});

test('all moves of a source together get no more than its rate; other sources have their own', async () => {
  const t = throttled(NO_TIMES);
  const taken: number[] = [];
  for (
    let grant = await t.throttle.take('a', 'send');
    typeof grant !== 'number';
    grant = await t.throttle.take('a', 'send')
  )
    taken.push(grant.budget);
  const { start, burstMs, stepMs } = THROTTLE_LIMITS;
  expect(taken).toEqual(Array.from({ length: burstMs / stepMs }, () => (start * stepMs) / 1000));
  expect(await t.throttle.take('b', 'send')).toMatchObject({ budget: THROTTLE_LIMITS.start });
});

property(
  'whatever happens, the rate stays within its bounds, rises by one step a look, and is not exceeded',
  fc.array(
    fc.record({
      forMs: fc.integer({ min: 1, max: 20_000 }),
      seen: fc.constantFrom(CALM, SLOW, NO_TIMES, null),
      fails: fc.boolean(),
    }),
    { maxLength: 20 },
  ),
  async (steps) => {
    const t = throttled();
    for (const { forMs, seen, fails } of steps) {
      t.state.seen = seen;
      const before = t.rate();
      const events = await t.move(forMs, () => fails);
      const most = before + (Math.ceil(forMs / THROTTLE_LIMITS.lookMs) + 1) * THROTTLE_LIMITS.raise;
      expect(t.rate()).toBeGreaterThanOrEqual(THROTTLE_LIMITS.least);
      expect(t.rate()).toBeLessThanOrEqual(Math.min(THROTTLE_LIMITS.most, most));
      expect(events).toBeLessThanOrEqual((most * (forMs + THROTTLE_LIMITS.burstMs)) / 1000);
    }
  },
  50,
);
