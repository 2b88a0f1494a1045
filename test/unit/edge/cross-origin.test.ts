// Other origins at the edge: preflight requests and answers for pages, and the handshake of webhook senders.
import { CROSS_ORIGIN_LIMITS } from '../../../core/edge/router/cross-origin.ts';
import { type TestEdgeOptions, testEdge } from '../../support/edge.ts';

const PAGE = 'https://app.example';

async function ready(crossOrigin: TestEdgeOptions['crossOrigin'] = { browsers: [PAGE, 'http://localhost:3000'] }) {
  const edge = testEdge({ crossOrigin });
  await edge.addCells('a');
  await edge.addTenant('acme', 'a');
  return edge;
}

const preflight = (origin: string, headers: Readonly<Record<string, string>> = {}) => ({
  method: 'OPTIONS',
  tenant: null,
  headers: { origin, 'access-control-request-method': 'POST', ...headers },
});

test.each([PAGE, 'http://localhost:3000'])(
  'a preflight request of %s is answered without a credential',
  async (origin) => {
    const edge = await ready();
    const requested = 'authorization,content-type, CE-Id ,x-polycell-route,cookie,traceparent,x-other';
    const response = await edge.call('/v1/events', preflight(origin, { 'access-control-request-headers': requested }));
    const { traceparent, ...headers } = Object.fromEntries(response.headers);
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect(headers).toEqual({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'authorization, content-type, ce-id, traceparent',
      'access-control-max-age': '7200',
      'cache-control': 'no-store',
      vary: 'Origin',
      'x-polycell-cell': 'edge',
    });
    expect(traceparent).toMatch(/^00-/);
    expect(edge.received).toEqual([]);
  },
);

test.each([
  'https://evil.example',
  'https://app.example:8443',
  'http://app.example',
  'https://app.example.evil.example',
  'null',
  '*',
])('a page of %s may nothing', async (origin) => {
  const edge = await ready();
  const refusal = await edge.call('/v1/events', preflight(origin));
  expect([refusal.status, await refusal.json()]).toEqual([
    403,
    expect.objectContaining({ code: 'origin_not_allowed' }),
  ]);
  const answer = await edge.call('/v1/devices', { headers: { origin } });
  for (const response of [refusal, answer])
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect(await answer.text()).toBe('a');
});

test.each([
  ['an answer of a cell', '/v1/devices', 'acme', 200],
  ['a refusal', '/v1/devices', null, 401],
  ['health', '/v1/health', null, 200],
  ['the control plane’s refusal', '/control/v1/cells', null, 401],
])('%s can be read by a page that is allowed', async (_name, path, tenant, status) => {
  const edge = await ready();
  const response = await edge.call(path, { tenant, headers: { origin: PAGE } });
  expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([status, PAGE]);
  expect(response.headers.get('vary')).toContain('Origin');
  expect(response.headers.get('access-control-expose-headers')).toContain('retry-after');
  expect(response.headers.get('access-control-allow-credentials')).toBeNull();
});

test('every page, if the deployment says so', async () => {
  const edge = await ready({ browsers: ['*'] });
  const answers = [await edge.call('/v1/events', preflight('https://any.example'))];
  answers.push(await edge.call('/v1/devices', { headers: { origin: 'null' } }));
  for (const { headers } of answers)
    expect([headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual(['*', null]);
});

test('what asks with OPTIONS and is no preflight request goes its way', async () => {
  const edge = await ready();
  expect((await edge.call('/v1/events', { method: 'OPTIONS', tenant: null, headers: { origin: PAGE } })).status).toBe(
    401,
  );
  expect((await edge.call('/v1/events', { method: 'OPTIONS' })).status).toBe(200);
});

test('of a long list of headers only so many are looked at', async () => {
  const edge = await ready();
  const requested = [
    ...Array.from({ length: CROSS_ORIGIN_LIMITS.requestedHeaders }, () => 'x'),
    'authorization',
  ].join();
  const response = await edge.call('/v1/events', preflight(PAGE, { 'access-control-request-headers': requested }));
  expect(response.headers.get('access-control-allow-headers')).toBeNull();
});

const handshake = (origin: string, headers: Readonly<Record<string, string>> = {}) => ({
  method: 'OPTIONS',
  tenant: null,
  headers: { 'webhook-request-origin': origin, ...headers },
});

test.each([
  [undefined, '600'],
  ['120', '120'],
  ['100000', '600'],
  ['0', '1'],
  ['many', '600'],
])('a webhook sender that asks for the rate %s is given %s', async (asked, rate) => {
  const edge = await ready({ webhooks: ['eventgrid.azure.net'] });
  const more = asked === undefined ? {} : { 'webhook-request-rate': asked };
  const response = await edge.call('/v1/events?x=1', handshake('EventGrid.azure.net', more));
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    allow: 'POST',
    'webhook-allowed-origin': 'EventGrid.azure.net',
    'webhook-allowed-rate': rate,
  });
});

test('a webhook sender that is not listed is refused, and other paths have no handshake', async () => {
  const edge = await ready({ webhooks: ['eventgrid.azure.net'] });
  const refusal = await edge.call('/v1/events', handshake('evil.example'));
  expect([refusal.status, refusal.headers.get('webhook-allowed-origin')]).toEqual([403, null]);
  expect((await edge.call('/v1/devices', handshake('eventgrid.azure.net'))).status).toBe(401);
  expect((await (await ready({ webhooks: ['*'] })).call('/v1/events', handshake('any.example'))).status).toBe(200);
});
