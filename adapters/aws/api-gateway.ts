// API Gateway's HTTP API, payload format 2.0, to and from web-standard requests and responses.

/** The members of the event that are read (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html). */
export interface HttpEvent {
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly requestContext: { readonly http: { readonly method: string } };
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

export interface HttpResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Wraps an API on web-standard requests as a Lambda handler. */
export function apiGateway(api: (request: Request) => Promise<Response>): (event: HttpEvent) => Promise<HttpResult> {
  return async (event) => {
    const response = await api(toRequest(event));
    return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  };
}

/** A fixed origin: no route depends on the host name of the request, which may not even be valid. */
const ORIGIN = 'https://cell';

/** Methods that the Fetch standard forbids. No route has them either, so they are refused like OPTIONS. */
const UNHEARD_OF = /^(connect|trace|track)$/i;

function toRequest({ rawPath, rawQueryString, headers, requestContext, body, isBase64Encoded }: HttpEvent): Request {
  const method = UNHEARD_OF.test(requestContext.http.method) ? 'OPTIONS' : requestContext.http.method;
  const url = new URL(ORIGIN);
  // The path is already decoded, and must not be decoded again.
  url.pathname = rawPath.split('/').map(encodeURIComponent).join('/');
  url.search = `?${rawQueryString}`;
  const bytes = toBytes(body, isBase64Encoded === true, headers['content-length']);
  const hasBody = bytes !== undefined && bytes.length > 0 && method !== 'GET' && method !== 'HEAD';
  return new Request(url, { method, headers: toHeaders(headers), ...(hasBody && { body: bytes }) });
}

/**
 * The body's bytes. The gateway replaces invalid UTF-8 with U+FFFD, of three bytes, which the client's Content-Length reveals.
 * Such a body is passed on with bytes that are not UTF-8 either, so that it is refused as on other platforms.
 */
function toBytes(body: string | undefined, isBase64: boolean, sentLength: string | undefined): Buffer | undefined {
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, isBase64 ? 'base64' : 'utf8');
  const isAltered =
    !isBase64 && sentLength !== undefined && Number(sentLength) !== bytes.length && body.includes('\ufffd');
  return isAltered ? Buffer.from(body.replaceAll('\ufffd', '\u00ff'), 'latin1') : bytes;
}

/** Converts header values beyond Latin-1, which `Headers` does not accept, to the bytes of their UTF-8, which are beyond ASCII as well. */
function toHeaders(headers: HttpEvent['headers']): Headers {
  const result = new Headers();
  for (const [name, value = ''] of Object.entries(headers)) {
    result.set(name, /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value) ? value : Buffer.from(value).toString('latin1'));
  }
  return result;
}
