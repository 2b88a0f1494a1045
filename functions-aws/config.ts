// The configuration of the functions on AWS: validates the whole environment at startup, and reports all problems together.

import { application } from '../core/application.ts';
import type { RouteAudience } from '../core/cell/route-token.ts';
import {
  type Environment,
  type Get,
  type LeaseConfig,
  type ReplicationConfig,
  readAudience,
  readCellId,
  readEdge,
  readIdentityKey,
  readLeases,
  readReplication,
  readRouteKeys,
  readSettings,
} from '../core/cell/settings.ts';
import { readTelemetry, TELEMETRY_VARIABLES, type TelemetrySettings } from '../core/cell/telemetry-settings.ts';
import { topologyOf } from '../core/domain/application.ts';
import type { PrivateKey, PublicKey } from '../core/ports/keys.ts';

export interface CellConfig {
  readonly cell: string;
  readonly version: string;
  /** Where telemetry goes; nowhere without it. */
  readonly telemetry: TelemetrySettings | undefined;
  /** Set by Lambda. */
  readonly region: string;
  readonly eventsTable: string;
  readonly stateTable: string;
  readonly topicArn: string;
  /** AWS's own variables for endpoints other than its services, such as those of a local stack. */
  readonly endpoints: { readonly dynamodb?: string; readonly sns?: string };
}

export interface HttpConfig extends CellConfig {
  /** Where Lambda announces each invocation; only where there is telemetry to export after the answer. */
  readonly runtimeApi: string | undefined;
  /** Public keys of the edge: one, or two during a rotation. */
  readonly routeKeys: readonly PublicKey[];
  /** The cell's own endpoints, which the edge's tokens name. */
  readonly audience: RouteAudience;
  /** By which the cell proves its identity. */
  readonly identityKey: PrivateKey;
  /** Where it gets its leases. */
  readonly edge: string | undefined;
}

export interface WorkerConfig extends CellConfig {
  /** The consumer that this function runs. */
  readonly consumer: string;
  /** Where it gets its leases, and by which key; only for a consumer whose effects must happen once. */
  readonly leases: LeaseConfig | undefined;
  /** By which keys it believes the edge and proves who it is; only for the consumer that sends copies. */
  readonly replication: ReplicationConfig | undefined;
}

/** Our own variables with their purpose; `docs/environment.md` is generated from this. */
export const VARIABLES = {
  APP_CELL: 'Id of the cell, 1 to 63 of a-z 0-9 -',
  APP_VERSION: 'Version of the deployment, reported by the health check',
  APP_EVENTS_TABLE: 'DynamoDB table of the event log, with its stream',
  APP_STATE_TABLE: 'DynamoDB table of everything else',
  APP_TOPIC_ARN: 'SNS topic that events are published to',
  APP_ROUTE_KEYS:
    'JSON array of one or two public Ed25519 keys (JWK with kid) of the edge; for the functions http and worker',
  APP_ENDPOINTS:
    'Origin of the cell’s API, as the directory knows it; two, with a space in between, while it changes; for the function http',
  APP_ROUTE_AUDIENCE:
    'required: the edge’s tokens must name one of these endpoints; optional: they may name none, until the edge is upgraded; for the function http',
  APP_IDENTITY_KEY:
    'Private Ed25519 key (JWK with kid) of the cell, by which it proves its identity to the edge; a secret; for the functions http and worker',
  APP_EDGE:
    'Origin of the edge, which gives the cell its leases; none: effects that must happen once happen wherever their events are; for the functions http and worker',
  APP_CONSUMER: 'Name of the consumer to run; for the function worker',
} as const;

/** Variables named by Lambda and AWS's SDK; part of the same document. */
export const PLATFORM_VARIABLES = {
  AWS_REGION: 'Region of the cell; Lambda gives it',
  AWS_ACCESS_KEY_ID: 'Key of the function’s role; Lambda gives it',
  AWS_SECRET_ACCESS_KEY: 'Secret of that key; Lambda gives it',
  AWS_SESSION_TOKEN: 'Session of that key; Lambda gives it',
  AWS_LAMBDA_RUNTIME_API:
    'Where the function http learns of each invocation, to export telemetry after its answer; Lambda gives it',
  AWS_ENDPOINT_URL_DYNAMODB: 'Address of another DynamoDB server, such as a local one; optional',
  AWS_ENDPOINT_URL_SNS: 'Address of another SNS server, such as a local one; optional',
  ...TELEMETRY_VARIABLES,
} as const;

/** The configuration of the function `http`. Throws a `ConfigError`. */
export function readHttpConfig(environment: Environment): HttpConfig {
  return readSettings(environment, VARIABLES, (get, problems) => ({
    ...readCell(environment, get, problems),
    routeKeys: readRouteKeys(get, problems),
    audience: readAudience(get, problems),
    identityKey: readIdentityKey(get, problems),
    edge: readEdge(get, problems),
    runtimeApi: readRuntimeApi(environment),
  }));
}

/** The configuration of the function `relay`. Throws a `ConfigError`. */
export function readRelayConfig(environment: Environment): CellConfig {
  return readSettings(environment, VARIABLES, (get, problems) => readCell(environment, get, problems));
}

/** The configuration of the function `worker`. Throws a `ConfigError`. */
export function readWorkerConfig(environment: Environment): WorkerConfig {
  return readSettings(environment, VARIABLES, (get, problems) => {
    const consumer = get('APP_CONSUMER');
    const { consumers } = topologyOf(application);
    const declaration = consumers.find(({ name }) => name === consumer);
    if (consumer !== '' && declaration === undefined) {
      const names = consumers.map(({ name }) => name).join(', ');
      problems.push(`APP_CONSUMER is ${JSON.stringify(consumer)}; there are ${names}`);
    }
    const leases = declaration?.effects === 'home-only' ? readLeases(get, problems) : undefined;
    const replication = declaration?.effects === 'copies' ? readReplication(get, problems) : undefined;
    return { ...readCell(environment, get, problems), consumer, leases, replication };
  });
}

function readRuntimeApi({ AWS_LAMBDA_RUNTIME_API: api, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = '' }: Environment) {
  return endpoint === '' ? undefined : api;
}

function readCell(environment: Environment, get: Get, problems: string[]): CellConfig {
  const topicArn = get('APP_TOPIC_ARN');
  if (topicArn !== '' && !topicArn.startsWith('arn:'))
    problems.push(`APP_TOPIC_ARN is ${JSON.stringify(topicArn)}, which is no ARN`);
  const { AWS_ENDPOINT_URL_DYNAMODB: dynamodb, AWS_ENDPOINT_URL_SNS: sns } = environment;
  return {
    cell: readCellId(get, problems),
    version: get('APP_VERSION'),
    telemetry: readTelemetry(environment, problems),
    region: get('AWS_REGION'),
    eventsTable: get('APP_EVENTS_TABLE'),
    stateTable: get('APP_STATE_TABLE'),
    topicArn,
    endpoints: { ...(dynamodb && { dynamodb }), ...(sns && { sns }) },
  };
}
