// The console's files at the edge: how its pages sign in, and the headers that confine them.

import { Refusal } from '../api/refusal.ts';
import { CELL_HEADER } from '../http/headers.ts';
import { EDGE } from './router/own-answers.ts';

/** How an operator signs in to the console: OAuth's code flow with PKCE, at the operators' issuer. */
export interface ConsoleSettings {
  readonly clientId: string;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  /** What is asked for, separated by spaces. */
  readonly scope: string;
  /** For issuers that choose the audience by a resource (RFC 8707). */
  readonly resource?: string;
}

export interface ConsoleDeps {
  readonly settings: ConsoleSettings;
  /** Where the files are, each at its own path. */
  readonly files: { fetch(request: Request): Promise<Response> };
}

const ROOT = '/console/';

/** Where pages learn how to sign in. */
const SETTINGS_PATH = `${ROOT}config.json`;

/**
 * Nothing but the console's own files, and requests to the edge and the issuer. Only the text of elements can be set: there is no HTML
 * that a value could become.
 */
export const contentPolicy = ({ tokenUrl }: ConsoleSettings): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${new URL(tokenUrl).origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');

/** Whether a request is the console's. */
export const isConsole = (target: string): boolean => target === '/console' || target.startsWith(ROOT);

/** Returns what answers requests for the console. Rejects with a `Refusal` for a method that reads nothing, or a file that does not exist. */
export function consoleFiles({
  settings,
  files,
}: ConsoleDeps): (request: Request, traceparent: string) => Promise<Response> {
  const headers = (traceparent: string) => ({
    'content-security-policy': contentPolicy(settings),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    // Asked for again each time, and answered 304: pages and edge are of one release.
    'cache-control': 'no-cache',
    traceparent,
    [CELL_HEADER]: EDGE,
  });

  return async (request, traceparent) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new Refusal('method_not_allowed', 'The console’s files are only read.', {
        headers: { allow: 'GET, HEAD' },
      });
    const url = new URL(request.url);
    if (url.pathname === '/console')
      return new Response(null, { status: 308, headers: { ...headers(traceparent), location: ROOT } });
    if (url.pathname === SETTINGS_PATH) return Response.json(settings, { headers: headers(traceparent) });
    // Neither credential nor query are the files' business.
    const condition = request.headers.get('if-none-match');
    const asked = new Request(url.origin + url.pathname, {
      method: request.method,
      ...(condition !== null && { headers: { 'if-none-match': condition } }),
    });
    const found = await files.fetch(asked);
    if (found.status === 404) throw new Refusal('not_found', `There is no such file; the console is at ${ROOT}.`);
    const response = new Response(found.body, found);
    for (const [name, value] of Object.entries(headers(traceparent))) response.headers.set(name, value);
    return response;
  };
}
