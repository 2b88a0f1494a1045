// The Functions HTTP trigger, to and from web-standard requests and responses.
import type { HttpRequest, HttpResponseInit } from '@azure/functions';

/** The members of a web-standard request that the trigger's own request also has. */
export type TriggerRequest = Pick<Request, 'method' | 'url' | 'headers' | 'body'>;

/**
 * Bytes of a refused body that are read and dropped. The host takes no more of a request (210,000,000 bytes,
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits).
 */
const DROPPED_BYTES = 210_000_000;

/** Wraps an API on web-standard requests for the trigger. Passes the request on uncopied: a copy costs a tenth of a call. */
export function functionsHttp(
  api: (request: TriggerRequest) => Promise<Response>,
): (request: HttpRequest) => Promise<HttpResponseInit> {
  return async (request) => {
    // The types of Node.js's web streams and of the platform's differ only in name.
    const asked = request as unknown as TriggerRequest;
    const response = await api(asked);
    // The host keeps its connection to the app, and what is left unread would stand before its next request there. Before the answer, as
    // Node.js's server stops reading for good when the answer ends between two reads.
    await dropRest(asked.body);
    const body = new Uint8Array(await response.arrayBuffer());
    const { status } = response;
    return {
      status,
      headers: {
        ...Object.fromEntries(response.headers),
        // A streaming platform does not set the length itself; RFC 9110, 8.6 forbids it for these statuses.
        ...(status !== 204 && status !== 304 && { 'content-length': String(body.length) }),
      },
      ...(body.length > 0 && { body }),
    };
  };
}

async function dropRest(body: TriggerRequest['body']): Promise<void> {
  if (body === null || body.locked) return;
  const reader = body.getReader();
  try {
    for (let dropped = 0; dropped <= DROPPED_BYTES; ) {
      const { done, value } = await reader.read();
      if (done) return;
      dropped += value.length;
    }
    await reader.cancel();
  } catch {
    // The client went away, and the connection with it.
  }
}
