// A request's body on its way through the edge: kept while it may have to be sent again, if it is small and there is room; else handed through.

import { withTimeout } from '../../lib/timeout.ts';
import type { Clock } from '../../ports/clock.ts';
import { BodySource, type StreamFault } from './body-source.ts';
import { EdgeRefusal } from './edge-problem.ts';
import type { KeyedSemaphore, Permit } from './keyed-semaphore.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

export interface OutgoingBody {
  readonly content: ReadableStream<Uint8Array> | ArrayBuffer | null;
  /** Whether it can be sent a second time. */
  readonly repeatable: boolean;
  /** Gives the room back that it takes while it is kept. */
  readonly giveBack: () => void;
  /** What is wrong with a body that is handed through, as far as it has come. */
  readonly fault: () => StreamFault | undefined;
}

const nothing = () => undefined;
const NONE: OutgoingBody = { content: null, repeatable: true, giveBack: nothing, fault: nothing };

export interface BodyDeps {
  readonly room: KeyedSemaphore;
  readonly clock: Clock;
  /** How long a client may take to send a body that is kept, in milliseconds. */
  readonly readMs: number;
  /**
   * Gives a stream the length that it will have, so that it is sent with a Content-Length. Without it, such a body is sent in
   * chunks.
   */
  readonly withLength?: (stream: ReadableStream<Uint8Array>, length: number) => ReadableStream<Uint8Array>;
}

/**
 * Decides what becomes of the body; `length` is what the client said of it, NaN if nothing. Answers without a promise unless the body
 * is read. Rejects with an `EdgeRefusal` if it does not come, in time and as long as it was said to be.
 */
export function outgoingBody(
  request: Request,
  length: number,
  tenant: string,
  deps: BodyDeps,
): OutgoingBody | Promise<OutgoingBody> {
  const { body, method } = request;
  if (body === null) return NONE;
  if (method === 'GET' || method === 'HEAD') {
    // It means nothing there (RFC 9110, 9.3.1), and fetch refuses to send one. It is read to its end first: the runtime closes a
    // connection whose request is answered while much of its body is still to come.
    return dropped(body, deps);
  }
  const { room, clock, readMs, withLength } = deps;
  // Where it comes in chunks, a length beside them counts for nothing.
  const told = request.headers.has('transfer-encoding') ? Number.NaN : length;
  const isLarge = told > ROUTER_LIMITS.bufferedBody;
  const share = isLarge ? undefined : room.acquire(Number.isNaN(told) ? ROUTER_LIMITS.bufferedBody : told, tenant);
  if (share === undefined) {
    const source = new BodySource(body, ROUTER_LIMITS.body);
    const stream = source.stream();
    return streamed(source, Number.isNaN(told) || withLength === undefined ? stream : withLength(stream, told));
  }
  const giveBack = () => room.release(share);
  // Of a request whose client has gone, the Workers runtime may run nothing but this.
  request.signal.addEventListener('abort', giveBack, { once: true });
  const reading = Number.isNaN(told)
    ? readChunks(new BodySource(body, ROUTER_LIMITS.body), share, deps)
    : readTold(request, told, clock, readMs).then((content) => kept(content, giveBack));
  return reading.catch((error: unknown) => {
    giveBack();
    throw error;
  });
}

const kept = (content: ArrayBuffer, giveBack: () => void): OutgoingBody => ({
  content,
  repeatable: true,
  giveBack,
  fault: nothing,
});

const streamed = (source: BodySource, content: ReadableStream<Uint8Array>): OutgoingBody => ({
  content,
  repeatable: false,
  giveBack: nothing,
  fault: () => source.fault,
});

const late = (readMs: number) => () =>
  new EdgeRefusal({ code: 'request_timeout', detail: `The body has not come within ${readMs} ms.` });
const broken = () => new EdgeRefusal({ code: 'invalid_body', detail: 'The body broke off.' });

async function readTold(request: Request, length: number, clock: Clock, readMs: number): Promise<ArrayBuffer> {
  const reading = request.arrayBuffer().catch(() => {
    throw broken();
  });
  const content = await withTimeout(clock, readMs, reading, late(readMs));
  if (content.byteLength !== length)
    throw new EdgeRefusal({ code: 'invalid_body', detail: 'The body is not as long as its Content-Length says.' });
  return content;
}

/** Without a length, whether it is small shows only as it comes: what is not is handed through from where it stands. */
async function readChunks(
  source: BodySource,
  share: Permit,
  { room, clock, readMs }: Pick<BodyDeps, 'room' | 'clock' | 'readMs'>,
): Promise<OutgoingBody> {
  const reading = source.beginning(ROUTER_LIMITS.bufferedBody).catch(() => {
    throw broken();
  });
  const whole = await withTimeout(clock, readMs, reading, late(readMs));
  if (whole !== undefined) return kept(whole, () => room.release(share));
  room.release(share);
  return streamed(source, source.stream());
}

/** Reads and drops a body, for as long and as much of it as a body may have; what goes wrong with it is no fault of the request. */
async function dropped(
  body: ReadableStream<Uint8Array>,
  { clock, readMs }: Pick<BodyDeps, 'clock' | 'readMs'>,
): Promise<OutgoingBody> {
  const source = new BodySource(body, ROUTER_LIMITS.body);
  const all = async () => {
    while ((await source.next()) !== undefined);
  };
  await withTimeout(clock, readMs, all(), late(readMs)).catch(() => undefined);
  return NONE;
}
