// A consumer's subscription on Service Bus, or its dead letters, pulled: each message is settled alone.
import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import type { DeliverySource, Received } from '../../core/ports/delivery-source.ts';
import { toPortError } from './errors.ts';
import { toDelivery } from './service-bus-consumer.ts';

export interface ServiceBusSourceOptions {
  /** A client with `retryOptions: { maxRetries: 0 }`. It outlives the source. */
  readonly client: ServiceBusClient;
  readonly topic: string;
  readonly subscription: string;
  /** Whether it reads the subscription's dead letters. */
  readonly deadLetters: boolean;
}

export class ServiceBusSource implements DeliverySource {
  readonly #options: ServiceBusSourceOptions;
  #receiver: ServiceBusReceiver | undefined;
  /** A receiver waits for one answer at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ServiceBusSourceOptions) {
    this.#options = options;
  }

  receive(most: number, waitMs: number, signal: AbortSignal): Promise<readonly Received[]> {
    const turn = this.#turn.then(() => this.#receive(most, waitMs, signal));
    // Its caller gets its failure.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #receive(most: number, waitMs: number, signal: AbortSignal): Promise<readonly Received[]> {
    if (signal.aborted) return [];
    try {
      const messages = await this.#open().receiveMessages(most, {
        maxWaitTimeInMs: Math.max(1, waitMs),
        abortSignal: signal,
      });
      return messages.map(toReceived);
    } catch (error) {
      if (signal.aborted) return [];
      await this.#drop();
      throw toPortError(error);
    }
  }

  async finish(messages: readonly Received[]): Promise<void> {
    const receiver = this.#open();
    const settled = await Promise.allSettled(
      messages.map(({ receipt }) => receiver.completeMessage(receipt as ServiceBusReceivedMessage)),
    );
    const failures = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    // A lock that ran out meanwhile is no fault: the message comes again.
    const [failure] = failures.filter((error) => (error as { code?: unknown }).code !== 'MessageLockLost');
    if (failure !== undefined) throw toPortError(failure);
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#drop();
  }

  #open(): ServiceBusReceiver {
    const { client, topic, subscription, deadLetters } = this.#options;
    this.#receiver ??= client.createReceiver(topic, subscription, {
      maxAutoLockRenewalDurationInMs: 0,
      // A body that is no JSON is for the consumer's parking, and must not fail its batch.
      skipParsingBodyAsJson: true,
      ...(deadLetters && { subQueueType: 'deadLetter' as const }),
    });
    return this.#receiver;
  }

  /** After an error a new link is opened: one that has lost its connection may wait without end. */
  async #drop(): Promise<void> {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    await receiver?.close().catch(() => undefined);
  }
}

function toReceived(message: ServiceBusReceivedMessage): Received {
  const { body, messageId, deliveryCount = 0, applicationProperties } = message;
  const common = { deliveryId: String(messageId ?? message.sequenceNumber ?? ''), attempt: deliveryCount + 1 };
  const bytes = body instanceof Uint8Array ? body.length : Buffer.byteLength(String(body));
  return { message: toDelivery(body, common, applicationProperties), bytes, receipt: message };
}
