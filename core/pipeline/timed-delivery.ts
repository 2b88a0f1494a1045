// How long events take from their acceptance until a consumer is done with them, measured around its handler.
import type { Delays } from '../cell/delays.ts';
import type { DeliveryHandler } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { ownAcceptance } from './progress.ts';

export interface TimedDeliveryDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly delays: Pick<Delays, 'record'>;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Returns the handler, measured. Only what this cell has accepted counts, as clocks of two cells are not compared; and nothing that is
 * redriven, as that has waited for an operator. An event that is delivered again counts each time.
 */
export function timedDelivery(
  { cell, delays, clock }: TimedDeliveryDeps,
  consumer: string,
  handler: DeliveryHandler,
): DeliveryHandler {
  return async (messages, deadline, limitMs) => {
    const outcomes = await handler(messages, deadline, limitMs);
    const now = clock.now();
    const took = messages.flatMap((message, index) => {
      if ('unreadable' in message || outcomes[index]?.status !== 'done') return [];
      const acceptedAt = ownAcceptance(cell, message);
      return acceptedAt === undefined ? [] : [now - acceptedAt];
    });
    await delays.record('state', consumer, took);
    return outcomes;
  };
}
