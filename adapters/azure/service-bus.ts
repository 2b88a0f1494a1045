// The bus on one Service Bus topic: sends batches of the negotiated size, and retries only failed batches.
import type { ServiceBusMessage, ServiceBusSender } from '@azure/service-bus';
import { encodeMessage, messageAttributes, messageBytes, publishOutcome, tooLarge } from '../../core/events/wire.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../../core/lib/retry.ts';
import { settleEach } from '../../core/lib/settle-each.ts';
import { BUS_LIMITS, type Bus, type BusMessage, type PublishOutcome } from '../../core/ports/bus.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { toPortError } from './errors.ts';

export interface ServiceBusOptions {
  /** A sender of a client with `retryOptions: { maxRetries: 0 }`: this adapter retries. */
  readonly sender: ServiceBusSender;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry?: RetryPolicy;
}

interface Pending {
  readonly message: ServiceBusMessage;
  readonly bytes: number;
}

export class ServiceBus implements Bus {
  readonly #options: Required<ServiceBusOptions>;

  constructor(options: ServiceBusOptions) {
    this.#options = { retry: DEFAULT_RETRY, ...options };
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly PublishOutcome[]> {
    const results = await settleEach(this.#options, messages.map(toPending), (open) => this.#sendSome(open));
    return results.map(publishOutcome);
  }

  /**
   * Sends as many messages as fit into one batch, which the service accepts or refuses as a whole, without naming the message that
   * is at fault.
   */
  async #sendSome(open: readonly Pending[]): Promise<readonly (true | PortError)[]> {
    const { sender } = this.#options;
    const [first] = open;
    if (first !== undefined && first.bytes > BUS_LIMITS.messageBytes) return [tooLarge(first.bytes)];
    const sent: ServiceBusMessage[] = [];
    try {
      const batch = await sender.createMessageBatch();
      for (const { message, bytes } of open) {
        if (bytes > BUS_LIMITS.messageBytes || !batch.tryAddMessage(message)) break;
        sent.push(message);
      }
      if (sent.length === 0) return [tooLarge(first?.bytes ?? 0, batch.maxSizeInBytes)];
      await sender.sendMessages(batch);
      return sent.map(() => true);
    } catch (error) {
      const failure = toPortError(error);
      return sent.length === 0 ? open.map(() => failure) : sent.map(() => failure);
    }
  }
}

/** Filters use application properties; consumers read only the body, as triggers do not preserve properties. */
function toPending(message: BusMessage): Pending {
  const text = encodeMessage(message);
  const applicationProperties = messageAttributes(message);
  return {
    message: { body: Buffer.from(text), contentType: 'application/json', applicationProperties },
    bytes: messageBytes(text, applicationProperties),
  };
}
