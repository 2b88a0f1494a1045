// Requests that are odd and allowed, byte by byte: the tenant's cell answers them, the connection goes on, and no cell is blamed.
import { ROUTER_LIMITS } from '../../../core/edge/router/router-limits.ts';
import { type RunningEdge, raw, runningEdge, statuses, tokenNow } from './support.ts';

const warnings: string[] = [];
let edge: RunningEdge;
beforeAll(async () => {
  edge = await runningEdge({
    variables: {
      APP_CROSS_ORIGIN: JSON.stringify({ browsers: ['https://app.example'], webhooks: ['eventgrid.azure.net'] }),
    },
    log: ({ level, message }) => {
      if (level !== 'info') warnings.push(message);
    },
  });
});
afterAll(() => edge?.stop());
beforeEach(() => {
  warnings.length = 0;
  edge.a.heard.length = 0;
  edge.a.behave = edge.a.usual;
});

const head = (line: string, headers: readonly string[]) =>
  [`${line} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${tokenNow()}`, ...headers, '', ''].join('\r\n');
const NEXT = () => head('GET /v1/next', ['Connection: close']);

test.each([
  ['GET with a length of 0', 'GET', ['Content-Length: 0'], ''],
  ['GET with a body', 'GET', ['Content-Type: application/json', 'Content-Length: 2'], '{}'],
  ['GET in chunks', 'GET', ['Transfer-Encoding: chunked'], '2\r\n{}\r\n0\r\n\r\n'],
  [
    'GET with a large body in chunks',
    'GET',
    ['Transfer-Encoding: chunked'],
    `${(200_000).toString(16)}\r\n${'x'.repeat(200_000)}\r\n0\r\n\r\n`,
  ],
  ['HEAD with a length of 0', 'HEAD', ['Content-Length: 0'], ''],
  ['HEAD in chunks', 'HEAD', ['Transfer-Encoding: chunked'], '0\r\n\r\n'],
  ['DELETE with a body', 'DELETE', ['Content-Length: 2'], '{}'],
  ['DELETE in chunks', 'DELETE', ['Transfer-Encoding: chunked'], '2\r\n{}\r\n0\r\n\r\n'],
  ['OPTIONS with a body', 'OPTIONS', ['Content-Length: 2'], '{}'],
  ['POST without a body', 'POST', ['Content-Length: 0'], ''],
  ['POST in no chunks', 'POST', ['Transfer-Encoding: chunked'], '0\r\n\r\n'],
])('%s', async (_name, method, headers, body) => {
  const answer = await raw(edge.host.url, head(`${method} /v1/devices`, headers) + body + NEXT(), 'listen', 2);
  expect(statuses(answer)).toEqual([200, 200]);
  expect(edge.a.heard.map((each) => [each.method, each.url])).toEqual([
    [method, '/v1/devices'],
    ['GET', '/v1/next'],
  ]);
  if (method === 'GET' || method === 'HEAD') expect(edge.a.heard[0]?.body).toBe('');
  expect(warnings).toEqual([]);
});

test('a body that is too large to be kept keeps its length', async () => {
  const size = ROUTER_LIMITS.bufferedBody + 1;
  const sent = head('POST /v1/events', [`Content-Length: ${size}`, 'Connection: close']) + 'x'.repeat(size);
  expect(statuses(await raw(edge.host.url, sent))).toEqual([200]);
  const [heard] = edge.a.heard;
  expect([heard?.body.length, heard?.headers['content-length']]).toEqual([size, String(size)]);
});

test.each([
  ['small and in chunks', ['Transfer-Encoding: chunked'], '5\r\nabcde\r\n'],
  ['large and in chunks', ['Transfer-Encoding: chunked'], `${(200_000).toString(16)}\r\n${'x'.repeat(200_000)}\r\n`],
  ['large', [`Content-Length: ${ROUTER_LIMITS.bufferedBody + 1}`], 'abc'],
])('a body that does not come to its end, %s: 408', async (_name, headers, body) => {
  const answer = await raw(edge.host.url, head('POST /v1/events', headers) + body);
  expect([statuses(answer), answer]).toEqual([[408], expect.stringContaining('"code":"request_timeout"')]);
  expect(warnings).toEqual([]);
});

test('bytes beyond ASCII in the name of an event never look like ASCII to a cell', async () => {
  for (const id of ['m-\u00fc', 'm-\u00f6', 'm-\u00c3\u00bc'])
    expect(
      statuses(
        await raw(edge.host.url, head('POST /v1/events', [`ce-id: ${id}`, 'Content-Length: 0', 'Connection: close'])),
      ),
    ).toEqual([200]);
  const ids = edge.a.heard.map(({ headers }) => String(headers['ce-id']));
  expect(ids).toHaveLength(3);
  for (const id of ids) expect(id).toMatch(/[^ -~]/);
});

test('a platform’s error never reaches a client', async () => {
  let asked = 0;
  edge.a.behave = (_request, response) => {
    asked += 1;
    response.removeHeader('x-polycell-cell');
    response.statusCode = 500;
    response.end('Internal Server Error');
  };
  const response = await edge.call('/v1/devices');
  expect([response.status, await response.json(), asked]).toEqual([
    503,
    expect.objectContaining({ code: 'cell_unavailable' }),
    2,
  ]);
});

test('a page of another origin gets its answers, and a webhook sender its consent', async () => {
  const origin = 'https://app.example';
  const preflight = await fetch(`${edge.host.url}/v1/events`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  });
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'authorization']);
  const answer = await edge.call('/v1/devices', { headers: { origin } });
  expect([await answer.text(), answer.headers.get('access-control-allow-origin')]).toEqual(['a', origin]);
  const consent = await fetch(`${edge.host.url}/v1/events`, {
    method: 'OPTIONS',
    headers: { 'webhook-request-origin': 'eventgrid.azure.net', 'webhook-request-rate': '120' },
  });
  expect([consent.status, consent.headers.get('webhook-allowed-rate')]).toEqual([200, '120']);
});
