// A request's body on its way through the edge: kept while it may have to be sent again, if it is small and there is room; else handed through.
import type { Allowance, Share } from './allowance.ts';
import { ROUTER_LIMITS } from './router-limits.ts';

export interface OutgoingBody {
  readonly content: ReadableStream<Uint8Array> | ArrayBuffer | null;
  /** Whether it can be sent a second time. */
  readonly repeatable: boolean;
  /** The room that it takes while it is kept; to be given back. */
  readonly share: Share | undefined;
}

const NONE: OutgoingBody = { content: null, repeatable: true, share: undefined };

/**
 * Decides what becomes of the body; `length` is what the client said of it, NaN if nothing. Answers without a promise unless the body
 * is read. Rejects with what the client's connection failed of.
 */
export function outgoingBody(request: Request, length: number, room: Allowance): OutgoingBody | Promise<OutgoingBody> {
  const { body } = request;
  if (body === null) return NONE;
  // Without a length, nobody knows before the end whether it is small.
  const share = length <= ROUTER_LIMITS.bufferedBody ? room.take(length) : undefined;
  if (share === undefined) return { content: body, repeatable: false, share: undefined };
  return request.arrayBuffer().then(
    (content) => ({ content, repeatable: true, share }),
    (error: unknown) => {
      room.give(share);
      throw error;
    },
  );
}
