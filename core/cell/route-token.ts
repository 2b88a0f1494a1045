// Route tokens: compact JWS signed with Ed25519 by which the edge authorizes a tenant's requests to a cell under an epoch.

import { BoundedCache } from '../lib/bounded-cache.ts';
import { type Clock, type EpochSeconds, toEpochSeconds } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';
import { isName } from './identity.ts';

/** `observe` is reserved for the monitor: no tenant's credential grants it. */
export const SCOPES = ['ingest', 'read', 'operate', 'control', 'observe'] as const;
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

/** A public Ed25519 key as a JSON Web Key. */
export interface PublicKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly kid: string;
  readonly x: string;
}

/** A private Ed25519 key as a JSON Web Key. */
export interface PrivateKey extends PublicKey {
  readonly d: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

const encodeBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

const decodeBase64Url = (text: string): Uint8Array =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));

const encodeJson = (value: unknown): string => encodeBase64Url(encoder.encode(JSON.stringify(value)));

const importKey = (key: PublicKey | PrivateKey, usage: 'sign' | 'verify') => {
  const { kty, crv, x } = key;
  return crypto.subtle.importKey(
    'jwk',
    usage === 'sign' ? { kty, crv, x, d: (key as PrivateKey).d } : { kty, crv, x },
    'Ed25519',
    false,
    [usage],
  );
};

/** Returns a function that signs claims. Rejects if the key is not an Ed25519 private key. */
export function routeTokenSigner(key: PrivateKey): (claims: RouteClaims) => Promise<string> {
  const header = encodeJson({ alg: 'EdDSA', typ: 'JWT', kid: key.kid });
  const imported = importKey(key, 'sign');
  imported.catch(() => undefined);
  return async (claims) => {
    const payload = encodeJson({
      ten: claims.tenant,
      cel: claims.cell,
      ...(claims.endpoint !== null && { aud: claims.endpoint }),
      epo: claims.epoch,
      scp: claims.scopes,
      iat: claims.issuedAt,
      exp: claims.expiresAt,
    });
    const signature = await crypto.subtle.sign('Ed25519', await imported, encoder.encode(`${header}.${payload}`));
    return `${header}.${payload}.${encodeBase64Url(new Uint8Array(signature))}`;
  };
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

/** The last of a signature's 86 characters carries two bits; with other bits set, two texts would encode one signature. */
const TOKEN = /^([\w-]+)\.([\w-]+)\.([\w-]{85}[AQgw])$/;

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
  const imported = new Map(keys.map((key) => [key.kid, importKey(key, 'verify')]));
  for (const key of imported.values()) key.catch(() => undefined);
  const remembered = new BoundedCache<string, RouteClaims>(ROUTE_TOKEN_LIMITS.remembered);

  const verifySignature = async (token: string): Promise<RouteClaims | string> => {
    const match = token.length > ROUTE_TOKEN_LIMITS.bytes ? null : TOKEN.exec(token);
    if (match === null) return 'it is no compact JWS';
    const [, header = '', payload = '', signature = ''] = match;
    const head = decodeJson(header);
    if (!isJsonObject(head) || head.alg !== 'EdDSA' || typeof head.kid !== 'string' || 'crit' in head)
      return 'its header is not that of a route token';
    const key = await imported.get(head.kid);
    if (key === undefined) return 'its key is not known here';
    const valid = await crypto.subtle.verify(
      'Ed25519',
      key,
      decodeBase64Url(signature),
      encoder.encode(`${header}.${payload}`),
    );
    return valid
      ? (readClaims(decodeJson(payload)) ?? 'its claims are not those of a route token')
      : 'its signature is wrong';
  };

  return async (token) => {
    if (token === null || token === '') return { status: 'invalid', reason: 'there is none' };
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

function decodeJson(part: string): unknown {
  try {
    return JSON.parse(decoder.decode(decodeBase64Url(part)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof DOMException) return undefined;
    throw error;
  }
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
