// Serves an API on web-standard requests by Node.js's HTTP server, within limits of time, size and number.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Refusal, refusalResponse } from '../core/api/refusal.ts';
import { withTimeout } from '../core/lib/timeout.ts';
import type { Clock } from '../core/ports/clock.ts';
import { describeError } from '../core/ports/errors.ts';
import type { Log } from '../core/ports/log.ts';
import type { Part } from './part.ts';
import { RequestBody } from './request-body.ts';

/** Limits of the server; durations in milliseconds. */
export const SERVER_LIMITS = {
  connections: 1000,
  /** Requests under way; more are refused, as each may hold a body and an answer in memory. */
  requests: 64,
  /** Headers of a request, in bytes: as much as API Gateway takes. */
  headerBytes: 10_240,
  headersMs: 10_000,
  /** A whole request with its body. */
  requestMs: 30_000,
  /** A connection without a request: longer than load balancers keep one, so that they never send to one that is closing. */
  idleMs: 65_000,
} as const;

/** A fixed origin: no route depends on the host name of the request, which may not even be valid. */
const ORIGIN = 'https://cell';

/** Methods that the Fetch standard forbids. No route has them either, so they are refused like OPTIONS. */
const UNHEARD_OF = /^(connect|trace|track)$/i;

export interface ApiServerOptions {
  readonly api: (request: Request) => Promise<Response>;
  readonly port: number;
  /** How long an answer may take. */
  readonly answerMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

export class ApiServer implements Part {
  readonly name = 'http';
  readonly #options: ApiServerOptions;
  readonly #server: Server;
  #underWay = 0;
  #stopping = false;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: SERVER_LIMITS.headerBytes,
        headersTimeout: SERVER_LIMITS.headersMs,
        requestTimeout: SERVER_LIMITS.requestMs,
        keepAliveTimeout: SERVER_LIMITS.idleMs,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = SERVER_LIMITS.connections;
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, () => resolve());
    });
  }

  /** Requests under way are answered; connections without one are closed. */
  stop(): Promise<void> {
    this.#stopping = true;
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  notReady(): string | undefined {
    return this.#server.listening ? undefined : 'does not listen';
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log } = this.#options;
    this.#underWay += 1;
    const body = new RequestBody(request);
    try {
      const answer = await this.#answer(request, body);
      const bytes = Buffer.from(await answer.arrayBuffer());
      for (const [name, value] of answer.headers) response.setHeader(name, value);
      // RFC 9110, 8.6 forbids it for these statuses; the server leaves the body of an answer to HEAD away, and keeps its length.
      if (answer.status !== 204 && answer.status !== 304) response.setHeader('content-length', bytes.length);
      if (this.#stopping) response.setHeader('connection', 'close');
      response.writeHead(answer.status).end(bytes);
    } catch (error) {
      // The API answers whatever happens in it: this is a connection that broke, or a fault of the server.
      if (!response.destroyed) log.error('a request could not be answered', describeError(error));
      response.destroy();
    } finally {
      body.discard();
      this.#underWay -= 1;
    }
  }

  #answer(request: IncomingMessage, body: RequestBody): Promise<Response> {
    const { api, answerMs, clock } = this.#options;
    if (this.#underWay > SERVER_LIMITS.requests) {
      const busy = new Refusal('cell_overloaded', 'Too many requests are under way here. Try again.', {
        retryAfterSeconds: 1,
      });
      return Promise.resolve(refusalResponse(busy));
    }
    const asked = toRequest(request, body);
    if (asked === undefined)
      return Promise.resolve(refusalResponse(new Refusal('invalid_parameter', 'The target is no path.')));
    const late = () => new Error('The API did not answer in time.');
    return withTimeout(clock, answerMs, api(asked), late).catch((error: unknown) => {
      this.#options.log.error('the API did not answer', describeError(error));
      return refusalResponse(
        new Refusal('cell_unavailable', 'The cell did not answer in time.', { retryAfterSeconds: 1 }),
      );
    });
  }
}

/** `undefined` for a target that is no path. */
function toRequest(request: IncomingMessage, body: RequestBody): Request | undefined {
  const { url = '', method = 'GET', rawHeaders } = request;
  if (!url.startsWith('/') || !URL.canParse(ORIGIN + url)) return undefined;
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    headers.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
  const isBare = UNHEARD_OF.test(method);
  const hasBody =
    !isBare &&
    method !== 'GET' &&
    method !== 'HEAD' &&
    (headers.has('content-length') || headers.has('transfer-encoding'));
  return new Request(ORIGIN + url, {
    method: isBare ? 'OPTIONS' : method,
    headers,
    ...(hasBody && { body: body.stream, duplex: 'half' }),
  });
}
