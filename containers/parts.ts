// The parts of a cell that pull: the relay, which shares the shards of the event log's stream, and the consumers of queues.

import { statePartition } from '../core/cell/identity.ts';
import { CELL_TOPOLOGY, type ConsumerDeclaration } from '../core/cell/topology.ts';
import { DeliveryPump } from '../core/feed/delivery-pump.ts';
import { FEED_LIMITS, FeedReplica } from '../core/feed/feed-replica.ts';
import { RELAY } from '../core/pipeline/parking.ts';
import type { DeliveryHandler } from '../core/ports/bus.ts';
import type { ChangeHandler } from '../core/ports/change-stream.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { DeliverySource } from '../core/ports/delivery-source.ts';
import { describeError } from '../core/ports/errors.ts';
import type { FeedSource } from '../core/ports/feed.ts';
import type { Ids } from '../core/ports/ids.ts';
import type { Log } from '../core/ports/log.ts';
import type { Store } from '../core/ports/store.ts';
import { ApiServer } from './api-server.ts';
import { limited } from './container.ts';
import type { Part } from './part.ts';

/** What all parts share. */
export interface PartDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly exit: (code: number) => void;
}

/** How long a container that cannot reach its store waits before it looks again, in milliseconds. */
const LOOK_AGAIN_MS = 1000;

/** Serves the cell's API, and is ready once the store has answered: the first request of a client should not be the one that waits for it. */
export function httpPart(
  port: number,
  api: (request: Request) => Promise<Response>,
  { state, cell }: { readonly state: Store; readonly cell: string },
  { clock, log }: PartDeps,
): Part {
  const server = new ApiServer({ api, port, answerMs: CELL_TOPOLOGY.http.timeoutSeconds * 1000, clock, log });
  let hasAnswered = false;
  let isStopping = false;
  const look = async (): Promise<void> => {
    while (!hasAnswered && !isStopping) {
      try {
        await state.get({ partition: statePartition.health(cell), id: 'check' });
        hasAnswered = true;
      } catch (error) {
        log.warn('the store has not answered yet', describeError(error));
        await clock.sleep(LOOK_AGAIN_MS);
      }
    }
  };
  return {
    name: server.name,
    start: async () => {
      await server.start();
      void look();
    },
    stop: () => {
      isStopping = true;
      return server.stop();
    },
    notReady: () => server.notReady() ?? (hasAnswered ? undefined : 'has not reached the store yet'),
  };
}

/** Reads this replica's share of the event log's change stream. */
export function relayPart(source: FeedSource, state: Store, handler: ChangeHandler, deps: PartDeps): Part {
  const { clock, ids, log } = deps;
  const replica = new FeedReplica({
    source,
    state,
    partition: statePartition.feed(RELAY),
    handler: limited(RELAY, CELL_TOPOLOGY.relay.timeoutSeconds * 1000, deps, handler),
    replica: ids.next(),
    clock,
    log,
  });
  return {
    name: RELAY,
    start: async () => replica.start(),
    stop: () => replica.stop(),
    notReady: () => {
      const { aliveAt } = replica.health;
      if (aliveAt === undefined) return 'has not reached the store yet';
      return clock.now() - aliveAt < FEED_LIMITS.silentMs ? undefined : 'cannot reach the store';
    },
  };
}

/** The queues of a consumer, one in each lane, and those of its dead letters. */
export interface ConsumerQueues {
  readonly declaration: ConsumerDeclaration;
  readonly deliver: DeliveryHandler;
  readonly deadLetters: DeliveryHandler;
  readonly queues: readonly DeliverySource[];
  readonly deadLetterQueues: readonly DeliverySource[];
}

/** Takes a consumer's messages, lane by lane, and parks its dead letters. */
export function consumerPart(
  { declaration, queues, deadLetterQueues, ...handlers }: ConsumerQueues,
  deps: PartDeps,
): Part {
  const { name, batchSize, batchWindowSeconds, timeoutSeconds } = declaration;
  const limitMs = timeoutSeconds * 1000;
  const { clock, log } = deps;
  const common = { limitMs, clock, log };
  const deliver = limited(name, limitMs, deps, handlers.deliver);
  const left = `${name} dead letters`;
  const park = limited(left, limitMs, deps, handlers.deadLetters);
  const windowMs = batchWindowSeconds * 1000;
  const pumps = [
    ...queues.map((source) => new DeliveryPump({ ...common, name, source, handler: deliver, batchSize, windowMs })),
    ...deadLetterQueues.map(
      (source) => new DeliveryPump({ ...common, name: left, source, handler: park, batchSize: 10, windowMs: 0 }),
    ),
  ];
  return {
    name,
    start: async () => {
      for (const pump of pumps) pump.start();
    },
    stop: async () => {
      await Promise.all(pumps.map((pump) => pump.stop()));
    },
    // A consumer serves nothing: it works as soon as it runs.
    notReady: () => undefined,
  };
}
