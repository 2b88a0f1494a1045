// The bus in memory: queues of consumers with filter, visibility timeout, delivery count and dead letters.
import { type Lane, queueOf } from '../../core/cell/topology.ts';
import { decodeMessage, encodeMessage, messageAttributes, messageBytes } from '../../core/events/wire.ts';
import {
  BUS_LIMITS,
  type Bus,
  type BusMessage,
  type DeliveredMessage,
  type DeliveryHandler,
  type PublishOutcome,
  type UnreadableMessage,
} from '../../core/ports/bus.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { describeError, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { Bell } from './bell.ts';

/** A consumer and its queue in one lane, as in the topology. */
export interface MemoryConsumer {
  readonly name: string;
  /** The first lane unless given. */
  readonly lane?: Lane;
  readonly types: readonly string[];
  readonly visibilitySeconds: number;
  readonly maximumDeliveries: number;
  /** Maximum messages in a batch; 10 by default. */
  readonly batchSize?: number;
}

export interface MemoryBusOptions {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly consumers: readonly MemoryConsumer[];
  /** How long a handler may take, in milliseconds; 30 seconds by default. */
  readonly timeoutMs?: number;
  /** Called with the reason why a batch failed; its messages are delivered again in any case. */
  readonly onProblem?: (consumer: string, error: unknown) => void;
  /** Called for each message that becomes a dead letter. */
  readonly onDeadLetter?: (consumer: string) => void;
}

interface Message {
  readonly id: string;
  readonly text: string;
  readonly tenant: string | undefined;
  deliveries: number;
  /** The instant from which the message may be delivered (again). */
  visibleAt: number;
}

interface Queue {
  readonly name: string;
  readonly consumer: MemoryConsumer;
  /** In order of publication, including hidden ones. */
  messages: Message[];
  readonly deadLetters: Message[];
  /** Rings when a message arrives or the consumer is to stop. */
  readonly news: Bell;
}

export class MemoryBus implements Bus {
  readonly #options: Required<MemoryBusOptions>;
  readonly #queues: ReadonlyMap<string, Queue>;
  readonly #running = new Map<string, { readonly abort: AbortController; readonly loop: Promise<void> }>();

  constructor(options: MemoryBusOptions) {
    this.#options = { timeoutMs: 30_000, onProblem: () => undefined, onDeadLetter: () => undefined, ...options };
    this.#queues = new Map(
      options.consumers.map((consumer) => {
        const name = queueOf(consumer.name, consumer.lane ?? 'first');
        return [name, { name, consumer, messages: [], deadLetters: [], news: new Bell() }];
      }),
    );
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly PublishOutcome[]> {
    return messages.map((message): PublishOutcome => {
      const text = encodeMessage(message);
      const attributes = messageAttributes(message);
      const bytes = messageBytes(text, attributes);
      if (bytes > BUS_LIMITS.messageBytes) {
        const error = `The message has ${bytes} bytes; the bus takes ${BUS_LIMITS.messageBytes}.`;
        return { status: 'failed', error: new PortError('too-large', error) };
      }
      this.publishText(text, attributes);
      return { status: 'published' };
    });
  }

  /** Publishes any text, as a foreign publisher could. */
  publishText(text: string, attributes: Readonly<Record<string, string>>): void {
    for (const queue of this.#queues.values()) {
      if (!subscribes(queue.consumer, attributes)) continue;
      const { clock, ids } = this.#options;
      queue.messages.push({ id: ids.next(), text, tenant: attributes.tenant, deliveries: 0, visibleAt: clock.now() });
      queue.news.ring();
    }
  }

  /** Unfinished messages of a queue, including those in progress and hidden. */
  backlog(queue: string): number {
    return this.#queue(queue).messages.length;
  }

  /** The texts of the dead letters, in order. */
  deadLetters(queue: string): readonly string[] {
    return this.#queue(queue).deadLetters.map(({ text }) => text);
  }

  /** Delivers one batch of visible messages, for tests that proceed step by step. Returns the number of messages in it. */
  async deliver(name: string, handler: DeliveryHandler): Promise<number> {
    const queue = this.#queue(name);
    const batch = this.#receive(queue);
    if (batch.length === 0) return 0;
    try {
      const outcomes = await handler(batch.map(toDelivered), this.#options.clock.now() + this.#options.timeoutMs);
      const done = new Set(batch.filter((_, index) => outcomes[index]?.status === 'done'));
      queue.messages = queue.messages.filter((message) => !done.has(message));
    } catch (error) {
      this.#options.onProblem(queue.consumer.name, error);
    }
    return batch.length;
  }

  /** Starts delivering from a queue in the background, one batch after another. */
  start(name: string, handler: DeliveryHandler): void {
    if (this.#running.has(name)) throw new TypeError(`The consumer ${name} is running already.`);
    const abort = new AbortController();
    this.#running.set(name, { abort, loop: this.#run(this.#queue(name), handler, abort.signal) });
  }

  /** Stops after the batches in progress; the remaining messages go to the next handlers. */
  async stop(): Promise<void> {
    const running = [...this.#running.values()];
    this.#running.clear();
    for (const { abort } of running) abort.abort();
    for (const { news } of this.#queues.values()) news.ring();
    await Promise.all(running.map(({ loop }) => loop));
  }

  async #run(queue: Queue, handler: DeliveryHandler, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if ((await this.deliver(queue.name, handler)) > 0) continue;
      const visibleAt = Math.min(...queue.messages.map((message) => message.visibleAt));
      const news = queue.news.rung();
      if (signal.aborted) return;
      await (Number.isFinite(visibleAt) ? Promise.race([news, this.#until(visibleAt)]) : news);
    }
  }

  #until(instant: number): Promise<void> {
    const { clock } = this.#options;
    return clock.sleep(Math.max(0, instant - clock.now()));
  }

  /** Takes a batch of visible messages and hides them. A message that has reached the delivery limit becomes a dead letter. */
  #receive(queue: Queue): Message[] {
    const { visibilitySeconds, maximumDeliveries, batchSize = 10 } = queue.consumer;
    const now = this.#options.clock.now();
    const batch: Message[] = [];
    queue.messages = queue.messages.filter((message) => {
      if (message.visibleAt > now || batch.length === batchSize) return true;
      if (message.deliveries >= maximumDeliveries) {
        queue.deadLetters.push(message);
        this.#options.onDeadLetter(queue.consumer.name);
        return false;
      }
      message.deliveries += 1;
      message.visibleAt = now + visibilitySeconds * 1000;
      batch.push(message);
      return true;
    });
    return batch;
  }

  #queue(name: string): Queue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new TypeError(`The bus has no queue ${name}.`);
    return queue;
  }
}

/** A message goes to all subscribers of its type in its lane, or only to the consumer that it is addressed to. */
function subscribes(
  { name, types, lane: own = 'first' }: MemoryConsumer,
  attributes: Readonly<Record<string, string>>,
): boolean {
  const { type = '', consumer = name, lane = 'first' } = attributes;
  return types.includes(type) && consumer === name && lane === own;
}

function toDelivered({ id, text, tenant, deliveries }: Message): DeliveredMessage | UnreadableMessage {
  const common = { deliveryId: id, attempt: deliveries };
  try {
    return { ...common, ...decodeMessage(text) };
  } catch (error) {
    return { ...common, unreadable: describeError(error).message, text, ...(tenant !== undefined && { tenant }) };
  }
}
