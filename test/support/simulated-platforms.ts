// What the platforms of both clouds do around the pipeline, in simulated time: which batches their triggers make, and how many at once.
import { cosmosChangeFeed } from '../../adapters/azure/cosmos-change-feed.ts';
import { serviceBusConsumer } from '../../adapters/azure/service-bus-consumer.ts';
import { CELL_TOPOLOGY, type ConsumerDeclaration } from '../../core/cell/topology.ts';
import { encodeMessage } from '../../core/events/wire.ts';
import type { DeliveredMessage, DeliveryHandler } from '../../core/ports/bus.ts';
import type { ChangeHandler, ChangeRecord } from '../../core/ports/change-stream.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { isJsonObject } from '../../core/ports/json.ts';
import hostJson from '../../functions-azure/host.json' with { type: 'json' };

export interface Feed {
  /** What was written and has not been read; what is read is removed. */
  readonly records: ChangeRecord[];
  readonly clock: Clock;
  /** How long the next read of the stream takes, in milliseconds. */
  readonly readMs: () => number;
  readonly handle: ChangeHandler;
}

export interface Platform {
  readonly name: 'AWS' | 'Azure';
  /** Hands the records over, batch by batch, from now on. */
  readonly feed: (feed: Feed) => void;
  /** Messages of a batch at most. */
  readonly batchSize: (declaration: ConsumerDeclaration) => number;
  readonly windowMs: (declaration: ConsumerDeclaration) => number;
  /** Batches of one lane that are in work at the same time. */
  readonly executions: (declaration: ConsumerDeclaration) => number;
  /** Whether both lanes of a consumer are one function, whose processes take batches of either. */
  readonly sharesProcesses: boolean;
  /** The function around a consumer's handler. */
  readonly worker: (handler: DeliveryHandler, declaration: ConsumerDeclaration, clock: Clock) => DeliveryHandler;
}

/** Bytes of an event without its padding, roughly. */
const EVENT_BYTES = 512;

/**
 * Characters of an event's padding, which is a text where the code under test counts bytes, and their number elsewhere: writing and reading
 * megabytes would take most of a test's time.
 */
export const paddingOf = ({ padding }: { readonly [attribute: string]: unknown }): number =>
  typeof padding === 'string' ? padding.length : typeof padding === 'number' ? padding : 0;

const bytesOf = ({ body }: ChangeRecord): number => EVENT_BYTES + (isJsonObject(body) ? paddingOf(body) : 0);

/** Removes the first records: so many at most, and of so many bytes, but at least one. */
function takeFrom(records: ChangeRecord[], most: number, mostBytes: number): ChangeRecord[] {
  let bytes = 0;
  const over = records.findIndex((record, index) => {
    bytes += bytesOf(record);
    return index === most || (index > 0 && bytes > mostBytes);
  });
  return records.splice(0, over === -1 ? records.length : over);
}

/** Records and bytes of a read (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html). */
const STREAM_PAGE = { records: 1000, bytes: 1024 * 1024 } as const;
/** A stream without news is read four times a second. */
const STREAM_POLL_MS = 250;
/** What a function is given at most, and how many padded events that is: batches of others are far from their largest number here. */
const PAYLOAD = { bytes: 6 * 1024 * 1024, padded: 30 } as const;

/**
 * Functions of AWS. Flood and victim are in one shard, and in one of its parts that are handled at the same time: in another part, or in
 * another shard, the victim would meet the flood in the queues only.
 */
export const AWS: Platform = {
  name: 'AWS',
  feed({ records, clock, readMs, handle }) {
    const read: ChangeRecord[] = [];
    let isAtWork = false;
    const relayed = async () => {
      isAtWork = true;
      while (read.length > 0) {
        const { status } = await handle(takeFrom(read, CELL_TOPOLOGY.relay.batchSize, PAYLOAD.bytes));
        if (status === 'retry') throw new Error('Nothing fails here that would have to be relayed again.');
      }
      isAtWork = false;
    };
    void (async () => {
      for (;;) {
        const page = takeFrom(records, STREAM_PAGE.records, STREAM_PAGE.bytes);
        await clock.sleep(page.length === 0 ? STREAM_POLL_MS : readMs());
        read.push(...page);
        if (!isAtWork) void relayed();
      }
    })();
  },
  batchSize: ({ batchSize }) => Math.min(batchSize, PAYLOAD.padded),
  windowMs: ({ batchWindowSeconds }) => batchWindowSeconds * 1000,
  // As in infra/modules/aws-event-cell/main.functions.tf.
  executions: ({ maximumConcurrency }) => Math.max(2, Math.floor(maximumConcurrency / 2)),
  sharesProcesses: true,
  worker: (handler) => handler,
};

/** `feedPollDelay` in functions-azure/relay.ts. */
const FEED_POLL_MS = 1000;

/** Functions of Azure: one instance for each subscription, which works on one batch at a time. All events are in one range of the feed. */
export const AZURE: Platform = {
  name: 'Azure',
  feed({ records, clock, readMs, handle }) {
    const relayed = cosmosChangeFeed(handle);
    void (async () => {
      for (;;) {
        const page = takeFrom(records, CELL_TOPOLOGY.relay.batchSize, Number.POSITIVE_INFINITY);
        await clock.sleep(page.length === 0 ? FEED_POLL_MS : readMs());
        if (page.length > 0) await relayed(page.map(toItem));
      }
    })();
  },
  batchSize: () => hostJson.extensions.serviceBus.maxMessageBatchSize,
  windowMs: () => 0,
  executions: () => 1,
  sharesProcesses: false,
  worker(handler, { visibilitySeconds }, clock) {
    const work = serviceBusConsumer(handler, { clock, lockMs: visibilitySeconds * 1000 });
    return async (messages) => {
      const readable = messages.filter((message): message is DeliveredMessage => 'event' in message);
      await work({ bodies: readable.map(encodeMessage), deliveryCounts: readable.map(({ attempt }) => attempt) });
      return messages.map(() => ({ status: 'done' }));
    };
  },
};

/** A document as the service has it. */
const toItem = ({ partition, id, body, beside, sequence, committedAt }: ChangeRecord) => ({
  ...{ p: partition, id, b: body, _lsn: sequence, _etag: sequence, _ts: Math.floor(committedAt / 1000) },
  ...(beside !== undefined && { a: beside }),
});
