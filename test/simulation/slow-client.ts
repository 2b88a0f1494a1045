// A client that sends the beginning of a large body, and nothing more: the edge streams it, and both it and the cell wait.
import { ROUTER_LIMITS } from '../../core/edge/router/router-limits.ts';

/** The request of such a client; the body never ends. */
export function slowRequest(tenant: string): Request {
  let isSent = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (isSent) return new Promise(() => undefined);
        isSent = true;
        controller.enqueue(new Uint8Array(ROUTER_LIMITS.bufferedBody + 1).fill(0x20));
        return undefined;
      },
    },
    { highWaterMark: 0 },
  );
  const headers = { authorization: `Bearer tenant:${tenant}`, 'content-type': 'application/cloudevents+json' };
  return new Request('https://edge.example/v1/events', { method: 'POST', headers, body, duplex: 'half' });
}
