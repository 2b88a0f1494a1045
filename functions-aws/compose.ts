// Wires core to AWS: the only file here that knows both. Called once per cold start.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { apiGateway, type HttpEvent, type HttpResult } from '../adapters/aws/api-gateway.ts';
import { type BatchResponse, dynamoDbChangeStream, type StreamEvent } from '../adapters/aws/dynamodb-change-stream.ts';
import { DynamoDbStore } from '../adapters/aws/dynamodb-store.ts';
import { SnsBus } from '../adapters/aws/sns-bus.ts';
import { type QueueEvent, sqsConsumer } from '../adapters/aws/sqs-consumer.ts';
import { withoutLog } from '../adapters/aws/without-log.ts';
import { ANSWERING, afterBatch, BATCHING, exporter } from '../adapters/otlp/exporter.ts';
import { afterAnswer } from '../adapters/otlp/node-lambda.ts';
import { nodePost } from '../adapters/otlp/node-post.ts';
import type { OtlpTelemetry } from '../adapters/otlp/otlp-telemetry.ts';
import { jsonLog, randomIds, systemClock } from '../adapters/system/system.ts';
import { application } from '../core/application.ts';
import { delayNotes } from '../core/cell/delays.ts';
import { edgeQuestion, leaseKeeper, permitBy } from '../core/cell/lease-keeper.ts';
import { type ConsumerDeclaration, DEAD_LETTER_SUFFIX } from '../core/cell/topology.ts';
import { consumerNamed, topologyOf } from '../core/domain/application.ts';
import { applicationApi } from '../core/http/application-api.ts';
import type { ApiRequest } from '../core/http/call.ts';
import document from '../core/openapi.generated.json' with { type: 'json' };
import { consume } from '../core/pipeline/consume.ts';
import type { Consumer } from '../core/pipeline/consumer.ts';
import { crashMarkers } from '../core/pipeline/crash-markers.ts';
import { deadLetters } from '../core/pipeline/dead-letters.ts';
import { leavingCopies } from '../core/pipeline/leave-copies.ts';
import { parking } from '../core/pipeline/parking.ts';
import { notedBus } from '../core/pipeline/progress.ts';
import { relay } from '../core/pipeline/relay.ts';
import { timedDelivery } from '../core/pipeline/timed-delivery.ts';
import { tombstones, withoutErased } from '../core/pipeline/tombstones.ts';
import { tracedConsumer, tracedParking, tracedRelay } from '../core/pipeline/traced.ts';
import { underivedNotes } from '../core/pipeline/underived.ts';
import type { Bus, DeliveryHandler } from '../core/ports/bus.ts';
import type { ChangeHandler } from '../core/ports/change-stream.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Ids } from '../core/ports/ids.ts';
import type { Log } from '../core/ports/log.ts';
import type { Store } from '../core/ports/store.ts';
import { receiptsOf } from '../core/replication/peer-receipts.ts';
import { replicator } from '../core/replication/replicator.ts';
import { checkedStore } from '../core/store/checked-store.ts';
import { storeTime } from '../core/store/store-time.ts';
import type { CellConfig, HttpConfig, WorkerConfig } from './config.ts';

/** Dependencies that a test can replace. */
export interface Overrides {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly log?: Log;
  /** Modifies the worker's consumer, as a faulty release would. */
  readonly consumer?: (consumer: Consumer) => Consumer;
}

export interface Platform {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/**
 * The adapters know which requests can be repeated, so the SDK does not retry. A service that does not answer within three
 * seconds is assumed not to answer at all; both timeouts are in milliseconds.
 */
export const CLIENT = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 1000, requestTimeout: 3000, throwOnRequestTimeout: true },
} as const;

/** What every part of the process shares. */
export const platform = (
  { cell }: Pick<CellConfig, 'cell'>,
  {
    clock = systemClock,
    ids = randomIds,
    log = jsonLog((line) => process.stdout.write(`${line}\n`), clock, { cell }),
  }: Overrides,
): Platform => ({ clock, ids, log });

/** The telemetry of a function. */
const telemetryOf = (
  { cell, version, region, telemetry }: CellConfig,
  name: string,
  { clock, ids }: Platform,
  when: Parameters<typeof exporter>[1],
): OtlpTelemetry => {
  const resource = {
    'service.name': `polycell-${name}`,
    'service.version': version,
    'cloud.provider': 'aws',
    'cloud.region': region,
    'polycell.cell': cell,
  };
  return exporter({ settings: telemetry, post: (settings) => nodePost(settings, clock), resource, clock, ids }, when);
};

const SYSTEM = 'aws_sns';

/** The cell's stores. */
export function stores(
  { region, endpoints, eventsTable, stateTable }: CellConfig,
  { clock, ids }: Platform,
): { events: Store; state: Store } {
  const endpoint = endpoints.dynamodb;
  const client = withoutLog(new DynamoDBClient({ ...CLIENT, region, ...(endpoint !== undefined && { endpoint }) }));
  const store = (table: string) => checkedStore(new DynamoDbStore({ client, table, clock, ids }));
  return { events: store(eventsTable), state: store(stateTable) };
}

function bus({ region, endpoints, topicArn }: CellConfig, { clock, ids }: Platform): Bus {
  const endpoint = endpoints.sns;
  const client = withoutLog(new SNSClient({ ...CLIENT, region, ...(endpoint !== undefined && { endpoint }) }));
  return new SnsBus({ client, topicArn, clock, ids });
}

/** What serves, and the telemetry that is exported once it has. */
export interface Composed<Handler> {
  readonly handle: Handler;
  readonly telemetry: OtlpTelemetry;
}

/** When telemetry is exported: a container goes on after its answer, whatever it answers. */
type Exporting = Parameters<typeof exporter>[1];

/** The cell's API on web-standard requests, whatever serves it. */
export function composeApi(
  config: HttpConfig,
  overrides: Overrides = {},
): Composed<(request: ApiRequest) => Promise<Response>> {
  const own = platform(config, overrides);
  const telemetry = telemetryOf(config, 'http', own, ANSWERING);
  const cell = { id: config.cell, cloud: 'aws', region: config.region, version: config.version } as const;
  const parts = {
    ...{
      application,
      document,
      cell,
      routeKeys: config.routeKeys,
      audience: config.audience,
      identityKey: config.identityKey,
      edge: config.edge,
    },
    fetch: (request: Request) => fetch(request),
  };
  return { handle: applicationApi({ ...parts, ...stores(config, own), ...own, telemetry }), telemetry };
}

/** The function behind the HTTP API. */
export function composeHttp(config: HttpConfig, overrides: Overrides = {}): (event: HttpEvent) => Promise<HttpResult> {
  const { handle: api, telemetry } = composeApi(config, overrides);
  const handle = apiGateway(api);
  const { runtimeApi } = config;
  const { log } = platform(config, overrides);
  return runtimeApi === undefined ? handle : afterAnswer({ runtimeApi, flush: telemetry.flush, log }, handle);
}

/** What handles the changes of the event log, whatever reads them. */
export function composeChanges(
  config: CellConfig,
  overrides: Overrides = {},
  when: Exporting = BATCHING,
): Composed<ChangeHandler> {
  const own = platform(config, overrides);
  const { state } = stores(config, own);
  const telemetry = telemetryOf(config, 'relay', own, when);
  const parked = tracedParking(telemetry, parking({ state, clock: own.clock }));
  const relayed = relay({
    tombstones: tombstones({ state, clock: own.clock }),
    bus: notedBus({ cell: config.cell, delays: delayNotes({ state, telemetry, ...own }) }, bus(config, own)),
    parking: parked,
    clock: own.clock,
    log: own.log,
  });
  return { handle: tracedRelay({ telemetry, clock: own.clock, system: SYSTEM }, relayed), telemetry };
}

/** The function behind the event log's stream. */
export function composeRelay(
  config: CellConfig,
  overrides: Overrides = {},
): (event: StreamEvent) => Promise<BatchResponse> {
  const { clock } = platform(config, overrides);
  const { handle, telemetry } = composeChanges(config, overrides);
  return afterBatch(telemetry, clock, dynamoDbChangeStream(handle));
}

/** What takes a consumer's messages, and its dead letters, whatever receives them. */
export interface ConsumerHandlers {
  readonly declaration: ConsumerDeclaration;
  readonly deliver: DeliveryHandler;
  readonly deadLetters: DeliveryHandler;
  readonly telemetry: OtlpTelemetry;
}

/** The consumer that the configuration names. */
export function composeConsumer(
  config: WorkerConfig,
  overrides: Overrides = {},
  when: Exporting = BATCHING,
): ConsumerHandlers {
  const own = platform(config, overrides);
  const { clock, ids, log } = own;
  const telemetry = telemetryOf(config, config.consumer, own, when);
  const { events, state } = stores(config, own);
  const asking = { cell: config.cell, clock, fetch: (request: Request) => fetch(request) };
  const parked = tracedParking(telemetry, parking({ state, clock }));
  const tombs = tombstones({ state, clock });
  const delays = delayNotes({ state, telemetry, ...own });
  const handlersOf = (declaration: ConsumerDeclaration, handler: DeliveryHandler): ConsumerHandlers => ({
    declaration,
    deliver: tracedConsumer({ telemetry, clock, system: SYSTEM }, declaration.name, handler),
    deadLetters: withoutErased(tombs, deadLetters({ consumer: declaration.name, parking: parked, log })),
    telemetry,
  });
  const { replication } = config;
  const copies = topologyOf(application).consumers.find(({ name }) => name === config.consumer);
  if (replication !== undefined && copies !== undefined)
    return handlersOf(copies, replicator({ ...asking, ...replication, events, state, delays, log, telemetry }));
  const { declaration, create, canWait } = consumerNamed(application, config.consumer);
  const leases = config.leases && leaseKeeper({ ask: edgeQuestion({ ...config.leases, ...asking }), state, clock });
  const time = storeTime(clock);
  const watched = { events: time.watch(events), state: time.watch(state) };
  const consumer = create({ ...watched, clock, ids, permit: leases && permitBy(leases) });
  const changed = overrides.consumer?.(consumer) ?? consumer;
  const receipts = config.leases && receiptsOf({ ...config.leases, ...asking, state, telemetry })(consumer);
  const deps = {
    cell: config.cell,
    declaration,
    parking: parked,
    storeMs: time.busyMs,
    trials: crashMarkers(state, clock),
    clock,
    log,
    leases,
    receipts,
  };
  const timed = timedDelivery(
    { cell: config.cell, delays, clock },
    declaration.name,
    withoutErased(tombs, consume({ consumer: changed, ...deps })),
  );
  const leaving = { cell: config.cell, notes: underivedNotes(config.cell, state, clock), clock, log };
  return handlersOf(declaration, canWait ? leavingCopies(leaving, timed) : timed);
}

/** The function behind a consumer's queue. */
export function composeWorker(
  config: WorkerConfig,
  overrides: Overrides = {},
): (event: QueueEvent, deadline: number) => Promise<BatchResponse> {
  const { clock } = platform(config, overrides);
  const { deliver, deadLetters: handler, telemetry } = composeConsumer(config, overrides);
  const take = sqsConsumer((messages, deadline) => deliver(messages, deadline, deadline - clock.now()), {
    suffix: DEAD_LETTER_SUFFIX,
    handler,
  });
  return afterBatch(telemetry, clock, take);
}
