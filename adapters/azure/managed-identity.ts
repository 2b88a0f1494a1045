// Tokens of a managed identity, from the endpoint that App Service and Functions give an app or from a cluster's federation: what @azure/identity does, for this one way.
import type { TokenCredential } from '@azure/service-bus';
import { type RetryDeps, type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';
import { ANSWER_LIMITS, type IdentityToken, request } from './token-request.ts';
import { type FederatedIdentity, federatedToken } from './workload-identity.ts';

/** Where tokens come from, and for which identity of the app. */
export interface IdentityEndpoint {
  /** The platform's `IDENTITY_ENDPOINT`. */
  readonly endpoint: string;
  /** The platform's `IDENTITY_HEADER`. */
  readonly header: string;
  /** The user-assigned identity; without it, the system-assigned one. */
  readonly clientId?: string;
}

/** Where tokens come from, and what they are for; a credential serves one resource. */
export type IdentityOptions = (IdentityEndpoint | FederatedIdentity) & { readonly resource: string };

/** The resource of Service Bus in every cloud. */
export const SERVICE_BUS_RESOURCE = 'https://servicebus.azure.net';

/** https://learn.microsoft.com/azure/app-service/overview-managed-identity, "REST endpoint reference". */
const API_VERSION = '2019-08-01';

/** Limits of a credential; in milliseconds and bytes. */
export const IDENTITY_LIMITS = {
  ...ANSWER_LIMITS,
  /** How long before its end a token is replaced, while it still serves. */
  refreshMs: 5 * 60_000,
  /** A replacement that failed, or that brought the same token, is not asked for again before this time. */
  pauseMs: 30_000,
} as const;

const RETRY: RetryPolicy = { attempts: 4, baseMs: 50, maximumMs: 800, budgetMs: 3000 };

/** Answers of the endpoint that may be different the next time. */
const TRANSIENT: Readonly<Record<number, ErrorCode>> = {
  404: 'unavailable',
  410: 'unavailable',
  429: 'throttled',
};

/**
 * A credential for one resource. Callers that come at once share one request; a token serves until shortly before its end, and is then
 * replaced beside the requests that use it.
 */
export class ManagedIdentity implements TokenCredential {
  readonly #options: IdentityOptions;
  readonly #deps: RetryDeps;
  #token: IdentityToken | undefined;
  #pending: Promise<IdentityToken> | undefined;
  #askAgainAt = 0;

  constructor(options: IdentityOptions, deps: RetryDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** A valid token; throws a port error if there is none. What the SDKs pass, the scope, is the resource that was given. */
  async getToken(): Promise<IdentityToken> {
    const now = this.#deps.clock.now();
    const token = this.#token;
    if (token === undefined || token.expiresOnTimestamp <= now) return this.#refresh();
    if (token.expiresOnTimestamp - IDENTITY_LIMITS.refreshMs <= now && this.#askAgainAt <= now) {
      this.#askAgainAt = now + IDENTITY_LIMITS.pauseMs;
      // While the old token is valid, a failed refresh affects no request; after that, requests get the error.
      this.#refresh().catch(() => undefined);
    }
    return token;
  }

  #refresh(): Promise<IdentityToken> {
    this.#pending ??= this.#ask().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #ask(): Promise<IdentityToken> {
    this.#token = await withRetry(
      this.#deps,
      RETRY,
      () => this.#requestToken(),
      ({ retryable }) => retryable,
    );
    return this.#token;
  }

  #requestToken(): Promise<IdentityToken> {
    const options = this.#options;
    return 'assertion' in options ? federatedToken(options, this.#deps.clock) : requestToken(options);
  }
}

async function requestToken({
  endpoint,
  header,
  clientId,
  resource,
}: IdentityEndpoint & { readonly resource: string }): Promise<IdentityToken> {
  const url = new URL(endpoint);
  url.searchParams.set('resource', resource);
  url.searchParams.set('api-version', API_VERSION);
  if (clientId !== undefined) url.searchParams.set('client_id', clientId);
  const { status, body } = await request(url, { headers: { 'X-IDENTITY-HEADER': header } });
  if (status !== 200) {
    const code = TRANSIENT[status] ?? (status >= 500 ? 'unavailable' : 'denied');
    throw new PortError(code, `The identity endpoint answered with ${status}: ${body.slice(0, 500)}`);
  }
  return readToken(body);
}

function readToken(body: string): IdentityToken {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch (error) {
    throw new PortError('unavailable', 'The answer of the identity endpoint is no JSON.', { cause: error });
  }
  const { access_token: token, expires_on: end } = (answer ?? {}) as { access_token?: unknown; expires_on?: unknown };
  const seconds = Number(end);
  if (typeof token !== 'string' || token === '' || !Number.isInteger(seconds) || seconds <= 0)
    throw new PortError('unavailable', 'The answer of the identity endpoint has no token with an end.');
  return { token, expiresOnTimestamp: seconds * 1000 };
}
