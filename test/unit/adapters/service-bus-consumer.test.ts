// The Service Bus consumer: what it repeats within one delivery, and how long it holds a batch before it gives it back.
import { BatchRetry, serviceBusConsumer } from '../../../adapters/azure/service-bus-consumer.ts';
import type { DeliveryOutcome } from '../../../core/ports/bus.ts';
import { EagerClock } from '../../support/fake-clock.ts';

const LOCK_MS = 120_000;
const body = (id: string) => ({
  specversion: '1.0',
  id,
  source: '/test',
  type: 'test.reading',
  subject: 'device-1',
  time: '2026-11-21T07:41:03Z',
  polycelltenant: 'acme',
});

/** Consumes the events a and b; `answer` says whether an event is done at a call. */
async function consume(answer: (id: string, call: number) => boolean) {
  const clock = new EagerClock();
  const startedAt = clock.now();
  const calls: string[][] = [];
  const invoke = serviceBusConsumer(
    async (messages) => {
      const ids = messages.map((each) => ('event' in each ? each.event.id : each.text));
      calls.push(ids);
      return ids.map(
        (id): DeliveryOutcome =>
          answer(id, calls.length) ? { status: 'done' } : { status: 'retry', reason: 'not yet' },
      );
    },
    { clock, lockMs: LOCK_MS },
  );
  const failure: unknown = await invoke({ bodies: [body('a'), body('b')], deliveryCounts: [1, 1] }).catch(
    (error: unknown) => error,
  );
  return { calls, failure, heldMs: clock.now() - startedAt };
}

test('a batch that is done at once is not held', async () => {
  expect(await consume(() => true)).toStrictEqual({ calls: [['a', 'b']], failure: undefined, heldMs: 0 });
});

test('what is to be retried is tried again alone, with growing pauses, while the lock lasts', async () => {
  const { calls, failure, heldMs } = await consume((id, call) => id === 'a' || call === 4);
  expect(calls).toStrictEqual([['a', 'b'], ['b'], ['b'], ['b']]);
  expect([failure, heldMs]).toStrictEqual([undefined, 2000 + 4000 + 8000]);
});

test('what cannot be done fails the batch shortly before its lock runs out, and not earlier', async () => {
  const { failure, heldMs } = await consume((id) => id === 'a');
  expect(failure).toBeInstanceOf(BatchRetry);
  expect(heldMs).toBe(LOCK_MS * 0.85);
});

test('bytes are read as they are, and what is no UTF-8 or no event is unreadable alone', async () => {
  const seen: unknown[] = [];
  const invoke = serviceBusConsumer(
    async (messages) => {
      seen.push(...messages.map((each) => ('event' in each ? each.event : [each.unreadable, each.text])));
      return messages.map((): DeliveryOutcome => ({ status: 'done' }));
    },
    { clock: new EagerClock(), lockMs: LOCK_MS },
  );
  const event = { ...body('😀'), note: '{"looks":"like JSON"}', number: 1.0, empty: '' };
  const text = JSON.stringify(event);
  const torn = Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.from([0xff, 0x22, 0x7d])]);
  const bodies = [Buffer.from(text), torn, new Uint8Array(), Buffer.from('7')];
  await invoke({ bodies, deliveryCounts: [1, 1, 1, 1] });
  const { polycelltenant: _tenant, ...expected } = event;
  expect(seen).toEqual([
    expected,
    ['The body is not UTF-8.', expect.stringContaining('\ufffd')],
    ['Unexpected end of JSON input', ''],
    ['The message is no JSON object.', '7'],
  ]);
});
