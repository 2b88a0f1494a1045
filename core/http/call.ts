// The call that the router passes to a route's handler, and the JSON answer that most handlers return.

import type { Scope } from '../cell/route-token.ts';
import type { Span } from '../ports/telemetry.ts';

/** The members of a web-standard request that the API reads; a platform's own request type needs no more. */
export type ApiRequest = Pick<Request, 'method' | 'url' | 'headers' | 'body'>;

/** One request to the API. */
export interface Call {
  readonly request: ApiRequest;
  readonly query: URLSearchParams;
  /** The segment of the path that is in braces; empty if there is none. */
  readonly id: string;
  readonly tenant: string;
  /** The epoch of the caller's token; 0 without one. */
  readonly epoch: number;
  /** The scopes of the caller's token; none without one. */
  readonly scopes: readonly Scope[];
  /** The span of the request, whose context its events and requests to other cells carry on. */
  readonly span: Span;
}

export type RouteHandler = (call: Call) => Promise<Response>;

/** An answer in JSON. */
export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });

/** An answer without a body. Without a content type, API Gateway adds one. */
export const noContent = (): Response =>
  new Response(null, { status: 204, headers: { 'content-type': 'application/json' } });
