// The bus on one Service Bus topic: sends batches of the negotiated size, and retries only failed batches.
import type { ServiceBusMessage, ServiceBusSender } from '@azure/service-bus';
import { encodeMessage, messageAttributes, messageBytes } from '../../core/events/wire.ts';
import { Backoff, DEFAULT_RETRY, type RetryPolicy } from '../../core/lib/retry.ts';
import { BUS_LIMITS, type Bus, type BusMessage, type PublishOutcome } from '../../core/ports/bus.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { asUnknownOutcome, PERMANENT, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { isTransient, toPortError } from './errors.ts';

export interface ServiceBusOptions {
  /** A sender of a client with `retryOptions: { maxRetries: 0 }`: this adapter retries. */
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
    const all = messages.map(toPending);
    await this.#publishAll(all.filter(({ outcome }) => outcome === undefined));
    return all.map(
      ({ outcome }) => outcome ?? { status: 'failed', error: new PortError('unknown', 'The message was not reached.') },
    );
  }

  /** Sends messages in batches that the service accepts or refuses as a whole; refused messages are retried. */
  async #publishAll(pending: readonly Pending[]): Promise<void> {
    const backoff = new Backoff(this.#options, this.#options.retry);
    let open = pending;
    let answerLost = false;
    while (open.length > 0) {
      const error = await this.#publishSome(open);
      if (error === undefined) return;
      answerLost ||= error.code === 'unknown-outcome';
      open = open.filter(({ outcome }) => outcome === undefined);
      if (PERMANENT[error.code] && open.length > 1) {
        // The service does not name the faulty message: halving the batch isolates it and publishes the others.
        const half = Math.ceil(open.length / 2);
        await this.#publishAll(open.slice(0, half));
        await this.#publishAll(open.slice(half));
        return;
      }
      if (isTransient(error) && (await backoff.pause(error.retryAfterMs))) continue;
      const last = asUnknownOutcome(error, answerLost);
      for (const each of open) each.outcome = { status: 'failed', error: last };
      return;
    }
  }

  /** Sends batch after batch; returns the first error, which leaves the messages of its batch and all later ones open. */
  async #publishSome(open: readonly Pending[]): Promise<PortError | undefined> {
    const { sender } = this.#options;
    try {
      let next = 0;
      while (next < open.length) {
        const batch = await sender.createMessageBatch();
        const sent: Pending[] = [];
        for (let each = open[next]; each !== undefined && batch.tryAddMessage(each.message); each = open[next]) {
          sent.push(each);
          next += 1;
        }
        if (sent.length === 0) {
          settle(open.slice(next, next + 1), { status: 'failed', error: tooLarge() });
          next += 1;
          continue;
        }
        await sender.sendMessages(batch);
        settle(sent, { status: 'published' });
      }
      return undefined;
    } catch (error) {
      return toPortError(error);
    }
  }
}

function settle(pending: readonly Pending[], outcome: PublishOutcome): void {
  for (const each of pending) each.outcome = outcome;
}

const tooLarge = (): PortError =>
  new PortError('too-large', `The message is larger than ${BUS_LIMITS.messageBytes} bytes.`);

/** Filters use application properties; consumers read only the body, as triggers do not preserve properties. */
function toPending(message: BusMessage): Pending {
  const text = encodeMessage(message);
  const applicationProperties = messageAttributes(message);
  const pending: Pending = {
    message: { body: Buffer.from(text), contentType: 'application/json', applicationProperties },
  };
  if (messageBytes(text, applicationProperties) > BUS_LIMITS.messageBytes)
    settle([pending], { status: 'failed', error: tooLarge() });
  return pending;
}
