// The bus port: publishes events to subscribed consumers, and delivers batches to a consumer.
import type { CloudEvent } from './cloud-event.ts';
import type { PortError } from './errors.ts';

/** An event in transit. The bus filters on `type` (of the event), `consumer` and `lane`. */
export interface BusMessage {
  readonly event: CloudEvent;
  readonly tenant: string;
  /** The cell that accepted the event, where it is known; without it, the event counts as the cell's own. */
  readonly origin?: string;
  /** The context of the request by which the cell accepted the event, where it is not the event's own: what traces link to. */
  readonly context?: string;
  /** When that cell accepted it, by its own clock in milliseconds, where it is known. */
  readonly acceptedAt?: number;
  /** Delivers only to this consumer among the subscribers of the event's type: for redriving a parked event. */
  readonly consumer?: string;
  /** Takes the side lane: the queue of each consumer for what a tenant sends beyond its share of the first. */
  readonly lane?: 'side';
}

/** The outcome of publishing one message. */
export type PublishOutcome =
  | { readonly status: 'published' }
  | { readonly status: 'failed'; readonly error: PortError };

/** The limit of a bus message, the lower one of SNS and Service Bus (standard tier): 256 KiB with its attributes. */
export const BUS_LIMITS = { messageBytes: 256 * 1024 } as const;

/** The outbound side of a cell's log. Subscriptions and their filters belong to the topology, not to this port. */
export interface Bus {
  /**
   * Publishes any number of messages and returns one outcome per message, in order. Splits them by the service's count and
   * size limits, and retries only those that failed, within a budget. Never rejects for some of them; `failed` carries
   * `too-large` or `invalid` for what can never be published, a retryable code for what may be tried again. A message whose
   * answer was lost may be delivered twice.
   */
  publish(messages: readonly BusMessage[]): Promise<readonly PublishOutcome[]>;
}

/** A message as delivered to a consumer. */
export interface DeliveredMessage extends BusMessage {
  /** Identifies this message within its batch. */
  readonly deliveryId: string;
  /** The service's delivery count, starting at 1. */
  readonly attempt: number;
}

/** A message that the adapter could not read; it can only be parked. */
export interface UnreadableMessage {
  readonly deliveryId: string;
  readonly attempt: number;
  /** Why it could not be read. */
  readonly unreadable: string;
  /** The tenant, if the message's attributes contain it. */
  readonly tenant?: string;
  /** The text as received. */
  readonly text: string;
}

/**
 * The consumer's outcome for one message: done, or deliver again after the lock or visibility timeout. `timedOut` means that it was
 * only too slow: a service did not answer in time, or the deadline was near.
 */
export type DeliveryOutcome =
  | { readonly status: 'done' }
  | { readonly status: 'retry'; readonly reason: string; readonly timedOut?: true };

/**
 * Handles one batch of a consumer's messages, at least once, in any order. Returns one outcome per message, in order; throwing
 * repeats the whole batch. `deadline` is the instant at which the platform kills the handler, and `limitMs` how long it lets the handler run in
 * all, in milliseconds, where that is not what the consumer declares. After the topology's limit of deliveries the cloud moves a message to
 * its own dead-letter queue.
 */
export type DeliveryHandler = (
  messages: readonly (DeliveredMessage | UnreadableMessage)[],
  deadline: number,
  limitMs?: number,
) => Promise<readonly DeliveryOutcome[]>;
