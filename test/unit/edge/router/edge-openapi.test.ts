// The document of the edge: it is the edge's own, and the edge's answers are as it says.

import { edgeOpenApi } from '../../../../core/edge/router/edge-openapi.ts';
import { openApiDocument } from '../../../../core/http/openapi.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import { type Loose, testCell } from '../../../support/cell.ts';
import { answerCheck } from '../../../support/conformity.ts';
import { type TestEdgeOptions, testEdge } from '../../../support/edge.ts';
import { METERS } from '../../../support/meters.ts';

const document = JSON.parse(JSON.stringify(edgeOpenApi(openApiDocument(METERS)))) as Loose;
const contradictions = answerCheck(document);

const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
  Object.entries(methods ?? {}).map(([method, operation]) => ({ path, method, operation: operation as Loose })),
);

test('it is served without a credential, and names the edge and its credentials', async () => {
  const response = await testEdge().call('/openapi.json', { tenant: null });
  expect(await response.json()).toEqual(document);
  expect(document.info?.title).toBe('The API of Polycell');
  expect(document.servers).toEqual([{ url: '/', description: 'This edge.' }]);
  expect(Object.keys(document.components?.securitySchemes ?? {})).toEqual(['token', 'certificate']);
  expect(JSON.stringify(document)).not.toContain('routeToken');
});

test('it has the routes of cells but those for the edge alone, each with its scope and refusals', () => {
  expect(operations.map(({ path, method }) => `${method} ${path}`).sort()).toEqual([
    'delete /v1/devices/{id}/reading',
    'delete /v1/parked/{id}',
    'get /openapi.json',
    'get /v1/conflicts',
    'get /v1/devices',
    'get /v1/devices/{id}',
    'get /v1/devices/{id}/readings',
    'get /v1/devices/{id}/rollups',
    'get /v1/health',
    'get /v1/log',
    'get /v1/log/digest',
    'get /v1/parked',
    'post /v1/events',
    'post /v1/parked/redrive',
    'post /v1/rebuild',
    'put /v1/devices/{id}/reading',
  ]);
  for (const { path, operation } of operations.filter((each) => each.path !== '/openapi.json')) {
    expect(Object.keys(operation.responses ?? {})).toEqual(expect.arrayContaining(['401', '403', '429', '503']));
    expect([path, Object.keys((operation.responses as Loose)['429']?.headers ?? {})]).toEqual([
      path,
      ['traceparent', 'x-polycell-cell', 'retry-after', 'ratelimit', 'ratelimit-policy'],
    ]);
  }
  const of = (path: string, method: string) => (document.paths as Loose)[path]?.[method];
  expect(of('/v1/events', 'post')?.security).toEqual([{ token: ['ingest'] }, { certificate: [] }]);
  expect(of('/openapi.json', 'get')?.security).toBeUndefined();
  expect(of('/v1/health', 'get')?.security).toEqual([{}, { token: ['operate'] }, { certificate: [] }]);
  expect(of('/v1/health', 'get')?.parameters).toMatchObject([{ name: 'deep' }]);
});

test('every reference leads somewhere, and every example is as its schema says', () => {
  for (const [, schema] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(document.components?.schemas).toHaveProperty(schema ?? '');
  let examples = 0;
  for (const { path, method, operation } of operations)
    for (const [status, response] of Object.entries(operation.responses ?? {}))
      for (const [contentType, media] of Object.entries(response?.content ?? {}))
        for (const example of Object.values(media?.examples ?? {})) {
          examples += 1;
          const body = JSON.stringify(example?.value);
          const at = path.replace('{id}', 'x');
          expect(
            contradictions({ method: method.toUpperCase(), path: at, status: Number(status), contentType, body }),
          ).toEqual([]);
          expect(example?.value?.status).toBe(Number(status));
        }
  expect(examples).toBeGreaterThan(50);
});

test('the example of an event is one that a cell accepts', async () => {
  const media = (document.paths as Loose)['/v1/events']?.post?.requestBody?.content?.['application/cloudevents+json'];
  const answer = await testCell().call('/v1/events', {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: media?.example,
  });
  expect([answer.status, answer.body.accepted]).toEqual([202, 1]);
});

interface Case {
  readonly options?: TestEdgeOptions;
  readonly path?: string;
  readonly init?: Parameters<ReturnType<typeof testEdge>['call']>[1];
  readonly prepare?: (edge: ReturnType<typeof testEdge>) => unknown;
}

const none = { standard: { perSecond: 1, burst: 1 }, premium: { perSecond: 1, burst: 1 } };

test.each<[string, string, Case]>([
  ['health', '200 ok', { path: '/v1/health', init: { tenant: null } }],
  ['a missing credential', '401 missing_credential', { init: { tenant: null } }],
  [
    'a wrong credential',
    '401 invalid_credential',
    { init: { tenant: null, headers: { authorization: 'Bearer x:y' } } },
  ],
  ['another tenant', '403 tenant_mismatch', { init: { headers: { 'x-tenant-id': 'globex' } } }],
  ['an unknown tenant', '404 unknown_tenant', { init: { tenant: 'nobody' } }],
  [
    'a quota that is used up',
    '429 quota_exceeded',
    { options: { quotas: none }, prepare: (edge) => edge.call('/v1/devices') },
  ],
  ['a cell that is gone', '503 cell_unavailable', { prepare: (edge) => edge.cells.clear() }],
  [
    'a directory that is gone',
    '503 directory_unavailable',
    { prepare: (edge) => Object.assign(edge.sources, { cache: 'gone', directory: 'gone' }) },
  ],
  [
    'an issuer that is gone',
    '503 issuer_unavailable',
    { options: { credentials: [{ authenticate: () => Promise.reject(new PortError('unavailable', 'no keys')) }] } },
  ],
  ['a path that is too long', '414 target_too_long', { path: `/v1/devices?cursor=${'x'.repeat(20_000)}` }],
])(
  'the answer to %s is as the document says, with its headers',
  async (_name, expected, { options, path = '/v1/devices', init = {}, prepare }) => {
    const edge = testEdge(options);
    await edge.addCells('a');
    await edge.addTenant('acme', 'a');
    await prepare?.(edge);
    const response = await edge.call(path, init);
    const body = await response.text();
    const { code, status } = JSON.parse(body) as { code?: string; status: unknown };
    expect(`${response.status} ${code ?? status}`).toBe(expected);
    const [plain = ''] = path.split('?');
    const contentType = response.headers.get('content-type');
    expect(contradictions({ method: 'GET', path: plain, status: response.status, contentType, body })).toEqual([]);
    const described = (document.paths as Loose)[plain]?.get?.responses?.[response.status];
    // What the document does not have by its status is a problem like any other.
    if (described === undefined) expect([404, 414]).toContain(response.status);
    const optional = ['ratelimit', 'ratelimit-policy', 'x-polycell-stale-seconds', 'x-polycell-rpo-ms'].filter(
      () => response.status !== 429,
    );
    const missing = Object.keys(described?.headers ?? {}).filter(
      (name) => !optional.includes(name) && !response.headers.has(name),
    );
    expect(missing).toEqual([]);
  },
);

test('the answers of a cell come with what is left of the quota', async () => {
  const edge = testEdge();
  await edge.addCells('a');
  await edge.addTenant('acme', 'a');
  const { headers } = await edge.call('/v1/devices');
  const described = Object.keys((document.paths as Loose)['/v1/devices']?.get?.responses?.['200']?.headers ?? {});
  expect(described.filter((name) => !headers.has(name))).toEqual([
    'traceparent',
    'x-polycell-stale-seconds',
    'x-polycell-rpo-ms',
  ]);
});
