// How far relay and replication have come: only with what this cell has accepted, and what was done.
import { notedBus, notedReplication } from '../../../core/pipeline/progress.ts';
import { timedDelivery } from '../../../core/pipeline/timed-delivery.ts';
import type { DeliveryHandler } from '../../../core/ports/bus.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { READING } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { message, unreadable } from '../../support/messages.ts';

const own = (id: string, acceptedAt: number) => message(id, { origin: 'a', acceptedAt });

/** What is not compared: what another cell has accepted, what an earlier release has, and what is redriven. */
const OTHERS = [
  message('copy', { origin: 'b', acceptedAt: 900 }),
  message('old', { origin: 'a' }),
  message('redriven', { origin: 'a', acceptedAt: 900, consumer: 'sums' }),
];

test('a relay notes what the bus has taken', async () => {
  const noted: unknown[] = [];
  const published = async (events: unknown) => void noted.push(events);
  const failed = { status: 'failed', error: new PortError('unavailable', 'It is away.') } as const;
  const bus = {
    publish: async (messages: readonly { event: { id: string } }[]) =>
      messages.map(({ event }) => (event.id === 'failed' ? failed : ({ status: 'published' } as const))),
  };
  const publish = (messages: Parameters<ReturnType<typeof notedBus>['publish']>[0]) =>
    notedBus({ cell: 'a', delays: { published } }, bus).publish(messages);
  expect(await publish([own('x', 100), own('failed', 200), ...OTHERS])).toHaveLength(5);
  await publish(OTHERS);
  expect(noted).toEqual([[{ type: READING, acceptedAt: 100 }]]);
});

test('replication notes the newest that it is done with, and hands on what becomes of each message', async () => {
  const noted: number[] = [];
  const passed = async (newest: number) => void noted.push(newest);
  const retry = { status: 'retry', reason: 'later' } as const;
  const inner: DeliveryHandler = async (messages) =>
    messages.map(({ deliveryId }) => (deliveryId === 'd-late' ? retry : ({ status: 'done' } as const)));
  const handler = notedReplication({ cell: 'a', delays: { passed } }, inner);
  const outcomes = await handler([own('x', 100), own('y', 300), own('late', 400), unreadable('?'), ...OTHERS], 0);
  expect(outcomes[2]).toEqual(retry);
  await handler([own('late', 400)], 0);
  expect(noted).toEqual([300]);
});

test('what a consumer is done with counts from its acceptance', async () => {
  const noted: unknown[] = [];
  const record = async (...given: unknown[]) => void noted.push(given);
  const clock = new FakeClock(1000);
  const done: DeliveryHandler = async (messages) => messages.map(() => ({ status: 'done' }));
  await timedDelivery({ cell: 'a', delays: { record }, clock }, 'sums', done)([own('x', 100), ...OTHERS], 0);
  expect(noted).toEqual([['state', 'sums', [900]]]);
});
