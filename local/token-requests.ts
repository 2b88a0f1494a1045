// What the stack is asked for in the way of tokens and certificates, read from a query and checked.
import { isName } from '../core/cell/identity.ts';
import { ROUTE_TOKEN_LIMITS, SCOPES, type Scope } from '../core/cell/route-token.ts';
import { isSubject } from '../core/events/subject.ts';
import { TENANT_SCOPES, TOKEN_LIFE_SECONDS } from './issuer.ts';

/** @throws Error in one sentence, as all of these */
export function readRouteTokenRequest(query: URLSearchParams) {
  const lifeSeconds = Number(query.get('ttl') ?? ROUTE_TOKEN_LIMITS.lifeSeconds);
  const epoch = query.get('epoch');
  if (epoch !== null && !/^[1-9]\d{0,14}$/.test(epoch)) throw new Error('An epoch is a whole number from 1.');
  const request = {
    tenant: readTenant(query),
    // Drills speak as a router that has not heard of the present one.
    ...(epoch !== null && { epoch: Number(epoch) }),
    cell: query.get('cell') ?? '',
    scopes: readScopes(query, SCOPES) as readonly Scope[],
    lifeSeconds,
  };
  if (!isLife(lifeSeconds, ROUTE_TOKEN_LIMITS.lifeSeconds))
    throw new Error(`A route token lives 1 to ${ROUTE_TOKEN_LIMITS.lifeSeconds} seconds; cells refuse any other.`);
  return request;
}

export function readTenantTokenRequest(query: URLSearchParams) {
  const lifeSeconds = Number(query.get('ttl') ?? TOKEN_LIFE_SECONDS.tenant);
  const request = { tenant: readTenant(query), scopes: readScopes(query, TENANT_SCOPES), lifeSeconds };
  if (!isLife(lifeSeconds, TOKEN_LIFE_SECONDS.tenantAtMost))
    throw new Error(`A tenant's token lives 1 to ${TOKEN_LIFE_SECONDS.tenantAtMost} seconds.`);
  return request;
}

/** What can be the subject of an event can have a certificate. */
export function readDeviceRequest(query: URLSearchParams) {
  const device = query.get('device') ?? '';
  if (!isSubject(device))
    throw new Error(`${JSON.stringify(device)} cannot be a device: a device is 1 to 128 of A-Z a-z 0-9 . _ : ~ @ + -`);
  return { tenant: readTenant(query), device };
}

const isLife = (seconds: number, longest: number): boolean =>
  Number.isInteger(seconds) && seconds >= 1 && seconds <= longest;

function readTenant(query: URLSearchParams): string {
  const tenant = query.get('tenant') ?? '';
  if (!isName(tenant))
    throw new Error(`${JSON.stringify(tenant)} cannot be a tenant: a tenant is 1 to 63 of a-z 0-9 -`);
  return tenant;
}

/** Scopes, separated by commas or spaces. */
function readScopes(query: URLSearchParams, known: readonly string[]): readonly string[] {
  const scopes = (query.get('scope') ?? 'ingest,read,operate').split(/[ ,]+/);
  const unknown = scopes.find((scope) => !known.includes(scope));
  if (unknown !== undefined)
    throw new Error(`There is no scope ${JSON.stringify(unknown)}; there are ${known.join(', ')}.`);
  return scopes;
}
