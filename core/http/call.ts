// What the router hands to a route's handler, and the answer in JSON that most of them give.

/** One request on its way through the API. */
export interface Call {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** The segment of the path that names a device or a parked event. */
  readonly id: string;
  readonly tenant: string;
  readonly traceparent: string;
}

export type RouteHandler = (call: Call) => Promise<Response>;

/** An answer in JSON. */
export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
