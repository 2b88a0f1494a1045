// Cross-origin access at the edge: which pages may read its answers (CORS), and which systems may deliver events by webhook.
import { Refusal } from '../../api/refusal.ts';

export interface CrossOriginRules {
  /** Origins of pages that may call the API, or `*` for all. */
  readonly browsers: readonly string[];
  /** Names of systems that may deliver events, such as `eventgrid.azure.net`, or `*` for all. */
  readonly webhooks: readonly string[];
  /** Deliveries per minute that a webhook sender may make. */
  readonly webhookRate: number;
}

export const CROSS_ORIGIN_LIMITS = {
  /** Entries of each of the two lists. */
  entries: 64,
  /** How long a browser may remember the answer to a preflight request, in seconds; browsers have lower limits of their own. */
  preflightSeconds: 7200,
  /** Headers that a preflight request may ask for. */
  requestedHeaders: 64,
} as const;

/** An origin as browsers send it: without a path, without a default port, in lower case. */
export function isOrigin(text: string): boolean {
  try {
    return /^https?:/.test(text) && new URL(text).origin === text;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';

/** Headers that a page may send besides those that need no permission. A wildcard would not cover `Authorization`. */
const REQUEST_HEADER =
  /^(?:authorization|accept|content-type|content-encoding|traceparent|tracestate|idempotency-key|x-tenant-id|ce-[a-z0-9]{1,64})$/;

/** Headers that a page may read besides those that need no permission. */
const EXPOSED =
  'traceparent, x-polycell-cell, x-polycell-standby, x-polycell-rpo-ms, x-polycell-stale-ms, ratelimit, ratelimit-policy, retry-after, accept-encoding, www-authenticate';

const EVENTS = /^\/v1\/events(?:\?|$)/;

export interface CrossOrigin {
  /** The answer to a browser's preflight request or to a webhook sender's handshake; `undefined` for any other request. */
  question(request: Request, target: string): Response | undefined;
  /** The answer, made readable for the requesting page if its origin is allowed. */
  shared(response: Response, origin: string): Response;
}

/**
 * Returns the handler of cross-origin requests. Preflight and handshake need no credential: both only ask for the deployment's rules.
 * Browsers never send a client certificate along, because the answers do not allow credentials.
 */
export function crossOrigin({ browsers, webhooks, webhookRate }: CrossOriginRules): CrossOrigin {
  const everyPage = browsers.includes('*');
  const pages = new Set(browsers);
  const allowed = (origin: string): Readonly<Record<string, string>> | undefined => {
    if (everyPage) return { 'access-control-allow-origin': '*' };
    return pages.has(origin) ? { 'access-control-allow-origin': origin, vary: 'Origin' } : undefined;
  };

  const preflight = (origin: string, requested: string | null): Response => {
    const share = allowed(origin);
    if (share === undefined)
      throw new Refusal('origin_not_allowed', 'Pages of this origin may not call this deployment.', {
        headers: { vary: 'Origin' },
      });
    const names = (requested ?? '')
      .split(',', CROSS_ORIGIN_LIMITS.requestedHeaders)
      .map((name) => name.trim().toLowerCase())
      .filter((name) => REQUEST_HEADER.test(name));
    return new Response(null, {
      status: 204,
      headers: {
        ...share,
        'access-control-allow-methods': METHODS,
        ...(names.length > 0 && { 'access-control-allow-headers': names.join(', ') }),
        'access-control-max-age': String(CROSS_ORIGIN_LIMITS.preflightSeconds),
        'cache-control': 'no-store',
      },
    });
  };

  /** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection */
  const handshake = (sender: string, requestedRate: string | null): Response => {
    const isAllowed = webhooks.includes('*') || webhooks.some((name) => name.toLowerCase() === sender.toLowerCase());
    if (!isAllowed) throw new Refusal('origin_not_allowed', 'This sender may not deliver events to this deployment.');
    const asked = /^\d{1,9}$/.test(requestedRate ?? '') ? Number(requestedRate) : Number.POSITIVE_INFINITY;
    return new Response(null, {
      status: 200,
      headers: {
        allow: 'POST',
        'webhook-allowed-origin': sender,
        'webhook-allowed-rate': String(Math.max(1, Math.min(asked, webhookRate))),
        'cache-control': 'no-store',
      },
    });
  };

  return {
    question({ method, headers }, target) {
      if (method !== 'OPTIONS') return undefined;
      const sender = headers.get('webhook-request-origin');
      if (sender !== null && EVENTS.test(target)) return handshake(sender, headers.get('webhook-request-rate'));
      const origin = headers.get('origin');
      if (origin === null || !headers.has('access-control-request-method')) return undefined;
      return preflight(origin, headers.get('access-control-request-headers'));
    },
    shared(response, origin) {
      const share = allowed(origin);
      // The answer to a preflight request already carries all headers.
      if (share === undefined || response.headers.has('access-control-allow-methods')) return response;
      // The headers of a response from fetch are immutable.
      const readable = new Response(response.body, response);
      for (const [name, value] of Object.entries(share)) {
        if (name === 'vary') readable.headers.append(name, value);
        else readable.headers.set(name, value);
      }
      readable.headers.set('access-control-expose-headers', EXPOSED);
      return readable;
    },
  };
}
