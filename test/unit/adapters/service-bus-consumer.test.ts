// How a consumer on Service Bus deals with its platform's rule that a batch succeeds or fails as a whole.
import { serviceBusConsumer } from '../../../adapters/azure/service-bus-consumer.ts';
import type { DeliveryHandler } from '../../../core/ports/bus.ts';
import { EagerClock } from '../../support/fake-clock.ts';

const LOCK_MS = 120_000;

const body = (id: string) => ({
  specversion: '1.0',
  id,
  source: 'urn:test',
  type: 'io.polycell.reading.v1',
  subject: 'device-1',
  time: '2026-11-21T07:41:03.000Z',
  polycelltenant: 'acme',
});

function setUp(handler: DeliveryHandler) {
  const clock = new EagerClock();
  return { clock, work: serviceBusConsumer(handler, { clock, lockMs: LOCK_MS }) };
}

test('a batch that is done at once ends at once', async () => {
  const seen: unknown[] = [];
  const { work, clock } = setUp(async (messages) => {
    seen.push(...messages);
    return messages.map(() => ({ status: 'done' }));
  });
  await work([body('a')], [3]);
  expect(seen).toEqual([
    {
      deliveryId: '0',
      attempt: 3,
      tenant: 'acme',
      event: expect.objectContaining({ id: 'a', subject: 'device-1' }),
    },
  ]);
  expect(clock.slept).toEqual([]);
});

test('only what could not be applied is tried again, and the batch succeeds when it is', async () => {
  const tried: string[][] = [];
  const { work, clock } = setUp(async (messages) => {
    tried.push(messages.map(({ deliveryId }) => deliveryId));
    return messages.map(({ deliveryId }) =>
      deliveryId === '1' && tried.length < 3 ? { status: 'retry', reason: 'down' } : { status: 'done' },
    );
  });
  await work([body('a'), body('b'), body('c')], [1, 1, 1]);
  expect(tried).toEqual([['0', '1', '2'], ['1'], ['1']]);
  expect(clock.slept).toEqual([500, 1000]);
});

test('an outage of ten minutes spends eight of the hundred deliveries that a message has', async () => {
  let up = false;
  const { work, clock } = setUp(async (messages) =>
    messages.map(() => (up ? { status: 'done' } : { status: 'retry', reason: 'down' })),
  );
  const back = clock.now() + 10 * 60_000;
  let failed = 0;
  for (;;) {
    up = clock.now() >= back;
    try {
      await work([body('a')], [failed + 1]);
      break;
    } catch (error) {
      expect(error).toMatchObject({ name: 'BatchRetry' });
      failed += 1;
    }
  }
  expect(failed).toBe(8);
});

test('the batch fails before its lock is over', async () => {
  const { work, clock } = setUp(async (messages) => messages.map(() => ({ status: 'retry', reason: 'down' })));
  const began = clock.now();
  await expect(work([body('a')], [1])).rejects.toThrow(
    '1 of 1 messages could not be applied now; the batch comes again.',
  );
  expect(clock.now() - began).toBeLessThanOrEqual(0.75 * LOCK_MS);
});

test('what is no event is handed over as it came', async () => {
  const seen: unknown[] = [];
  const { work } = setUp(async (messages) => {
    seen.push(...messages);
    return messages.map(() => ({ status: 'done' }));
  });
  await work(['plain text', { no: 'event' }], [1, 2]);
  expect(seen).toEqual([
    { deliveryId: '0', attempt: 1, unreadable: 'The message is no JSON object.', text: 'plain text' },
    { deliveryId: '1', attempt: 2, unreadable: 'The message is no event of a tenant.', text: '{"no":"event"}' },
  ]);
});
