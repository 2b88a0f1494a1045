// Maps HTTP to and from API Gateway's HTTP API payload format 2.0, without any I/O.
import type { APIGatewayProxyEventV2 } from 'aws-lambda';

/** One request as it came over the wire. */
export interface WireRequest {
  method: string;
  /** Request target as sent: path and query, still encoded. */
  target: string;
  /** HTTP version, for instance `1.1`. */
  httpVersion: string;
  /** Names and values alternating, in the order sent. */
  rawHeaders: readonly string[];
  body: Buffer;
  sourceIp: string;
}

/** What the gateway adds to every request. */
export interface GatewayFacts {
  apiId: string;
  accountId: string;
  requestId: string;
  /** Epoch milliseconds. */
  now: number;
  traceId: string;
  /** The port clients connect to. */
  port: number;
}

export interface WireResponse {
  status: number;
  /** Values are arrays where a header is sent more than once. */
  headers: Record<string, string | string[]>;
  body: Buffer;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Content types whose bodies are passed as text; all others are base64, including `+json` and a missing type, as observed on AWS. */
const TEXT = /^\s*(text\/|application\/(json|xml|javascript)\s*(;|$))/i;
/** Headers of one connection, which a gateway never passes on. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** CLF time, as in `12/Mar/2020:19:03:58 +0000`. */
export function commonLogTime(now: number): string {
  const [date = '', time = ''] = new Date(now).toISOString().split('T');
  const [year, month, day] = date.split('-');
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}

/**
 * The event of the `$default` route in the `$default` stage.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export function toEvent(request: WireRequest, facts: GatewayFacts): APIGatewayProxyEventV2 {
  const { path, query } = splitTarget(request.target);
  const { headers, cookies } = joinHeaders(request.rawHeaders);
  const host = headers.host ?? '';
  const forwardedFor = headers['x-forwarded-for'];
  const parameters = parseQuery(query);
  const event: APIGatewayProxyEventV2 = {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    ...(cookies.length === 0 ? {} : { cookies }),
    headers: {
      ...headers,
      'content-length': headers['content-length'] ?? String(request.body.length),
      'x-amzn-trace-id': headers['x-amzn-trace-id'] ?? facts.traceId,
      'x-forwarded-for': forwardedFor === undefined ? request.sourceIp : `${forwardedFor}, ${request.sourceIp}`,
      'x-forwarded-port': String(facts.port),
      'x-forwarded-proto': 'http',
    },
    ...(parameters === undefined ? {} : { queryStringParameters: parameters }),
    requestContext: {
      accountId: facts.accountId,
      apiId: facts.apiId,
      domainName: host,
      domainPrefix: host.split(/[.:]/)[0] ?? '',
      http: {
        method: request.method,
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: facts.requestId,
      routeKey: '$default',
      stage: '$default',
      time: commonLogTime(facts.now),
      timeEpoch: facts.now,
    },
    isBase64Encoded: false,
  };
  if (request.body.length === 0) return event;
  const isText = TEXT.test(headers['content-type'] ?? '');
  return { ...event, body: request.body.toString(isText ? 'utf8' : 'base64'), isBase64Encoded: !isText };
}

/**
 * HTTP APIs pass the path decoded, and cut at a decoded `?`; REST APIs and function URLs do not.
 * A path with an invalid encoding is passed unchanged.
 */
function splitTarget(target: string): { path: string; query: string } {
  const absolute = /^[a-z]+:\/\/[^/?]*/i.exec(target)?.[0] ?? '';
  const relative = target.slice(absolute.length);
  const mark = relative.indexOf('?');
  const encoded = mark === -1 ? relative : relative.slice(0, mark);
  const decoded = tryDecode(encoded);
  const cut = decoded.indexOf('?');
  const path = cut === -1 ? decoded : decoded.slice(0, cut);
  return { path: path === '' ? '/' : path, query: mark === -1 ? '' : relative.slice(mark + 1) };
}

function tryDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** Repeated names are joined with a comma; values are decoded, `+` being a space. */
function parseQuery(query: string): Record<string, string> | undefined {
  const joined = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before},${value}`);
  }
  return joined.size === 0 ? undefined : Object.fromEntries(joined);
}

function joinHeaders(raw: readonly string[]): { headers: Record<string, string>; cookies: string[] } {
  const joined = new Map<string, string>();
  const cookies: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    const value = raw[index + 1] ?? '';
    if (name === 'cookie') {
      cookies.push(...value.split(/;\s*/).filter((cookie) => cookie !== ''));
    } else if (!HOP_BY_HOP.has(name)) {
      const before = joined.get(name);
      joined.set(name, before === undefined ? value : `${before},${value}`);
    }
  }
  return { headers: Object.fromEntries(joined), cookies };
}

/** The gateway's own answers: `{"message": …}` as JSON. */
export function gatewayMessage(status: number, message: string): WireResponse {
  const body = Buffer.from(JSON.stringify({ message }));
  return { status, headers: { 'content-type': 'application/json' }, body };
}

export const internalServerError = (): WireResponse => gatewayMessage(500, 'Internal Server Error');

/**
 * What a function's result becomes. An object with `statusCode` is a response; anything else that is JSON is the body of a
 * 200. A response that cannot be sent is a 500, as a function error is.
 */
export function fromResult(payload: string): WireResponse {
  let result: unknown;
  try {
    result = JSON.parse(payload);
  } catch (error) {
    if (error instanceof SyntaxError) return internalServerError();
    throw error;
  }
  if (result === null || typeof result !== 'object' || !('statusCode' in result)) return inferred(result, payload);
  const { statusCode, headers, cookies, body, isBase64Encoded } = result as Record<string, unknown>;
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 200 || status > 599) return internalServerError();
  const sent: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(isRecord(headers) ? headers : {})) {
    // Anything but a string, a number or a boolean is no header value, and one with a line break would be a second header.
    if (!['string', 'number', 'boolean'].includes(typeof value)) return internalServerError();
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(String(value)))
      return internalServerError();
    if (!HOP_BY_HOP.has(name.toLowerCase()) && name.toLowerCase() !== 'content-length')
      sent[name.toLowerCase()] = String(value);
  }
  if (Array.isArray(cookies) && cookies.length > 0) sent['set-cookie'] = cookies.map(String);
  // A response without a content type is sent as text/plain.
  sent['content-type'] ??= 'text/plain;charset=UTF-8';
  const text = body === undefined || body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers: sent, body: Buffer.from(text, isBase64Encoded === true ? 'base64' : 'utf8') };
}

function inferred(result: unknown, payload: string): WireResponse {
  const body = Buffer.from(typeof result === 'string' ? result : payload);
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
