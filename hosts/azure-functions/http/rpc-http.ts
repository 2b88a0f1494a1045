// Maps HTTP requests and responses to and from the messages of RPC mode, the way the Functions host does.
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { InvocationResponse, NullableString, RpcCookie, RpcHttp } from '../rpc.ts';

/** A response as it goes out. */
export interface PlainResponse {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
}

const NOTHING = new Uint8Array();
/** RFC 9110: these have no content, and Node refuses to send any. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * @param url absolute, with the query as it came
 * @param body undefined when the request had none
 */
export function toRpcHttp(
  request: Pick<IncomingMessage, 'method' | 'headersDistinct'>,
  url: string,
  params: Readonly<Record<string, string>>,
  body: Uint8Array | undefined,
): RpcHttp {
  return {
    url,
    method: request.method ?? 'GET',
    nullableHeaders: nullable(joinedHeaders(request)),
    nullableParams: nullable(params),
    nullableQuery: nullable(joinedQuery(url)),
    ...(body === undefined || body.length === 0 ? {} : { body: { bytes: body } }),
  };
}

/** Header names in lower case; repeated headers are joined by a comma. */
export function joinedHeaders(request: Pick<IncomingMessage, 'headersDistinct'>): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, values] of Object.entries(request.headersDistinct)) joined[name] = (values ?? []).join(',');
  return joined;
}

/** ASP.NET compares the names of query parameters without case, and prints repeated ones with commas between. */
export function joinedQuery(url: string): Record<string, string> {
  const names = new Map<string, string>();
  const joined: Record<string, string> = {};
  for (const [name, value] of new URL(url).searchParams) {
    const key = name.toLowerCase();
    const first = names.get(key);
    if (first === undefined) {
      names.set(key, name);
      joined[name] = value;
    } else {
      joined[first] = `${joined[first]},${value}`;
    }
  }
  return joined;
}

function nullable(values: Readonly<Record<string, string>>): Record<string, NullableString> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
}

/** The response of a function that ran. One that returned nothing is 204, as on Azure. */
export function fromRpcResponse({ returnValue }: InvocationResponse): PlainResponse {
  const http = returnValue?.http;
  if (http === undefined) return { status: 204, headers: {}, body: NOTHING };
  const status = Number.parseInt(http.statusCode ?? '200', 10);
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(http.headers ?? {})) {
    // The length is counted here, and a connection's own headers are not the app's to set.
    if (!/^(content-length|transfer-encoding|connection|keep-alive)$/i.test(name)) headers[name] = value;
  }
  const cookies = (http.cookies ?? []).map(cookieHeader);
  if (cookies.length > 0)
    headers['set-cookie'] = [...cookies, ...(headers['set-cookie'] ? [String(headers['set-cookie'])] : [])];
  const body = WITHOUT_BODY.has(status) ? NOTHING : (http.body?.bytes ?? NOTHING);
  return { status, headers, body };
}

/** The Set-Cookie line for a cookie; ASP.NET writes attribute names in lower case and escapes the value. */
export function cookieHeader(cookie: RpcCookie): string {
  const parts = [`${encodeURIComponent(cookie.name ?? '')}=${encodeURIComponent(cookie.value ?? '')}`];
  if (cookie.expires !== undefined)
    parts.push(`expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`);
  if (cookie.maxAge !== undefined) parts.push(`max-age=${Math.trunc(cookie.maxAge.value)}`);
  if (cookie.domain !== undefined) parts.push(`domain=${cookie.domain.value}`);
  parts.push(`path=${cookie.path?.value ?? '/'}`);
  if (cookie.secure?.value === true) parts.push('secure');
  if (cookie.sameSite === 'lax' || cookie.sameSite === 'strict') parts.push(`samesite=${cookie.sameSite}`);
  if (cookie.sameSite === 'explicitNone') parts.push('samesite=none');
  if (cookie.httpOnly?.value === true) parts.push('httponly');
  return parts.join('; ');
}
