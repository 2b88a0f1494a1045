// What the router hands to a route's handler, and the answer in JSON that most of them give.

/** What the API reads of a web-standard request; platforms with a request of their own need to have no more. */
export type ApiRequest = Pick<Request, 'method' | 'url' | 'headers' | 'body'>;

/** One request on its way through the API. */
export interface Call {
  readonly request: ApiRequest;
  readonly query: URLSearchParams;
  /** The segment of the path that is in braces; empty where there is none. */
  readonly id: string;
  readonly tenant: string;
  readonly traceparent: string;
}

export type RouteHandler = (call: Call) => Promise<Response>;

/** An answer in JSON. */
export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });

/** An answer without a body. Without a content type API Gateway makes one up. */
export const noContent = (): Response =>
  new Response(null, { status: 204, headers: { 'content-type': 'application/json' } });
