// The development key of the edge: made anew with each stack, replaced by a rotation, and kept nowhere.

import { ROUTE_TOKEN_LIMITS, routeTokenSigner, type Scope } from '../core/cell/route-token.ts';
import { type Clock, type EpochSeconds, toEpochSeconds } from '../core/ports/clock.ts';
import { type PrivateKey, type PublicKey, publicPart } from '../core/ports/keys.ts';

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
  /** What the cells verify with at first. */
  readonly publicKeys: readonly PublicKey[];
  /** What the edge signs with. */
  readonly privateKey: PrivateKey;
  /** Signs a token that a cell of this stack accepts. */
  mint(request: TokenRequest): Promise<string>;
}

/** Makes a private key, of the edge or of a cell. */
export async function makePrivateKey(kid: string): Promise<PrivateKey> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as {
    privateKey: Parameters<typeof crypto.subtle.exportKey>[1];
  };
  const { x = '', d = '' } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  return { kty: 'OKP', crv: 'Ed25519', kid, x, d };
}

/** Makes the edge's key pair, under another name if tests need two. */
export async function makeRouteKeys(clock: Clock, kid = 'local'): Promise<RouteKeys> {
  return routeKeysOf(await makePrivateKey(kid), clock);
}

/** What a stack does with the key that its edge signs with. */
export function routeKeysOf(key: PrivateKey, clock: Clock): RouteKeys {
  const sign = routeTokenSigner(key);
  return {
    publicKeys: [publicPart(key)],
    privateKey: key,
    mint({ tenant, cell, endpoint, scopes, lifeSeconds = ROUTE_TOKEN_LIMITS.lifeSeconds, epoch = 1 }) {
      const issuedAt = toEpochSeconds(clock.now());
      const expiresAt = (issuedAt + lifeSeconds) as EpochSeconds;
      return sign({ tenant, cell, endpoint, epoch, scopes, issuedAt, expiresAt });
    },
  };
}
