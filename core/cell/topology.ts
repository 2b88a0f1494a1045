// The topology of a cell: collections, stream, consumers and their limits, made from the declarations of the domains.
//
// On AWS every value becomes a setting. Azure Functions runs all functions in one app on one plan, so there
//   - `http.maximumConcurrency`, the largest `batchSize` of the consumers (100 at most) and the smallest `visibilitySeconds` (as the longest
//     run of any function) are set for the app as a whole, in host.json;
//   - `relay.batchSize` and `maximumRetryAttempts` are options of the trigger, `types`, `visibilitySeconds` and
//     `maximumDeliveries` properties of the subscription (infra/azure.json);
//   - `tries` and `crashes` are counted by our own code, as on AWS;
//   - `timeoutSeconds`, `memoryMegabytes`, `batchWindowSeconds`, `parallelizationFactor`, `deadLetterRetentionDays` and the other
//     `maximumConcurrency` have no effect: a plan has its memory, the change feed runs one batch for each physical partition,
//     a trigger takes the messages that are available, and a dead-letter queue keeps messages until they are removed.

/** A function that the platform runs for a trigger. Durations are in seconds, memory in MiB. */
export interface FunctionLimits {
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  /** Maximum number of concurrent executions. */
  readonly maximumConcurrency: number;
}

export interface CollectionDeclaration {
  /** Whether a function reads its change stream. */
  readonly stream: boolean;
}

export interface RelayDeclaration extends FunctionLimits {
  readonly batchSize: number;
  readonly batchWindowSeconds: number;
  /** Batches in flight per shard, split by partition: the order per item is kept. */
  readonly parallelizationFactor: number;
  /** -1: retry for as long as the fault lasts. A stream that gives up loses events. */
  readonly maximumRetryAttempts: -1;
}

export interface ConsumerDeclaration extends FunctionLimits {
  readonly name: string;
  /** The event types it subscribes to. */
  readonly types: readonly string[];
  /**
   * `derived`: a function of the log, the same in every cell that has it. `home-only`: must happen once, in the home cell. `copies`: the
   * engine's own consumer, which sends events to the tenant's other cell.
   */
  readonly effects: 'derived' | 'home-only' | 'copies';
  readonly batchSize: number;
  readonly batchWindowSeconds: number;
  /** How long a delivered message stays hidden; at least 6 times the timeout, as AWS recommends for batches. */
  readonly visibilitySeconds: number;
  /** How often an event is retried alone after its batch failed, before it is parked. */
  readonly tries: number;
  /** How often an event may crash its worker process before it is parked. */
  readonly crashes: number;
  /** Deliveries before the message moves to the cloud's dead-letter queue: a backstop that outlasts a long outage. */
  readonly maximumDeliveries: number;
}

export interface Topology {
  readonly collections: Readonly<Record<'events' | 'state', CollectionDeclaration>>;
  readonly http: FunctionLimits;
  readonly relay: RelayDeclaration;
  readonly consumers: readonly ConsumerDeclaration[];
  /** How long the cloud's dead-letter queue keeps a message. */
  readonly deadLetterRetentionDays: number;
}

/**
 * How the bus delivers to a consumer. `latency`: batches of at most 10, delivered as they arrive, so that the state follows an event
 * within a fraction of a second. `batches`: up to 500 events collected for a second, which cost a single write of the state where
 * they concern the same documents. On AWS this sets batch size and window of the event source mapping
 * (more than 10 messages need a window of at least a second:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html); on Azure the batch size is
 * the app's, and a trigger takes the messages that are available, so `batches` adds no delay there.
 */
export type Delivery = 'latency' | 'batches';

const DELIVERIES = {
  latency: { batchSize: 10, batchWindowSeconds: 0 },
  batches: { batchSize: 500, batchWindowSeconds: 1 },
} as const satisfies Readonly<Record<Delivery, Pick<ConsumerDeclaration, 'batchSize' | 'batchWindowSeconds'>>>;

/** A domain's declaration of a consumer; limits default to `CONSUMER_DEFAULTS`. */
export interface ConsumerOptions extends Partial<Omit<ConsumerDeclaration, 'name' | 'types' | 'effects'>> {
  /** Part of the names of queues, subscriptions and functions: 1 to 40 of a-z 0-9 -, beginning with a letter. */
  readonly name: string;
  /** `batches` by default. */
  readonly delivery?: Delivery;
}

/** 100 deliveries of a message that is hidden for 2 minutes outlast three hours of outage. */
export const CONSUMER_DEFAULTS = {
  timeoutSeconds: 20,
  memoryMegabytes: 512,
  maximumConcurrency: 10,
  visibilitySeconds: 120,
  tries: 3,
  crashes: 2,
  maximumDeliveries: 100,
} as const;

/**
 * Home-only effects also wait for the cell's lease, and that counts as deliveries: as many as SQS allows outlast 33 hours without the edge
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html).
 */
const HOME_ONLY_DELIVERIES = 1000;

/** The row of a consumer in the topology. */
export const declareConsumer = (
  { delivery = 'batches', ...options }: ConsumerOptions,
  types: readonly string[],
  effects: ConsumerDeclaration['effects'],
): ConsumerDeclaration => {
  const deliveries = effects === 'home-only' ? { maximumDeliveries: HOME_ONLY_DELIVERIES } : {};
  const { name, ...limits } = { ...DELIVERIES[delivery], ...CONSUMER_DEFAULTS, ...deliveries, ...options };
  return { name, types, effects, ...limits };
};

/** End of the name of a consumer's dead-letter queue on AWS, by which its worker recognizes what comes from it. */
export const DEAD_LETTER_SUFFIX = '-dead-letter';

/**
 * The queues of a consumer by lane, as the ends of their names, which no consumer's name has: one for the events of tenants within their
 * share, and one for what is beyond it, of all tenants. A new lane must be there before the filter of another leaves its events out.
 */
export const LANES = { side: '_side', first: '' } as const;
export type Lane = keyof typeof LANES;
export const LANE_NAMES = Object.keys(LANES) as readonly Lane[];

/** The name of a consumer's queue or subscription. */
export const queueOf = (consumer: string, lane: Lane): string => consumer + LANES[lane];

/** The functions and collections that every cell has, whatever its domains. */
export const CELL_TOPOLOGY = {
  collections: { events: { stream: true }, state: { stream: false } },
  http: { timeoutSeconds: 15, memoryMegabytes: 512, maximumConcurrency: 100 },
  relay: {
    batchSize: 200,
    batchWindowSeconds: 0,
    parallelizationFactor: 2,
    maximumRetryAttempts: -1,
    timeoutSeconds: 30,
    memoryMegabytes: 512,
    maximumConcurrency: 2,
  },
  deadLetterRetentionDays: 14,
} as const satisfies Omit<Topology, 'consumers'>;

/** The consumer of every cell that sends what was accepted there to the tenant's other cell. */
export const REPLICATE = 'replicate';

/** The topology of a cell with these consumers of domains, for these types of events. */
export const createTopology = (consumers: readonly ConsumerDeclaration[], types: readonly string[]): Topology => {
  const { deadLetterRetentionDays, ...parts } = CELL_TOPOLOGY;
  const own = types.length === 0 ? [] : [declareConsumer({ name: REPLICATE }, types, 'copies')];
  return { ...parts, consumers: [...consumers, ...own], deadLetterRetentionDays };
};
