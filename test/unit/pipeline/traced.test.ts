// The spans of an event's way through a cell, and what is measured: requests, relay, consumers, parking and replication.
import { tracedConsumer, tracedRelay } from '../../../core/pipeline/traced.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { testCell } from '../../support/cell.ts';
import { candidate, TRACEPARENT } from '../../support/events.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

/** A cell whose consumer device-state cannot stand what comes from this source. */
const POISON = 'urn:poison';
const poisoned = (share = 1) =>
  testCell({
    share,
    consumer: (inner) =>
      inner.name === 'rollups'
        ? inner
        : {
            ...inner,
            apply: async (events) => {
              if (events.some(({ event }) => event.source === POISON))
                throw new RangeError('pump-1 is not to my taste');
              await inner.apply(events);
            },
          },
  });

const contextOf = ({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }) =>
  `00-${traceId}-${spanId}-01`;

type Cell = ReturnType<typeof testCell>;
const named = ({ telemetry }: Cell, name: string) => telemetry.spans.filter((span) => span.name === name);

test('one request, one span: relay and consumers link to it, however many events it had', async () => {
  const cell = testCell();
  const { headers } = await cell.post([candidate({ id: 'a' }), candidate({ id: 'b', subject: 'pump-2' }), {}]);
  await cell.pump();
  const [request, ...others] = named(cell, 'POST /v1/events');
  expect(others).toEqual([]);
  expect(request).toMatchObject({ kind: 'server', parentId: '', failure: undefined });
  expect(request?.attributes).toMatchObject({
    'http.request.method': 'POST',
    'http.route': '/v1/events',
    'http.response.status_code': 207,
    'polycell.tenant': 'acme',
    'polycell.epoch': 1,
    'polycell.event.ids': ['a', 'b'],
    'polycell.accepted': 2,
    'polycell.rejected': 1,
  });
  const context = request && contextOf(request);
  expect(headers.get('traceparent')).toBe(context);
  for (const name of ['publish events', 'process device-state', 'process rollups']) {
    const [span, ...more] = named(cell, name);
    expect(more).toEqual([]);
    expect(span).toMatchObject({ links: [context], parentId: '', failure: undefined });
    expect(span?.traceId).not.toBe(request?.traceId);
    expect(span?.attributes).toMatchObject({ 'messaging.batch.message_count': 2 });
  }
});

test('a batch of one also continues the trace, and names its event', async () => {
  const cell = testCell();
  await cell.post([candidate({ id: 'only' })]);
  await cell.pump();
  const [request] = named(cell, 'POST /v1/events');
  const [process] = named(cell, 'process rollups');
  expect(process).toMatchObject({ kind: 'consumer', traceId: request?.traceId, parentId: request?.spanId });
  expect(process?.attributes).toMatchObject({ 'cloudevents.event_id': 'only', 'polycell.tenant': 'acme' });
});

test('an event with a trace of its own keeps it, and is linked to the request that brought it', async () => {
  const cell = testCell();
  await cell.post([candidate({ traceparent: TRACEPARENT })]);
  await cell.pump();
  const [request] = named(cell, 'POST /v1/events');
  expect(cell.bus.published[0]?.event.traceparent).toBe(TRACEPARENT);
  const context = request && contextOf(request);
  expect(named(cell, 'publish events')[0]?.links).toEqual([context]);
  expect(named(cell, 'process device-state')[0]?.links).toEqual([context]);
});

test('what is parked is seen although no trace is sampled, and what it says of itself is not', async () => {
  const cell = poisoned(0);
  await cell.post([candidate({ id: 'bad', source: POISON }), candidate({ id: 'good' })]);
  await cell.pump();
  expect(cell.telemetry.spans).toMatchObject([
    {
      name: 'park device-state',
      kind: 'internal',
      failure: 'RangeError',
      attributes: {
        'cloudevents.event_id': 'bad',
        'polycell.tenant': 'acme',
        'messaging.consumer.group.name': 'device-state',
        'error.type': 'RangeError',
      },
    },
  ]);
  expect(JSON.stringify(cell.telemetry)).not.toContain('pump-1');
});

test('a bus that fails is seen although no trace is sampled, with what it was about', async () => {
  const { telemetry, clock } = testCell({ share: 0 });
  const records = [1, 2, 3].map((index) => ({
    ...{
      partition: 'acme|pump-1',
      id: String(index),
      body: null,
      kind: 'inserted' as const,
      sequence: '1',
      committedAt: clock.now(),
    },
    beside: { traceparent: `00-${'a'.repeat(32)}-${String(index).repeat(16)}-00` },
  }));
  const deps = { telemetry, clock, system: 'memory' };
  await tracedRelay(deps, async () => ({ status: 'retry', failedAt: 1 }))(records);
  await expect(tracedRelay(deps, () => Promise.reject(new PortError('denied', 'No.')))(records)).rejects.toThrow('No.');
  expect(telemetry.spans.map(({ failure, links }) => [failure, links.length])).toEqual([
    ['2 will be published again', 3],
    ['denied', 3],
  ]);
  expect(telemetry.measured).toMatchObject([
    { name: 'messaging.client.sent.messages', value: 1 },
    { name: 'messaging.client.operation.duration' },
  ]);
});

test('a failed request is seen although no trace is sampled; health checks never are', async () => {
  const cell = testCell({
    share: 0,
    events: (method) => (method === 'append' ? { code: 'unavailable', when: 'before' } : undefined),
  });
  await cell.call('/v1/health', { token: null });
  await cell.post([candidate()]);
  expect(cell.telemetry.spans).toMatchObject([{ name: 'POST /v1/events', failure: '503' }]);
  const all = testCell();
  await all.call('/v1/health', { token: null });
  await all.call('/nowhere/secret', { token: null });
  expect(all.telemetry.spans.map(({ name }) => name)).toEqual(['HTTP']);
  expect(all.telemetry.measured.length).toBe(1);
});

test('no measurement has a tenant, a subject or an id in its attributes', async () => {
  const cell = poisoned();
  await cell.post([candidate({ id: 'bad', source: POISON }), candidate({ id: 'good' })]);
  await cell.pump();
  await cell.call('/v1/devices/pump-1');
  expect(cell.telemetry.measured.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'http.server.request.duration',
      'polycell.ingested',
      'messaging.client.sent.messages',
      'messaging.client.consumed.messages',
      'messaging.process.duration',
      'polycell.parked',
    ]),
  );
  const attributes = JSON.stringify(cell.telemetry.measured.map((each) => each.attributes));
  for (const name of ['acme', 'pump-1', 'good', 'bad']) expect(attributes).not.toContain(name);
});

test('a push links to what it brings, and the other cell continues its trace', async () => {
  const { send, push, cell } = tenantCells();
  await send('home', [candidate({ id: 'a' })]);
  await push('home');
  const [request] = named(cell('home'), 'POST /v1/events');
  const [sent] = named(cell('home'), 'POST /v1/replica/events');
  const [taken] = named(cell('standby'), 'POST /v1/replica/events');
  expect(sent).toMatchObject({ kind: 'client', links: [request && contextOf(request)] });
  expect(taken).toMatchObject({ kind: 'server', traceId: sent?.traceId, parentId: sent?.spanId });
  await cell('standby').pump();
  expect(named(cell('standby'), 'process rollups')[0]?.links).toEqual([request && contextOf(request)]);
});

test('of a retry the span has the code, without the text, which may name a subject', async () => {
  const { telemetry, clock } = testCell();
  const handler = async () => [{ deliveryId: '1', status: 'retry', reason: 'unavailable: pump-1 is busy' } as const];
  await tracedConsumer({ telemetry, clock, system: 'test' }, 'rollups', handler)([], 0, 0);
  expect(telemetry.spans.map(({ failure }) => failure)).toEqual(['unavailable']);
});
