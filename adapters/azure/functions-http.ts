// The Functions HTTP trigger, to and from web-standard requests and responses.
import type { HttpRequest, HttpResponseInit } from '@azure/functions';

/** The members of a web-standard request that the trigger's own request also has. */
export type TriggerRequest = Pick<Request, 'method' | 'url' | 'headers' | 'body'>;

/** Wraps an API on web-standard requests for the trigger. Passes the request on uncopied: a copy costs a tenth of a call. */
export function functionsHttp(
  api: (request: TriggerRequest) => Promise<Response>,
): (request: HttpRequest) => Promise<HttpResponseInit> {
  return async (request) => {
    // The types of Node.js's web streams and of the platform's differ only in name.
    const response = await api(request as unknown as TriggerRequest);
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
