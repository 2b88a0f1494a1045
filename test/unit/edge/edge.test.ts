// The edge's own answers: its health, its document, the way to the control plane, and what it says of its own faults.
import { PortError } from '../../../core/ports/errors.ts';
import { seen, testEdge } from '../../support/edge.ts';

test('the edge reports its own health without a credential and without calling a cell', async () => {
  const edge = testEdge();
  const response = await edge.call('/v1/health', { tenant: null });
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-polycell-cell': 'edge',
    date: 'Sat, 21 Nov 2026 07:41:03 GMT',
    traceparent: expect.stringMatching(/^00-/),
  });
  expect([response.status, await response.json()]).toEqual([200, { status: 'ok', cell: 'edge', version: '1.2.3' }]);
  expect(edge.asked).toEqual({ cache: 0, directory: 0 });
});

test('it is degraded for half a minute after read cache or directory have failed', async () => {
  const edge = testEdge();
  await edge.addCells('a');
  await edge.addTenant('acme', 'a');
  const health = async () =>
    ((await (await edge.call('/v1/health', { tenant: null })).json()) as { status: string }).status;
  edge.sources.cache = 'gone';
  expect(await seen(edge.call('/v1/devices'))).toBe('200 a');
  expect(await health()).toBe('degraded');
  await edge.clock.advance(29_999);
  expect(await health()).toBe('degraded');
  await edge.clock.advance(1);
  expect(await health()).toBe('ok');
});

test('a deep look is one at the tenant’s cell, and takes a credential', async () => {
  const edge = testEdge();
  await edge.addCells('a');
  await edge.addTenant('acme', 'a');
  expect(await seen(edge.call('/v1/health?deep=1', { tenant: null }))).toBe('401 missing_credential');
  expect(await seen(edge.call('/v1/health?deep=1'))).toBe('200 a');
});

test('the OpenAPI document needs no credential', async () => {
  const response = await testEdge().call('/openapi.json', { tenant: null });
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(Object.keys(((await response.json()) as { paths: object }).paths)).toContain('/v1/events');
});

test('the control plane is for operators', async () => {
  const edge = testEdge();
  const call = (path: string) => edge.call(path, { tenant: null, headers: { authorization: 'Bearer operator:ann' } });
  expect(await (await call('/control/v1/cells')).json()).toEqual({ operator: 'ann' });
  // Written in any other way, the path is a tenant's.
  for (const path of ['//control/v1/cells', '/%63ontrol/v1/cells', '/Control/v1/cells', '/v1/..%2fcontrol/v1/cells'])
    expect(await seen(call(path))).toBe('401 invalid_credential');
});

test('the document of the control plane needs no token, and nothing else there goes without', async () => {
  const edge = testEdge();
  const call = (path: string, method = 'GET') => edge.call(path, { tenant: null, method });
  expect(await (await call('/control/v1/openapi.json')).json()).toEqual({ operator: 'anonymous' });
  expect(await seen(call('/control/v1/openapi.json', 'POST'))).toBe('401 missing_credential');
  expect(await seen(call('/control/v1/cells'))).toBe('401 missing_credential');
  expect(await seen(call('/control/v1/none'))).toBe('401 missing_credential');
});

describe('an operator acts for a tenant', () => {
  const started = async () => {
    const edge = testEdge();
    await edge.addCells('a');
    await edge.addTenant('acme', 'a');
    const call = (path: string, credential: string, headers: Record<string, string> = {}) =>
      edge.call(path, { tenant: null, headers: { authorization: `Bearer ${credential}`, ...headers } });
    return { edge, call };
  };
  const claimsIn = (token: string | null | undefined) =>
    JSON.parse(Buffer.from((token ?? '').split('.')[1] ?? '', 'base64url').toString('utf8')) as object;

  test('with the scopes for it and no others, at the path without the prefix; it is logged', async () => {
    const { edge, call } = await started();
    const path = '/control/v1/tenants/acme/api/v1/devices?limit=1';
    expect(await seen(call(path, 'operator:ann:control.write,tenants.read,tenants.operate'))).toBe('200 a');
    const [received] = edge.received;
    expect(received?.url).toBe('https://a.example/v1/devices?limit=1');
    expect(received?.headers.get('authorization')).toBeNull();
    expect(claimsIn(received?.headers.get('x-polycell-route'))).toMatchObject({
      ten: 'acme',
      scp: ['read', 'operate'],
    });
    expect(edge.log.lines).toMatchObject([
      {
        level: 'info',
        message: 'an operator acts for a tenant',
        fields: { actor: 'ann', tenant: 'acme', method: 'GET', path: '/v1/devices' },
      },
    ]);
  });

  test.each([
    ['operator:ann:control.read,control.write', '403 missing_scope'],
    ['tenant:acme', '401 invalid_credential'],
    ['tenant:globex', '401 invalid_credential'],
  ])('but not with %s', async (credential, refusal) => {
    const { edge, call } = await started();
    expect(await seen(call('/control/v1/tenants/acme/api/v1/devices', credential))).toBe(refusal);
    expect(edge.received).toEqual([]);
  });

  test('for the tenant in the path alone, and one that there is', async () => {
    const { edge, call } = await started();
    const operator = 'operator:ann:tenants.read';
    const path = '/control/v1/tenants/acme/api/v1/devices';
    expect(await seen(call(path, operator, { 'x-tenant-id': 'globex' }))).toBe('403 tenant_mismatch');
    expect(await seen(call('/control/v1/tenants/nobody/api/v1/devices', operator))).toBe('404 unknown_tenant');
    expect(await seen(call('/v1/devices', operator))).toBe('401 invalid_credential');
    expect(edge.received).toEqual([]);
  });
});

test('an internal error is answered as one, logged under its trace, and discloses nothing', async () => {
  const edge = testEdge({
    credentials: [
      {
        authenticate: () => {
          throw new RangeError('a secret');
        },
      },
    ],
  });
  const response = await edge.call('/v1/devices');
  const text = await response.clone().text();
  expect([await seen(response), text.includes('secret')]).toEqual(['500 internal_error', false]);
  expect(edge.log.lines).toMatchObject([
    { level: 'error', fields: { message: 'a secret', traceparent: response.headers.get('traceparent') } },
  ]);
});

test('two credentials are none', async () => {
  const always = {
    authenticate: async () => ({
      status: 'accepted' as const,
      caller: { kind: 'tenant' as const, tenant: 'acme', scopes: ['read' as const] },
    }),
  };
  const edge = testEdge({ credentials: [always, always] });
  expect(await seen(edge.call('/v1/devices'))).toBe('401 invalid_credential');
});

test('a credential that cannot be verified now is no invalid one', async () => {
  const edge = testEdge({
    credentials: [{ authenticate: () => Promise.reject(new PortError('unavailable', 'no keys')) }],
  });
  const response = await edge.call('/v1/devices');
  expect([response.headers.get('retry-after'), await seen(response)]).toEqual(['5', '503 issuer_unavailable']);
});
