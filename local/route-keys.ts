// The development key of the edge: made anew with each stack, and kept nowhere.

import {
  type PrivateKey,
  type PublicKey,
  ROUTE_TOKEN_LIMITS,
  routeTokenSigner,
  type Scope,
} from '../core/cell/route-token.ts';
import { type Clock, type EpochSeconds, toEpochSeconds } from '../core/ports/clock.ts';

export interface TokenRequest {
  readonly tenant: string;
  readonly cell: string;
  /** Where the cell is. */
  readonly endpoint: string;
  readonly scopes: readonly Scope[];
  /** Seconds; `ROUTE_TOKEN_LIMITS.lifeSeconds` at most. */
  readonly lifeSeconds?: number;
  /** 1 unless given. */
  readonly epoch?: number;
}

export interface RouteKeys {
  /** What the cells verify with. */
  readonly publicKeys: readonly PublicKey[];
  /** What the edge signs with. */
  readonly privateKey: PrivateKey;
  /** Signs a token that a cell of this stack accepts. */
  mint(request: TokenRequest): Promise<string>;
}

/** Makes a key pair. `generate` may be told to name it, so that tests can have two. */
export async function makeRouteKeys(clock: Clock, kid = 'local'): Promise<RouteKeys> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as {
    privateKey: Parameters<typeof crypto.subtle.exportKey>[1];
  };
  const { x = '', d = '' } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const key: PrivateKey = { kty: 'OKP', crv: 'Ed25519', kid, x, d };
  const sign = routeTokenSigner(key);
  const { d: _private, ...publicKey } = key;
  return {
    publicKeys: [publicKey],
    privateKey: key,
    mint({ tenant, cell, endpoint, scopes, lifeSeconds = ROUTE_TOKEN_LIMITS.lifeSeconds, epoch = 1 }) {
      const issuedAt = toEpochSeconds(clock.now());
      const expiresAt = (issuedAt + lifeSeconds) as EpochSeconds;
      return sign({ tenant, cell, endpoint, epoch, scopes, issuedAt, expiresAt });
    },
  };
}
