// A local API Gateway HTTP API: one HTTP server in front of one function, payload format 2.0.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { LambdaServiceError } from '../lambda/errors.ts';
import { fromResult, gatewayMessage, internalServerError, toEvent, type WireResponse } from './payload.ts';

/** Bytes of a request's body; https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
export const MAXIMUM_BODY_BYTES = 10 * 1024 * 1024;
/** Bytes of request line and headers together; same source. */
export const MAXIMUM_HEADER_BYTES = 10_240;
/** Milliseconds an integration may take; same source. */
export const INTEGRATION_TIMEOUT_MS = 30_000;

export interface HttpApiFrontOptions {
  /** Runs the function behind the API; `LambdaHost.invoke`, or a function of this process. */
  invoke: (event: unknown) => Promise<{ payload: string; functionError?: 'Unhandled' }>;
  /** Port on 127.0.0.1; 0 or absent for a free one. */
  port?: number;
  apiId?: string;
  /** Milliseconds; INTEGRATION_TIMEOUT_MS unless given. */
  integrationTimeoutMs?: number;
  /** Called for faults that a client only sees as a 5xx answer. */
  onError?: (message: string) => void;
}

/** Listens on 127.0.0.1. Every method and path goes to the one function, as with a `$default` route. */
export class HttpApiFront {
  #options: HttpApiFrontOptions;
  #server: http.Server;
  #underWay = new Set<http.ServerResponse>();
  #stopping = false;
  #port = 0;

  constructor(options: HttpApiFrontOptions) {
    this.#options = options;
    this.#server = http.createServer({ maxHeaderSize: MAXIMUM_HEADER_BYTES, requireHostHeader: false });
    // The platform's front keeps an idle connection for minutes. Closed after Node's 5 s, it would be reset just as a request arrives.
    this.#server.keepAliveTimeout = 0;
    this.#server.on('request', (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.#options.onError?.(`The HTTP API could not answer: ${String(error)}`);
        response.destroy();
      });
    });
    this.#server.on('clientError', (error, socket) => refuseMalformed(error, socket as Socket));
    // API Gateway has neither WebSocket nor tunnels here; without a listener Node would leave such sockets open.
    this.#server.on('connect', (_request, socket) => socket.destroy());
  }

  /** Only after `start`. */
  get port(): number {
    return this.#port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** @throws Error naming the port if it is taken */
  async start(): Promise<void> {
    const { port = 0 } = this.#options;
    this.#server.listen(port, '127.0.0.1');
    try {
      await once(this.#server, 'listening');
      this.#port = (this.#server.address() as AddressInfo).port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw new Error(`Port ${port} is in use: choose another one, or stop the program that listens on it.`, {
        cause: error,
      });
    }
  }

  /** Lets requests under way finish for up to `graceMs` milliseconds, then cuts them. Repeating it is harmless. */
  async stop({ graceMs = 2_000 }: { graceMs?: number } = {}): Promise<void> {
    if (!this.#server.listening) return;
    this.#stopping = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    for (const response of this.#underWay) if (!response.headersSent) response.setHeader('connection', 'close');
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }

  /** Cuts every connection and listens no more, as the loss of the machine would. */
  cut(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.#underWay.add(response);
    response.once('close', () => this.#underWay.delete(response));
    // A client that goes away is no error of the stack's.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const requestId = randomBytes(11).toString('base64url');
    const body = await readBody(request);
    if (body === 'aborted') return;
    const answer =
      body === 'too-large'
        ? gatewayMessage(413, 'Request Entity Too Large')
        : await this.#invoke(request, body, requestId);
    this.#send(request, response, answer, requestId, body === 'too-large');
  }

  async #invoke(request: http.IncomingMessage, body: Buffer, requestId: string): Promise<WireResponse> {
    const now = Date.now();
    const event = toEvent(
      {
        method: request.method ?? 'GET',
        target: request.url ?? '/',
        httpVersion: request.httpVersion,
        rawHeaders: request.rawHeaders,
        body,
        sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
      },
      {
        apiId: this.#options.apiId ?? 'local',
        accountId: '000000000000',
        requestId,
        now,
        traceId: `Root=1-${Math.floor(now / 1000).toString(16)}-${randomBytes(12).toString('hex')}`,
        port: request.socket.localPort ?? 0,
      },
    );
    const { integrationTimeoutMs = INTEGRATION_TIMEOUT_MS } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<'too-late'>((resolve) => {
      // The server keeps the process alive; after stop() nothing waits for a function that never answers.
      timer = setTimeout(() => resolve('too-late'), integrationTimeoutMs).unref();
    });
    try {
      const result = await Promise.race([this.#options.invoke(event), tooLate]);
      if (result === 'too-late') return gatewayMessage(503, 'Service Unavailable');
      if (result.functionError === undefined) return fromResult(result.payload);
      this.#options.onError?.(`${request.method} ${request.url}: ${result.payload}`);
      return internalServerError();
    } catch (error) {
      return this.#refused(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The function was not run. */
  #refused(error: unknown): WireResponse {
    if (!(error instanceof LambdaServiceError)) {
      this.#options.onError?.(`The function could not be invoked: ${String(error)}`);
      return internalServerError();
    }
    if (error.code === 'RequestTooLargeException') return gatewayMessage(413, 'Request Entity Too Large');
    this.#options.onError?.(error.message);
    return gatewayMessage(503, 'Service Unavailable');
  }

  #send(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    { status, headers, body }: WireResponse,
    requestId: string,
    close: boolean,
  ): void {
    if (response.destroyed) return;
    const bodiless = status === 204 || status === 304;
    response.writeHead(status, {
      ...headers,
      ...(bodiless ? {} : { 'content-length': body.length }),
      'apigw-requestid': requestId,
      ...(close || this.#stopping ? { connection: 'close' } : {}),
    });
    // Node drops the body of an answer to HEAD, and keeps its content-length.
    response.end(bodiless || request.method === 'HEAD' ? undefined : body);
    if (close) request.resume();
  }
}

/** Reads at most MAXIMUM_BODY_BYTES; what comes beyond is not kept. */
function readBody(request: http.IncomingMessage): Promise<Buffer | 'too-large' | 'aborted'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAXIMUM_BODY_BYTES) {
        chunks.push(chunk);
      } else {
        chunks.length = 0;
        resolve('too-large');
      }
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('close', () => resolve('aborted'));
  });
}

/** What is not HTTP: double lengths, broken chunks, oversized headers. The connection ends, the server does not. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'Request Header Fields Too Large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'Request Timeout']
        : ['400 Bad Request', 'Bad Request'];
  const body = JSON.stringify({ message });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
