// The route tokens of one isolate: signed when needed, and used again for the same tenant, cell, epoch and scopes until half their life.

import { ROUTE_TOKEN_LIMITS, type RouteClaims, type Scope } from '../../cell/route-token.ts';
import { BoundedCache } from '../../lib/bounded-cache.ts';
import { type Clock, type EpochSeconds, toEpochSeconds } from '../../ports/clock.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

export interface RouteSignerDeps {
  readonly sign: (claims: RouteClaims) => Promise<string>;
  readonly clock: Clock;
  /** Tokens to keep. */
  readonly capacity?: number;
}

/** What a token is made out to. */
export interface RouteGrant {
  readonly tenant: string;
  readonly cell: string;
  readonly epoch: number;
  readonly scopes: readonly Scope[];
}

interface KeptToken {
  readonly token: string;
  readonly issuedAt: EpochSeconds;
}

/** The part of a token's life in which it is used again: enough of it is left for the cell's clock and a slow request. */
const REUSE_SECONDS = ROUTE_TOKEN_LIMITS.lifeSeconds / 2;

/** Returns a function that gives a token, without a promise if it has one. Rejects if the key is no Ed25519 private key. */
export function routeSigner({
  sign,
  clock,
  capacity = ROUTER_LIMITS.tokens,
}: RouteSignerDeps): (grant: RouteGrant) => string | Promise<string> {
  const kept = new BoundedCache<string, KeptToken>(capacity);
  return (grant) => {
    const { tenant, cell, epoch, scopes } = grant;
    // Neither a tenant, nor a cell, nor a scope has a blank.
    const key = `${tenant} ${cell} ${epoch} ${scopes.join(' ')}`;
    const now = toEpochSeconds(clock.now());
    const known = kept.get(key);
    // A clock that has been set back would let a token of the future live on.
    if (known !== undefined && now >= known.issuedAt && now - known.issuedAt < REUSE_SECONDS) return known.token;
    const expiresAt = (now + ROUTE_TOKEN_LIMITS.lifeSeconds) as EpochSeconds;
    return sign({ tenant, cell, epoch, scopes, issuedAt: now, expiresAt }).then((token) => {
      kept.set(key, { token, issuedAt: now });
      return token;
    });
  };
}
