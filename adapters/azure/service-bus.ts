// The bus on one Service Bus topic: batches by the negotiated size, failed batches repeated alone.
import type { ServiceBusMessage, ServiceBusSender } from '@azure/service-bus';
import { encodeMessage, messageAttributes } from '../../core/events/wire.ts';
import type { Bus, BusMessage, PublishOutcome } from '../../core/ports/bus.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { Backoff, DEFAULT_RETRY, type RetryPolicy } from '../../core/ports/retry.ts';
import { isTransient, toPortError } from './errors.ts';

/** The standard tier takes 256 KB a message and a batch; the link may say less. */
const MAXIMUM_BATCH_BYTES = 256 * 1024;

export interface ServiceBusOptions {
  /** Of a client with `retryOptions: { maxRetries: 0 }`: this adapter retries. */
  readonly sender: ServiceBusSender;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry?: RetryPolicy;
}

interface Pending {
  readonly message: ServiceBusMessage;
  outcome?: PublishOutcome;
}

export class ServiceBus implements Bus {
  readonly #options: Required<ServiceBusOptions>;

  constructor(options: ServiceBusOptions) {
    this.#options = { retry: DEFAULT_RETRY, ...options };
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly PublishOutcome[]> {
    const all = messages.map((message): Pending => ({ message: toServiceBus(message) }));
    const backoff = new Backoff(this.#options, this.#options.retry);
    for (;;) {
      const open = all.filter(({ outcome }) => outcome === undefined);
      const error = await this.#publishSome(open);
      if (error === undefined) break;
      if (isTransient(error) && (await backoff.pause(error.retryAfterMs))) continue;
      for (const pending of open) pending.outcome ??= { status: 'failed', error };
      break;
    }
    return all.map(
      ({ outcome }) => outcome ?? { status: 'failed', error: new PortError('unknown', 'The message was not reached.') },
    );
  }

  /** Sends batch after batch; returns the first error, with which those of its batch and all behind it are still open. */
  async #publishSome(open: readonly Pending[]): Promise<PortError | undefined> {
    const { sender } = this.#options;
    try {
      let next = 0;
      while (next < open.length) {
        const batch = await sender.createMessageBatch({ maxSizeInBytes: MAXIMUM_BATCH_BYTES });
        const sent: Pending[] = [];
        for (
          let pending = open[next];
          pending !== undefined && batch.tryAddMessage(pending.message);
          pending = open[next]
        ) {
          sent.push(pending);
          next += 1;
        }
        if (sent.length === 0) {
          const tooLarge = open[next++];
          if (tooLarge !== undefined)
            tooLarge.outcome = {
              status: 'failed',
              error: new PortError('too-large', `The message is larger than ${MAXIMUM_BATCH_BYTES} bytes.`),
            };
          continue;
        }
        await sender.sendMessages(batch);
        for (const pending of sent) pending.outcome = { status: 'published' };
      }
      return undefined;
    } catch (error) {
      return toPortError(error);
    }
  }
}

/** Filters see application properties; consumers read the body alone, as triggers do not hand properties through unharmed. */
function toServiceBus(message: BusMessage): ServiceBusMessage {
  return {
    body: Buffer.from(encodeMessage(message)),
    contentType: 'application/json',
    applicationProperties: messageAttributes(message),
  };
}
