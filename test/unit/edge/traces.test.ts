// The spans of a request at the edge: what is sampled, what is kept in any case, and which context cells get.
import { ASKED_TRACES } from '../../../core/edge/router/router.ts';
import { type TestEdge, type TestEdgeOptions, testEdge } from '../../support/edge.ts';
import { TRACEPARENT } from '../../support/events.ts';

async function ready(options: TestEdgeOptions = {}): Promise<TestEdge> {
  const edge = testEdge(options);
  await edge.addCells('a', 'b');
  await edge.addTenant('acme', 'a', 'b');
  await edge.addTenant('globex', 'b');
  await edge.publish();
  return edge;
}

const flags = (edge: TestEdge): string =>
  edge.received.map(({ headers }) => headers.get('traceparent')?.slice(-2)).join();

const UNSAMPLED = TRACEPARENT.replace(/01$/, '00');

test('a request has two spans, and the cell continues the second', async () => {
  const edge = await ready();
  await edge.call('/v1/devices', { headers: { traceparent: UNSAMPLED } });
  const [forward, request, ...others] = edge.telemetry.spans;
  expect(others).toEqual([]);
  expect(request).toMatchObject({
    name: 'GET',
    kind: 'server',
    parentId: TRACEPARENT.slice(36, 52),
    failure: undefined,
  });
  expect(forward).toMatchObject({ name: 'GET', kind: 'client', traceId: request?.traceId, parentId: request?.spanId });
  expect(forward?.attributes).toMatchObject({ 'polycell.peer': 'a', 'http.response.status_code': 200 });
  expect(edge.received[0]?.headers.get('traceparent')).toBe(`00-${forward?.traceId}-${forward?.spanId}-01`);
});

test('a client may have its traces sampled, within its tenant’s budget', async () => {
  const edge = await ready({ share: 0 });
  for (let call = 0; call < ASKED_TRACES.burst + 2; call += 1)
    await edge.call('/v1/devices', { headers: { traceparent: TRACEPARENT } });
  await edge.call('/v1/devices', { headers: { traceparent: UNSAMPLED } });
  await edge.call('/v1/devices');
  await edge.call('/v1/devices', { tenant: 'globex', headers: { traceparent: TRACEPARENT } });
  expect(flags(edge)).toBe([...Array.from({ length: 10 }, () => '01'), '00', '00', '00', '00', '01'].join());
  expect(edge.telemetry.spans.length).toBe(22);
});

test('an attempt that fails, and the one after it, are kept although no trace is sampled', async () => {
  const edge = await ready({ share: 0 });
  edge.cells.set('https://a.example', () => Promise.reject(new TypeError('connection refused')));
  await edge.change({ kind: 'fail-over', cell: 'a', partial: false });
  await edge.call('/v1/devices');
  await edge.call('/v1/devices', { tenant: 'globex' });
  expect(edge.telemetry.spans).toMatchObject([
    { kind: 'client', failure: 'unreachable', attributes: { 'polycell.peer': 'a', 'error.type': 'unreachable' } },
    { kind: 'client', failure: undefined, attributes: { 'polycell.peer': 'b', 'http.response.status_code': 200 } },
  ]);
  expect(edge.telemetry.measured).toContainEqual({
    kind: 'add',
    name: 'polycell.forward.failures',
    value: 1,
    attributes: { 'polycell.peer': 'a', 'error.type': 'unreachable' },
  });
});

test('a refusal for which the edge is at fault is kept, one for which the client is not', async () => {
  const edge = await ready({ share: 0 });
  await edge.call('/v1/devices', { tenant: null });
  edge.cells.clear();
  await edge.call('/v1/events', { method: 'POST', tenant: 'globex' });
  const { spans } = edge.telemetry;
  expect(spans.filter(({ kind }) => kind === 'server')).toMatchObject([{ name: 'POST /v1/events', failure: '503' }]);
});

test('health and leases have no spans, and no name or measurement has a path or a method of a client’s choice', async () => {
  const edge = await ready();
  await edge.call('/v1/health', { tenant: null });
  await edge.call('/cells/v1/lease', { method: 'POST', body: '{}' });
  expect(edge.telemetry.spans).toEqual([]);
  expect(edge.telemetry.measured).toEqual([]);
  await edge.call('/v1/devices/pump-1');
  await edge.call('/v1/devices', { method: 'PURGE' });
  const { spans, measured } = edge.telemetry;
  expect(JSON.stringify([spans.map(({ name }) => name), measured])).not.toMatch(/pump|devices|acme|PURGE"\}/);
  expect(measured.map(({ attributes }) => attributes['http.request.method'])).toEqual(['GET', '_OTHER']);
});
