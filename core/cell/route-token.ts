// Route tokens: compact JWS signed with Ed25519 by which the edge authorizes a tenant's requests to a cell under an epoch.

import { BoundedCache } from '../lib/bounded-cache.ts';
import { type Clock, type EpochSeconds, toEpochSeconds } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';
import type { PrivateKey, PublicKey } from '../ports/keys.ts';
import { isName } from './identity.ts';
import { jwsSigner, jwsVerifier } from './jws.ts';

/** `control`, `observe` and `erase` are the edge's own: no tenant's credential grants them. */
export const SCOPES = ['ingest', 'read', 'operate', 'control', 'observe', 'erase'] as const;
export type Scope = (typeof SCOPES)[number];

/** The claims of a route token. */
export interface RouteClaims {
  readonly tenant: string;
  readonly cell: string;
  /** The origin that the request is sent to; `null` in tokens of edges before 0.2, which named none. */
  readonly endpoint: string | null;
  /** A whole number from 1 that rises with every new assignment of the tenant. */
  readonly epoch: number;
  readonly scopes: readonly Scope[];
  readonly issuedAt: EpochSeconds;
  readonly expiresAt: EpochSeconds;
}

export const ROUTE_TOKEN_LIMITS = {
  /** Maximum lifetime of a token in seconds. Limits the use of a stolen token; a router that is cut off signs new ones (docs/adr/0033). */
  lifeSeconds: 60,
  /** How far the edge's clock and the cell's may differ, in seconds. */
  skewSeconds: 5,
  /** Maximum bytes of a token; ours have about 300. */
  bytes: 2048,
  /** Verified tokens that a cell's process caches. */
  remembered: 1000,
} as const;

/** Returns a function that signs claims. Rejects if the key is not an Ed25519 private key. */
export function routeTokenSigner(key: PrivateKey): (claims: RouteClaims) => Promise<string> {
  const sign = jwsSigner(key, 'JWT');
  return (claims) =>
    sign({
      ten: claims.tenant,
      cel: claims.cell,
      ...(claims.endpoint !== null && { aud: claims.endpoint }),
      epo: claims.epoch,
      scp: claims.scopes,
      iat: claims.issuedAt,
      exp: claims.expiresAt,
    });
}

export type RouteVerdict =
  | { readonly status: 'valid'; readonly claims: RouteClaims }
  | { readonly status: 'invalid'; readonly reason: string }
  /** It is for another cell, or for another endpoint than this cell's own. */
  | { readonly status: 'misdirected'; readonly detail: string };

/** Which endpoints a cell's tokens may name. */
export interface RouteAudience {
  /** The cell's own origins: one, or two while it gets another one. */
  readonly endpoints: readonly string[];
  /** Whether a token must name one. `false` only until the edge in front is one that names them. */
  readonly required: boolean;
}

export interface RouteVerifierOptions {
  /** The accepted keys: one, or two during a rotation. */
  readonly keys: readonly PublicKey[];
  /** The id of this cell. */
  readonly cell: string;
  readonly audience: RouteAudience;
  readonly clock: Clock;
}

const FORM = { what: 'a route token', bytes: ROUTE_TOKEN_LIMITS.bytes };

/**
 * Returns a function that verifies a token: form, algorithm, key, signature, times, then cell and endpoint. Nothing is trusted unless it is
 * signed with a known key. Verified tokens are cached (their times are checked again), at most
 * `ROUTE_TOKEN_LIMITS.remembered` of them.
 */
export function routeTokenVerifier({
  keys,
  cell,
  audience,
  clock,
}: RouteVerifierOptions): (token: string | null) => Promise<RouteVerdict> {
  const verify = jwsVerifier(keys, FORM);
  const remembered = new BoundedCache<string, RouteClaims>(ROUTE_TOKEN_LIMITS.remembered);

  const verifySignature = async (token: string): Promise<RouteClaims | string> => {
    const verdict = await verify(token);
    if ('fault' in verdict) return verdict.fault;
    return readClaims(verdict.payload) ?? 'its claims are not those of a route token';
  };

  return async (token) => {
    if (token === null || token === '')
      return { status: 'invalid', reason: 'the header X-Polycell-Route is missing or empty' };
    let claims = remembered.get(token);
    if (claims === undefined) {
      const result = await verifySignature(token);
      if (typeof result === 'string') return { status: 'invalid', reason: result };
      claims = result;
      remembered.set(token, claims);
    }
    const now = toEpochSeconds(clock.now());
    if (claims.expiresAt - claims.issuedAt > ROUTE_TOKEN_LIMITS.lifeSeconds)
      return { status: 'invalid', reason: 'its lifetime is longer than allowed' };
    if (claims.issuedAt > now + ROUTE_TOKEN_LIMITS.skewSeconds)
      return { status: 'invalid', reason: 'it was issued in the future' };
    if (claims.expiresAt <= now - ROUTE_TOKEN_LIMITS.skewSeconds)
      return { status: 'invalid', reason: 'it has expired' };
    const detail = misdirection(claims, cell, audience);
    return detail === undefined ? { status: 'valid', claims } : { status: 'misdirected', detail };
  };
}

/** How the token is for another place than this one; `undefined` if it is for this one. */
function misdirection(
  { cell, endpoint }: RouteClaims,
  own: string,
  { endpoints, required }: RouteAudience,
): string | undefined {
  if (cell !== own) return `The route token is for another cell than ${own}.`;
  if (endpoint === null) return required ? 'The route token names no endpoint.' : undefined;
  return endpoints.includes(endpoint) ? undefined : `The route token is for another endpoint than that of ${own}.`;
}

function readClaims(payload: unknown): RouteClaims | undefined {
  if (!isJsonObject(payload)) return undefined;
  const { ten, cel, aud = null, epo, scp, iat, exp } = payload;
  if (!isName(ten) || !isName(cel) || !isWhole(epo) || epo < 1 || !isWhole(iat) || !isWhole(exp) || !Array.isArray(scp))
    return undefined;
  // A list is allowed by the standard and never sent by the edge.
  if (aud !== null && typeof aud !== 'string') return undefined;
  const scopes = scp.filter((scope): scope is Scope => (SCOPES as readonly unknown[]).includes(scope));
  const times = { issuedAt: iat as EpochSeconds, expiresAt: exp as EpochSeconds };
  return { tenant: ten, cell: cel, endpoint: aud, epoch: epo, scopes, ...times };
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
