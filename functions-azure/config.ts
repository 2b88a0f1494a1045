// What the functions read from their app settings: everything is checked at start, and all problems are told at once.

import type { PublicKey } from '../core/cell/route-token.ts';
import { type Environment, type Get, readCellId, readRouteKeys, readSettings } from '../core/cell/settings.ts';

export interface CellConfig {
  readonly cell: string;
  readonly version: string;
  readonly region: string;
  /** Cosmos DB database that holds the containers `events`, `state` and `leases`. */
  readonly database: string;
  /** Service Bus topic that events are published to. */
  readonly topic: string;
  /** Connection strings, under the names that the triggers know them by. */
  readonly connections: { readonly cosmos: string; readonly serviceBus: string };
}

export interface HttpConfig extends CellConfig {
  /** Public keys of the edge: one, or two while they are being changed. */
  readonly routeKeys: readonly PublicKey[];
}

/** Every variable of ours, and what it is for; `docs/environment.md` is made from this. */
export const VARIABLES = {
  APP_CELL: 'Id of the cell, 1 to 63 of a-z 0-9 -',
  APP_VERSION: 'Version of the deployment, reported by the health check',
  APP_REGION: 'Region of the cell',
  APP_DATABASE: 'Cosmos DB database with the containers events, state and leases',
  APP_TOPIC: 'Service Bus topic that events are published to',
  APP_ROUTE_KEYS: 'JSON array of one or two public Ed25519 keys (JWK with kid) of the edge; for the function http',
} as const;

/** The names of the connections that the triggers are bound to. */
export const CONNECTIONS = { cosmos: 'COSMOS', serviceBus: 'SERVICE_BUS' } as const;

/** What the triggers and the Functions host name; part of the same document. */
export const PLATFORM_VARIABLES = {
  [CONNECTIONS.cosmos]: 'Connection string of the Cosmos DB account',
  [CONNECTIONS.serviceBus]: 'Connection string of the Service Bus namespace',
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
    ...readCell(get, problems),
    routeKeys: readRouteKeys(get, problems),
  }));
}

/** The configuration of the functions `relay` and `worker`. Throws a `ConfigError`. */
export function readCellConfig(environment: Environment): CellConfig {
  return readSettings(environment, VARIABLES, readCell);
}

function readCell(get: Get, problems: string[]): CellConfig {
  const connections = { cosmos: get(CONNECTIONS.cosmos), serviceBus: get(CONNECTIONS.serviceBus) };
  if (connections.cosmos !== '' && !/AccountEndpoint=.+AccountKey=/.test(connections.cosmos)) {
    problems.push(`${CONNECTIONS.cosmos} is no connection string of a Cosmos DB account`);
  }
  if (connections.serviceBus !== '' && !/Endpoint=sb:\/\//.test(connections.serviceBus)) {
    problems.push(`${CONNECTIONS.serviceBus} is no connection string of a Service Bus namespace`);
  }
  return {
    cell: readCellId(get, problems),
    version: get('APP_VERSION'),
    region: get('APP_REGION'),
    database: get('APP_DATABASE'),
    topic: get('APP_TOPIC'),
    connections,
  };
}
