// A bus in memory: a queue for each subscription, messages as text on the way, deliveries counted, faults as a test wants them.
import { decodeMessage, encodeMessage } from '../../core/events/wire.ts';
import type { Bus, BusMessage, DeliveredMessage, DeliveryHandler, PublishOutcome } from '../../core/ports/bus.ts';
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';

export interface Subscription {
  readonly name: string;
  readonly types: readonly string[];
}

interface Queued {
  readonly text: string;
  readonly deliveryId: string;
  attempt: number;
}

export class LoopbackBus implements Bus {
  /** Everything that was published, in order. */
  readonly published: BusMessage[] = [];
  /** The code by which a message fails, if it is to fail. */
  fault: (message: BusMessage, index: number) => ErrorCode | undefined = () => undefined;
  /** What happens to a delivery: it may come twice, or its acknowledgement may be lost. */
  delivery: () => 'once' | 'twice' | 'unacknowledged' = () => 'once';
  readonly #subscriptions: readonly Subscription[];
  readonly #queues = new Map<string, Queued[]>();
  #count = 0;

  constructor(subscriptions: readonly Subscription[] = []) {
    this.#subscriptions = subscriptions;
    for (const { name } of subscriptions) this.#queues.set(name, []);
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly PublishOutcome[]> {
    return messages.map((message, index): PublishOutcome => {
      const code = this.fault(message, index);
      if (code !== undefined) return { status: 'failed', error: new PortError(code, `planned: ${code}`) };
      this.published.push(message);
      for (const { name, types } of this.#subscriptions) {
        if (message.consumer === undefined ? !types.includes(message.event.type) : message.consumer !== name) continue;
        this.#count += 1;
        this.#queues.get(name)?.push({ text: encodeMessage(message), deliveryId: `d-${this.#count}`, attempt: 0 });
      }
      return { status: 'published' };
    });
  }

  /** Messages that wait for a subscriber. */
  waiting(name: string): number {
    return this.#queues.get(name)?.length ?? 0;
  }

  /** Delivers what waits for a subscriber, once; what is to be retried waits again. */
  async deliver(name: string, handler: DeliveryHandler, deadline: number): Promise<void> {
    const batch = this.#queues.get(name) ?? [];
    this.#queues.set(name, []);
    if (batch.length === 0) return;
    for (const queued of batch) queued.attempt += 1;
    const messages = batch.map(
      ({ text, deliveryId, attempt }): DeliveredMessage => ({ ...decodeMessage(text), deliveryId, attempt }),
    );
    const how = this.delivery();
    if (how === 'twice') await handler(messages, deadline);
    const outcomes = await handler(messages, deadline);
    const again = batch.filter((_, index) => how === 'unacknowledged' || outcomes[index]?.status !== 'done');
    this.#queues.set(name, [...again, ...(this.#queues.get(name) ?? [])]);
  }
}
