// API Gateway's HTTP API, payload format 2.0, to and from web-standard requests and responses.

/** The parts of the event that are read (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html). */
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

/** Turns an API on web-standard requests into what Lambda calls. */
export function apiGateway(api: (request: Request) => Promise<Response>): (event: HttpEvent) => Promise<HttpResult> {
  return async (event) => {
    const response = await api(toRequest(event));
    return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  };
}

/** No route depends on the name that a client called the API by, and what it sends as one need not be a name. */
const ORIGIN = 'https://cell';

/** The Fetch standard has no requests of these methods. No route has them either, so they are refused as OPTIONS would be. */
const UNHEARD_OF = /^(connect|trace|track)$/i;

function toRequest({ rawPath, rawQueryString, headers, requestContext, body, isBase64Encoded }: HttpEvent): Request {
  const method = UNHEARD_OF.test(requestContext.http.method) ? 'OPTIONS' : requestContext.http.method;
  const url = new URL(ORIGIN);
  // It comes decoded, and must not be decoded again.
  url.pathname = rawPath.split('/').map(encodeURIComponent).join('/');
  url.search = `?${rawQueryString}`;
  const bytes = toBytes(body, isBase64Encoded === true, headers['content-length']);
  const hasBody = bytes !== undefined && bytes.length > 0 && method !== 'GET' && method !== 'HEAD';
  return new Request(url, { method, headers: toHeaders(headers), ...(hasBody && { body: bytes }) });
}

/**
 * The body's bytes. The gateway puts U+FFFD, of three bytes, in place of what is not UTF-8; the length that the client sent
 * gives it away. Such a body is handed on with bytes that are not UTF-8 either, to be refused as it would be elsewhere.
 */
function toBytes(body: string | undefined, isBase64: boolean, sentLength: string | undefined): Buffer | undefined {
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, isBase64 ? 'base64' : 'utf8');
  const isAltered =
    !isBase64 && sentLength !== undefined && Number(sentLength) !== bytes.length && body.includes('\ufffd');
  return isAltered ? Buffer.from(body.replaceAll('\ufffd', '\u00ff'), 'latin1') : bytes;
}

/** Header values beyond Latin-1 cannot be in a `Headers` object; the bytes of their UTF-8 can, and are as much beyond ASCII as they are. */
function toHeaders(headers: HttpEvent['headers']): Headers {
  const result = new Headers();
  for (const [name, value = ''] of Object.entries(headers)) {
    result.set(name, /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value) ? value : Buffer.from(value).toString('latin1'));
  }
  return result;
}
