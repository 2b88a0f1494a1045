// The one declaration of what a cell consists of: collections, stream, consumers and every limit of theirs.
//
// On AWS every word of it becomes a setting. Azure Functions runs all functions in one app on one plan, so there
//   - `http.maximumConcurrency`, the largest `batchSize` of the consumers and the smallest `visibilitySeconds` (as the longest
//     run of any function) are set for the app as a whole, in host.json;
//   - `relay.batchSize` and `maximumRetryAttempts` are options of the trigger, `types`, `visibilitySeconds` and
//     `maximumDeliveries` properties of the subscription (infra/azure.json);
//   - `tries` and `crashes` are counted by our own code, as on AWS;
//   - `timeoutSeconds`, `memoryMegabytes`, `batchWindowSeconds`, `parallelizationFactor`, `deadLetterRetentionDays` and the other
//     `maximumConcurrency` have no effect: a plan has its memory, the change feed runs one batch for each physical partition,
//     a trigger takes what is there, and a dead-letter queue keeps messages until somebody takes them.
import { READING_TYPE } from '../domains/telemetry/schemas.ts';

/** A function that the platform runs for a trigger. Durations are in seconds, memory in MiB. */
export interface FunctionLimits {
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  /** Executions at the same time, at most. */
  readonly maximumConcurrency: number;
}

export interface CollectionDeclaration {
  /** Whether its change stream is read. */
  readonly stream: boolean;
}

export interface RelayDeclaration extends FunctionLimits {
  readonly batchSize: number;
  readonly batchWindowSeconds: number;
  /** Batches in flight per shard, split by partition: order per item holds. */
  readonly parallelizationFactor: number;
  /** -1: for as long as the fault lasts. A stream that gives up loses events. */
  readonly maximumRetryAttempts: -1;
}

export interface ConsumerDeclaration extends FunctionLimits {
  readonly name: string;
  /** The event types it subscribes to. */
  readonly types: readonly string[];
  readonly batchSize: number;
  readonly batchWindowSeconds: number;
  /** How long a delivered message stays hidden; at least 6 times the timeout, as AWS advises for batches. */
  readonly visibilitySeconds: number;
  /** How often an event is tried on its own, after its batch failed, before it is parked. */
  readonly tries: number;
  /** How often an event may take its worker process down with it before it is parked. */
  readonly crashes: number;
  /** Deliveries after which the cloud's dead-letter queue takes the message: the backstop, far beyond a long outage. */
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

/** What every consumer has in common. 100 deliveries of a message that is hidden for 2 minutes outlast two hours of outage. */
const consumerDefaults = {
  types: [READING_TYPE],
  // Large batches hold several readings of a device, which then cost one write together.
  batchSize: 500,
  batchWindowSeconds: 1,
  timeoutSeconds: 20,
  memoryMegabytes: 512,
  maximumConcurrency: 10,
  visibilitySeconds: 120,
  tries: 3,
  crashes: 2,
  maximumDeliveries: 100,
} as const;

export const topology: Topology = {
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
  consumers: [
    { name: 'device-state', ...consumerDefaults },
    { name: 'rollups', ...consumerDefaults },
  ],
  deadLetterRetentionDays: 14,
};

/** The declaration of one consumer; a name that is not declared is a programming error. */
export function consumerNamed(name: string): ConsumerDeclaration {
  const consumer = topology.consumers.find((candidate) => candidate.name === name);
  if (consumer === undefined) throw new TypeError(`The topology declares no consumer ${name}.`);
  return consumer;
}
