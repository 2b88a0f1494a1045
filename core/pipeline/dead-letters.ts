// Dead letters: parks what the bus has given up delivering to a consumer, so that it can be listed and sent again like all that is parked.
import type { DeliveryHandler, DeliveryOutcome } from '../ports/bus.ts';
import { describeError } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
import { type Parking, tenantForParking } from './parking.ts';

export interface DeadLettersDeps {
  /** Name of the consumer whose dead-letter queue is delivered. */
  readonly consumer: string;
  readonly parking: Parking;
  readonly log: Log;
}

/**
 * Returns the delivery handler of a consumer's dead-letter queue. No code of the consumer runs: it may be what crashes. A message that
 * cannot be parked now stays in the queue, and is delivered again.
 */
export function deadLetters({ consumer, parking, log }: DeadLettersDeps): DeliveryHandler {
  return async (messages) => {
    const outcomes: DeliveryOutcome[] = [];
    for (const message of messages) {
      const reason = { code: 'dead_letter', message: 'The bus gave up delivering the message to its consumer.' };
      const parked =
        'unreadable' in message
          ? { tenant: tenantForParking(message.tenant), event: undefined, subject: message.text }
          : { tenant: message.tenant, event: message.event, origin: message.origin, acceptedAt: message.acceptedAt };
      try {
        await parking.park({ consumer, ...parked, reason });
        log.error('parked a dead letter', { consumer, tenant: parked.tenant, id: parked.event?.id ?? null, ...reason });
        outcomes.push({ status: 'done' });
      } catch (error) {
        const { code, message: why, timedOut } = describeError(error);
        log.warn('a dead letter could not be parked and will be delivered again', { consumer, code, reason: why });
        outcomes.push({ status: 'retry', reason: `${code}: ${why}`, ...(timedOut && { timedOut }) });
      }
    }
    return outcomes;
  };
}
