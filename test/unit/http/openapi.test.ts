// The OpenAPI document: it is what the API serves, lists every route, and has the structure that OpenAPI 3.1 asks for.
import { openApiDocument } from '../../../core/http/openapi.ts';
import { readRoutes } from '../../../core/http/reads.ts';
import { routes } from '../../../core/http/routes.ts';
import { writeRoutes } from '../../../core/http/writes.ts';
import { type Loose, testCell } from '../../support/cell.ts';
import { METERS } from '../../support/meters.ts';

const served = async (): Promise<Loose> => (await testCell().call('/openapi.json', { token: null })).body;

test('what is served is what the routes, limits and schemas say', async () => {
  expect(await served()).toEqual(JSON.parse(JSON.stringify(openApiDocument(METERS))));
});

test('is OpenAPI 3.1, as JSON', async () => {
  const { status, headers, body } = await testCell().call('/openapi.json', { token: null });
  expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(Object.keys(body).sort()).toEqual(['components', 'info', 'openapi', 'paths']);
  expect(body.openapi).toMatch(/^3\.1\.\d+$/);
  expect(typeof body.info?.title).toBe('string');
  expect(typeof body.info?.version).toBe('string');
});

const EVERY = [
  'DELETE /v1/devices/{id}/reading',
  'DELETE /v1/parked/{id}',
  'GET /openapi.json',
  'GET /v1/conflicts',
  'GET /v1/devices',
  'GET /v1/devices/{id}',
  'GET /v1/devices/{id}/readings',
  'GET /v1/devices/{id}/rollups',
  'GET /v1/health',
  'GET /v1/holdings',
  'GET /v1/log',
  'GET /v1/log/digest',
  'GET /v1/parked',
  'GET /v1/replicas',
  'POST /v1/erasures',
  'POST /v1/events',
  'POST /v1/fence',
  'POST /v1/holdings/index',
  'POST /v1/parked/redrive',
  'POST /v1/rebuild',
  'POST /v1/replica/derive',
  'POST /v1/replica/digests',
  'POST /v1/replica/events',
  'POST /v1/replica/hear',
  'POST /v1/replica/push',
  'POST /v1/replica/receipts',
  'PUT /v1/devices/{id}/reading',
];

interface Operation {
  readonly name: string;
  readonly path: string;
  readonly operation: Loose;
}

const operationsOf = (document: Loose): Operation[] =>
  Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods ?? {}).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation: operation as Loose,
    })),
  );

const listOf = (value: unknown): Loose[] => (value ?? []) as Loose[];

test('lists every route, and no other', async () => {
  expect(
    operationsOf(await served())
      .map(({ name }) => name)
      .sort(),
  ).toEqual(EVERY);
  expect(
    [...Object.values(routes), ...Object.values(readRoutes(METERS)), ...Object.values(writeRoutes(METERS))]
      .map(({ method, path }) => `${method} ${path}`)
      .sort(),
  ).toEqual(EVERY);
});

test('every operation has an id of its own, a summary, answers, and the parameters of its path', async () => {
  const operations = operationsOf(await served());
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(operations.length);
  for (const { path, operation } of operations) {
    expect(typeof operation.summary).toBe('string');
    const parameters = listOf(operation.parameters);
    const names = parameters.map((parameter) => `${String(parameter.in)} ${String(parameter.name)}`);
    expect(new Set(names).size).toBe(names.length);
    for (const parameter of parameters) {
      expect(['query', 'path', 'header']).toContain(parameter.in);
      expect(typeof parameter.schema).toBe('object');
      if ((parameter.in as unknown) === 'path') expect(parameter.required).toBe(true);
    }
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => `path ${name}`);
    expect(names.filter((name) => name.startsWith('path '))).toEqual(inPath);
    const responses = Object.entries(operation.responses ?? {});
    expect(responses.length).toBeGreaterThan(1);
    for (const [status, response] of responses) {
      expect(status).toMatch(/^([1-5]\d\d|default)$/);
      expect(typeof response?.description).toBe('string');
      for (const media of Object.values(response?.content ?? {})) expect(typeof media?.schema).toBe('object');
    }
  }
});

test('a write has its body, its answer, and the header by which it is repeated', async () => {
  const { put, delete: remove } = (await served()).paths?.['/v1/devices/{id}/reading'] ?? {};
  expect(put?.requestBody).toMatchObject({
    required: true,
    content: { 'application/json': { schema: { required: ['value'] } } },
  });
  expect(remove).not.toHaveProperty('requestBody');
  for (const operation of [put, remove]) {
    expect(listOf(operation?.parameters)).toContainEqual(
      expect.objectContaining({ name: 'Idempotency-Key', in: 'header' }),
    );
    expect(operation?.responses?.['202']?.content).toEqual({
      'application/json': { schema: { $ref: '#/components/schemas/Written' } },
    });
  }
});

test('every reference leads somewhere, and every schema is used', async () => {
  const document = await served();
  const used = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target = '']) => target);
  expect(used.length).toBeGreaterThan(0);
  const schemas = Object.keys(document.components?.schemas ?? {}).map((name) => `#/components/schemas/${name}`);
  for (const target of used) expect(schemas).toContain(target);
  for (const name of schemas) expect(used).toContain(name);
});

test('operations name the scopes that they require', async () => {
  const document = await served();
  const scopes = Object.fromEntries(
    operationsOf(document).map(({ name, operation }) => [name, listOf(operation.security)[0]?.routeToken]),
  );
  expect(scopes).toEqual({
    'DELETE /v1/devices/{id}/reading': ['ingest'],
    'DELETE /v1/parked/{id}': ['operate'],
    'GET /openapi.json': undefined,
    'GET /v1/conflicts': ['operate'],
    'GET /v1/devices': ['read'],
    'GET /v1/devices/{id}': ['read'],
    'GET /v1/devices/{id}/readings': ['read'],
    'GET /v1/devices/{id}/rollups': ['read'],
    'GET /v1/health': undefined,
    'GET /v1/holdings': ['control'],
    'GET /v1/log': ['read'],
    'GET /v1/log/digest': ['read'],
    'GET /v1/parked': ['operate'],
    'GET /v1/replicas': ['control'],
    'POST /v1/erasures': ['erase'],
    'POST /v1/events': ['ingest'],
    'POST /v1/fence': ['control'],
    'POST /v1/holdings/index': ['control'],
    'POST /v1/parked/redrive': ['operate'],
    'POST /v1/rebuild': ['operate'],
    'POST /v1/replica/derive': ['control'],
    'POST /v1/replica/digests': undefined,
    'POST /v1/replica/events': undefined,
    'POST /v1/replica/hear': ['control'],
    'POST /v1/replica/push': ['control'],
    'POST /v1/replica/receipts': undefined,
    'PUT /v1/devices/{id}/reading': ['ingest'],
  });
  expect(document.components?.securitySchemes?.routeToken).toEqual({
    type: 'apiKey',
    in: 'header',
    name: 'x-polycell-route',
  });
});

test('events are described with all three ways to send them', async () => {
  const document = await served();
  const body = document.paths?.['/v1/events']?.post?.requestBody;
  expect(Object.keys(body?.content ?? {})).toEqual([
    'application/cloudevents+json',
    'application/cloudevents-batch+json',
    'application/json',
  ]);
  expect(body?.content?.['application/cloudevents-batch+json']?.schema).toMatchObject({ minItems: 1, maxItems: 500 });
});
