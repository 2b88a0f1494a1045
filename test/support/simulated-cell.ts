// A cell in simulated time: the real pipeline on memory adapters, where each piece of work takes as long as was measured.
//
// Each execution of a function has a processor of its own, as in the clouds, and unlike on the machine that runs the tests.
import { MemoryBus } from '../../adapters/memory/memory-bus.ts';
import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { type ConsumerDeclaration, LANE_NAMES, type Lane, queueOf } from '../../core/cell/topology.ts';
import { toLogDocument } from '../../core/events/cloud-event.ts';
import { consume } from '../../core/pipeline/consume.ts';
import type { Consumer, ConsumerDefinition, TenantEvent } from '../../core/pipeline/consumer.ts';
import { crashMarkers } from '../../core/pipeline/crash-markers.ts';
import { parking } from '../../core/pipeline/parking.ts';
import { relay } from '../../core/pipeline/relay.ts';
import { tombstones, withoutErased } from '../../core/pipeline/tombstones.ts';
import type { Bus, BusMessage, DeliveryHandler } from '../../core/ports/bus.ts';
import type { ChangeRecord } from '../../core/ports/change-stream.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { isJsonObject } from '../../core/ports/json.ts';
import type { Store } from '../../core/ports/store.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { type Random, seeded } from '../simulation/random.ts';
import { TRACEPARENT } from './events.ts';
import { RecordingLog } from './recording-log.ts';
import { type Platform, paddingOf } from './simulated-platforms.ts';
import { SimulatedClock } from './simulated-time.ts';

/** Bytes of a padded event. */
export const PADDED_BYTES = 195 * 1024;

type Span = readonly [least: number, most: number];

/**
 * How long work takes, in milliseconds: anything from the first to the second, drawn for each piece of work. What padding costs is measured on a
 * laptop; the rest is assumed, within what both clouds say of their services, and is so with and without a flood.
 */
const COSTS = {
  /** Of a padded event in a batch, as ADR 0051 has it measured: five are relayed within 25 to 160 ms, ten applied within 0.3 to 1.6 s. */
  relayPadded: [25 / 5, 160 / 5],
  applyPadded: [300 / 10, 1600 / 10],
  /** Of a worker's batch, whatever is in it. */
  batch: [3, 15],
  /** Of a request to a store, to the bus or to the stream. */
  request: [4, 12],
  /** From the bus to a function that waits for messages. */
  transit: [10, 50],
  /** Of the first batch in a new process. */
  start: [200, 500],
} as const satisfies Record<string, Span>;

/** A cell that stands still is noticed after this time. */
const LIMIT_MS = 3_600_000;

const PADDING = 'x'.repeat(PADDED_BYTES);

/** The log keeps an event's padding as a number, and so does the bus: what reading it takes is in `COSTS`. The relay gets it as it was sent. */
const padded = (record: ChangeRecord): ChangeRecord =>
  isJsonObject(record.body) && record.body.padding === PADDED_BYTES
    ? { ...record, body: { ...record.body, padding: PADDING } }
    : record;
const unpadded = (message: BusMessage): BusMessage =>
  message.event.padding === PADDING ? { ...message, event: { ...message.event, padding: PADDED_BYTES } } : message;

/** A store whose requests take their time. */
const slowed = (store: Store, request: () => Promise<void>): Store =>
  new Proxy(store, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...call: unknown[]) => unknown;
      return async (...call: unknown[]) => {
        await request();
        return Reflect.apply(method, target, call);
      };
    },
  });

const idsBy = (random: Random): Ids => ({
  next: () =>
    Array.from({ length: 4 }, () =>
      random
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join(''),
});

export interface CellOptions {
  readonly platform: Platform;
  /** Consumers of readings. */
  readonly consumers: readonly ConsumerDefinition[];
  readonly seed: number;
  /** `false`: messages lose their lanes, so that all wait in the first one, which has the executions of both. */
  readonly lanes?: boolean;
  /** Called when a consumer's state has these events. */
  readonly applied: (consumer: string, events: readonly TenantEvent[]) => void;
}

/** Starts a cell. */
export function simulatedCell({ platform, consumers, seed, lanes = true, applied }: CellOptions) {
  const clock = new SimulatedClock();
  const random = seeded(seed);
  const ids = idsBy(random);
  const log = new RecordingLog();
  const drawn = ([least, most]: Span): number => least + random.next() * (most - least);
  const request = () => clock.sleep(drawn(COSTS.request));
  const paddedIn = (messages: readonly object[]): number =>
    messages.reduce((sum, message) => sum + ('event' in message ? paddingOf(message.event as CloudEvent) : 0), 0) /
    PADDED_BYTES;

  const records: ChangeRecord[] = [];
  const logMemory = new MemoryStore({ clock, onChange: (record) => records.push(padded(record)) });
  const events = checkedStore(slowed(logMemory, request));
  const state = checkedStore(slowed(new MemoryStore({ clock }), request));
  const parts = { tombstones: tombstones({ state, clock }), parking: parking({ state, clock }), clock, log };

  const queues = new MemoryBus({
    clock,
    ids,
    consumers: consumers.flatMap(({ declaration }) =>
      LANE_NAMES.map((lane) => ({ ...declaration, lane, batchSize: platform.batchSize(declaration) })),
    ),
  });
  const triggers = consumers.flatMap((definition) => {
    const shared = platform.sharesProcesses ? processesOf(definition) : undefined;
    return LANE_NAMES.map((lane) => triggerOf(definition.declaration, lane, shared ?? processesOf(definition)));
  });

  const bus: Bus = {
    async publish(messages) {
      await request();
      await clock.sleep(paddedIn(messages) * drawn(COSTS.relayPadded));
      const all = messages.map(unpadded);
      const taken = lanes ? all : all.map(({ lane: _, ...message }) => message);
      void clock.sleep(drawn(COSTS.transit)).then(async () => {
        await queues.publish(taken);
        for (const arrived of triggers) arrived();
      });
      return messages.map(() => ({ status: 'published' }));
    },
  };
  platform.feed({ records, clock, readMs: () => drawn(COSTS.request), handle: relay({ ...parts, bus }) });

  /** The processes of a function: one that is free, or a new one, takes the next batch. */
  function processesOf({ declaration, create }: ConsumerDefinition) {
    const free: DeliveryHandler[] = [];
    const start = (): DeliveryHandler => {
      const made = create({ events, state, clock, ids });
      const consumer: Consumer = {
        ...made,
        async apply(some) {
          await made.apply(some);
          applied(declaration.name, some);
        },
      };
      const handler = withoutErased(
        tombstones({ state, clock }),
        consume({ ...parts, cell: 'cell-1', consumer, declaration, trials: crashMarkers(state, clock) }),
      );
      let isNew = true;
      const measured: DeliveryHandler = async (messages, ...more) => {
        await clock.sleep((isNew ? drawn(COSTS.start) : 0) + drawn(COSTS.batch));
        isNew = false;
        await clock.sleep(paddedIn(messages) * drawn(COSTS.applyPadded));
        return handler(messages, ...more);
      };
      return platform.worker(measured, declaration, clock);
    };
    return { take: () => free.pop() ?? start(), giveBack: (handler: DeliveryHandler) => free.push(handler) };
  }

  /** Hands the messages of a queue over, from each time that some have arrived. */
  function triggerOf(
    declaration: ConsumerDeclaration,
    lane: Lane,
    processes: ReturnType<typeof processesOf>,
  ): () => void {
    const most = platform.executions(declaration) * (lanes ? 1 : LANE_NAMES.length);
    const windowMs = platform.windowMs(declaration);
    let inWork = 0;
    let isGathering = false;
    let isLeft = false;

    /** Gives a free process what is there; says whether there was anything. */
    const begin = (): boolean => {
      const handler = processes.take();
      let took = false;
      const delivered = queues.deliver(queueOf(declaration.name, lane), async (messages, deadline) => {
        took = true;
        const outcomes = await handler(messages, deadline);
        if (outcomes.some(({ status }) => status === 'retry'))
          void clock.sleep(declaration.visibilitySeconds * 1000).then(arrived);
        return outcomes;
      });
      if (took) inWork += 1;
      void delivered.then(() => {
        processes.giveBack(handler);
        if (!took) return;
        inWork -= 1;
        if (isLeft) offer();
      });
      return took;
    };
    const offer = (): void => {
      do isLeft = inWork >= most;
      while (!isLeft && begin());
    };
    const arrived = (): void => {
      if (isGathering) return;
      isGathering = true;
      void clock.sleep(windowMs).then(() => {
        isGathering = false;
        offer();
      });
    };
    return arrived;
  }

  return {
    clock,
    random,
    log,
    /** Stores events of a tenant in the log, at once. */
    store: async (tenant: string, some: readonly CloudEvent[]): Promise<void> => {
      const beside = { origin: 'cell-1', epoch: 1, traceparent: TRACEPARENT, at: clock.now() };
      await logMemory.append(some.map((event) => ({ ...toLogDocument(tenant, event), beside })));
    },
    /** Goes on until it is done. */
    run: (isDone: () => boolean): Promise<void> => clock.run(isDone, LIMIT_MS),
  };
}
