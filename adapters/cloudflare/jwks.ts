// Fetches and caches the issuer's public keys.
import { createLocalJWKSet, type JWK, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/ports/json.ts';
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

/** The kinds of keys that can be read, by `kty` and `crv`, with the algorithms of each. */
export const ALGORITHMS = {
  // The name in RFC 8037, and the one that RFC 9864 gives to the same algorithm.
  Ed25519: ['EdDSA', 'Ed25519'],
  'P-256': ['ES256'],
  RSA: ['RS256', 'PS256'],
} as const;

export type KeyKind = keyof typeof ALGORITHMS;

/** The kind of our own issuer's keys. */
export const OWN_KEYS: readonly KeyKind[] = ['Ed25519'];

/** Those of other issuers. */
export const COMMON_KEYS = Object.keys(ALGORITHMS) as readonly KeyKind[];

export interface JwksOptions {
  readonly url: string;
  /** The kinds of keys that are read; others are ignored. `OWN_KEYS` unless given. */
  readonly kinds?: readonly KeyKind[];
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
export const refreshingJwks = ({ url, fetch, clock, kinds = OWN_KEYS }: JwksOptions): RefreshingValue<IssuerKeys> =>
  new RefreshingValue({ load: () => load(url, fetch, kinds), clock, what: 'The issuer’s key set', ...JWKS_LIMITS });

async function load(url: string, fetch: JwksOptions['fetch'], kinds: readonly KeyKind[]): Promise<IssuerKeys> {
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
  const usable = keys.flatMap((key) => usableKey(key, kinds));
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
/** 256 to 1024 bytes: 2048 bits at least (RFC 7518, 3.3), and no more than anyone signs with. */
const MODULUS = /^[\w-]{342,1366}$/;
/** The exponent 65537, which all issuers use. */
const EXPONENT = 'AQAB';

/**
 * The members of the key needed for verification, or nothing if it cannot sign our tokens. Omits its algorithm: RFC 9864 gave it a
 * second name, and a token may have either.
 */
function usableKey(key: unknown, kinds: readonly KeyKind[]): (JWK & { readonly kid: string })[] {
  if (!isJsonObject(key)) return [];
  const { kid, alg, use } = key;
  const kind = kinds.find((each) => each === (key.kty === 'RSA' ? 'RSA' : key.crv));
  if (kind === undefined || typeof kid !== 'string' || (use !== undefined && use !== 'sig')) return [];
  if (alg !== undefined && !ALGORITHMS[kind].some((each) => each === alg)) return [];
  const members = membersOf(kind, key);
  return members === undefined ? [] : [{ ...members, kid }];
}

/** The members of a public key, checked; `undefined` if one is missing or malformed. */
function membersOf(kind: KeyKind, { kty, x, y, n, e }: JsonObject): JWK | undefined {
  const isCoordinate = (value: unknown): value is string => typeof value === 'string' && COORDINATE.test(value);
  switch (kind) {
    case 'Ed25519':
      return kty === 'OKP' && isCoordinate(x) ? { kty, crv: kind, x } : undefined;
    case 'P-256':
      return kty === 'EC' && isCoordinate(x) && isCoordinate(y) ? { kty, crv: kind, x, y } : undefined;
    case 'RSA':
      return typeof n === 'string' && MODULUS.test(n) && e === EXPONENT ? { kty: 'RSA', n, e } : undefined;
  }
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
