// The HTTP front of the host: finds the function for a request, calls it, and answers.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { textOf } from '../errors.ts';
import type { HttpSettings } from '../host-json.ts';
import type { Log } from '../log.ts';
import type { InvocationRequest } from '../rpc.ts';
import type { AppRuntime } from '../runtime.ts';
import { traceContext } from '../trace.ts';
import { matchRoute, type Route } from './routes.ts';
import { fromRpcResponse, toRpcHttp } from './rpc-http.ts';
import { proxyToWorker, type StreamedRequest, streamInvocation } from './stream.ts';

/** Kestrel's limit as the Functions host sets it. */
const MAX_BODY_BYTES = 104_857_600;

/** What the server serves; replaced as a whole when the app is. */
export interface Served {
  readonly runtime: AppRuntime;
  /** In order of precedence. */
  readonly routes: readonly Route[];
  /** Name of the trigger's binding, by function. */
  readonly bindings: ReadonlyMap<string, string>;
  readonly settings: HttpSettings;
}

/** Listens on 127.0.0.1 from `listen` to `close`, whatever happens to the app behind it. */
export class HttpFront {
  readonly #server: Server;
  readonly #log: Log;
  #served: Served | undefined;
  #active = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(log: Log) {
    this.#log = log;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        log({ level: 'error', category: 'host', message: `${request.method} ${request.url}: ${textOf(error)}` });
        if (response.headersSent) response.destroy();
        else empty(response, 500);
      });
    });
    this.#server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    });
    // The platform's front keeps an idle connection for minutes. Closed after Node's 5 s, it would be reset just as a request arrives.
    this.#server.keepAliveTimeout = 0;
    // A function may take as long as functionTimeout allows; nothing here may cut it short.
    this.#server.requestTimeout = 0;
  }

  /**
   * @param port 0 for any free one
   * @returns the base URL, without a slash at its end
   * @throws Error naming the port if it is taken
   */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const why =
          error.code === 'EADDRINUSE'
            ? `Port ${port} is already in use.`
            : `Cannot listen on port ${port}: ${error.message}`;
        reject(new Error(why));
      });
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}`;
  }

  /** What is served from now on; undefined answers 503. */
  serve(served: Served | undefined): void {
    this.#served = served;
  }

  /** Stops taking requests, waits for the answers that are due, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  /** Cuts every connection and listens no more, as the loss of the machine would. */
  cut(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const served = this.#served;
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const url = absoluteUrl(request);
    if (url === undefined) return empty(response, 400);
    const match = served === undefined ? undefined : matchRoute(served.routes, request.method ?? 'GET', path);
    if (match === undefined && path === '/' && request.method === 'GET') return homepage(response);
    if (served === undefined || served.runtime.broken) return unavailable(response);
    if (match === undefined) return empty(response, 404);
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return empty(response, 413);

    const { maxConcurrentRequests, maxOutstandingRequests } = served.settings;
    if (maxOutstandingRequests !== -1 && this.#active + this.#waiting.length >= maxOutstandingRequests) {
      return empty(response, 429);
    }
    if (maxConcurrentRequests !== -1 && this.#active >= maxConcurrentRequests) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#active++;
    try {
      await this.#call(served, match, url, request, response);
    } finally {
      this.#active--;
      this.#waiting.shift()?.();
    }
  }

  async #call(
    { runtime, bindings }: Served,
    { route, params }: { route: Route; params: Record<string, string> },
    url: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const bindingName = bindings.get(route.functionName) ?? '';
    // In stream mode the worker has a server of its own; a restarted worker has another one.
    const workerUri = (await runtime.capabilities()).HttpUri;
    // It left while it waited, for its turn or for a new worker. A call that gets no request would wait for one until functionTimeout, and
    // end the new worker with all its work: so every restart would be followed by another.
    if (response.destroyed) return;
    if (workerUri !== undefined) {
      const invocationId = randomUUID();
      const streamed: StreamedRequest = {
        request,
        response,
        url,
        params,
        bindingName,
        workerUri,
        invocationId,
        bodyLimit: MAX_BODY_BYTES,
      };
      await proxyToWorker(
        streamed,
        runtime.invoke(
          route.functionName,
          { ...streamInvocation(streamed), traceContext: tracedBy(request) },
          invocationId,
        ),
      );
      return;
    }

    const body = await this.#readBody(request, route);
    if (body === 'too-large') return empty(response, 413);
    if (body === 'cut') return;
    const http = toRpcHttp(request, url, params, body);
    const outcome = await runtime.invoke(route.functionName, {
      inputData: [{ name: bindingName, data: { http } }],
      traceContext: tracedBy(request),
    });
    if (!outcome.ok) {
      if (outcome.cause === 'unavailable' || outcome.cause === 'stopped') return unavailable(response);
      return empty(response, 500);
    }
    const plain = fromRpcResponse(outcome.response);
    try {
      response.writeHead(plain.status, {
        ...plain.headers,
        // RFC 9110, 8.6: never with these.
        ...(plain.status === 204 || plain.status === 304 ? {} : { 'content-length': plain.body.length }),
      });
    } catch (error) {
      // A status or a header that HTTP does not have.
      const { functionName } = route;
      this.#log({
        level: 'error',
        category: 'host',
        message: `Its response cannot be sent: ${textOf(error)}`,
        functionName,
      });
      return empty(response, 500);
    }
    response.end(plain.body);
  }

  /**
   * In RPC mode the real host hands on no body that comes without a content-length:
   * https://github.com/Azure/azure-functions-nodejs-library/issues/171
   */
  async #readBody(request: IncomingMessage, { functionName }: Route): ReturnType<typeof collectBody> {
    const body = await collectBody(request);
    if (request.headers['transfer-encoding'] === undefined) return body;
    const message =
      'Its request has a chunked body, which is dropped, as on Azure. Send a content-length, or enable HTTP streaming.';
    this.#log({ level: 'warning', category: 'host', message, functionName });
    return typeof body === 'string' ? body : new Uint8Array();
  }
}

function tracedBy({ headers }: IncomingMessage): InvocationRequest['traceContext'] & object {
  const { traceparent, tracestate } = headers;
  return traceContext(typeof traceparent === 'string' ? traceparent : undefined, String(tracestate ?? ''));
}

/** undefined for a request line or a Host header that makes no URL. */
function absoluteUrl(request: IncomingMessage): string | undefined {
  const target = request.url ?? '/';
  if (!target.startsWith('/')) return undefined;
  try {
    // The text is kept as it came; parsing only proves that the app will be able to parse it too.
    const url = `http://${request.headers.host ?? '127.0.0.1'}${target}`;
    new URL(url);
    return url;
  } catch {
    return undefined;
  }
}

function collectBody(request: IncomingMessage): Promise<Uint8Array | 'too-large' | 'cut'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
      else resolve('too-large');
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', () => resolve('cut'));
    request.on('close', () => resolve('cut'));
  });
}

function empty(response: ServerResponse, status: number): void {
  // A body that was not read would be taken for the next request of the connection.
  const close = status === 413 || status === 400 ? { connection: 'close' } : {};
  response.writeHead(status, { 'content-length': 0, ...close }).end();
}

function unavailable(response: ServerResponse): void {
  response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8' }).end('Function host is not running.');
}

function homepage(response: ServerResponse): void {
  response
    .writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
    .end('Your Functions app is up and running.\n');
}
