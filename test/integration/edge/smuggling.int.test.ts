// Requests that two servers might read differently, sent byte by byte: what the edge makes of them, and what a cell gets to see.
import { tokensByPublicKey } from '../../support/tenant-tokens.ts';
import { type RunningEdge, raw, runningEdge, statuses, tokenNow } from './support.ts';

let edge: RunningEdge;
beforeAll(async () => {
  edge = await runningEdge();
});
afterAll(() => edge?.stop());

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const post = (headers: readonly string[], body: string): string =>
  ['POST /v1/events HTTP/1.1', 'Host: x', `Authorization: Bearer ${tokenNow()}`, ...headers, '', body].join('\r\n');
const get = (target: string, ...headers: string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n');
const auth = () => `Authorization: Bearer ${tokenNow()}`;

// How the runtime takes the bytes; on Cloudflare, its front line takes them first. Chunks count before a length, as they must.
const CHUNKED = [200, 401];
const REFUSED = [500];

test.each([
  [
    'a length and chunks',
    () => post(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`),
    CHUNKED,
  ],
  [
    'chunks and a length',
    () => post(['Transfer-Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${SMUGGLED}`),
    CHUNKED,
  ],
  ['two lengths', () => post(['Content-Length: 0', `Content-Length: ${SMUGGLED.length}`], SMUGGLED), REFUSED],
  ['a list of lengths', () => post([`Content-Length: 0, ${SMUGGLED.length}`], SMUGGLED), REFUSED],
  ['a length with a sign', () => post(['Content-Length: +0'], SMUGGLED), REFUSED],
  ['a negative length', () => post(['Content-Length: -1'], SMUGGLED), REFUSED],
  ['another coding', () => post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${SMUGGLED}`), REFUSED],
  [
    'two codings',
    () => post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], `0\r\n\r\n${SMUGGLED}`),
    REFUSED,
  ],
  ['a blank before the colon', () => post(['Transfer-Encoding : chunked'], `0\r\n\r\n${SMUGGLED}`), CHUNKED],
  ['a folded line', () => post(['X-Long: a', ' b', 'Content-Length: 0'], ''), [200]],
  ['a line feed alone', () => post(['X-Any: a\nTransfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`), CHUNKED],
  ['a zero byte', () => post(['X-Any: a\0b', 'Content-Length: 0'], ''), [400]],
  ['a request behind a request', () => post(['Content-Length: 0'], SMUGGLED), [200, 401]],
])('%s: a cell sees what has been authenticated, and nothing that hides behind it', async (_name, bytes, expected) => {
  edge.a.heard.length = 0;
  expect(statuses(await raw(edge.host.url, bytes(), 'listen', expected.length))).toEqual(expected);
  expect(edge.a.heard.map(({ url, body }) => [url, body])).toEqual(expected[0] === 200 ? [['/v1/events', '']] : []);
});

test('a body in chunks is not kept, however small a length beside them says it is', async () => {
  edge.a.heard.length = 0;
  const chunk = 'x'.repeat(200_000);
  const headers = ['Content-Length: 5', 'Transfer-Encoding: chunked', 'Connection: close'];
  const bytes = post(headers, `${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`);
  expect(statuses(await raw(edge.host.url, bytes))).toEqual([200]);
  const [heard] = edge.a.heard;
  expect([heard?.body.length, heard?.headers['transfer-encoding']]).toEqual([chunk.length, 'chunked']);
});

test('a truncated body is refused and reaches no cell', async () => {
  edge.a.heard.length = 0;
  const answer = await raw(edge.host.url, post(['Content-Length: 5'], 'abc'), 'end');
  expect(statuses(answer)).toEqual([400]);
  expect(answer).toContain('"code":"invalid_body"');
  expect(edge.a.heard).toEqual([]);
});

test.each([
  ['two tokens', () => [auth(), auth()], '401'],
  ['a token with half a signature', () => [auth().slice(0, -43)], '401'],
  ['a token with hardly a signature', () => [auth().slice(0, -84)], '401'],
  ['a token with more than a signature', () => [`${auth()}AAAA`], '401'],
  [
    'a token of a tenant that only looks like one',
    () => [`Authorization: Bearer ${tokenNow({ tenant: '\u0430cme' })}`],
    '401',
  ],
  ['a token signed with what everybody knows', () => [`Authorization: Bearer ${tokensByPublicKey()[0]}`], '401'],
  ['another tenant', () => [auth(), 'X-Tenant-ID: globex'], '403'],
  ['two tenants', () => [auth(), 'X-Tenant-ID: acme', 'X-Tenant-ID: globex'], '403'],
  ['large headers', () => [auth(), `X-Large: ${'x'.repeat(9000)}`], '431'],
  ['headers beyond all measure', () => [auth(), `X-Large: ${'x'.repeat(200_000)}`], '431'],
])('refused: %s', async (_name, headers, status) => {
  edge.a.heard.length = 0;
  expect((await raw(edge.host.url, get('/v1/devices', ...headers()))).slice(9, 12)).toBe(status);
  expect(edge.a.heard).toEqual([]);
});

test('a route token of the client’s own, and headers that Connection names, do not reach the cell or take ours away', async () => {
  edge.a.heard.length = 0;
  const bytes = get(
    '/v1/devices',
    auth(),
    'x-polycell-route: forged',
    'X-Polycell-Route: forged-too',
    'Connection: close, x-polycell-route, traceparent',
    'Cf-Client-Cert-Der-Base64: AAAA',
  );
  expect(statuses(await raw(edge.host.url, bytes))).toEqual([200]);
  const [heard] = edge.a.heard;
  const routes = heard?.rawHeaders.filter((_, index, all) => all[index - 1]?.toLowerCase() === 'x-polycell-route');
  expect(routes).toEqual([expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]{86}$/)]);
  expect(heard?.headers.traceparent).toMatch(/^00-/);
  expect(heard?.headers['cf-client-cert-der-base64']).toBeUndefined();
});

test.each([
  ['/v1/../control/v1/cells', '401', []],
  ['/v1/%2e%2e/control/v1/cells', '401', []],
  ['/v1/..%2fcontrol/v1/cells', '200', ['/v1/..%2fcontrol/v1/cells']],
  ['//evil.example/v1/devices', '200', ['//evil.example/v1/devices']],
  ['/\\evil.example/v1', '200', ['//evil.example/v1']],
  ['/v1/devices/a.js', '200', ['/v1/devices/a.js']],
  ['/@evil.example/', '200', ['/@evil.example/']],
])('the path %s goes to the tenant’s own cell or nowhere', async (target, status, expected) => {
  edge.a.heard.length = 0;
  expect((await raw(edge.host.url, get(target, auth()))).slice(9, 12)).toBe(status);
  expect(edge.a.heard.map(({ url }) => url)).toEqual(expected);
});
