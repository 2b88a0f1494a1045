// Reads the functions' app settings: checks everything at start and reports all problems at once.

import type { IdentityEndpoint } from '../adapters/azure/managed-identity.ts';
import type { FederatedIdentity } from '../adapters/azure/workload-identity.ts';
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
  readReplication,
  readRouteKeys,
  readSettings,
} from '../core/cell/settings.ts';
import { readTelemetry, TELEMETRY_VARIABLES, type TelemetrySettings } from '../core/cell/telemetry-settings.ts';
import type { PrivateKey, PublicKey } from '../core/ports/keys.ts';

export interface CellConfig {
  readonly cell: string;
  readonly version: string;
  /** Where telemetry goes; nowhere without it. */
  readonly telemetry: TelemetrySettings | undefined;
  readonly region: string;
  /** Cosmos DB database that holds the containers `events`, `state` and `leases`. */
  readonly database: string;
  /** Service Bus topic that events are published to. */
  readonly topic: string;
  /** A connection string, or where the service is for the app's managed identity; under the names that the triggers know them by. */
  readonly connections: { readonly cosmos: Connection; readonly serviceBus: Connection };
}

/** A service that is reached by identity. */
export interface IdentityConnection {
  /** Address of the Cosmos DB account, or name of the Service Bus namespace. */
  readonly address: string;
  readonly identity: IdentityEndpoint | ClusterIdentity;
}

/** The identity that a cluster's own token, in a file, stands for. */
export interface ClusterIdentity extends Omit<FederatedIdentity, 'assertion'> {
  readonly tokenFile: string;
}

/** A connection string is for the local stack and for emulators. */
export type Connection = string | IdentityConnection;

export interface HttpConfig extends CellConfig {
  /** Public keys of the edge: one, or two while they are being changed. */
  readonly routeKeys: readonly PublicKey[];
  /** The cell's own endpoints, which the edge's tokens name. */
  readonly audience: RouteAudience;
  /** By which the cell proves its identity. */
  readonly identityKey: PrivateKey;
  /** Where it gets its leases. */
  readonly edge: string | undefined;
}

export interface WorkerConfig extends CellConfig {
  /** Where it gets its leases, and by which key. */
  readonly leases: LeaseConfig | undefined;
  /** By which keys it believes the edge and proves who it is, to send copies of events. */
  readonly replication: ReplicationConfig;
}

/** Every variable of ours, and what it is for; `docs/environment.md` is made from this. */
export const VARIABLES = {
  APP_CELL: 'Id of the cell, 1 to 63 of a-z 0-9 -',
  APP_VERSION: 'Version of the deployment, reported by the health check',
  APP_REGION: 'Region of the cell',
  APP_DATABASE: 'Cosmos DB database with the containers events, state and leases',
  APP_TOPIC: 'Service Bus topic that events are published to',
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
} as const;

/** The names of the connections that the triggers are bound to. */
export const CONNECTIONS = { cosmos: 'COSMOS', serviceBus: 'SERVICE_BUS' } as const;

/** Suffix of the setting that has the address of each service, as the triggers' extensions know it. */
export const ADDRESSES = { cosmos: 'accountEndpoint', serviceBus: 'fullyQualifiedNamespace' } as const;

/** Where App Service and Functions give out tokens. */
const IDENTITY = { endpoint: 'IDENTITY_ENDPOINT', header: 'IDENTITY_HEADER' } as const;

/** What the triggers and the Functions host name; part of the same document. */
export const PLATFORM_VARIABLES = {
  [`${CONNECTIONS.cosmos}__${ADDRESSES.cosmos}`]:
    'Address of the Cosmos DB account, which is reached by managed identity',
  [`${CONNECTIONS.cosmos}__credential`]: 'managedidentity',
  [`${CONNECTIONS.cosmos}__clientId`]:
    "Client id of the identity for Cosmos DB; without it, the app's system-assigned one",
  [CONNECTIONS.cosmos]: 'In place of the three above, on a local stack: connection string of the Cosmos DB account',
  [`${CONNECTIONS.serviceBus}__${ADDRESSES.serviceBus}`]:
    'Name of the Service Bus namespace, such as `name.servicebus.windows.net`, which is reached by managed identity',
  [`${CONNECTIONS.serviceBus}__credential`]: 'managedidentity',
  [`${CONNECTIONS.serviceBus}__clientId`]:
    "Client id of the identity for Service Bus; without it, the app's system-assigned one",
  [CONNECTIONS.serviceBus]:
    'In place of the three above, on a local stack: connection string of the Service Bus namespace',
  [IDENTITY.endpoint]: 'Where the platform gives out tokens; needed with managed identity, and set by the platform',
  [IDENTITY.header]: 'Secret that the platform wants with each request for a token; set by the platform',
  ...TELEMETRY_VARIABLES,
} as const;

/**
 * How the library is set up. Without streams the platform drops every body that comes in chunks
 * (https://github.com/Azure/azure-functions-nodejs-library/issues/171). Each bundle has a copy of the library, and the one that is loaded last
 * speaks for all: every entry point must set it up alike.
 */
export const SETUP = { enableHttpStream: true } as const;

/** The configuration of the function `http`. Throws a `ConfigError`. */
export function readHttpConfig(environment: Environment): HttpConfig {
  return readSettings(environment, VARIABLES, (get, problems) => ({
    ...readCell({ environment, get, problems }),
    routeKeys: readRouteKeys(get, problems),
    audience: readAudience(get, problems),
    identityKey: readIdentityKey(get, problems),
    edge: readEdge(get, problems),
  }));
}

/** The configuration of the functions of `worker`. Throws a `ConfigError`. */
export function readWorkerConfig(environment: Environment): WorkerConfig {
  return readSettings(environment, VARIABLES, (get, problems) => {
    const replication = readReplication(get, problems);
    const edge = readEdge(get, problems);
    const leases = edge === undefined ? undefined : { edge, ...replication };
    return { ...readCell({ environment, get, problems }), leases, replication };
  });
}

/** The configuration of the function `relay`. Throws a `ConfigError`. */
export function readRelayConfig(environment: Environment): CellConfig {
  return readSettings(environment, VARIABLES, (get, problems) => readCell({ environment, get, problems }));
}

/** Where settings are read from. */
interface Source {
  readonly environment: Environment;
  readonly get: Get;
  readonly problems: string[];
}

function readCell(source: Source): CellConfig {
  const { environment, get, problems } = source;
  return {
    cell: readCellId(get, problems),
    version: get('APP_VERSION'),
    telemetry: readTelemetry(environment, problems),
    region: get('APP_REGION'),
    database: get('APP_DATABASE'),
    topic: get('APP_TOPIC'),
    connections: {
      cosmos: readConnection(source, 'cosmos'),
      serviceBus: readConnection(source, 'serviceBus'),
    },
  };
}

/** What a connection string of each service looks like. */
const STRINGS = {
  cosmos: { form: /AccountEndpoint=.+AccountKey=/, what: 'a Cosmos DB account' },
  serviceBus: { form: /Endpoint=sb:\/\//, what: 'a Service Bus namespace' },
} as const;

/** What an address of each service looks like; plain HTTP is for emulators. */
const FORMS = {
  cosmos: /^(https:\/\/[^/\s]+|http:\/\/(127\.0\.0\.1|localhost)(:\d+)?)\/?$/,
  serviceBus: /^[\w.-]+(:\d+)?$/,
} as const;

/** One service's connection: a connection string or the settings of an identity, and not both. */
function readConnection(source: Source, service: keyof typeof CONNECTIONS): Connection {
  const { environment, get, problems } = source;
  const name = CONNECTIONS[service];
  const given = (suffix: string): string => environment[`${name}__${suffix}`] ?? '';
  const settings = [ADDRESSES[service], 'credential', 'clientId'].filter((suffix) => given(suffix) !== '');
  const text = environment[name] ?? '';
  if (settings.length === 0) {
    if (text === '') problems.push(`${name} is not set, and ${name}__${ADDRESSES[service]} is not either`);
    else if (!STRINGS[service].form.test(text))
      problems.push(`${name} is no connection string of ${STRINGS[service].what}`);
    return text;
  }
  if (text !== '') {
    // Triggers would take the connection string, and the settings would say otherwise.
    problems.push(`${name} and ${name}__${settings[0]} are both set; only one of them can hold`);
    return text;
  }
  const address = get(`${name}__${ADDRESSES[service]}`);
  if (address !== '' && !FORMS[service].test(address))
    problems.push(
      `${name}__${ADDRESSES[service]} is ${JSON.stringify(address)}, which is no address of ${STRINGS[service].what}`,
    );
  const credential = get(`${name}__credential`);
  if (credential !== '' && credential !== 'managedidentity')
    problems.push(`${name}__credential is ${JSON.stringify(credential)}; it must be "managedidentity"`);
  const clientId = given('clientId');
  const cluster = readCluster(source);
  if (cluster !== undefined) return { address, identity: { ...cluster, ...(clientId !== '' && { clientId }) } };
  return { address, identity: { ...readIdentity(source), ...(clientId !== '' && { clientId }) } };
}

/** What workload identity puts into the environment of a pod; none of it elsewhere. */
export const CLUSTER_IDENTITY = {
  AZURE_FEDERATED_TOKEN_FILE: 'File with the cluster’s token for the pod; with it, tokens come from Microsoft Entra ID',
  AZURE_AUTHORITY_HOST: 'Address of Microsoft Entra ID; set by the cluster',
  AZURE_TENANT_ID: 'Directory of the identity; set by the cluster',
  AZURE_CLIENT_ID: 'Client id of the identity; set by the cluster, from the service account',
} as const;

/** The cluster's identity, or undefined where there is no cluster; what is missing is missing for both services, and a problem once. */
function readCluster({ environment, problems }: Source): ClusterIdentity | undefined {
  const { AZURE_FEDERATED_TOKEN_FILE: tokenFile = '' } = environment;
  if (tokenFile === '') return undefined;
  const required = (name: keyof typeof CLUSTER_IDENTITY): string => {
    const value = environment[name] ?? '';
    const problem = `${name} is not set, and AZURE_FEDERATED_TOKEN_FILE is`;
    if (value === '' && !problems.includes(problem)) problems.push(problem);
    return value;
  };
  const authority = required('AZURE_AUTHORITY_HOST');
  const problem = 'AZURE_AUTHORITY_HOST must be an address with https';
  if (authority !== '' && !/^https:\/\/[^/]/.test(authority) && !problems.includes(problem)) problems.push(problem);
  return { tokenFile, authority, tenant: required('AZURE_TENANT_ID'), clientId: required('AZURE_CLIENT_ID') };
}

/** Where tokens come from; what is wrong with it is wrong for both services, and a problem once. */
function readIdentity({ environment, problems }: Source): IdentityEndpoint {
  const { [IDENTITY.endpoint]: endpoint = '', [IDENTITY.header]: header = '' } = environment;
  const once = (problem: string) => problems.includes(problem) || problems.push(problem);
  if (endpoint === '') once(`${IDENTITY.endpoint} is not set`);
  else if (!/^https?:\/\/[^/]/.test(endpoint)) once(`${IDENTITY.endpoint} is no address`);
  if (header === '') once(`${IDENTITY.header} is not set`);
  return { endpoint, header };
}
