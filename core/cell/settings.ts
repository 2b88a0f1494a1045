// Reads a function's configuration from its environment: validates everything at startup, and reports all problems together.
import { isOrigin } from '../lib/origin.ts';
import type { PrivateKey, PublicKey } from '../ports/keys.ts';
import { isName } from './identity.ts';
import { isPrivateKey, isPublicKey } from './jws.ts';
import type { RouteAudience } from './route-token.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Thrown at startup; its message lists every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads one variable; a missing or empty one adds a problem and reads as the empty string. */
export type Get = (name: string) => string;

/** The prefix of our own variables. An undeclared one is a typing error, and prevents the start. */
const OWN = 'APP_';

/**
 * Builds a configuration. `declared` are the names that the functions folder declares; `build` reads the variables that it needs and
 * adds the faults that it finds to `problems`. Throws a `ConfigError` if there is any problem.
 */
export function readSettings<T>(
  environment: Environment,
  declared: Readonly<Record<string, string>>,
  build: (get: Get, problems: string[]) => T,
): T {
  const problems = Object.keys(environment)
    .filter((name) => name.startsWith(OWN) && !Object.hasOwn(declared, name))
    .map((name) => `${name} is not a variable of this function`);
  const config = build((name) => {
    const value = environment[name] ?? '';
    if (value === '') problems.push(`${name} is not set`);
    return value;
  }, problems);
  if (problems.length > 0) throw new ConfigError(`The environment is not complete: ${problems.join('; ')}.`);
  return config;
}

/** The id of a cell. */
export function readCellId(get: Get, problems: string[]): string {
  const cell = get('APP_CELL');
  if (cell !== '' && !isName(cell))
    problems.push(`APP_CELL is ${JSON.stringify(cell)}; it must be 1 to 63 of a-z 0-9 -`);
  return cell;
}

/** The edge's public keys: one, or two during a rotation. */
export function readRouteKeys(get: Get, problems: string[]): readonly PublicKey[] {
  const text = get('APP_ROUTE_KEYS');
  if (text === '') return [];
  let keys: unknown;
  try {
    keys = JSON.parse(text);
  } catch (error) {
    problems.push(`APP_ROUTE_KEYS is not JSON: ${(error as SyntaxError).message}`);
    return [];
  }
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > 2 || !keys.every(isPublicKey)) {
    problems.push(
      'APP_ROUTE_KEYS must be a JSON array of one or two public Ed25519 keys, each with kty, crv, kid and x',
    );
    return [];
  }
  return keys;
}

/** The cell's own endpoints: one, or two while it gets another one; and whether tokens must name one of them. */
export function readAudience(get: Get, problems: string[]): RouteAudience {
  const text = get('APP_ENDPOINTS');
  const endpoints = text === '' ? [] : text.split(' ');
  if (endpoints.length > 2 || !endpoints.every(isOrigin))
    problems.push(
      `APP_ENDPOINTS is ${JSON.stringify(text)}; it must be one or two origins without a path, with a space in between`,
    );
  const audience = get('APP_ROUTE_AUDIENCE');
  if (!['', 'required', 'optional'].includes(audience))
    problems.push(`APP_ROUTE_AUDIENCE is ${JSON.stringify(audience)}; it must be required or optional`);
  return { endpoints, required: audience !== 'optional' };
}

/** The edge's origin, which gives the cell its leases; `undefined` for `none`. */
export function readEdge(get: Get, problems: string[]): string | undefined {
  const edge = get('APP_EDGE');
  if (edge !== '' && edge !== 'none' && !isOrigin(edge))
    problems.push(`APP_EDGE is ${JSON.stringify(edge)}; it must be an origin without a path, or none`);
  return edge === 'none' ? undefined : edge;
}

/** What a function needs to ask for leases, and other cells for receipts. */
export interface LeaseConfig extends ReplicationConfig {
  readonly edge: string;
}

/** The edge and the keys; `undefined` without an edge, and then no key is read. */
export function readLeases(get: Get, problems: string[]): LeaseConfig | undefined {
  const edge = readEdge(get, problems);
  return edge === undefined ? undefined : { edge, ...readReplication(get, problems) };
}

/** What a function needs to send requests to other cells. */
export interface ReplicationConfig {
  readonly routeKeys: readonly PublicKey[];
  readonly identityKey: PrivateKey;
}

/** The edge's public keys and the cell's own key. */
export const readReplication = (get: Get, problems: string[]): ReplicationConfig => ({
  routeKeys: readRouteKeys(get, problems),
  identityKey: readIdentityKey(get, problems),
});

/** The private key by which the cell proves its identity. Messages never contain it. */
export function readIdentityKey(get: Get, problems: string[]): PrivateKey {
  const text = get('APP_IDENTITY_KEY');
  const none: PrivateKey = { kty: 'OKP', crv: 'Ed25519', kid: '', x: '', d: '' };
  if (text === '') return none;
  let key: unknown;
  try {
    key = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (isPrivateKey(key)) return key;
  problems.push('APP_IDENTITY_KEY must be a private Ed25519 key as a JSON Web Key, with kty, crv, kid, x and d');
  return none;
}
