// A request and its reply as the handlers see them, apart from sockets and streams.
import { badRequest } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { checkJson } from '../limited-json.ts';
import { DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS } from '../limits.ts';

/** A request whose body has been read. */
export interface Exchange {
  readonly method: string;
  /** Path segments, decoded. */
  readonly segments: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A reply. `body` is JSON text; empty only for 204 and 304. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, string>;
  /** Request units. */
  readonly charge: number;
}

/** One header's value. */
export function header(exchange: Exchange, name: string): string | undefined {
  const value = exchange.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Whether a header says true; SDKs differ in its case. */
export function isTrue(exchange: Exchange, name: string): boolean {
  return header(exchange, name)?.toLowerCase() === 'true';
}

/** The body as JSON; an empty one is undefined. */
export function jsonBody(exchange: Exchange): Json | undefined {
  if (exchange.body === '') return undefined;
  try {
    return JSON.parse(exchange.body) as Json;
  } catch {
    throw badRequest('The request body is not valid JSON.');
  }
}

/** The body as a JSON object. */
export function objectBody(exchange: Exchange): JsonObject {
  const body = jsonBody(exchange);
  if (!isObject(body)) throw badRequest('The request body must be a JSON object.');
  checkJson(body);
  return body;
}

/** How many items a page may hold: the client's wish, -1 for as many as fit. */
export function pageSize(exchange: Exchange): number {
  const wish = header(exchange, 'x-ms-max-item-count');
  if (wish === undefined) return DEFAULT_PAGE_ITEMS;
  const count = Number(wish);
  if (!Number.isInteger(count) || count === 0 || count < -1) {
    throw badRequest('The value of x-ms-max-item-count must be a positive integer or -1.');
  }
  return count === -1 ? MAX_PAGE_ITEMS : count;
}

/** A reply with a JSON value. */
export function reply(status: number, value: unknown, charge = 1, headers: Record<string, string> = {}): Reply {
  return { status, body: value === undefined ? '' : JSON.stringify(value), headers, charge };
}
