// The bus port: publishing events to whoever subscribed, and handing a consumer its batches.
import type { CloudEvent } from './cloud-event.ts';
import type { PortError } from './errors.ts';

/** An event on its way. The bus filters on `type` (of the event), `tenant` and `consumer`. */
export interface BusMessage {
  readonly event: CloudEvent;
  readonly tenant: string;
  /** Deliver to this consumer alone, of those that subscribe to the event's type: for redriving a parked event. */
  readonly consumer?: string;
}

/** What became of one published message. */
export type PublishOutcome =
  | { readonly status: 'published' }
  | { readonly status: 'failed'; readonly error: PortError };

/** The limits of a bus message, the tighter of SNS's and Service Bus's (standard tier): 256 KiB with its attributes. */
export const BUS_LIMITS = { messageBytes: 256 * 1024 } as const;

/** The way out of a cell's log. Subscriptions and their filters belong to the topology, not to this port. */
export interface Bus {
  /**
   * Publishes any number of messages and returns one outcome a message, in order. Splits them by the service's count and
   * size limits, and retries only those that failed, within a budget. Never rejects for some of them; `failed` carries
   * `too-large` or `invalid` for what can never be published, a retryable code for what may be tried again. A message whose
   * answer was lost may be delivered twice.
   */
  publish(messages: readonly BusMessage[]): Promise<readonly PublishOutcome[]>;
}

/** A message as a consumer gets it. */
export interface DeliveredMessage extends BusMessage {
  /** Names this message among those of its batch. */
  readonly deliveryId: string;
  /** 1 the first time; the service's count of deliveries. */
  readonly attempt: number;
}

/** A message that the adapter could not read; it can only be set aside. */
export interface UnreadableMessage {
  readonly deliveryId: string;
  readonly attempt: number;
  /** Why it could not be read. */
  readonly unreadable: string;
  /** The tenant, where the message's attributes tell it. */
  readonly tenant?: string;
  /** The text as it came. */
  readonly text: string;
}

/**
 * The consumer's answer for one message: finished with it, or deliver it again after the lock or visibility timeout. `timedOut`
 * says that it was only too slow: a service's answer did not come in time, or the deadline was near.
 */
export type DeliveryOutcome =
  | { readonly status: 'done' }
  | { readonly status: 'retry'; readonly reason: string; readonly timedOut?: true };

/**
 * Handles one batch of a consumer's messages, at least once, in any order. Returns one outcome a message, in order; throwing
 * repeats the whole batch. `deadline` is the instant by which the platform kills the handler. After the topology's limit of
 * deliveries the cloud puts a message into its own dead-letter queue.
 */
export type DeliveryHandler = (
  messages: readonly (DeliveredMessage | UnreadableMessage)[],
  deadline: number,
) => Promise<readonly DeliveryOutcome[]>;
