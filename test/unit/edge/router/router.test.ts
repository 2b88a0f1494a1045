// What the edge lets through to a cell and back, what it keeps to itself, and what it refuses.
import { readFileSync } from 'node:fs';
import { ROUTER_LIMITS } from '../../../../core/edge/router/router-limits.ts';
import { claimsOf, seen, type TestEdge, type TestEdgeOptions, testEdge } from '../../../support/edge.ts';
import { TRACEPARENT } from '../../../support/events.ts';
import { settle } from '../../../support/fake-clock.ts';

async function ready(options: TestEdgeOptions = {}): Promise<TestEdge> {
  const edge = testEdge(options);
  await edge.addCells('a', 'b');
  await edge.addTenant('acme', 'a', 'b');
  await edge.addTenant('globex', 'b');
  await edge.publish();
  return edge;
}

/** What every answer of the cell a has. */
const A_ITSELF = { 'x-polycell-cell': 'a' };

const PROBLEM = { 'content-type': 'application/problem+json', 'x-polycell-cell': 'edge' };

test('a request goes to its tenant’s cell as it is, with a route token', async () => {
  const edge = await ready();
  const response = await edge.call('/v1/devices?limit=2&cursor=%2F', {
    headers: { accept: 'text/x', traceparent: TRACEPARENT, tracestate: 'a=b', 'X-Own': 'yes' },
  });
  expect([response.status, await response.text(), response.headers.get('x-polycell-cell')]).toEqual([200, 'a', 'a']);
  const [sent] = edge.received;
  expect(sent?.url).toBe('https://a.example/v1/devices?limit=2&cursor=%2F');
  expect(sent?.method).toBe('GET');
  const { 'x-polycell-route': token, traceparent, ...headers } = Object.fromEntries(sent?.headers ?? []);
  expect(headers).toEqual({ accept: 'text/x', tracestate: 'a=b', 'x-own': 'yes' });
  expect(traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
  expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]{86}$/);
  expect(sent && claimsOf(sent)).toEqual({
    ten: 'acme',
    cel: 'a',
    aud: 'https://a.example',
    epo: 1,
    scp: ['ingest', 'read'],
    iat: 1_795_246_863,
    exp: 1_795_246_923,
  });
});

test('each tenant goes to its own cell', async () => {
  const edge = await ready();
  expect(await seen(edge.call('/v1/devices'))).toBe('200 a');
  expect(await seen(edge.call('/v1/devices', { tenant: 'globex' }))).toBe('200 b');
});

test('what belongs to the connection, to the edge, to the platform or to the client’s credential is not handed on', async () => {
  const edge = await ready();
  await edge.call('/v1/devices', {
    headers: {
      'x-tenant-id': 'acme',
      'x-polycell-route': 'forged',
      'x-polycell-cell': 'b',
      'x-polycell-anything': 'x',
      'cf-connecting-ip': '192.0.2.1',
      'cf-client-cert-der-base64': '',
      'x-mine': 'kept',
      'x-hop': 'dropped',
      te: 'trailers',
      'proxy-authorization': 'Basic x',
      'proxy-connection': 'keep-alive',
    },
  });
  const names = [...(edge.received[0]?.headers.keys() ?? [])];
  expect(names.sort()).toEqual(['traceparent', 'x-hop', 'x-mine', 'x-polycell-route']);
  expect(edge.received[0] && claimsOf(edge.received[0])).toMatchObject({ ten: 'acme' });
});

test('headers that Connection names are not handed on, whatever they are', async () => {
  const edge = await ready();
  const request = new Request('https://edge.example/v1/devices', {
    headers: { authorization: 'Bearer tenant:acme', 'x-hop': 'dropped', 'x-mine': 'kept' },
  });
  // Fetch forbids a client to set it; a server gets it from the wire.
  const headers = new Proxy(request.headers, {
    get: (target, name) => {
      if (name === 'get')
        return (asked: string) => (asked === 'connection' ? 'X-Hop, x-polycell-route' : target.get(asked));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  Object.defineProperty(request, 'headers', { value: headers });
  expect(await seen(edge.handle(request))).toBe('200 a');
  const [sent] = edge.received;
  expect([sent?.headers.has('x-hop'), sent?.headers.get('x-mine')]).toEqual([false, 'kept']);
  expect(sent?.headers.get('x-polycell-route')).toMatch(/^ey/);
});

test.each([
  ['no credential', '/v1/devices', { tenant: null }, '401 missing_credential'],
  [
    'a credential that is not one',
    '/v1/devices',
    { tenant: null, headers: { authorization: 'Basic eDp5' } },
    '401 invalid_credential',
  ],
  [
    'an operator’s',
    '/v1/devices',
    { tenant: null, headers: { authorization: 'Bearer operator:ann' } },
    '401 invalid_credential',
  ],
  ['another tenant’s name', '/v1/devices', { headers: { 'x-tenant-id': 'globex' } }, '403 tenant_mismatch'],
  [
    'a tenant’s name twice',
    '/v1/devices',
    {
      headers: [
        ['x-tenant-id', 'acme'],
        ['x-tenant-id', 'acme'],
      ],
    },
    '403 tenant_mismatch',
  ],
  ['a tenant that is not there', '/v1/devices', { tenant: 'nobody' }, '404 unknown_tenant'],
  ['a long path', `/v1/${'x'.repeat(ROUTER_LIMITS.target)}`, {}, '414 target_too_long'],
  [
    'large headers',
    '/v1/devices',
    { headers: { 'x-large': 'x'.repeat(ROUTER_LIMITS.headers) } },
    '431 headers_too_large',
  ],
  ['a tenant’s token for the control plane', '/control/v1/cells', {}, '401 invalid_credential'],
  ['nothing for the control plane', '/control/v1/cells', { tenant: null }, '401 missing_credential'],
] as const)('%s', async (_name, path, init, expected) => {
  const edge = await ready();
  const response = await edge.call(path, init as RequestInit);
  expect(Object.fromEntries(response.headers)).toMatchObject(PROBLEM);
  expect(response.headers.get('traceparent')).toMatch(/^00-/);
  expect(response.headers.get('www-authenticate')).toBe(
    expected.startsWith('401')
      ? `Bearer realm="polycell"${expected.includes('invalid') ? ', error="invalid_token"' : ''}`
      : null,
  );
  const body = await response.clone().json();
  expect(body).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status: response.status,
    detail: expect.any(String),
    code: expected.slice(4),
    errors: [],
  });
  expect(await seen(response)).toBe(expected);
  expect(edge.received).toEqual([]);
});

test('the headers may be as large as the limit', async () => {
  const edge = await ready();
  const call = (size: number) => edge.call('/v1/devices', { headers: { 'x-large': 'x'.repeat(size) } });
  expect(await seen(call(ROUTER_LIMITS.headers - 'x-large'.length))).toBe('200 a');
  expect(await seen(call(ROUTER_LIMITS.headers - 'x-large'.length + 1))).toBe('431 headers_too_large');
});

test('a body that says it is too large is refused before the cell is asked', async () => {
  const edge = await ready();
  const post = (length: number) =>
    edge.call('/v1/events', { method: 'POST', body: 'x', headers: { 'content-length': String(length) } });
  expect(await seen(post(ROUTER_LIMITS.body + 1))).toBe('413 payload_too_large');
  expect(await seen(post(ROUTER_LIMITS.body))).toBe('200 a');
});

test('the cell’s answer is the client’s, streamed as it comes', async () => {
  const edge = await ready();
  let more: ReadableStreamDefaultController<Uint8Array> | undefined;
  edge.cells.set('https://a.example', async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        more = controller;
      },
    });
    return new Response(body, {
      status: 207,
      headers: { 'x-any': 'thing', 'set-cookie': 'a=b', location: '/elsewhere', 'x-polycell-cell': 'a' },
    });
  });
  const response = await edge.call('/v1/devices');
  expect(response.status).toBe(207);
  expect(Object.fromEntries(response.headers)).toEqual({
    'x-any': 'thing',
    'set-cookie': 'a=b',
    location: '/elsewhere',
    ratelimit: expect.stringMatching(/^"requests";r=\d+;t=\d+, "bytes";r=\d+;t=\d+$/),
    'ratelimit-policy': expect.stringMatching(/^"requests";q=\d+;w=\d+, "bytes";q=\d+;w=\d+;qu="content-bytes"$/),
    'x-polycell-cell': 'a',
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const pending = reader.read();
  more?.enqueue(new Uint8Array([1, 2]));
  expect((await pending).value).toEqual(new Uint8Array([1, 2]));
  more?.close();
  expect((await reader.read()).done).toBe(true);
});

test.each([301, 400, 403, 404, 409, 429, 500, 502, 503, 504])('a cell’s %i is the client’s', async (status) => {
  const edge = await ready();
  edge.cells.set(
    'https://a.example',
    async () => new Response('so be it', { status, headers: { 'retry-after': '9', ...A_ITSELF } }),
  );
  const response = await edge.call('/v1/devices');
  expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([
    status,
    '9',
    'so be it',
  ]);
  expect(edge.received).toHaveLength(1);
  expect(edge.asked.directory).toBe(0);
});

test('a cell that refuses the edge’s tokens counts as unavailable, not as a bad credential of the client', async () => {
  const edge = await ready();
  edge.cells.set('https://a.example', async () => Response.json({ code: 'invalid_route_token' }, { status: 401 }));
  expect(await seen(edge.call('/v1/devices'))).toBe('503 cell_unavailable');
  expect(edge.log.lines).toContainEqual(
    expect.objectContaining({
      message: 'a cell did not serve a request',
      fields: expect.objectContaining({ why: expect.stringContaining('(401)') }),
    }),
  );
});

test('a quota is per tenant and says how long to wait', async () => {
  const slow = { perSecond: 0.5, burst: 2 };
  const edge = await ready({ quotas: { standard: slow, premium: slow } });
  const call = (tenant: string) => edge.call('/v1/devices', { tenant });
  expect(await seen(call('acme'))).toBe('200 a');
  expect(await seen(call('acme'))).toBe('200 a');
  const refused = await call('acme');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2']);
  expect(await seen(refused)).toBe('429 quota_exceeded');
  expect(await seen(call('globex'))).toBe('200 b');
  await edge.clock.advance(2000);
  expect(await seen(call('acme'))).toBe('200 a');
});

test('a slow cell is asked by so many at a time, and the others go on', async () => {
  const edge = await ready({ perCell: 3 });
  const answers: ((response: Response) => void)[] = [];
  edge.cells.set('https://a.example', () => new Promise((resolve) => answers.push(resolve)));
  const waiting = Array.from({ length: 3 }, () => edge.call('/v1/devices'));
  await edge.arrived(3);
  const refused = await edge.call('/v1/devices');
  expect([refused.headers.get('retry-after'), await seen(refused)]).toEqual(['1', '503 cell_overloaded']);
  expect(await seen(edge.call('/v1/devices', { tenant: 'globex' }))).toBe('200 b');
  answers[0]?.(new Response('late', { headers: A_ITSELF }));
  // They need not arrive in the order in which they were sent.
  expect(await seen(Promise.race(waiting))).toBe('200 late');
  const next = edge.call('/v1/devices');
  await edge.arrived(5);
  expect(answers).toHaveLength(4);
  for (const answer of answers) answer(new Response('done', { headers: A_ITSELF }));
  expect(await seen(next)).toBe('200 done');
});

test('a tenant whose requests wait leaves places in its cell for the others', async () => {
  const edge = await ready({ perCell: 3, perTenant: 2 });
  await edge.addTenant('initech', 'a');
  const answers: ((response: Response) => void)[] = [];
  edge.cells.set('https://a.example', () => new Promise((resolve) => answers.push(resolve)));
  const waiting = [edge.call('/v1/devices'), edge.call('/v1/devices')];
  await edge.arrived(2);
  const refused = await edge.call('/v1/devices');
  expect([refused.headers.get('retry-after'), await seen(refused)]).toEqual(['1', '503 cell_overloaded']);
  const other = edge.call('/v1/devices', { tenant: 'initech' });
  await edge.arrived(3);
  for (const answer of answers) answer(new Response('late', { headers: A_ITSELF }));
  expect(await Promise.all([...waiting, other].map(seen))).toEqual(['200 late', '200 late', '200 late']);
});

test('a client that goes away gives its place back at once, and is no failure of the cell', async () => {
  const edge = await ready({ perCell: 1 });
  edge.cells.set('https://a.example', () => new Promise(() => undefined));
  const client = new AbortController();
  const pending = edge.call('/v1/devices', { signal: client.signal });
  await edge.arrived(1);
  client.abort();
  edge.cells.set('https://a.example', async () => new Response('a', { headers: A_ITSELF }));
  expect(await seen(edge.call('/v1/devices'))).toBe('200 a');
  await edge.clock.advance(3000);
  await pending;
  expect(edge.asked.directory).toBe(0);
});

test('an answer that comes too late is let go, so that its connection is free', async () => {
  const edge = await ready();
  let answer: ((response: Response) => void) | undefined;
  edge.cells.set('https://a.example', () => new Promise((resolve) => (answer = resolve)));
  const pending = edge.call('/v1/devices');
  await edge.arrived(1);
  await edge.clock.advance(3000);
  expect(await seen(pending)).toBe('503 cell_unavailable');
  const cancelled = new Promise((resolve) =>
    answer?.(new Response(new ReadableStream({ cancel: () => resolve('cancelled') }))),
  );
  expect(await cancelled).toBe('cancelled');
});

test('route tokens are reused until half of their lifetime, and an internal error is answered as one', async () => {
  const edge = await ready();
  for (const seconds of [0, 29, 1, 29, 1]) {
    await edge.clock.advance(seconds * 1000);
    await edge.call('/v1/devices');
  }
  expect(edge.received.map((sent) => Number(claimsOf(sent).iat) - 1_795_246_863)).toEqual([0, 0, 30, 30, 60]);
});

test('one tenant cannot hold all requests that a cell takes, by the limits that are deployed', async () => {
  const { perCell, perTenant } = ROUTER_LIMITS;
  const { maximumConcurrency } = JSON.parse(readFileSync('infra/topology.json', 'utf8')).http;
  expect(perCell).toBe(maximumConcurrency);
  expect(perTenant).toBeLessThan(maximumConcurrency);
  const edge = await ready();
  edge.cells.set('https://a.example', () => new Promise(() => undefined));
  await edge.addTenant('initech', 'a');
  for (let held = 0; held < perTenant; held += 1) void edge.call('/v1/devices');
  await edge.arrived(perTenant);
  const oneMore = seen(edge.call('/v1/devices'));
  void edge.call('/v1/devices', { tenant: 'initech' });
  await edge.arrived(perTenant + 1);
  expect(await Promise.race([oneMore, settle().then(() => 'it is held, too')])).toBe('503 cell_overloaded');
});
