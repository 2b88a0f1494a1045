// The control API over a directory in memory, status by status.

import { OPERATOR_CODES } from '../../../../core/api/refusal.ts';
import { CONTROL_BODY_BYTES, controlRoutes } from '../../../../core/edge/control/control-routes.ts';
import { type ErrorCode, PortError } from '../../../../core/ports/errors.ts';
import { type Loose, OPERATOR, openApi, TRACE } from '../../../support/control-api.ts';

const ALPHA = {
  cloud: 'aws',
  region: 'eu-central-1',
  jurisdiction: 'eu',
  endpoint: 'https://alpha.example.com',
  capacity: 10,
  price: 1,
  failover: 'automatic',
};
const BETA = { ...ALPHA, cloud: 'azure', region: 'westeurope', endpoint: 'https://beta.example.com' };
const why = { reason: 'as agreed' };
const ACME = { residency: 'eu', tier: 'standard', ...why };

async function filled() {
  const api = openApi();
  expect((await api.call('PUT', 'cells/alpha', { ...ALPHA, ...why })).status).toBe(200);
  expect((await api.call('PUT', 'cells/beta', { ...BETA, ...why })).status).toBe(200);
  expect((await api.call('PUT', 'tenants/acme', ACME)).status).toBe(200);
  return api;
}

test('a cell is added and listed, with the headers of the edge', async () => {
  const { call } = openApi();
  const added = await call('PUT', 'cells/alpha', { ...ALPHA, ...why });
  expect([added.status, added.body.status, added.body.revision, added.body.changes.length]).toEqual([
    200,
    'applied',
    1,
    1,
  ]);
  const { status, headers, body } = await call('GET', 'cells');
  const cell = { id: 'alpha', ...ALPHA, state: 'active', switches: 0, revision: 1, homes: 0, standbys: 0 };
  expect([status, body]).toEqual([200, { items: [cell], next: null }]);
  expect([
    headers.get('content-type'),
    headers.get('traceparent'),
    headers.get('x-polycell-cell'),
    headers.get('cache-control'),
  ]).toEqual(['application/json', TRACE, 'edge', 'no-store']);
});

test('a tenant is returned with its epoch and the cell that serves it', async () => {
  const { call } = await filled();
  expect((await call('GET', 'tenants/acme')).body).toEqual({
    id: 'acme',
    cell: 'alpha',
    standby: 'beta',
    epochBase: 1,
    residency: 'eu',
    tier: 'standard',
    pinned: false,
    revision: 3,
    epoch: 1,
    resolution: { status: 'served', cell: 'alpha', endpoint: 'https://alpha.example.com', epoch: 1, tier: 'standard' },
  });
  await call('POST', 'failovers', { cell: 'alpha', ...why });
  expect((await call('GET', 'tenants/acme')).body).toMatchObject({
    cell: 'alpha',
    epoch: 2,
    resolution: { cell: 'beta', epoch: 2 },
  });
});

test('every command does what it says, and again changes nothing', async () => {
  const { call } = await filled();
  const commands: [string, string, object, string][] = [
    ['POST', 'cells/alpha/drain', why, 'draining'],
    ['POST', 'cells/alpha/resume', why, 'active'],
    ['POST', 'tenants/acme/pin', { pinned: true, ...why }, 'true'],
    ['POST', 'tenants/acme/pin', { pinned: false, ...why }, 'false'],
    ['POST', 'failovers', { cell: 'alpha', partial: false, ...why }, 'down'],
    ['POST', 'failovers/alpha/back', { force: true, ...why }, 'active'],
    ['POST', 'tenants/acme/place', { cell: 'beta', standby: null, ...why }, 'beta'],
    ['POST', 'cells/alpha/retire', why, 'retired'],
  ];
  for (const [method, path, body, expected] of commands) {
    const first = await call(method, path, body);
    const { after } = first.body.changes[0];
    expect([
      path,
      first.body.status,
      String(after.state ?? (path.endsWith('pin') ? after.pinned : after.cell)),
    ]).toEqual([path, 'applied', expected]);
    expect([path, (await call(method, path, body)).body.status]).toEqual([path, 'unchanged']);
  }
});

test('failovers under way are listed', async () => {
  const { call } = await filled();
  expect((await call('GET', 'failovers')).body).toEqual({ items: [], next: null });
  await call('POST', 'failovers', { cell: 'alpha', ...why });
  expect((await call('GET', 'failovers')).body.items).toMatchObject([{ id: 'alpha', state: 'down', homes: 1 }]);
});

test('the monitor reports its status, and its absence does no harm', async () => {
  expect(await openApi().call('GET', 'monitor')).toMatchObject({ status: 200, body: { roundAt: null } });
  const silent = openApi({}, async () => {
    throw new PortError('unavailable', 'It does not answer.');
  });
  expect(await silent.refused('GET', 'monitor')).toBe('503 monitor_unavailable');
  expect((await silent.call('GET', 'monitor')).headers.get('retry-after')).toBe('2');
  expect(await silent.refused('GET', 'cells')).toBe('200 undefined');
});

test('tenants are listed by home and page by page', async () => {
  const { call, refused } = await filled();
  for (const id of ['a', 'b', 'c']) await call('PUT', `tenants/${id}`, { ...ACME, cell: 'beta', standby: 'alpha' });
  const first = await call('GET', 'tenants?cell=beta&limit=2');
  expect(first.body.items.map(({ id }: Loose) => id)).toEqual(['a', 'b']);
  const second = await call('GET', `tenants?cell=beta&limit=2&cursor=${encodeURIComponent(first.body.next)}`);
  expect([second.body.items.map(({ id }: Loose) => id), second.body.next]).toEqual([['c'], null]);
  expect(await refused('GET', `tenants?limit=2&cursor=${encodeURIComponent(first.body.next)}`)).toBe(
    '400 invalid_cursor',
  );
});

test('the audit log names the operator and the reason', async () => {
  const { call } = await filled();
  const { items, next } = (await call('GET', 'audit?limit=1')).body;
  expect(items).toEqual([
    {
      revision: 3,
      at: '2026-11-21T07:41:03.000Z',
      actor: 'ops@example.com',
      reason: 'as agreed',
      command: { kind: 'add-tenant', tenant: 'acme', residency: 'eu', tier: 'standard' },
      outcome: 'applied',
      changes: [expect.objectContaining({ kind: 'tenant', id: 'acme', before: null })],
    },
  ]);
  expect((await call('GET', `audit?limit=5&cursor=${next}`)).body.items).toHaveLength(2);
});

test('a dry run does nothing, and another revision is refused', async () => {
  const { call, refused } = await filled();
  const preview = await call('POST', 'failovers?dryRun=1', { cell: 'alpha', ...why });
  expect([preview.status, preview.body.status, preview.body.movedTenants]).toEqual([200, 'previewed', 1]);
  expect((await call('GET', 'failovers')).body.items).toEqual([]);
  expect(await refused('POST', 'failovers?ifRevision=2', { cell: 'alpha', ...why })).toBe('409 changed_meanwhile');
  expect((await call('POST', 'failovers?ifRevision=3&dryRun=0', { cell: 'alpha', ...why })).body.status).toBe(
    'applied',
  );
});

test('refusals of the directory are answered with their codes', async () => {
  const { refused, call } = await filled();
  await call('PUT', 'cells/full', { ...ALPHA, region: 'eu-west-1', capacity: 0, ...why });
  await call('PUT', 'cells/gone', { ...ALPHA, ...why });
  await call('POST', 'cells/gone/retire', why);
  await call('PUT', 'cells/us', { ...ALPHA, jurisdiction: 'us', ...why });
  const cases: [string, string, object, string][] = [
    ['POST', 'cells/nowhere/drain', why, '404 unknown_cell'],
    ['POST', 'cells/No%20Name/drain', why, '404 unknown_cell'],
    ['POST', 'failovers/NO/back', why, '404 unknown_cell'],
    ['POST', 'tenants/nobody/pin', { pinned: true, ...why }, '404 unknown_tenant'],
    ['POST', 'tenants/NOBODY/place', { cell: 'beta', ...why }, '404 unknown_tenant'],
    ['PUT', 'cells/No', { ...ALPHA, ...why }, '400 invalid_command'],
    ['PUT', 'cells/edge', { ...ALPHA, ...why }, '400 invalid_command'],
    ['PUT', 'tenants/No', ACME, '400 invalid_command'],
    ['POST', 'tenants/acme/place', why, '400 invalid_command'],
    ['POST', 'cells/gone/resume', why, '409 cell_retired'],
    ['POST', 'cells/alpha/retire', why, '409 cell_not_empty'],
    ['PUT', 'cells/alpha', { ...ALPHA, cloud: 'azure', ...why }, '409 cell_exists'],
    ['PUT', 'tenants/acme', { ...ACME, tier: 'premium' }, '409 tenant_exists'],
    ['POST', 'tenants/acme/place', { cell: 'us', ...why }, '409 residency_violated'],
    ['POST', 'tenants/acme/place', { cell: 'full', ...why }, '409 no_capacity'],
    ['POST', 'tenants/acme/place', { standby: 'alpha', ...why }, '409 same_failure_domain'],
    ['PUT', 'tenants/x', { ...ACME, residency: 'ch' }, '409 no_cell_fits'],
  ];
  for (const [method, path, body, expected] of cases)
    expect([path, await refused(method, path, body)]).toEqual([path, expected]);
  await call('POST', 'tenants/acme/pin', { pinned: true, ...why });
  expect(await refused('POST', 'tenants/acme/place', { cell: 'beta', ...why })).toBe('409 tenant_pinned');
  await call('POST', 'cells/beta/drain', why);
  expect(await refused('PUT', 'tenants/x', { ...ACME, cell: 'beta' })).toBe('409 cell_not_active');
  await call('POST', 'failovers', { cell: 'beta', ...why });
  expect(await refused('POST', 'cells/beta/resume', why)).toBe('409 cell_down');
  expect(await refused('POST', 'failovers', { cell: 'alpha', ...why })).toBe('409 standby_unavailable');
});

test('a tenant that is not there is not found, whatever its name', async () => {
  const { refused } = openApi();
  for (const id of ['nobody', '__proto__', '%00', 'a%2Fb', 'x'.repeat(500)])
    expect([id, await refused('GET', `tenants/${id}`)]).toEqual([id, '404 unknown_tenant']);
});

test('bodies are held to their form, every fault at once', async () => {
  const { call, refused } = openApi();
  const { status, body } = await call('PUT', 'cells/alpha', { cloud: 'gcp', id: 'beta', capacity: '1', reason: '' });
  expect([status, body.code]).toEqual([400, 'invalid_body']);
  expect(body.errors).toEqual([
    { pointer: '/reason', detail: 'it must be a line of 1 to 1000 bytes' },
    { pointer: '/cloud', detail: 'it must be one of aws, azure' },
    { pointer: '/region', detail: 'it is missing' },
    { pointer: '/jurisdiction', detail: 'it is missing' },
    { pointer: '/endpoint', detail: 'it is missing' },
    { pointer: '/capacity', detail: 'it must be a whole number from 0 to 100000000' },
    { pointer: '/price', detail: 'it is missing' },
    { pointer: '/failover', detail: 'it is missing' },
    { pointer: '/id', detail: 'there is no such field' },
  ]);
  for (const unknown of [
    { force: true },
    { cell: 'beta' },
    { kind: 'retire-cell' },
    { dryRun: true },
    { constructor: 1 },
  ])
    expect(await refused('POST', 'cells/alpha/drain', { ...why, ...unknown })).toBe('400 invalid_body');
  for (const none of ['null', '[]', '"x"', '1'])
    expect(await refused('POST', 'failovers', none)).toBe('400 invalid_body');
  for (const broken of ['', '{', '\ufeff']) expect(await refused('POST', 'failovers', broken)).toBe('400 invalid_json');
  expect(await refused('POST', 'failovers', `{"cell":${'['.repeat(200)}${']'.repeat(200)}}`)).toBe('400 invalid_json');
  expect(await refused('POST', 'failovers', why, { contentType: 'text/plain' })).toBe('415 unsupported_media_type');
});

test('a body has a largest size', async () => {
  const { refused } = openApi();
  const padded = (bytes: number) => JSON.stringify(why).padEnd(bytes);
  expect(await refused('POST', 'cells/x/drain', padded(CONTROL_BODY_BYTES))).toBe('404 unknown_cell');
  expect(await refused('POST', 'cells/x/drain', padded(CONTROL_BODY_BYTES + 1))).toBe('413 payload_too_large');
});

test('parameters are held to their form', async () => {
  const { refused } = openApi();
  for (const path of [
    'cells?x=1',
    'tenants?limit=0',
    'tenants?limit=1001',
    'tenants?cell=',
    'audit?limit=1&limit=2',
    'audit?cell=x',
    'failovers?x',
  ])
    expect([path, await refused('GET', path)]).toEqual([path, '400 invalid_parameter']);
  for (const query of ['dryRun=yes', 'ifRevision=-1', 'ifRevision=1.5', 'dryrun=1'])
    expect([query, await refused('POST', `failovers?${query}`, { cell: 'x', ...why })]).toEqual([
      query,
      '400 invalid_parameter',
    ]);
  for (const cursor of ['x', 'a.', 't..', 'a.1e3', 'a.99999999999999999']) {
    expect([cursor, await refused('GET', `audit?cursor=${cursor}`)]).toEqual([cursor, '400 invalid_cursor']);
    expect([cursor, await refused('GET', `tenants?cursor=${cursor}`)]).toEqual([cursor, '400 invalid_cursor']);
  }
});

test('each route needs its scope, and neither brings the other', async () => {
  const { refused, call } = openApi();
  for (const { method, path, scope } of Object.values(controlRoutes)) {
    const target = path.replace('/control/v1/', '').replace('{id}', 'x');
    const scopes = ['control.read', 'control.write', 'operate', 'control'].filter((each) => each !== scope);
    const result = await refused(method, target, method === 'GET' ? undefined : why, {
      operator: { subject: 'x', scopes },
    });
    expect([target, result === '403 missing_scope']).toEqual([target, scope !== null]);
  }
  expect((await call('GET', 'openapi.json', undefined, { operator: { subject: 'x', scopes: [] } })).status).toBe(200);
});

test('no operator can use the name that the audit log reserves for the monitor', async () => {
  const { call } = await filled();
  const operator = { ...OPERATOR, subject: 'monitor' };
  const refusal = { code: 'invalid_credential' };
  await expect(call('POST', 'failovers', { cell: 'alpha', ...why }, { operator })).rejects.toMatchObject(refusal);
  await expect(call('GET', 'cells', undefined, { operator })).rejects.toMatchObject(refusal);
  expect((await call('GET', 'failovers')).body.items).toEqual([]);
});

test('other paths and other methods are refused', async () => {
  const { call, refused } = openApi();
  for (const path of ['', 'cell', 'cells/', 'cells/a/b', 'cells//drain', 'tenants/a/place/', '../v1/cell'])
    expect([path, await refused('GET', path)]).toEqual([path, '404 not_found']);
  for (const [method, path, allow] of [
    ['POST', 'cells', 'GET, HEAD'],
    ['DELETE', 'cells/a', 'PUT'],
    ['GET', 'cells/a/drain', 'POST'],
    ['PATCH', 'tenants/a', 'GET, HEAD, PUT, DELETE'],
    ['PUT', 'failovers', 'GET, HEAD, POST'],
  ] as const) {
    const { status, body, headers } = await call(method, path, method === 'GET' ? undefined : why);
    expect([path, status, body.code, headers.get('allow')]).toEqual([path, 405, 'method_not_allowed', allow]);
  }
});

test('a failure of the directory is answered by what is known of the change', async () => {
  const fails = (code: ErrorCode) => async () => {
    throw new PortError(code, 'secret detail');
  };
  for (const [code, expected] of [
    ['unavailable', '503 directory_unavailable'],
    ['unknown', '503 directory_unavailable'],
    ['unknown-outcome', '503 unknown_outcome'],
  ] as const) {
    const { call, log } = openApi({ change: fails(code), cells: fails('unavailable') });
    const { status, body, headers } = await call('POST', 'failovers', { cell: 'alpha', ...why });
    expect([`${status} ${body.code}`, headers.get('retry-after')]).toEqual([expected, '2']);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(log.messages('warn')).toHaveLength(1);
    expect((await call('GET', 'cells')).body.code).toBe('directory_unavailable');
  }
});

test('a fault of our own is left to the edge', async () => {
  const { call } = openApi({
    cells: async () => {
      throw new TypeError('a bug');
    },
  });
  await expect(call('GET', 'cells')).rejects.toThrow('a bug');
});

test('a problem has the form that cells use', async () => {
  const { headers, body } = await openApi().call('GET', 'nothing');
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(body).toEqual({
    type: 'about:blank',
    title: 'Not found',
    status: 404,
    detail: 'Unknown path; GET /control/v1/openapi.json lists all of them.',
    code: 'not_found',
    errors: [],
  });
});

test('the OpenAPI document has every route, and what each takes', async () => {
  const { body } = await openApi().call('GET', 'openapi.json');
  const listed = Object.entries(body.paths as Record<string, Loose>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(listed.sort()).toEqual(
    Object.values(controlRoutes)
      .map(({ method, path }) => `${method} ${path}`)
      .sort(),
  );
  const place = body.paths['/control/v1/tenants/{id}/place'].post;
  expect(place.security).toEqual([{ operator: ['control.write'] }]);
  expect(place.requestBody.content['application/json'].schema).toMatchObject({
    required: ['reason'],
    properties: { reason: { type: 'string' }, cell: { type: 'string' }, standby: { type: ['string', 'null'] } },
    additionalProperties: false,
  });
  expect(place.parameters.map(({ name }: Loose) => name)).toEqual(['id', 'dryRun', 'ifRevision']);
  expect(body.components.schemas.Problem.properties.code.enum).toEqual(OPERATOR_CODES);
  for (const [, schema] of JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(body.components.schemas).toHaveProperty(schema ?? '');
});
