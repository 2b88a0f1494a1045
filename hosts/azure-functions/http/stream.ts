// Stream mode (`enableHttpStream`): the request itself is proxied to the worker's own HTTP server while it is invoked.
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { InvocationRequest, TypedData } from '../rpc.ts';
import type { Outcome } from '../runtime.ts';
import { joinedHeaders, joinedQuery } from './rpc-http.ts';

/** What the proxy needs to know of the request. */
export interface StreamedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Absolute. */
  readonly url: string;
  readonly params: Readonly<Record<string, string>>;
  readonly bindingName: string;
  /** The capability HttpUri. */
  readonly workerUri: string;
  readonly invocationId: string;
  /** The largest body; a longer one ends the request. */
  readonly bodyLimit: number;
}

/**
 * The invocation that goes with a proxied request: no body, and everything else in the trigger metadata. Query parameters
 * are in there too, so the app sees them among `request.params`; route parameters win.
 */
export function streamInvocation({ request, url, params, bindingName }: StreamedRequest): InvocationRequest {
  const metadata: Record<string, TypedData> = {};
  for (const [name, value] of Object.entries({ ...joinedQuery(url), ...params })) metadata[name] = { string: value };
  metadata.Headers = { json: JSON.stringify(joinedHeaders(request)) };
  metadata.Query = { json: JSON.stringify(joinedQuery(url)) };
  return { inputData: [{ name: bindingName, data: { http: {} } }], triggerMetadata: metadata };
}

export const PROXY_LIMITS = {
  /** Pauses before a second and a third attempt to hand a request to the worker, in milliseconds, as the real host's RetryProxyHandler has them. */
  pausesMs: [50, 100],
  /** Bytes of a body that are kept for another attempt: as much as clients of small requests send at once. */
  kept: 131_072,
} as const;

/**
 * Connections to workers are kept; a new worker has a new port. The library's server closes a connection that was idle for 5 s, and a
 * request that meets this is lost, while its invocation waits for it: so ours ends well before.
 */
const agent = new Agent({ keepAlive: true, timeout: 1000 });

/**
 * Proxies the request and answers with what comes back; when the invocation ends without an answer, with 500. A request whose
 * connection to the worker breaks before an answer is sent again, and is answered with 503 if that does not help. Its invocation goes
 * on waiting for it, up to functionTimeout: on Azure the caller waits as long. So a caller that gives up takes its request along only
 * when the worker has its head: an invocation without one would end the process, and all that runs in it.
 * @param outcome the invocation that runs meanwhile
 */
export async function proxyToWorker(streamed: StreamedRequest, outcome: Promise<Outcome>): Promise<void> {
  const { request, response, bodyLimit } = streamed;
  const body = new ReplayedBody(request, bodyLimit);
  let hasEnded = false;
  const ended = outcome.then(() => {
    hasEnded = true;
  });
  for (let attempt = 1; ; attempt += 1) {
    const forwarded = forward(streamed, body, attempt === 1);
    const way = await Promise.race([answerFrom(response, forwarded, outcome), forwarded.lost]);
    if (way === 'answered') return;
    const pauseMs = PROXY_LIMITS.pausesMs[attempt - 1];
    if (pauseMs === undefined || hasEnded || !body.isWhole || response.destroyed) break;
    await Promise.race([setTimeout(pauseMs), ended]);
  }
  if (response.headersSent || response.destroyed) return;
  if (hasEnded) response.writeHead(500, { 'content-length': 0 }).end();
  else
    response
      .writeHead(503, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
      .end('The request did not reach the worker.');
}

/** A body that can be read again from its beginning, as long as what has come of it is small enough to be kept. */
class ReplayedBody {
  readonly #request: IncomingMessage;
  #kept: Buffer[] | undefined = [];
  #received = 0;
  #to: ClientRequest | undefined;

  constructor(request: IncomingMessage, limit: number) {
    this.#request = request;
    request.on('data', (chunk: Buffer) => {
      this.#received += chunk.length;
      if (this.#received > limit) return void request.destroy();
      if (this.#received > PROXY_LIMITS.kept) this.#kept = undefined;
      this.#kept?.push(chunk);
      if (this.#to?.write(chunk) === false) request.pause();
    });
    request.on('end', () => this.#to?.end());
    request.pause();
  }

  /** Reads and drops what is still to come, as nothing waits for it: the caller's next request comes after it. */
  drop(): void {
    this.#to = undefined;
    this.#kept = undefined;
    this.#request.resume();
  }

  /** Whether all that has come of it is kept. */
  get isWhole(): boolean {
    return this.#kept !== undefined;
  }

  /** Sends it to `forwarded` from its beginning, and no longer to the one before. */
  sendTo(forwarded: ClientRequest): void {
    this.#to = forwarded;
    forwarded.on('drain', () => {
      if (this.#to === forwarded) this.#request.resume();
    });
    for (const chunk of this.#kept ?? []) forwarded.write(chunk);
    if (this.#request.readableEnded) return void forwarded.end();
    this.#request.resume();
    // With what has come of the body already, or without it: the invocation waits for the head, and the caller may have stopped behind it.
    setImmediate(() => {
      if (!forwarded.headersSent) forwarded.flushHeaders();
    });
  }
}

interface Forwarded {
  readonly forwarded: ClientRequest;
  /** Resolves when the answer has been passed on, or when none can come. */
  readonly answered: Promise<void>;
  /** Resolves when the connection broke before an answer; the caller's giving up is not that. */
  readonly lost: Promise<'lost'>;
  isLost(): boolean;
}

function forward(streamed: StreamedRequest, body: ReplayedBody, isFirst: boolean): Forwarded {
  const { request, response, workerUri, invocationId, url } = streamed;
  const target = new URL(workerUri);
  const { host = 'localhost', connection: _hop, ...headers } = request.headers;
  const forwarded = httpRequest({
    // A kept connection has just failed: another one might as well.
    agent: isFirst ? agent : false,
    host: target.hostname,
    port: target.port,
    method: request.method,
    path: new URL(url).pathname + new URL(url).search,
    headers: {
      ...headers,
      host,
      'x-forwarded-host': host,
      'x-forwarded-proto': 'http',
      'x-ms-invocation-id': invocationId,
    },
  });
  let isLost = false;
  let lose: () => void = () => undefined;
  const lost = new Promise<'lost'>((resolve) => {
    lose = () => {
      isLost = true;
      resolve('lost');
    };
  });
  const answered = new Promise<void>((resolve) => {
    forwarded.on('response', (answer) => {
      if (response.headersSent) {
        answer.resume();
        resolve();
        return;
      }
      const { connection: _connection, 'keep-alive': _keepAlive, ...headers } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, headers);
      // Server-sent events must leave at once, before the first chunk of the body as well.
      response.flushHeaders();
      // Not stream.pipeline: it makes two AbortControllers and an exception a call, a third of the host's time here.
      answer.pipe(response);
      answer.on('close', () => {
        // A worker that dies mid-answer cuts the connection; the caller must see a broken body, not a short one.
        if (!answer.complete) response.destroy();
        // An answer before the end of the request: what is left of it must not stand before the next request of a kept connection.
        if (!forwarded.writableFinished) {
          body.drop();
          forwarded.destroy();
        }
        resolve();
      });
    });
    forwarded.on('error', () => {
      if (response.headersSent) response.destroy();
      else if (!response.destroyed) lose();
      resolve();
    });
  });
  body.sendTo(forwarded);
  // A caller that gives up takes its half of the proxied request along; the invocation goes on, as on Azure.
  const cut = () => {
    if (!response.writableFinished) cutAfterHead(forwarded);
  };
  if (response.destroyed) cut();
  else response.on('close', cut);
  return { forwarded, answered, lost, isLost: () => isLost };
}

/** Ends a request to the worker when its head is on the way. */
function cutAfterHead(forwarded: ClientRequest): void {
  forwarded.flushHeaders();
  // Sent in the tick in which the request gets its socket; a socket that still connects keeps it until then.
  const cut = (socket: Socket) => process.nextTick(() => socket.destroySoon());
  if (forwarded.socket === null) forwarded.once('socket', cut);
  else cut(forwarded.socket);
}

/** Waits for the invocation and for the answer to its request; when it ends without one, answers with 500. */
async function answerFrom(
  response: ServerResponse,
  { forwarded, answered, isLost }: Forwarded,
  outcome: Promise<Outcome>,
): Promise<'answered' | 'lost'> {
  const result = await outcome;
  if (isLost()) return 'lost';
  // A failed invocation never closes its half of the connection.
  if (!result.ok) forwarded.destroy();
  // The library sends the whole body before the invocation ends, so what is not on its way by now will not come.
  if (result.ok && !response.headersSent) await Promise.race([answered, silence(forwarded)]);
  if (!response.headersSent) {
    forwarded.destroy();
    response.writeHead(500, { 'content-length': 0 }).end();
  }
  await answered;
  return 'answered';
}

/** A handler that returns nothing makes the library send nothing, and keep the connection. */
const SILENCE_MS = 2000;

/** Resolves when what was already on its way from the worker has had its chance to arrive. */
function silence(forwarded: ReturnType<typeof httpRequest>): Promise<void> {
  return new Promise((resolve) => {
    forwarded.once('close', () => resolve());
    // After a stall of this process the time is over before the connection has been looked at; that comes next.
    forwarded.setTimeout(SILENCE_MS, () => setImmediate(resolve));
  });
}
