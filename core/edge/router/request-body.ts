// A request's body on its way through the edge: kept while it may have to be sent again, if it is small and there is room; else handed through.

import { withTimeout } from '../../lib/timeout.ts';
import type { Clock } from '../../ports/clock.ts';
import { EdgeRefusal } from './edge-problem.ts';
import type { KeyedSemaphore } from './keyed-semaphore.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

export interface OutgoingBody {
  readonly content: ReadableStream<Uint8Array> | ArrayBuffer | null;
  /** Whether it can be sent a second time. */
  readonly repeatable: boolean;
  /** Gives the room back that it takes while it is kept. */
  readonly giveBack: () => void;
}

const nothing = () => undefined;
const NONE: OutgoingBody = { content: null, repeatable: true, giveBack: nothing };

export interface BodyDeps {
  readonly room: KeyedSemaphore;
  readonly clock: Clock;
  /** How long a client may take to send a body that is kept, in milliseconds. */
  readonly readMs: number;
}

/**
 * Decides what becomes of the body; `length` is what the client said of it, NaN if nothing. Answers without a promise unless the body
 * is read. Rejects with an `EdgeRefusal` if it does not come, in time and as long as it was said to be.
 */
export function outgoingBody(
  request: Request,
  length: number,
  tenant: string,
  { room, clock, readMs }: BodyDeps,
): OutgoingBody | Promise<OutgoingBody> {
  const { body } = request;
  if (body === null) return NONE;
  // Without a length, nobody knows before the end whether it is small; and where it comes in chunks, a length beside them counts for nothing.
  const isTold = length <= ROUTER_LIMITS.bufferedBody && !request.headers.has('transfer-encoding');
  const share = isTold ? room.acquire(length, tenant) : undefined;
  if (share === undefined) return { content: body, repeatable: false, giveBack: nothing };
  const giveBack = () => room.release(share);
  // Of a request whose client has gone, the Workers runtime may run nothing but this.
  request.signal.addEventListener('abort', giveBack, { once: true });
  return read(request, length, clock, readMs).then(
    (content) => ({ content, repeatable: true, giveBack }),
    (error: unknown) => {
      giveBack();
      throw error;
    },
  );
}

async function read(request: Request, length: number, clock: Clock, readMs: number): Promise<ArrayBuffer> {
  const reading = request.arrayBuffer().catch(() => {
    throw new EdgeRefusal({ code: 'invalid_body', detail: 'The body broke off.' });
  });
  const late = () => new EdgeRefusal({ code: 'request_timeout', detail: `The body has not come within ${readMs} ms.` });
  const content = await withTimeout(clock, readMs, reading, late);
  if (content.byteLength !== length)
    throw new EdgeRefusal({ code: 'invalid_body', detail: 'The body is not as long as its Content-Length says.' });
  return content;
}
