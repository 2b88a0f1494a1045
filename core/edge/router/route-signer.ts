// Signs the route tokens of one isolate, and reuses each for the same tenant, cell, endpoint, epoch and scopes until half of its lifetime.

import { ROUTE_TOKEN_LIMITS, type RouteClaims, type Scope } from '../../cell/route-token.ts';
import { BoundedCache } from '../../lib/bounded-cache.ts';
import { type Clock, type EpochSeconds, toEpochSeconds } from '../../ports/clock.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

export interface RouteSignerDeps {
  readonly sign: (claims: RouteClaims) => Promise<string>;
  readonly clock: Clock;
  /** Maximum number of tokens kept. */
  readonly capacity?: number;
}

/** What a token grants. */
export interface RouteGrant {
  readonly tenant: string;
  readonly cell: string;
  /** Origin of the cell; a token is worth nothing anywhere else. */
  readonly endpoint: string;
  readonly epoch: number;
  readonly scopes: readonly Scope[];
}

interface KeptToken {
  readonly token: string;
  readonly issuedAt: EpochSeconds;
}

/** How long a token is reused: enough of its lifetime is left for clock skew and a slow request. */
const REUSE_SECONDS = ROUTE_TOKEN_LIMITS.lifeSeconds / 2;

/** Returns a function that returns a token, without a promise if it is cached. Rejects if the key is not an Ed25519 private key. */
export function routeSigner({
  sign,
  clock,
  capacity = ROUTER_LIMITS.tokens,
}: RouteSignerDeps): (grant: RouteGrant) => string | Promise<string> {
  const kept = new BoundedCache<string, KeptToken>(capacity);
  return (grant) => {
    const { tenant, cell, endpoint, epoch, scopes } = grant;
    // Tenants, cells, origins and scopes contain no spaces.
    const key = `${tenant} ${cell} ${endpoint} ${epoch} ${scopes.join(' ')}`;
    const now = toEpochSeconds(clock.now());
    const known = kept.get(key);
    // After the clock was set back, a token from the future would be reused for too long.
    if (known !== undefined && now >= known.issuedAt && now - known.issuedAt < REUSE_SECONDS) return known.token;
    const expiresAt = (now + ROUTE_TOKEN_LIMITS.lifeSeconds) as EpochSeconds;
    return sign({ tenant, cell, endpoint, epoch, scopes, issuedAt: now, expiresAt }).then((token) => {
      kept.set(key, { token, issuedAt: now });
      return token;
    });
  };
}
