// Wires core to AWS: the only file here that knows both. Called once for each cold start.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { apiGateway, type HttpEvent, type HttpResult } from '../adapters/aws/api-gateway.ts';
import { type BatchResponse, dynamoDbChangeStream, type StreamEvent } from '../adapters/aws/dynamodb-change-stream.ts';
import { DynamoDbStore } from '../adapters/aws/dynamodb-store.ts';
import { SnsBus } from '../adapters/aws/sns-bus.ts';
import { type QueueEvent, sqsConsumer } from '../adapters/aws/sqs-consumer.ts';
import { jsonLog, randomIds, systemClock } from '../adapters/system/system.ts';
import { epochGuard } from '../core/cell/epoch-guard.ts';
import { cellHealth } from '../core/cell/health.ts';
import { consumerNamed, topology } from '../core/cell/topology.ts';
import { SchemaRegistry } from '../core/events/registry.ts';
import { cellApi } from '../core/http/cell-api.ts';
import { consume } from '../core/pipeline/consume.ts';
import type { Consumer } from '../core/pipeline/consumer.ts';
import { ingest } from '../core/pipeline/ingest.ts';
import { parking, RELAY } from '../core/pipeline/parking.ts';
import { relay } from '../core/pipeline/relay.ts';
import { trials } from '../core/pipeline/trials.ts';
import type { Bus } from '../core/ports/bus.ts';
import { checkedStore } from '../core/ports/checked-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Ids } from '../core/ports/ids.ts';
import type { Log } from '../core/ports/log.ts';
import type { Store } from '../core/ports/store.ts';
import { routeTokenVerifier } from '../core/routing/route-token.ts';
import { consumers } from '../core/telemetry/consumers.ts';
import { telemetryQueries } from '../core/telemetry/queries.ts';
import { validators } from '../core/telemetry/validators.generated.mjs';
import type { CellConfig, HttpConfig, WorkerConfig } from './config.ts';

/** What a test may put in place of the real thing. */
export interface Overrides {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly log?: Log;
  /** Changes the consumer of the worker, as a faulty release would. */
  readonly consumer?: (consumer: Consumer) => Consumer;
}

interface Cell {
  readonly events: Store;
  readonly state: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/**
 * The adapters know what may be repeated, so the SDK does not repeat anything. A service that does not answer within three
 * seconds is taken for one that will not; both timeouts are in milliseconds.
 */
const CLIENT = { maxAttempts: 1, requestHandler: { connectionTimeout: 1000, requestTimeout: 3000, throwOnRequestTimeout: true } } as const;

function cell(config: CellConfig, overrides: Overrides): Cell {
  const { clock = systemClock, ids = randomIds, log = jsonLog((line) => process.stdout.write(`${line}\n`)) } = overrides;
  const { region, endpoints } = config;
  const dynamodb = new DynamoDBClient({ ...CLIENT, region, ...(endpoints.dynamodb !== undefined && { endpoint: endpoints.dynamodb }) });
  const sns = new SNSClient({ ...CLIENT, region, ...(endpoints.sns !== undefined && { endpoint: endpoints.sns }) });
  const store = (table: string) => checkedStore(new DynamoDbStore({ client: dynamodb, table, clock, ids }));
  return {
    events: store(config.eventsTable),
    state: store(config.stateTable),
    bus: new SnsBus({ client: sns, topicArn: config.topicArn, clock, ids }),
    clock,
    ids,
    log,
  };
}

/** The function behind the HTTP API. */
export function composeHttp(config: HttpConfig, overrides: Overrides = {}): (event: HttpEvent) => Promise<HttpResult> {
  const { events, state, bus, clock, ids, log } = cell(config, overrides);
  const identity = { id: config.cell, cloud: 'aws', region: config.region, version: config.version } as const;
  return apiGateway(
    cellApi({
      cell: identity,
      consumers: [...topology.consumers.map(({ name }) => name), RELAY],
      verifyRouteToken: routeTokenVerifier({ keys: config.routeKeys, cell: config.cell, clock }),
      guardEpoch: epochGuard(state),
      ingest: ingest({ events, registry: new SchemaRegistry(validators), clock, ids }),
      queries: telemetryQueries({ events, state }),
      parking: parking({ state, bus, clock }),
      health: cellHealth({ state, clock, cell: config.cell }),
      ids,
      log,
    }),
  );
}

/** The function behind the event log's stream. */
export function composeRelay(config: CellConfig, overrides: Overrides = {}): (event: StreamEvent) => Promise<BatchResponse> {
  const { state, bus, clock, log } = cell(config, overrides);
  return dynamoDbChangeStream(relay({ bus, parking: parking({ state, bus, clock }), log }));
}

/** The function behind a consumer's queue. */
export function composeWorker(config: WorkerConfig, overrides: Overrides = {}): (event: QueueEvent, deadline: number) => Promise<BatchResponse> {
  const { events, state, bus, clock, ids, log } = cell(config, overrides);
  const consumer = consumers({ events, state, clock, ids })[config.consumer];
  if (consumer === undefined) throw new TypeError(`No consumer ${config.consumer} is built in.`);
  const declaration = consumerNamed(config.consumer);
  const changed = overrides.consumer?.(consumer) ?? consumer;
  return sqsConsumer(consume({ consumer: changed, declaration, parking: parking({ state, bus, clock }), trials: trials(state, clock), clock, log }));
}
