// A consumer's messages as the Functions Service Bus trigger delivers them, and its rule that a batch succeeds or fails as a whole.
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
  /** How long the messages stay locked, in milliseconds. The platform does not renew the locks of a batch. */
  readonly lockMs: number;
}

/**
 * What the trigger hands over: bodies, and `deliveryCountArray` and `applicationPropertiesArray` of its metadata. Bodies should be
 * bytes (`dataType: 'binary'`): otherwise a body that is no text fails its whole batch before it gets here, again and again,
 * an empty one is left out, so that the counts no longer fit, and the worker parses what it can.
 */
export interface ServiceBusBatch {
  readonly bodies: readonly unknown[];
  readonly deliveryCounts: readonly unknown[];
  readonly properties?: readonly unknown[];
}

/** Pauses between tries of what a service's fault keeps from being applied, in milliseconds: doubling up to the last. */
const PAUSES = { firstMs: 2000, lastMs: 15_000 } as const;

/** This share of the lock's time is used; the rest is for settling the batch. */
const LOCK_SHARE = 0.85;

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
): (batch: ServiceBusBatch) => Promise<void> {
  return async ({ bodies, deliveryCounts, properties = [] }) => {
    const deadline = clock.now() + lockMs * LOCK_SHARE;
    let open = bodies.map((body, index) =>
      toMessage(body, { deliveryId: String(index), attempt: Number(deliveryCounts[index] ?? 1) }, properties[index]),
    );
    let pause: number = PAUSES.firstMs;
    for (let tried = 0; tried < TRIES; tried += 1) {
      const outcomes = await handler(open, deadline);
      open = open.filter((_, index) => outcomes[index]?.status !== 'done');
      if (open.length === 0) return;
      const left = deadline - clock.now();
      // What comes again does so at the pace of the lock: an abandoned message would come back at once.
      await clock.sleep(Math.max(0, Math.min(pause, left)));
      if (pause >= left) break;
      pause = Math.min(pause * 2, PAUSES.lastMs);
    }
    throw new BatchRetry(
      `${open.length} of ${bodies.length} messages could not be applied now; the batch comes again.`,
    );
  };
}

/** Bytes are decoded here, and those that are no UTF-8 are shown as far as they are; a body that the trigger has parsed already is a message, or no text can be shown for it but JSON. */
function toMessage(
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
