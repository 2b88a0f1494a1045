// Fetches and caches the issuer's public keys.
import { createLocalJWKSet, type JWK, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { isJsonObject, type Json } from '../../core/ports/json.ts';
import { RefreshingValue } from './refreshing-value.ts';

export const JWKS_LIMITS = {
  /** A withdrawn key is accepted for this long, plus the time for which a token is cached: 5 minutes. */
  freshMs: 300_000,
  /** While the issuer is unreachable, its last keys are accepted for this long: a day. */
  staleMs: 86_400_000,
  /** Tokens with unknown keys cause at most one request to the issuer in this time. */
  pauseMs: 15_000,
  /** Timeout of a request to the issuer. */
  timeoutMs: 2000,
  /** Maximum bytes of a key set. Ours has about 300; large issuers add a certificate of two kilobytes to each key. */
  bytes: 262_144,
} as const;

export interface JwksOptions {
  readonly url: string;
  readonly fetch: (url: string, init: { readonly redirect: 'manual' }) => Promise<Response>;
  readonly clock: Clock;
}

/** A searchable key set. */
export interface IssuerKeys {
  readonly find: JWTVerifyGetKey;
  /** Whether the set has a key with this id. */
  has(kid: string): boolean;
}

/** The keys of an issuer, cached and refreshed as they age. */
export const refreshingJwks = ({ url, fetch, clock }: JwksOptions): RefreshingValue<IssuerKeys> =>
  new RefreshingValue({ load: () => load(url, fetch), clock, what: 'The issuer’s key set', ...JWKS_LIMITS });

async function load(url: string, fetch: JwksOptions['fetch']): Promise<IssuerKeys> {
  const response = await fetch(url, { redirect: 'manual' });
  const length = Number(response.headers.get('content-length') ?? 0);
  if (response.status !== 200 || length > JWKS_LIMITS.bytes) {
    await response.body?.cancel();
    throw new PortError(
      'unavailable',
      `The issuer answers ${response.status} with ${length} bytes where its keys should be.`,
    );
  }
  const text = await response.text();
  const keys = text.length > JWKS_LIMITS.bytes ? undefined : keysOf(parse(text));
  if (keys === undefined)
    throw new PortError('unavailable', 'The issuer answers with something else than a set of keys.');
  const usable = keys.flatMap(usableKey);
  const names = new Set(usable.map(({ kid }) => kid));
  return { find: createLocalJWKSet({ keys: usable }), has: (kid) => names.has(kid) };
}

/** The entries of a set, unchecked: an invalid entry must not affect the others. */
function keysOf(set: Json | undefined): readonly unknown[] | undefined {
  const keys = isJsonObject(set) ? set.keys : undefined;
  return Array.isArray(keys) ? keys : undefined;
}

/** 32 bytes. */
const COORDINATE = /^[\w-]{43}$/;
const ALGORITHMS: readonly unknown[] = [undefined, 'EdDSA', 'Ed25519'];

/**
 * The members of the key needed for verification, or nothing if it cannot sign our tokens. Omits its algorithm: RFC 9864 gave it a
 * second name, and a token may have either.
 */
function usableKey(key: unknown): (JWK & { readonly kid: string })[] {
  if (!isJsonObject(key)) return [];
  const { kty, crv, x, kid, alg, use } = key;
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string' || !COORDINATE.test(x)) return [];
  if (typeof kid !== 'string' || !ALGORITHMS.includes(alg) || (use !== undefined && use !== 'sig')) return [];
  return [{ kty, crv, x, kid }];
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
