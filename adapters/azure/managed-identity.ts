// Tokens of a managed identity from the endpoint that App Service and Functions give an app: what @azure/identity does, for this one way.
import type { TokenCredential } from '@azure/service-bus';
import { type RetryDeps, type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';

/** Where tokens come from, and for which identity of the app. */
export interface IdentityEndpoint {
  /** The platform's `IDENTITY_ENDPOINT`. */
  readonly endpoint: string;
  /** The platform's `IDENTITY_HEADER`. */
  readonly header: string;
  /** The user-assigned identity; without it, the system-assigned one. */
  readonly clientId?: string;
}

/** What the tokens are for; a credential serves one resource. */
export interface IdentityOptions extends IdentityEndpoint {
  readonly resource: string;
}

/** A token and its end, as the SDKs take them. */
export interface IdentityToken {
  readonly token: string;
  readonly expiresOnTimestamp: number;
}

/** The resource of Service Bus in every cloud. */
export const SERVICE_BUS_RESOURCE = 'https://servicebus.azure.net';

/** https://learn.microsoft.com/azure/app-service/overview-managed-identity, "REST endpoint reference". */
const API_VERSION = '2019-08-01';

/** Limits of a credential; in milliseconds and bytes. */
export const IDENTITY_LIMITS = {
  /** How long one answer may take. */
  answerMs: 2000,
  answerBytes: 64 * 1024,
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
      () => requestToken(this.#options),
      ({ retryable }) => retryable,
    );
    return this.#token;
  }
}

async function requestToken({ endpoint, header, clientId, resource }: IdentityOptions): Promise<IdentityToken> {
  const url = new URL(endpoint);
  url.searchParams.set('resource', resource);
  url.searchParams.set('api-version', API_VERSION);
  if (clientId !== undefined) url.searchParams.set('client_id', clientId);
  const { status, body } = await get(url, header);
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

/** One request, and its answer as far as it may go. */
async function get(url: URL, header: string): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(IDENTITY_LIMITS.answerMs);
  try {
    const response = await fetch(url, { headers: { 'X-IDENTITY-HEADER': header }, redirect: 'error', signal });
    return { status: response.status, body: await read(response) };
  } catch (cause) {
    if (cause instanceof PortError) throw cause;
    const details = { cause, timedOut: signal.aborted };
    throw new PortError('unavailable', `The identity endpoint does not answer: ${String(cause)}`, details);
  }
}

async function read({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > IDENTITY_LIMITS.answerBytes) {
      const message = `The identity endpoint answered with more than ${IDENTITY_LIMITS.answerBytes} bytes.`;
      throw new PortError('unavailable', message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
