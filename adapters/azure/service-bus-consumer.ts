// A consumer on the Functions Service Bus trigger, where a batch succeeds or fails as a whole.
import { decodeMessage, readMessage } from '../../core/events/wire.ts';
import type { DeliveredMessage, DeliveryHandler, UnreadableMessage } from '../../core/ports/bus.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { describeError } from '../../core/ports/errors.ts';
import { isJsonObject } from '../../core/ports/json.ts';

const strictly = new TextDecoder('utf-8', { fatal: true });
const roughly = new TextDecoder();

/** Thrown when messages must be delivered again; the platform abandons the whole batch. */
export class BatchRetry extends Error {
  override readonly name = 'BatchRetry';
}

export interface ServiceBusConsumerOptions {
  readonly clock: Clock;
  /** How long the messages are locked, in milliseconds. The platform does not renew the locks of a batch. */
  readonly lockMs: number;
}

/**
 * A batch from the trigger: bodies, and `deliveryCountArray` and `applicationPropertiesArray` of its metadata. Bodies should be
 * bytes (`dataType: 'binary'`): otherwise a body that is not text repeatedly fails its whole batch before it gets here, an empty one
 * is omitted, so that the counts no longer match, and the worker parses what it can.
 */
export interface ServiceBusBatch {
  readonly bodies: readonly unknown[];
  readonly deliveryCounts: readonly unknown[];
  readonly properties?: readonly unknown[];
}

/** Pauses between attempts to apply messages that a service failure delays, in milliseconds: doubling up to the last. */
const PAUSES = { firstMs: 2000, lastMs: 15_000 } as const;

/** The share of the lock duration used for attempts; the rest is for settling the batch. */
const LOCK_SHARE = 0.85;

/** Maximum attempts within one delivery, far more than fit into its time. */
const TRIES = 1000;

/**
 * Wraps a delivery handler for the trigger. A batch that throws is abandoned at once and redelivered immediately with a higher delivery
 * count, so an outage would use up the deliveries of healthy messages within seconds and move them to the dead-letter queue. Messages
 * that can be applied later are therefore retried here for as long as the lock lasts; only then does the batch fail.
 */
export function serviceBusConsumer(
  handler: DeliveryHandler,
  { clock, lockMs }: ServiceBusConsumerOptions,
): (batch: ServiceBusBatch) => Promise<void> {
  return async ({ bodies, deliveryCounts, properties = [] }) => {
    const deadline = clock.now() + lockMs * LOCK_SHARE;
    let open = bodies.map((body, index) =>
      toDelivery(body, { deliveryId: String(index), attempt: Number(deliveryCounts[index] ?? 1) }, properties[index]),
    );
    let pause: number = PAUSES.firstMs;
    for (let tried = 0; tried < TRIES; tried += 1) {
      const outcomes = await handler(open, deadline);
      open = open.filter((_, index) => outcomes[index]?.status !== 'done');
      if (open.length === 0) return;
      const left = deadline - clock.now();
      // Wait out the lock, because an abandoned message would be redelivered at once.
      await clock.sleep(Math.max(0, Math.min(pause, left)));
      if (pause >= left) break;
      pause = Math.min(pause * 2, PAUSES.lastMs);
    }
    throw new BatchRetry(
      `${open.length} of ${bodies.length} messages could not be applied now; the batch comes again.`,
    );
  };
}

/**
 * Decodes a body. Bytes that are not UTF-8 are shown as far as they can be decoded; a body that the trigger has already parsed is a
 * message, or is shown as JSON.
 */
export function toDelivery(
  body: unknown,
  common: { readonly deliveryId: string; readonly attempt: number },
  properties: unknown,
): DeliveredMessage | UnreadableMessage {
  const text = body instanceof Uint8Array ? roughly.decode(body) : typeof body === 'string' ? body : undefined;
  try {
    if (body instanceof Uint8Array && !isUtf8(body)) throw new TypeError('The body is not UTF-8.');
    return { ...common, ...(text === undefined ? readMessage(body) : decodeMessage(text)) };
  } catch (error) {
    const tenant = isJsonObject(properties) ? properties.tenant : undefined;
    return {
      ...common,
      unreadable: describeError(error).message,
      text: text ?? JSON.stringify(body),
      ...(typeof tenant === 'string' && { tenant }),
    };
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strictly.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
