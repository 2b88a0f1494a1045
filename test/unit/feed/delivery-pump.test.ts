// The pump: batches within their limits, nothing lost when it stops, and an outage that ends.
import { DeliveryPump, PUMP_LIMITS } from '../../../core/feed/delivery-pump.ts';
import type { DeliveryOutcome } from '../../../core/ports/bus.ts';
import type { DeliverySource, Received } from '../../../core/ports/delivery-source.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { message } from '../../support/messages.ts';
import { RecordingLog } from '../../support/recording-log.ts';

/** A queue in memory that answers questions one after the other. */
class ListedSource implements DeliverySource {
  readonly asked: number[] = [];
  readonly finished: string[] = [];
  failing = false;
  closed = false;
  #waiting: Received[];

  constructor(messages: readonly Received[]) {
    this.#waiting = [...messages];
  }

  async receive(most: number, _waitMs: number, signal: AbortSignal): Promise<readonly Received[]> {
    if (this.failing) throw new PortError('unavailable', 'The queue is away.');
    this.asked.push(most);
    if (this.#waiting.length > 0) return this.#waiting.splice(0, most);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve([]), { once: true }));
  }

  async finish(messages: readonly Received[]): Promise<void> {
    this.finished.push(...messages.map(({ receipt }) => String(receipt)));
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

const received = (count: number, bytes = 100): Received[] =>
  Array.from({ length: count }, (_, index) => ({ message: message(`m${index}`), bytes, receipt: `r${index}` }));

function open(
  source: ListedSource,
  more: { batchSize?: number; windowMs?: number; answer?: (id: string) => DeliveryOutcome } = {},
) {
  const batches: string[][] = [];
  const clock = new FakeClock();
  const { batchSize = 10, windowMs = 0, answer = () => ({ status: 'done' }) } = more;
  const log = new RecordingLog();
  const pump = new DeliveryPump({
    name: 'queue',
    source,
    handler: async (messages) => {
      const ids = messages.map((each) => ('event' in each ? each.event.id : ''));
      batches.push(ids);
      return ids.map(answer);
    },
    batchSize,
    windowMs,
    limitMs: 20_000,
    clock,
    log,
  });
  pump.start();
  return { pump, batches, clock, log };
}

test('a batch has as many messages as it may have, in questions of a page', async () => {
  const source = new ListedSource(received(45));
  const { pump, batches } = open(source, { batchSize: 25, windowMs: 1000 });
  await settle();
  expect(batches.map(({ length }) => length)).toEqual([25]);
  await pump.stop();
  expect(source.asked.slice(0, 3)).toEqual([PUMP_LIMITS.page, PUMP_LIMITS.page, 5]);
  // What was in hand when it was stopped is handled, too.
  expect(batches.flat()).toHaveLength(45);
  expect([source.finished.length, source.closed]).toEqual([45, true]);
});

test('a batch is not filled beyond its bytes', async () => {
  const source = new ListedSource(received(100, Math.ceil(PUMP_LIMITS.batchBytes / 20)));
  const { pump, batches } = open(source, { batchSize: 100, windowMs: 1000 });
  await settle();
  await pump.stop();
  expect(Math.max(...batches.map(({ length }) => length))).toBe(20);
});

test('messages to be tried again are not finished with', async () => {
  const source = new ListedSource(received(3));
  const { pump } = open(source, {
    answer: (id) => (id === 'm1' ? { status: 'retry', reason: 'later' } : { status: 'done' }),
  });
  await settle();
  await pump.stop();
  expect(source.finished).toEqual(['r0', 'r2']);
});

test('a queue that cannot be read is asked again, and said to be away once', async () => {
  const source = new ListedSource(received(1));
  source.failing = true;
  const { pump, batches, clock, log } = open(source);
  await clock.advance(30_000);
  expect(clock.slept.length).toBeGreaterThan(4);
  expect(Math.max(...clock.slept)).toBe(PUMP_LIMITS.lastRetryMs);
  expect(log.messages('warn')).toEqual(['a queue cannot be read, and will be again']);
  source.failing = false;
  await clock.advance(PUMP_LIMITS.lastRetryMs);
  expect(batches).toEqual([['m0']]);
  await pump.stop();
});
