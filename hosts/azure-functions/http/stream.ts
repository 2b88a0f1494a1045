// Stream mode (`enableHttpStream`): the request itself is proxied to the worker's own HTTP server while it is invoked.
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
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

/**
 * Connections to workers are kept; a new worker has a new port. The library's server closes a connection that was idle for 5 s, and a
 * request that meets this is lost, while its invocation waits for it: so ours ends well before.
 */
const agent = new Agent({ keepAlive: true, timeout: 1000 });

/**
 * Proxies the request and answers with what comes back; when the invocation ends without an answer, with 500.
 * @param outcome the invocation that runs meanwhile
 */
export async function proxyToWorker(streamed: StreamedRequest, outcome: Promise<Outcome>): Promise<void> {
  const { request, response, workerUri, invocationId, url, bodyLimit } = streamed;
  const target = new URL(workerUri);
  const { host = 'localhost', connection: _hop, ...headers } = request.headers;
  const forwarded = httpRequest({
    agent,
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
  let received = 0;
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received > bodyLimit) request.destroy();
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
        resolve();
      });
    });
    forwarded.on('error', () => {
      if (response.headersSent) response.destroy();
      resolve();
    });
  });
  request.pipe(forwarded);
  // A caller that gives up takes its half of the proxied request along; the invocation goes on, as on Azure.
  response.on('close', () => {
    if (!response.writableFinished) forwarded.destroy();
  });

  const result = await outcome;
  // A failed invocation leaves its half of the connection open for ever.
  if (!result.ok) forwarded.destroy();
  // The library sends the whole body before the invocation ends, so what is not on its way by now will not come.
  if (result.ok && !response.headersSent) await Promise.race([answered, silence(forwarded)]);
  if (!response.headersSent) {
    forwarded.destroy();
    response.writeHead(500, { 'content-length': 0 }).end();
  }
  await answered;
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
