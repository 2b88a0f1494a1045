// One request to one cell: within the cell's share of what is under way, within a time, and told apart by what came of it.
import { CELL_HEADER, ROUTE_HEADER } from '../../http/headers.ts';
import { BoundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../ports/clock.ts';
import { isJsonObject, type Json } from '../../ports/json.ts';
import type { StreamFault } from './body-source.ts';
import type { OutgoingHeaders } from './forwarded-headers.ts';
import { KeyedSemaphore } from './keyed-semaphore.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

/** What is sent to a cell. */
export interface Outgoing {
  readonly method: string;
  readonly headers: OutgoingHeaders;
  readonly body: ReadableStream<Uint8Array> | ArrayBuffer | null;
}

/**
 * Sends a request and resolves with the beginning of its answer. Rejects if there is none. Throws at once if no request can be made of it: then nothing
 * was sent, and it is not the cell's fault. Follows no redirection and asks no cache.
 * It is not told when nobody waits any more: the runtime ends what a request has begun together with the request.
 */
export type Send = (url: string, outgoing: Outgoing) => Promise<Response>;

export type Forwarded =
  /** The cell's answer, as it is. */
  | { readonly status: 'answered'; readonly response: Response }
  /** The cell says that the tenant is not its own, or no longer under this epoch. It has done nothing. */
  | { readonly status: 'refused' }
  /** There is no answer. The cell may have done what was asked. */
  | { readonly status: 'unreachable'; readonly reason: string }
  /** Something in front of the cell has answered in its place. The cell may have done what was asked. */
  | { readonly status: 'unanswered'; readonly reason: string }
  /** The client has not sent its body, or more than it may. */
  | { readonly status: 'body'; readonly fault: StreamFault }
  /** The cell has not been asked: too many others wait for it, or too many of this tenant. */
  | { readonly status: 'overloaded' }
  /** The client has gone, and nobody waits for an answer. */
  | { readonly status: 'abandoned' };

export interface ForwardDeps {
  readonly send: Send;
  readonly clock: Clock;
  /** How long a cell may take until its answer begins, in milliseconds. */
  readonly forwardMs: number;
  /** Requests that wait for one cell at a time; `ROUTER_LIMITS.perCell` unless given. */
  readonly perCell?: number;
  /** Those of one tenant among them; `ROUTER_LIMITS.perTenant` unless given. */
  readonly perTenant?: number;
}

/** A request on its way to a cell. */
export interface Forwarding {
  readonly method: string;
  readonly headers: OutgoingHeaders;
  readonly body: ReadableStream<Uint8Array> | ArrayBuffer | null;
  /** Path and query, from the first slash. */
  readonly target: string;
  /** Of the client's connection. */
  readonly signal: AbortSignal;
  /** What is wrong with a body that is still on its way. */
  readonly bodyFault: () => StreamFault | undefined;
}

/** The cell that it is sent to, for whom, and with the token that it takes. */
export interface Destination {
  readonly tenant: string;
  readonly cell: string;
  readonly endpoint: string;
  readonly token: string;
}

/** A share that nobody has given back is taken back after so many times what a cell may take: its request is certainly over. */
const SHARE_LIVES = 2;

/** Returns a function that sends a request to a cell. It rejects only if no request can be made of it, which is a fault of our own. */
export function forwarder({
  send,
  clock,
  forwardMs,
  perCell = ROUTER_LIMITS.perCell,
  perTenant = ROUTER_LIMITS.perTenant,
}: ForwardDeps) {
  const underWay = new BoundedCache<string, KeyedSemaphore>(ROUTER_LIMITS.cells);
  const allowanceOf = (cell: string): KeyedSemaphore => {
    let allowance = underWay.get(cell);
    if (allowance === undefined) {
      allowance = new KeyedSemaphore({
        capacity: perCell,
        perOwner: perTenant,
        lifeMs: SHARE_LIVES * forwardMs,
        clock,
      });
      underWay.set(cell, allowance);
    }
    return allowance;
  };

  return async (request: Forwarding, { tenant, cell, endpoint, token }: Destination): Promise<Forwarded> => {
    const { method, headers, body, target, signal } = request;
    if (signal.aborted) return { status: 'abandoned' };
    const allowance = allowanceOf(cell);
    const share = allowance.acquire(1, tenant);
    if (share === undefined) return { status: 'overloaded' };
    headers[ROUTE_HEADER] = token;
    // Of a request whose client has gone, the Workers runtime may run nothing but this.
    signal.addEventListener('abort', () => allowance.release(share), { once: true });
    let sending: Promise<Response>;
    try {
      sending = send(endpoint + target, { method, headers, body });
    } catch (error) {
      allowance.release(share);
      throw error;
    }
    try {
      // What has to be read of a refusal is part of the time: a cell may begin to answer and stop.
      const judged = sending.then(judge);
      const outcome = await Promise.race([judged, clock.sleep(forwardMs)]);
      if (outcome !== undefined) {
        const fault = request.bodyFault();
        if (fault === undefined || fault === 'late') return outcome;
        // The answer is to half a body: the cell has seen it break off.
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
      // A connection that ends while the client is waited for is the cell's.
      if (fault !== undefined && fault !== 'late') return { status: 'body', fault };
      return { status: 'unreachable', reason: error instanceof Error ? error.message : 'the connection failed' };
    } finally {
      allowance.release(share);
    }
  };
}

/**
 * What Cloudflare answers in place of an origin that it cannot reach; no cell has such a status
 * (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/). And what is no final answer: the
 * Workers runtime hands a 102 or 103 out as one, whose client would take the real answer in its body for the next one.
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
    // The only credential that a cell sees is the edge's own: the client, whose one is good, must not take it for its own.
    discard(response);
    return { status: 'unreachable', reason: 'it does not take the edge’s route tokens (401); compare keys and clocks' };
  }
  // Every answer of a cell names it. What does not is another's: an error page of its platform, or whatever has its address now.
  if (!response.headers.has(CELL_HEADER)) {
    discard(response);
    // API Gateway and the Functions host say so before they call the cell.
    if (status === 429) return { status: 'overloaded' };
    return { status: 'unanswered', reason: `its platform answered in its place (${status})` };
  }
  return { status: 'answered', response };
}

/** Only a refusal of the epoch is the edge's business; another conflict is the client's. */
async function judgeConflict(response: Response): Promise<Forwarded> {
  const length = Number(response.headers.get('content-length') ?? 0);
  if (response.headers.get('content-type') !== 'application/problem+json' || length > ROUTER_LIMITS.refusal)
    return { status: 'answered', response };
  const { whole, body } = await beginningOf(response, ROUTER_LIMITS.refusal);
  if (whole !== undefined && codeOf(whole) === 'stale_epoch') return { status: 'refused' };
  return { status: 'answered', response: new Response(body, response) };
}

interface Beginning {
  /** The whole body, if it is no longer than what may be read of it. */
  readonly whole: Uint8Array<ArrayBuffer> | undefined;
  /** The body as it was. */
  readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** Reads the body as far as `limit`; the length that it is said to have is not relied on, and there may be none. */
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

/** An answer that nobody reads would keep its connection. */
function discard({ body }: Response): void {
  body?.cancel().catch(() => undefined);
}
