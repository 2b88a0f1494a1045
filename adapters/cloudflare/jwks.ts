// The issuer's public keys, fetched from its address and kept.
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { isJsonObject, type Json } from '../../core/ports/json.ts';
import { RefreshingValue } from './refreshing-value.ts';

export const JWKS_LIMITS = {
  /** A withdrawn key is believed for this long, and for how long a token is remembered: 5 minutes. */
  freshMs: 300_000,
  /** While the issuer cannot be reached, its last keys are believed for this long: a day. */
  staleMs: 86_400_000,
  /** Tokens of unknown keys make the isolate ask the issuer this often at most. */
  pauseMs: 15_000,
  /** The issuer is given up after this. */
  timeoutMs: 2000,
  /** Bytes of a key set; ours has about 300. */
  bytes: 65_536,
  /** Keys of a set. */
  keys: 32,
} as const;

export interface JwksOptions {
  readonly url: string;
  readonly fetch: (url: string, init: { readonly redirect: 'manual' }) => Promise<Response>;
  readonly clock: Clock;
}

/** A key set in which a key can be found. */
export interface IssuerKeys {
  readonly find: JWTVerifyGetKey;
  /** Whether the set has a key of this name. */
  has(kid: string): boolean;
}

/** The keys of an issuer, kept and fetched again as they age. */
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
  const set = text.length > JWKS_LIMITS.bytes ? undefined : parse(text);
  if (!isKeySet(set)) throw new PortError('unavailable', 'The issuer answers with something else than a set of keys.');
  const names = new Set(set.keys.map(({ kid }) => kid));
  return { find: createLocalJWKSet(set), has: (kid) => names.has(kid) };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const isKeySet = (value: unknown): value is JSONWebKeySet =>
  isJsonObject(value as Json) &&
  Array.isArray((value as { keys?: unknown }).keys) &&
  (value as JSONWebKeySet).keys.length <= JWKS_LIMITS.keys &&
  (value as JSONWebKeySet).keys.every((key) => isJsonObject(key as Json));
