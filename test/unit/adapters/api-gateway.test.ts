// API Gateway events as requests: what a client may send that a web-standard request cannot be made of.
import { apiGateway, type HttpEvent } from '../../../adapters/aws/api-gateway.ts';

const event = (method: string, host?: string): HttpEvent => ({
  rawPath: '/v1/health',
  rawQueryString: 'deep=0',
  headers: host === undefined ? {} : { host },
  requestContext: { http: { method } },
});

/** Method, path and query of the request that the API is handed. */
const echo = apiGateway(async ({ method, url }) => new Response(`${method} ${url.slice(url.indexOf('/', 8))}`));

test.each([undefined, '', 'a b', '[::1', 'x@y', 'x:99999', '1:2:3', 'other/path'])(
  'the host %j is no matter',
  async (host) => {
    expect(await echo(event('GET', host))).toMatchObject({ statusCode: 200, body: 'GET /v1/health?deep=0' });
  },
);

test.each(['TRACE', 'CONNECT', 'TRACK', 'trace'])(
  '%s, of which no request can be made, is handed over as OPTIONS',
  async (method) => {
    expect((await echo(event(method))).body).toBe('OPTIONS /v1/health?deep=0');
  },
);

test('a header beyond Latin-1 arrives percent-encoded', async () => {
  const api = apiGateway(async ({ headers }) => new Response(headers.get('ce-id')));
  expect((await api({ ...event('GET'), headers: { 'ce-id': 'é€' } })).body).toBe('\u00c3\u00a9\u00e2\u0082\u00ac');
});
