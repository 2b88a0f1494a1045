// Forwards one request to one cell, within the cell's concurrency limit and a timeout, and classifies the outcome.
import { CELL_HEADER, ROUTE_HEADER } from '../../http/headers.ts';
import { BoundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../ports/clock.ts';
import { isJsonObject, type Json } from '../../ports/json.ts';
import type { StreamFault } from './body-source.ts';
import type { OutgoingHeaders } from './forwarded-headers.ts';
import { KeyedSemaphore } from './keyed-semaphore.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

/** A request as it is sent to a cell. */
export interface Outgoing {
  readonly method: string;
  readonly headers: OutgoingHeaders;
  readonly body: ReadableStream<Uint8Array> | ArrayBuffer | null;
}

/**
 * Sends a request and resolves once its response begins. Rejects if there is none. Throws at once if the request is invalid: then
 * nothing was sent, and the cell is not at fault. Follows no redirects and uses no cache. It takes no abort signal: the runtime
 * cancels the subrequests of a request together with the request.
 */
export type Send = (url: string, outgoing: Outgoing) => Promise<Response>;

export type Forwarded =
  /** The cell's answer, as it is. */
  | { readonly status: 'answered'; readonly response: Response }
  /** The cell does not serve the tenant, or no longer under this epoch. It has done nothing. */
  | { readonly status: 'refused' }
  /** There is no answer. The cell may have processed the request. */
  | { readonly status: 'unreachable'; readonly reason: string }
  /** Something in front of the cell answered in its place. The cell may have processed the request. */
  | { readonly status: 'unanswered'; readonly reason: string }
  /** The client did not send its whole body, or sent too much. */
  | { readonly status: 'body'; readonly fault: StreamFault }
  /** The cell was not asked: too many requests wait for it, or too many of this tenant. */
  | { readonly status: 'overloaded' }
  /** The client has disconnected. */
  | { readonly status: 'abandoned' };

export interface ForwardDeps {
  readonly send: Send;
  readonly clock: Clock;
  /** How long a cell may take until its response begins, in milliseconds. */
  readonly forwardMs: number;
  /** Concurrent requests to one cell; `ROUTER_LIMITS.perCell` by default. */
  readonly perCell?: number;
  /** Of these, those of one tenant; `ROUTER_LIMITS.perTenant` by default. */
  readonly perTenant?: number;
}

/** A request on its way to a cell. */
export interface Forwarding {
  readonly method: string;
  readonly headers: OutgoingHeaders;
  readonly body: ReadableStream<Uint8Array> | ArrayBuffer | null;
  /** Path and query, starting with the slash. */
  readonly target: string;
  /** The context of the request, which the span of this attempt continues. */
  readonly traceparent: string;
  /** Whether another attempt went before it. */
  readonly again?: true;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
  /** The fault of a body that is being streamed. */
  readonly bodyFault: () => StreamFault | undefined;
}

/** The cell to send to, the tenant, and the route token. */
export interface Destination {
  readonly tenant: string;
  readonly cell: string;
  readonly endpoint: string;
  readonly token: string;
}

/** An unreleased permit expires after this multiple of the time a cell may take: by then its request is certainly over. */
const PERMIT_LIVES = 2;

/** Returns a function that forwards a request to a cell. It rejects only for an invalid request, which is a fault of our own. */
export function forwarder({
  send,
  clock,
  forwardMs,
  perCell = ROUTER_LIMITS.perCell,
  perTenant = ROUTER_LIMITS.perTenant,
}: ForwardDeps) {
  const semaphores = new BoundedCache<string, KeyedSemaphore>(ROUTER_LIMITS.cells);
  const semaphoreOf = (cell: string): KeyedSemaphore => {
    let semaphore = semaphores.get(cell);
    if (semaphore === undefined) {
      semaphore = new KeyedSemaphore({
        capacity: perCell,
        perOwner: perTenant,
        lifeMs: PERMIT_LIVES * forwardMs,
        clock,
      });
      semaphores.set(cell, semaphore);
    }
    return semaphore;
  };

  return async (request: Forwarding, { tenant, cell, endpoint, token }: Destination): Promise<Forwarded> => {
    const { method, headers, body, target, signal } = request;
    if (signal.aborted) return { status: 'abandoned' };
    const semaphore = semaphoreOf(cell);
    const permit = semaphore.acquire(1, tenant);
    if (permit === undefined) return { status: 'overloaded' };
    headers[ROUTE_HEADER] = token;
    // After the client has disconnected, the Workers runtime may run nothing of the request but this listener.
    signal.addEventListener('abort', () => semaphore.release(permit), { once: true });
    let sending: Promise<Response>;
    try {
      sending = send(endpoint + target, { method, headers, body });
    } catch (error) {
      semaphore.release(permit);
      throw error;
    }
    try {
      // Reading a refusal counts towards the timeout: a cell may begin to answer and then stall.
      const judged = sending.then(judge);
      const outcome = await Promise.race([judged, clock.sleep(forwardMs)]);
      if (outcome !== undefined) {
        const fault = request.bodyFault();
        if (fault === undefined || fault === 'late') return outcome;
        // The answer is to an incomplete body: the cell has seen it break off.
        forget(outcome);
        return { status: 'body', fault };
      }
      judged.then(forget, () => undefined);
      if (signal.aborted) return { status: 'abandoned' };
      const fault = request.bodyFault();
      if (fault !== undefined) return { status: 'body', fault };
      return { status: 'unreachable', reason: `it has not answered within ${forwardMs} ms` };
    } catch (error) {
      if (signal.aborted) return { status: 'abandoned' };
      const fault = request.bodyFault();
      // If the connection ends while waiting for the client, the cell has closed it.
      if (fault !== undefined && fault !== 'late') return { status: 'body', fault };
      return { status: 'unreachable', reason: error instanceof Error ? error.message : 'the connection failed' };
    } finally {
      semaphore.release(permit);
    }
  };
}

/**
 * Statuses with which Cloudflare answers in place of an unreachable origin; no cell uses them
 * (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/). And interim responses: the
 * Workers runtime passes a 102 or 103 on as final, and its client would take the real response in its body for the next one.
 */
const isNoAnswer = (status: number): boolean => status < 200 || (status >= 520 && status <= 527) || status === 530;

function judge(response: Response): Forwarded | Promise<Forwarded> {
  const { status } = response;
  if (status === 409) return judgeConflict(response);
  if (status === 421) {
    discard(response);
    return { status: 'refused' };
  }
  if (isNoAnswer(status)) {
    discard(response);
    return { status: 'unreachable', reason: `it could not be reached (${status})` };
  }
  if (status === 401) {
    // The only credential that a cell sees is the edge's own: the client must not take this 401 as a verdict on its valid credential.
    discard(response);
    return { status: 'unreachable', reason: 'it does not take the edge’s route tokens (401); compare keys and clocks' };
  }
  // Every answer of a cell names it. Any other comes from elsewhere: an error page of its platform, or a new owner of its address.
  if (!response.headers.has(CELL_HEADER)) {
    discard(response);
    // API Gateway and the Functions host throttle before they call the cell.
    if (status === 429) return { status: 'overloaded' };
    return { status: 'unanswered', reason: `its platform answered in its place (${status})` };
  }
  return { status: 'answered', response };
}

/** The edge handles only a refusal of the epoch; any other conflict is passed to the client. */
async function judgeConflict(response: Response): Promise<Forwarded> {
  const length = Number(response.headers.get('content-length') ?? 0);
  if (response.headers.get('content-type') !== 'application/problem+json' || length > ROUTER_LIMITS.refusal)
    return { status: 'answered', response };
  const { whole, body } = await beginningOf(response, ROUTER_LIMITS.refusal);
  if (whole !== undefined && codeOf(whole) === 'stale_epoch') return { status: 'refused' };
  return { status: 'answered', response: new Response(body, response) };
}

interface Beginning {
  /** The whole body, if it is within the limit. */
  readonly whole: Uint8Array<ArrayBuffer> | undefined;
  /** The body, unchanged. */
  readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** Reads the body up to `limit`, without relying on its Content-Length, which may be missing. */
async function beginningOf({ body }: Response, limit: number): Promise<Beginning> {
  const reader = body?.getReader();
  const chunks: Uint8Array[] = [];
  for (let size = 0; size <= limit; ) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done || value === undefined) {
      const whole = new Uint8Array(size);
      let at = 0;
      for (const chunk of chunks) {
        whole.set(chunk, at);
        at += chunk.length;
      }
      return { whole, body: whole };
    }
    chunks.push(value);
    size += value.length;
  }
  const rest = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const value = chunks.shift() ?? (await reader?.read())?.value;
      if (value === undefined) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader?.cancel(reason),
  });
  return { whole: undefined, body: rest };
}

const decoder = new TextDecoder();

function codeOf(bytes: Uint8Array): unknown {
  try {
    const problem = JSON.parse(decoder.decode(bytes)) as Json;
    return isJsonObject(problem) ? problem.code : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function forget(late: Forwarded): void {
  if (late.status === 'answered') discard(late.response);
}

/** Cancels an unused answer, which would otherwise hold its connection. */
function discard({ body }: Response): void {
  body?.cancel().catch(() => undefined);
}
