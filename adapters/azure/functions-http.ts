// The Functions HTTP trigger, to and from web-standard requests and responses.
import type { HttpRequest, HttpResponseInit } from '@azure/functions';

/** Turns an API on web-standard requests into what the trigger calls. */
export function functionsHttp(
  api: (request: Request) => Promise<Response>,
): (request: HttpRequest) => Promise<HttpResponseInit> {
  return async (request) => {
    const response = await api(await toRequest(request));
    const body = new Uint8Array(await response.arrayBuffer());
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      ...(body.length > 0 && { body }),
    };
  };
}

async function toRequest(request: HttpRequest): Promise<Request> {
  const { method, url, headers } = request;
  const body = method === 'GET' || method === 'HEAD' ? undefined : await request.arrayBuffer();
  const hasBody = body !== undefined && body.byteLength > 0;
  return new Request(url, { method, headers: Object.fromEntries(headers.entries()), ...(hasBody && { body }) });
}
