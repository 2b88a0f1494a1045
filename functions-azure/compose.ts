// Wires core to Azure: the only file here that knows both. Called once for each start of the app.

import { readFile } from 'node:fs/promises';
import { CosmosClient } from '@azure/cosmos';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { ServiceBusClient } from '@azure/service-bus';
import { cosmosChangeFeed } from '../adapters/azure/cosmos-change-feed.ts';
import { cosmosClientOptions } from '../adapters/azure/cosmos-client.ts';
import { weakConsistency } from '../adapters/azure/cosmos-consistency.ts';
import { withIdentity } from '../adapters/azure/cosmos-identity.ts';
import { CosmosStore } from '../adapters/azure/cosmos-store.ts';
import { functionsHttp } from '../adapters/azure/functions-http.ts';
import { type IdentityEndpoint, ManagedIdentity, SERVICE_BUS_RESOURCE } from '../adapters/azure/managed-identity.ts';
import { ServiceBus } from '../adapters/azure/service-bus.ts';
import { type ServiceBusBatch, serviceBusConsumer } from '../adapters/azure/service-bus-consumer.ts';
import type { FederatedIdentity } from '../adapters/azure/workload-identity.ts';
import { ANSWERING, afterBatch, BATCHING, exporter } from '../adapters/otlp/exporter.ts';
import { nodePost } from '../adapters/otlp/node-post.ts';
import type { OtlpTelemetry } from '../adapters/otlp/otlp-telemetry.ts';
import { jsonLog, randomIds, systemClock } from '../adapters/system/system.ts';
import { application } from '../core/application.ts';
import { delayNotes } from '../core/cell/delays.ts';
import { edgeQuestion, leaseKeeper, permitBy } from '../core/cell/lease-keeper.ts';
import { type ConsumerDeclaration, LANE_NAMES, queueOf } from '../core/cell/topology.ts';
import { topologyOf } from '../core/domain/application.ts';
import { applicationApi } from '../core/http/application-api.ts';
import type { ApiRequest } from '../core/http/call.ts';
import { SoloGate } from '../core/lib/solo-gate.ts';
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
import type { DeliveryHandler } from '../core/ports/bus.ts';
import type { ChangeHandler } from '../core/ports/change-stream.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Ids } from '../core/ports/ids.ts';
import type { Log } from '../core/ports/log.ts';
import type { Store } from '../core/ports/store.ts';
import { receiptsOf } from '../core/replication/peer-receipts.ts';
import { replicator } from '../core/replication/replicator.ts';
import { checkedStore } from '../core/store/checked-store.ts';
import { storeTime } from '../core/store/store-time.ts';
import type { CellConfig, Connection, HttpConfig, IdentityConnection, WorkerConfig } from './config.ts';

/** What a test may put in place of the real thing. */
export interface Overrides {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly log?: Log;
  /** Changes the consumers of the worker, as a faulty release would. */
  readonly consumer?: (consumer: Consumer) => Consumer;
  /** How long the subscriptions lock a message, where it is not what the topology says. */
  readonly lockSeconds?: number;
}

export interface Platform {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** A service that does not answer within this time is taken for one that will not, in milliseconds. */
const REQUEST_TIMEOUT_MS = 3000;

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
    'cloud.provider': 'azure',
    'cloud.region': region,
    'polycell.cell': cell,
  };
  return exporter({ settings: telemetry, post: (settings) => nodePost(settings, clock), resource, clock, ids }, when);
};

const SYSTEM = 'servicebus';

/** The cell's stores, and the client that they share. */
export function stores(
  { connections, database }: CellConfig,
  { clock, ids }: Platform,
): { client: CosmosClient; events: Store; state: Store } {
  const options = cosmosClientOptions({ requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const client = cosmosClient(connections.cosmos, options, { clock, ids });
  const store = (container: string) =>
    checkedStore(new CosmosStore({ container: client.database(database).container(container), clock, ids }));
  return { client, events: store('events'), state: store('state') };
}

/** The cluster's token is read with each exchange. */
const identityOf = (identity: IdentityConnection['identity']): IdentityEndpoint | FederatedIdentity =>
  'tokenFile' in identity ? { ...identity, assertion: () => readFile(identity.tokenFile, 'utf8') } : identity;

function cosmosClient(
  connection: Connection,
  options: ReturnType<typeof cosmosClientOptions>,
  deps: Pick<Platform, 'clock' | 'ids'>,
): CosmosClient {
  if (typeof connection === 'string') return new CosmosClient({ connectionString: connection, ...options });
  const { address, identity } = connection;
  // Tokens for one account alone: https://learn.microsoft.com/azure/cosmos-db/nosql/reference-data-plane-security
  const credential = new ManagedIdentity({ ...identityOf(identity), resource: new URL(address).origin }, deps);
  return new CosmosClient({ endpoint: address, ...withIdentity(options, credential, deps.clock) });
}

/** A client of the namespace, which does not try again itself. */
export function serviceBusClient(connection: Connection, deps: Pick<Platform, 'clock' | 'ids'>): ServiceBusClient {
  const options = { retryOptions: { maxRetries: 0, timeoutInMs: REQUEST_TIMEOUT_MS } };
  if (typeof connection === 'string') return new ServiceBusClient(connection, options);
  const { address, identity } = connection;
  const credential = new ManagedIdentity({ ...identityOf(identity), resource: SERVICE_BUS_RESOURCE }, deps);
  return new ServiceBusClient(address, credential, options);
}

/**
 * One question at each start, for which nothing waits. The answer is an error in the log rather than a refusal: the cell serves,
 * but a moved tenant's old token may be taken for a moment, and its operator has to know.
 */
async function tellWeakConsistency(client: CosmosClient, log: Log): Promise<void> {
  const consistency = await weakConsistency(client);
  if (consistency !== undefined)
    log.error('the Cosmos DB account must have Strong consistency: epochs do not fence without it', { consistency });
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
  const { client, ...both } = stores(config, own);
  void tellWeakConsistency(client, own.log);
  const cell = { id: config.cell, cloud: 'azure', region: config.region, version: config.version } as const;
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
  return { handle: applicationApi({ ...parts, ...both, ...own, telemetry }), telemetry };
}

/** The function behind the HTTP trigger. */
export function composeHttp(
  config: HttpConfig,
  overrides: Overrides = {},
): (request: HttpRequest) => Promise<HttpResponseInit> {
  const { handle: api, telemetry } = composeApi(config, overrides);
  const handle = functionsHttp(api, overrides.clock ?? systemClock);
  return async (request) => {
    const answer = await handle(request);
    // The process goes on, and no answer waits for it.
    void telemetry.flush();
    return answer;
  };
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
  const client = serviceBusClient(config.connections.serviceBus, own);
  const bus = new ServiceBus({ sender: client.createSender(config.topic), clock: own.clock, ids: own.ids });
  const parked = tracedParking(telemetry, parking({ state, clock: own.clock }));
  const relayed = relay({
    tombstones: tombstones({ state, clock: own.clock }),
    bus: notedBus({ cell: config.cell, delays: delayNotes({ state, telemetry, ...own }) }, bus),
    parking: parked,
    clock: own.clock,
    log: own.log,
  });
  return { handle: tracedRelay({ telemetry, clock: own.clock, system: SYSTEM }, relayed), telemetry };
}

/** The function behind the event log's change feed. */
export function composeRelay(
  config: CellConfig,
  overrides: Overrides = {},
): (items: readonly unknown[]) => Promise<void> {
  const { clock } = platform(config, overrides);
  const { handle, telemetry } = composeChanges(config, overrides);
  return afterBatch(telemetry, clock, cosmosChangeFeed(handle));
}

/** What takes a consumer's messages, and its dead letters, whatever receives them. */
export interface ConsumerHandlers {
  readonly declaration: ConsumerDeclaration;
  readonly deliver: DeliveryHandler;
  readonly deadLetters: DeliveryHandler;
  readonly telemetry: OtlpTelemetry;
}

/** The consumers, which share the process. */
export function composeConsumers(
  config: WorkerConfig,
  overrides: Overrides = {},
  when: Exporting = BATCHING,
): readonly ConsumerHandlers[] {
  const own = platform(config, overrides);
  const { clock, ids, log } = own;
  const telemetry = telemetryOf(config, 'worker', own, when);
  const { events, state } = stores(config, own);
  const definitions = application.flatMap(({ consumers }) => consumers);
  const gate = new SoloGate();
  const asking = { cell: config.cell, clock, fetch: (request: Request) => fetch(request) };
  const keeper = config.leases && leaseKeeper({ ask: edgeQuestion({ ...config.leases, ...asking }), state, clock });
  const heardBy = config.leases && receiptsOf({ ...config.leases, ...asking, state, telemetry });
  const parked = tracedParking(telemetry, parking({ state, clock }));
  const tombs = tombstones({ state, clock });
  const delays = delayNotes({ state, telemetry, ...own });
  const handlersOf = (declaration: ConsumerDeclaration, handler: DeliveryHandler): ConsumerHandlers => ({
    declaration,
    deliver: tracedConsumer({ telemetry, clock, system: SYSTEM }, declaration.name, handler),
    deadLetters: withoutErased(tombs, deadLetters({ consumer: declaration.name, parking: parked, log })),
    telemetry,
  });
  const leaving = { cell: config.cell, notes: underivedNotes(config.cell, state, clock), clock, log };
  const consuming = definitions.map(({ declaration, create, canWait }): ConsumerHandlers => {
    const leases = declaration.effects === 'home-only' ? keeper : undefined;
    const time = storeTime(clock);
    const watched = { events: time.watch(events), state: time.watch(state) };
    const consumer = create({ ...watched, clock, ids, permit: leases && permitBy(leases) });
    const changed = overrides.consumer?.(consumer) ?? consumer;
    const deps = {
      cell: config.cell,
      declaration,
      parking: parked,
      storeMs: time.busyMs,
      trials: crashMarkers(state, clock),
      clock,
      log,
      gate,
      leases,
      receipts: leases && heardBy?.(consumer),
    };
    const timed = timedDelivery(
      { cell: config.cell, delays, clock },
      declaration.name,
      withoutErased(tombs, consume({ consumer: changed, ...deps })),
    );
    return handlersOf(declaration, canWait ? leavingCopies(leaving, timed) : timed);
  });
  const copies = topologyOf(application).consumers.filter(({ effects }) => effects === 'copies');
  const replicating = replicator({ ...asking, ...config.replication, events, state, delays, log, telemetry });
  return [...consuming, ...copies.map((declaration) => handlersOf(declaration, replicating))];
}

/** A function of the worker: which queue of which subscription it takes messages from. */
export interface SubscriptionWorker {
  readonly subscription: string;
  /** Whether it takes the subscription's dead letters. */
  readonly deadLetters: boolean;
  readonly work: (batch: ServiceBusBatch) => Promise<void>;
}

/** The functions behind the consumers' subscriptions, one in each lane, and behind their dead-letter queues. */
export function composeWorkers(config: WorkerConfig, overrides: Overrides = {}): readonly SubscriptionWorker[] {
  const { clock } = platform(config, overrides);
  const { lockSeconds } = overrides;
  return composeConsumers(config, overrides).flatMap(({ declaration, deliver, deadLetters: park, telemetry }) => {
    const { name, visibilitySeconds } = declaration;
    const options = { clock, lockMs: (lockSeconds ?? visibilitySeconds) * 1000 };
    const after = (handler: DeliveryHandler) => afterBatch(telemetry, clock, serviceBusConsumer(handler, options));
    const [work, left] = [after(deliver), after(park)];
    return LANE_NAMES.map((lane) => queueOf(name, lane)).flatMap((subscription) => [
      { subscription, deadLetters: false, work },
      { subscription, deadLetters: true, work: left },
    ]);
  });
}
