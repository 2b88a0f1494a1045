// The HTTP server: reads requests, applies faults, and writes replies.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { badRequest, tooLarge } from '../errors.ts';
import { errorOf, type FaultRule, type Faults } from '../faults.ts';
import { MAX_REQUEST_BYTES } from '../limits.ts';
import type { Exchange, Reply } from './exchange.ts';
import { errorReply, targetOf } from './router.ts';
import { isWork, Turns, type Work } from './turns.ts';

/** What the server is given by the emulator. */
export interface ServerParts {
  readonly faults: Faults;
  /**
   * Serves one request; throws what it is refused with. Must not await: a request is one indivisible step, but for a long
   * query, which sees the documents as of its first part.
   */
  readonly serve: (exchange: Exchange) => Reply | Work;
  readonly log: (line: string) => void;
}

const ITEM_PATH = /^\/dbs\/[^/]+\/colls\/[^/]+\/docs\/[^/]/;

const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  'cache-control': 'no-store, no-cache',
  'x-ms-serviceversion': 'version=2.14.0.0',
  'x-ms-gatewayversion': 'version=2.14.0',
  'x-ms-schemaversion': '1.18',
};

/** Makes the server; the caller listens and closes. */
export function makeServer(parts: ServerParts): Server {
  const turns = new Turns();
  const server = createServer((request, response) => {
    receive(request, (body) => {
      void answer({ ...parts, turns }, request, response, body);
    });
  });
  // Idle connections are the client's to close: an SDK that reuses one must never find it half closed.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  return server;
}

/** Collects a body; `undefined` when it is larger than anything allowed. */
function receive(request: IncomingMessage, done: (body: string | undefined) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_REQUEST_BYTES) chunks.push(chunk);
  });
  request.on('end', () => {
    const [only] = chunks;
    const whole = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
    done(size > MAX_REQUEST_BYTES ? undefined : whole.toString('utf8'));
  });
}

interface Parts extends ServerParts {
  readonly turns: Turns;
}

async function answer(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
  body: string | undefined,
): Promise<void> {
  let exchange: Exchange;
  let rule: FaultRule | undefined;
  try {
    exchange = toExchange(request, body ?? '');
    rule = exchange.segments[0] === '_control' ? undefined : parts.faults.strike(targetOf(exchange));
    if (body === undefined) throw tooLarge();
  } catch (error) {
    send(parts, request, response, errorReply(error));
    return;
  }
  if (rule === undefined) {
    const served = await serve(parts, exchange, response);
    if (served !== undefined) send(parts, request, response, served);
    return;
  }
  if (rule.latencyMs !== undefined && rule.latencyMs > 0) await delay(rule.latencyMs);
  const failure = errorOf(rule);
  const fails = failure !== undefined || rule.drop === true;
  const served = !fails || rule.afterApplying === true ? await serve(parts, exchange, response) : undefined;
  if (rule.drop === true) request.socket.destroy();
  else if (failure !== undefined) send(parts, request, response, errorReply(failure));
  else if (served !== undefined) send(parts, request, response, served);
}

/** Serves a request to its end; `undefined` when its client leaves before. */
async function serve(parts: Parts, exchange: Exchange, response: ServerResponse): Promise<Reply | undefined> {
  try {
    const outcome = parts.serve(exchange);
    if (!isWork(outcome)) return outcome;
    for (;;) {
      const { done, value } = outcome.next();
      if (done === true) return value;
      await parts.turns.next();
      if (response.closed) return undefined;
    }
  } catch (error) {
    const refused = errorReply(error);
    if (refused.status === 500)
      parts.log(
        `${exchange.method} /${exchange.segments.join('/')}: ${String(error instanceof Error ? error.stack : error)}`,
      );
    return refused;
  }
}

function toExchange(request: IncomingMessage, body: string): Exchange {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const cut = query < 0 ? url : url.slice(0, query);
  // The SDK does not encode a question mark in the id of a document, and nothing here takes a query string.
  const path = ITEM_PATH.test(cut) ? url : cut;
  let segments: string[];
  try {
    segments = path
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
  } catch {
    throw badRequest('The request path is not valid.');
  }
  return { method: request.method ?? 'GET', segments, headers: request.headers, body };
}

function send(parts: ServerParts, request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const headers: Record<string, string | number> = {
    ...COMMON_HEADERS,
    'x-ms-activity-id': randomUUID(),
    'x-ms-request-charge': reply.charge.toFixed(2),
    ...reply.headers,
  };
  const correlated = request.headers['x-ms-cosmos-correlated-activityid'];
  if (typeof correlated === 'string') headers['x-ms-cosmos-correlated-activityid'] = correlated;
  const hasBody = reply.status !== 204 && reply.status !== 304;
  const body = hasBody ? Buffer.from(reply.body) : undefined;
  if (body !== undefined) headers['content-length'] = body.length;
  try {
    response.writeHead(reply.status, headers);
    response.end(body);
  } catch (error) {
    parts.log(`Could not send a reply: ${String(error)}`);
    request.socket.destroy();
  }
}
