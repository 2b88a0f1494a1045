// Credentials in the form of JSON Web Tokens of an issuer: the algorithms are fixed, the audience is checked, and each is verified once.
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { isName } from '../../core/cell/identity.ts';
import {
  type Authentication,
  type Caller,
  type Credentials,
  ISSUER_SKEW_SECONDS,
  OPERATOR_SCOPES,
} from '../../core/edge/ports/credentials.ts';
import { BoundedCache } from '../../core/lib/bounded-cache.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { ALGORITHMS, type IssuerKeys, type KeyKind, OWN_KEYS } from './jwks.ts';
import type { RefreshingValue } from './refreshing-value.ts';

export const JWT_LIMITS = {
  /** Characters of a token; one of ours has about 400. */
  characters: 4096,
  /** How far the issuer's clock and ours may differ, in seconds. */
  skewSeconds: ISSUER_SKEW_SECONDS,
  /** Verified tokens that an isolate caches, about 700 bytes each. */
  remembered: 10_000,
  /** A token is verified again after this, in milliseconds, so that a withdrawn key stops being accepted. */
  rememberedMs: 300_000,
  /** Characters of an operator's name. */
  subject: 256,
} as const;

/** Reads the caller from the claims of a token, beyond issuer, audience and times. */
export type ReadCaller = (
  claims: JWTPayload,
) => Caller | { readonly refusal: string } | { readonly insufficientScope: string };

export interface JwtCredentialsOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: RefreshingValue<IssuerKeys>;
  readonly caller: ReadCaller;
  readonly clock: Clock;
  /** The kinds of keys that the issuer may sign with; those of `keys` are of these kinds. `OWN_KEYS` unless given. */
  readonly kinds?: readonly KeyKind[];
  readonly remembered?: number;
}

interface Remembered {
  readonly authentication: Authentication;
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly verifiedAt: number;
}

const ABSENT: Authentication = { status: 'absent' };
const refused = (reason: string): Authentication => ({ status: 'refused', reason });
const EXPIRED = refused('it has expired');
const EARLY = refused('it is not valid yet');

/**
 * Exactly one credential: repeated Authorization headers arrive as one value joined by commas. The scheme may be followed by any number
 * of spaces (https://www.rfc-editor.org/rfc/rfc9110#section-11.4).
 */
const BEARER = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i;

export class JwtCredentials implements Credentials {
  readonly #options: JwtCredentialsOptions;
  readonly #remembered: BoundedCache<string, Remembered>;

  constructor(options: JwtCredentialsOptions) {
    this.#options = options;
    this.#remembered = new BoundedCache(options.remembered ?? JWT_LIMITS.remembered);
  }

  authenticate(request: Request): Authentication | Promise<Authentication> {
    const header = request.headers.get('authorization');
    if (header === null) return ABSENT;
    const known = this.#remembered.get(header);
    if (known !== undefined) {
      const now = this.#options.clock.now();
      const age = now - known.verifiedAt;
      if (age >= 0 && age < JWT_LIMITS.rememberedMs) {
        const seconds = now / 1000;
        if (seconds >= known.expiresAt + JWT_LIMITS.skewSeconds) return EXPIRED;
        return seconds < known.notBefore - JWT_LIMITS.skewSeconds ? EARLY : known.authentication;
      }
    }
    if (header.length > JWT_LIMITS.characters) return refused('it is too long');
    const token = BEARER.exec(header)?.[1];
    if (token === undefined) return refused('it is no bearer token in the form of a JSON Web Token');
    return this.#verify(header, token);
  }

  async #verify(header: string, token: string): Promise<Authentication> {
    const { issuer, audience, clock, caller, kinds = OWN_KEYS } = this.#options;
    const algorithms = kinds.flatMap((kind) => ALGORITHMS[kind]);
    const now = clock.now();
    let claims: JWTPayload;
    try {
      const { payload } = await jwtVerify(token, (head, jws) => this.#findKey(head.kid, head, jws), {
        algorithms,
        issuer,
        audience,
        clockTolerance: JWT_LIMITS.skewSeconds,
        requiredClaims: ['exp'],
        currentDate: new Date(now),
      });
      claims = payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return refused(reasonOf(error, algorithms));
      throw error;
    }
    const read = caller(claims);
    if ('refusal' in read) return refused(read.refusal);
    const authentication: Authentication =
      'insufficientScope' in read
        ? { status: 'insufficient-scope', reason: read.insufficientScope }
        : { status: 'accepted', caller: read };
    this.#remembered.set(header, {
      authentication,
      notBefore: claims.nbf ?? 0,
      expiresAt: claims.exp ?? 0,
      verifiedAt: now,
    });
    return authentication;
  }

  async #findKey(
    kid: string | undefined,
    ...named: Parameters<IssuerKeys['find']>
  ): Promise<Awaited<ReturnType<IssuerKeys['find']>>> {
    if (kid === undefined) throw new errors.JWKSNoMatchingKey();
    const { keys } = this.#options;
    const current = await keys.get();
    // The issuer may have started to sign with a new key.
    return (current.has(kid) ? current : await keys.refresh()).find(...named);
  }
}

/** The reason shown to the client; it reveals nothing useful to an attacker. */
function reasonOf(error: errors.JOSEError, algorithms: readonly string[]): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'nbf' ? 'it is not valid yet' : `its claim ${error.claim} is missing or wrong`;
  if (error instanceof errors.JOSEAlgNotAllowed) return `its algorithm is none of ${algorithms.join(', ')}`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'its key is not one of the issuer’s';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  return 'it is not a JSON Web Token of the issuer';
}

/** Maximum number of scopes read from a token; the rest of a longer list is ignored. */
const SCOPES = 256;

/**
 * The scopes of a token: the claim `scope` (RFC 9068), a string separated by spaces, or `scp`, its name with other issuers; either may
 * be a list.
 */
const scopesOf = ({ scope, scp }: JWTPayload): ReadonlySet<string> => new Set([scope, scp].flatMap(scopesIn));

function scopesIn(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ', SCOPES);
  return Array.isArray(claim) ? claim.slice(0, SCOPES).filter((each) => typeof each === 'string') : [];
}

/** The scopes that a tenant's token can have, in the order of a route token. */
const TENANT_SCOPES = ['ingest', 'read', 'operate'] as const;

/** Reads a tenant: the claim `tenant`, and scopes. Other scopes than a tenant's are ignored. */
export const tenantCaller: ReadCaller = (claims) => {
  const { tenant } = claims;
  if (!isName(tenant)) return { refusal: 'it names no tenant' };
  const named = scopesOf(claims);
  const scopes = TENANT_SCOPES.filter((each) => named.has(each));
  return scopes.length === 0
    ? { insufficientScope: `it has none of the scopes ${TENANT_SCOPES.join(', ')}` }
    : { kind: 'tenant', tenant, scopes };
};

/** Reads an operator: a claim that names it, `sub` unless another one is given, and scopes, which may also be roles. */
export const operatorCaller =
  (subject = 'sub'): ReadCaller =>
  (claims) => {
    // jose types some claims but does not check them.
    const name: unknown = claims[subject];
    const named = typeof name === 'string' && name !== '' && name.length <= JWT_LIMITS.subject;
    if (!named) return { refusal: 'it names no operator' };
    const given = new Set([claims.scope, claims.scp, claims.roles].flatMap(scopesIn));
    const scopes = OPERATOR_SCOPES.filter((each) => given.has(each));
    return scopes.length === 0
      ? { insufficientScope: `it has none of the scopes ${OPERATOR_SCOPES.join(', ')}` }
      : { kind: 'operator', subject: name, scopes };
  };
