// Passes a request's body through the edge: buffers it for a possible retry if it is small and there is room, streams it otherwise.

import { Refusal } from '../../api/refusal.ts';
import { withTimeout } from '../../lib/timeout.ts';
import type { Clock } from '../../ports/clock.ts';
import { BodySource, discard, type StreamFault } from './body-source.ts';
import type { KeyedSemaphore, Permit } from './keyed-semaphore.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

export interface OutgoingBody {
  readonly content: ReadableStream<Uint8Array> | ArrayBuffer | null;
  /** Whether it can be sent a second time. */
  readonly repeatable: boolean;
  /** Releases the buffer space that it takes. */
  readonly release: () => void;
  /** The fault of a streamed body, as far as it has arrived. */
  readonly fault: () => StreamFault | undefined;
}

const nothing = () => undefined;
const NONE: OutgoingBody = { content: null, repeatable: true, release: nothing, fault: nothing };

export interface BodyDeps {
  readonly room: KeyedSemaphore;
  readonly clock: Clock;
  /** How long a client may take to send a buffered body, in milliseconds. */
  readonly readMs: number;
  /**
   * Gives a stream the length that it will have, so that it is sent with a Content-Length. Without it, such a body is sent in
   * chunks.
   */
  readonly withLength?: (stream: ReadableStream<Uint8Array>, length: number) => ReadableStream<Uint8Array>;
}

/**
 * Decides whether to buffer or stream the body; `length` is its declared length, or NaN. Returns without a promise unless the body
 * is read. Rejects with a `Refusal` if the body does not arrive in time and with its declared length.
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
    // It means nothing there (RFC 9110, 9.3.1), and fetch refuses to send one.
    return discard(body, ROUTER_LIMITS.body, deps.readMs, deps.clock).then(() => NONE);
  }
  const { room, clock, readMs, withLength } = deps;
  // With a chunked body, a Content-Length is ignored.
  const declared = request.headers.has('transfer-encoding') ? Number.NaN : length;
  const isLarge = declared > ROUTER_LIMITS.bufferedBody;
  const permit = isLarge
    ? undefined
    : room.acquire(Number.isNaN(declared) ? ROUTER_LIMITS.bufferedBody : declared, tenant);
  if (permit === undefined) {
    const source = new BodySource(body, ROUTER_LIMITS.body);
    const stream = source.stream();
    return streamed(source, Number.isNaN(declared) || withLength === undefined ? stream : withLength(stream, declared));
  }
  const release = () => room.release(permit);
  // After the client has disconnected, the Workers runtime may run nothing of the request but this listener.
  request.signal.addEventListener('abort', release, { once: true });
  const reading = Number.isNaN(declared)
    ? readChunks(new BodySource(body, ROUTER_LIMITS.body), permit, deps)
    : readDeclared(request, declared, clock, readMs).then((content) => kept(content, release));
  return reading.catch((error: unknown) => {
    release();
    throw error;
  });
}

const kept = (content: ArrayBuffer, release: () => void): OutgoingBody => ({
  content,
  repeatable: true,
  release,
  fault: nothing,
});

const streamed = (source: BodySource, content: ReadableStream<Uint8Array>): OutgoingBody => ({
  content,
  repeatable: false,
  release: nothing,
  fault: () => source.fault,
});

export const late = (readMs: number) => () =>
  new Refusal('request_timeout', `The body has not come within ${readMs} ms.`);
export const broken = () => new Refusal('invalid_body', 'The body broke off.');

async function readDeclared(request: Request, length: number, clock: Clock, readMs: number): Promise<ArrayBuffer> {
  const reading = request.arrayBuffer().catch(() => {
    throw broken();
  });
  const content = await withTimeout(clock, readMs, reading, late(readMs));
  if (content.byteLength !== length)
    throw new Refusal('invalid_body', 'The body is not as long as its Content-Length says.');
  return content;
}

/** Without a length, the size shows only as the body arrives: once it is too large to buffer, the rest is streamed. */
async function readChunks(
  source: BodySource,
  permit: Permit,
  { room, clock, readMs }: Pick<BodyDeps, 'room' | 'clock' | 'readMs'>,
): Promise<OutgoingBody> {
  const reading = source.beginning(ROUTER_LIMITS.bufferedBody).catch(() => {
    throw broken();
  });
  const whole = await withTimeout(clock, readMs, reading, late(readMs));
  if (whole !== undefined) return kept(whole, () => room.release(permit));
  room.release(permit);
  return streamed(source, source.stream());
}
