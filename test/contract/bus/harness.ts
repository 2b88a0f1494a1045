// What an adapter's test provides so that the bus's clauses can be run against it, and an inbox for what a consumer gets.

import { systemClock } from '../../../adapters/system/system.ts';
import type { Lane } from '../../../core/cell/topology.ts';
import { DeliveryPump } from '../../../core/feed/delivery-pump.ts';
import type {
  Bus,
  BusMessage,
  DeliveredMessage,
  DeliveryHandler,
  DeliveryOutcome,
  PublishOutcome,
  UnreadableMessage,
} from '../../../core/ports/bus.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { CloudEvent } from '../../../core/ports/cloud-event.ts';
import type { DeliverySource } from '../../../core/ports/delivery-source.ts';
import type { Json } from '../../../core/ports/json.ts';
import { RecordingLog } from '../../support/recording-log.ts';
import type { Clause } from '../contract.ts';
import { Watched } from '../watched.ts';

/** The visibility timeout is long enough for a busy machine to answer within it, and short enough to wait for. */
const LIMITS = { batchSize: 10, visibilitySeconds: 2, maximumDeliveries: 3 } as const;

/** The consumers that a harness's bus has. */
export const BUS_CONSUMERS = {
  readings: { types: ['test.reading'], ...LIMITS },
  alarms: { types: ['test.alarm'], ...LIMITS },
  both: { types: ['test.reading', 'test.alarm'], ...LIMITS },
} as const;

export type BusConsumer = keyof typeof BUS_CONSUMERS;

/** Makes the network between `bus` and its service fail; consumers go on untouched. */
export interface BusFaults {
  deny(): void;
  /** The service asks to slow down: for so many requests, or until healed. */
  throttle(requests?: number): void;
  /** Of the next request the service refuses the messages of these indices, for the time being or for good. */
  refuse(indices: readonly number[], how: 'for now' | 'for good'): void;
  /** The service refuses every request as a whole that holds the event of this id. */
  refuseRequestsWith(id: string): void;
  /** The service publishes, and the connection breaks before the answer. */
  loseAnswers(requests?: number): void;
  disconnect(): Promise<void>;
  heal(): Promise<void>;
}

export interface BusHarness {
  readonly bus: Bus;
  /** A client of a topic that is not there, for adapters that address one by name. */
  readonly missing?: Bus;
  /** The clock that visibility timeouts are counted on. */
  readonly clock: Pick<Clock, 'now'>;
  /** Begins to deliver to a consumer from its queue in a lane, the first unless given. */
  consume(consumer: BusConsumer, handler: DeliveryHandler, lane?: Lane): void;
  /** Publishes a text of any kind for the subscribers of a type, as a publisher other than ours could. */
  publishText(text: string, attributes: { readonly type: string; readonly tenant: string }): Promise<void>;
  /** Texts that were given up for a consumer; resolves once there are so many. */
  deadLetters(consumer: BusConsumer, count: number): Promise<readonly string[]>;
  /** Requests of publishing so far, for adapters with a network. */
  readonly requests?: () => number;
  readonly faults?: BusFaults;
  close(): Promise<void>;
}

/** Delivers what a source brings to a handler, as a container does; the result stops it. */
export function pump(consumer: BusConsumer, source: DeliverySource, handler: DeliveryHandler): () => Promise<void> {
  const running = new DeliveryPump({
    name: consumer,
    source,
    handler,
    batchSize: BUS_CONSUMERS[consumer].batchSize,
    windowMs: 0,
    limitMs: 10_000,
    clock: systemClock,
    log: new RecordingLog(),
  });
  running.start();
  return () => running.stop();
}

export type BusClause = Clause<BusHarness>;

export function faultsOf({ faults }: BusHarness): BusFaults {
  if (faults === undefined) throw new TypeError('This clause needs a network that can fail.');
  return faults;
}

/** A message of an event; `more` replaces what matters to a clause. */
export function message(id: string, more: { type?: string; data?: Json; consumer?: string } = {}): BusMessage {
  const { type = 'test.reading', data, consumer } = more;
  const event: CloudEvent = {
    specversion: '1.0',
    id,
    source: '/contract',
    type,
    subject: 'device-1',
    time: '2026-11-21T07:41:03Z',
    ...(data !== undefined && { data }),
  };
  return { event, tenant: 'acme', ...(consumer !== undefined && { consumer }) };
}

export interface Delivery {
  readonly message: DeliveredMessage | UnreadableMessage;
  readonly at: number;
  /** Which call of the handler it came in. */
  readonly batch: number;
}

/** The id of a delivered event; the text of what was unreadable. */
export const idOf = ({ message: delivered }: Delivery): string =>
  'unreadable' in delivered ? delivered.text : delivered.event.id;

/** Keeps every delivery of a consumer. `answer` is asked for each message; throwing fails the whole batch. */
export class Inbox extends Watched<Delivery> {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #answer: (delivery: Delivery) => DeliveryOutcome | undefined;
  #batches = 0;

  constructor(
    { clock }: Pick<BusHarness, 'clock'>,
    answer: (delivery: Delivery) => DeliveryOutcome | undefined = () => ({ status: 'done' }),
  ) {
    super();
    this.#clock = clock;
    this.#answer = answer;
  }

  readonly handler: DeliveryHandler = async (messages) => {
    this.#batches += 1;
    const deliveries = messages.map((each) => ({ message: each, at: this.#clock.now(), batch: this.#batches }));
    for (const delivery of deliveries) this.add(delivery);
    return deliveries.map(this.#answer).filter((outcome) => outcome !== undefined);
  };

  /** Deliveries of one event. */
  of(id: string): Delivery[] {
    return this.seen.filter((delivery) => idOf(delivery) === id);
  }

  get ids(): string[] {
    return this.seen.map(idOf).sort();
  }

  /** Resolves once all these have come at least once. */
  async untilAll(ids: readonly string[]): Promise<void> {
    await this.until((seen) => {
      const come = new Set(seen.map(idOf));
      return ids.every((id) => come.has(id));
    });
  }
}

/** Outcomes as words: `published`, or the code of the failure. */
export const words = (outcomes: readonly PublishOutcome[]): string[] =>
  outcomes.map((outcome) => (outcome.status === 'failed' ? outcome.error.code : outcome.status));
