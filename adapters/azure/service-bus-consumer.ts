// A consumer's messages as the Functions Service Bus trigger delivers them, and its rule that a batch succeeds or fails as a whole.
import { readMessage } from '../../core/events/wire.ts';
import type { DeliveredMessage, DeliveryHandler, UnreadableMessage } from '../../core/ports/bus.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { describeError } from '../../core/ports/errors.ts';

/** Thrown when messages must be delivered again; the platform abandons the whole batch. */
export class BatchRetry extends Error {
  override readonly name = 'BatchRetry';
}

export interface ServiceBusConsumerOptions {
  readonly clock: Clock;
  /** How long the messages stay locked, in milliseconds. The platform does not renew the locks of a batch. */
  readonly lockMs: number;
}

/** Pauses between tries of what a service's fault keeps from being applied, in milliseconds: doubling up to the last. */
const PAUSES = { firstMs: 500, lastMs: 15_000 } as const;

/** This share of the lock's time is used; the rest is for settling the batch. */
const LOCK_SHARE = 0.75;

/** Tries within one delivery, far more than fit into its time. */
const TRIES = 1000;

/**
 * Turns a delivery handler into what the trigger calls. A batch that throws is abandoned at once and comes right back, one
 * delivery older, so an outage would spend the deliveries of healthy messages within seconds and bury them in the dead-letter
 * queue. What can be applied later is therefore tried again here, for as long as the lock lasts; only then the batch fails.
 */
export function serviceBusConsumer(
  handler: DeliveryHandler,
  { clock, lockMs }: ServiceBusConsumerOptions,
): (bodies: readonly unknown[], deliveryCounts: readonly unknown[]) => Promise<void> {
  return async (bodies, deliveryCounts) => {
    const deadline = clock.now() + lockMs * LOCK_SHARE;
    let open = bodies.map((body, index) => toMessage(body, index, Number(deliveryCounts[index] ?? 1)));
    let pause: number = PAUSES.firstMs;
    for (let tried = 0; tried < TRIES; tried += 1) {
      const outcomes = await handler(open, deadline);
      open = open.filter((_, index) => outcomes[index]?.status !== 'done');
      if (open.length === 0) return;
      if (clock.now() + pause >= deadline) break;
      await clock.sleep(pause);
      pause = Math.min(pause * 2, PAUSES.lastMs);
    }
    throw new BatchRetry(
      `${open.length} of ${bodies.length} messages could not be applied now; the batch comes again.`,
    );
  };
}

/** The trigger has parsed the body where it could. */
function toMessage(body: unknown, index: number, attempt: number): DeliveredMessage | UnreadableMessage {
  const common = { deliveryId: String(index), attempt };
  try {
    return { ...common, ...readMessage(body) };
  } catch (error) {
    return {
      ...common,
      unreadable: describeError(error).message,
      text: typeof body === 'string' ? body : JSON.stringify(body),
    };
  }
}
