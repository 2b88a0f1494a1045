// What happens when a cell does not serve a request: which cells the edge asks, what it sends again, what never, and how often.
import { ROUTER_LIMITS } from '../../../../core/edge/router/router-limits.ts';
import { claimsOf, seen, type TestEdge, testEdge } from '../../../support/edge.ts';

/** The tenant acme of cell a with the standby b; the edge knows where it is. Then cell a is failed over, and the read cache is behind. */
async function failedOver(): Promise<TestEdge> {
  const edge = testEdge();
  await edge.addCells('a', 'b');
  await edge.addTenant('acme', 'a', 'b');
  await edge.publish();
  await edge.call('/v1/devices');
  edge.received.length = 0;
  await edge.change({ kind: 'fail-over', cell: 'a' });
  return edge;
}

const A = 'https://a.example';
const B = 'https://b.example';
const stale = async () =>
  new Response(JSON.stringify({ code: 'stale_epoch' }), {
    status: 409,
    headers: { 'content-type': 'application/problem+json' },
  });
const misdirected = async () => new Response('{}', { status: 421 });
const refusing = async () => {
  throw new TypeError('connection refused');
};
const silent = () => new Promise<Response>(() => undefined);
const cloudflares = (status: number) => async () => new Response('<html>', { status });

const EVENTS = {
  method: 'POST',
  body: '{"id":1}',
  headers: { 'content-type': 'application/cloudevents+json', 'content-length': '8' },
};
const paths = (edge: TestEdge) => edge.received.map(({ url }) => url.slice(8, 9));

/** A call during which the time passes that the edge gives a cell. */
async function patient(edge: TestEdge, pending: Promise<Response>): Promise<string> {
  await edge.arrived(1);
  await edge.clock.advance(3000);
  return seen(pending);
}

test.each([
  ['an older epoch', stale],
  ['another cell', misdirected],
  ['a refused connection', refusing],
  ['silence', silent],
  ['Cloudflare’s 522', cloudflares(522)],
  ['Cloudflare’s 530', cloudflares(530)],
])(
  '%s: the directory is asked, and events are sent once more, to the cell that has taken over',
  async (_name, answer) => {
    const edge = await failedOver();
    edge.cells.set(A, answer);
    expect(await patient(edge, edge.call('/v1/events', EVENTS))).toBe('200 b');
    expect(paths(edge)).toEqual(['a', 'b']);
    expect(edge.received.map((sent) => claimsOf(sent)).map(({ cel, epo }) => [cel, epo])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(edge.received.map(({ body }) => new TextDecoder().decode(body as ArrayBuffer))).toEqual([
      '{"id":1}',
      '{"id":1}',
    ]);
    expect(edge.asked.directory).toBe(1);
    // From now on it is known.
    expect(await seen(edge.call('/v1/devices'))).toBe('200 b');
  },
);

test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS'])('%s is sent again after silence', async (method) => {
  const edge = await failedOver();
  edge.cells.set(A, silent);
  await patient(edge, edge.call('/v1/parked/x', { method }));
  expect(paths(edge)).toEqual(['a', 'b']);
});

test.each([
  ['POST', '/v1/parked/redrive'],
  ['POST', '/v1/events/'],
  ['PUT', '/v1/events'],
  ['PATCH', '/v1/events'],
])('%s %s is not: the cell may have done it; after a refusal it is', async (method, path) => {
  const init = { method, body: '{}', headers: { 'content-length': '2' } };
  for (const answer of [refusing, silent, cloudflares(521)]) {
    const edge = await failedOver();
    edge.cells.set(A, answer);
    expect(await patient(edge, edge.call(path, init))).toBe('503 cell_unavailable');
    expect(paths(edge)).toEqual(['a']);
  }
  for (const answer of [stale, misdirected]) {
    const edge = await failedOver();
    edge.cells.set(A, answer);
    expect(await seen(edge.call(path, init))).toBe('200 b');
  }
});

test('a query does not hide that events are events', async () => {
  const edge = await failedOver();
  edge.cells.set(A, refusing);
  expect(await seen(edge.call('/v1/events?x=1', EVENTS))).toBe('200 b');
});

test.each([
  ['a refusal', stale],
  ['a refused connection', refusing],
  ['silence', silent],
])('it is sent again once: %s of the second cell is the end', async (_name, answer) => {
  const edge = await failedOver();
  edge.cells.set(A, refusing);
  edge.cells.set(B, answer);
  const pending = edge.call('/v1/events', EVENTS);
  await edge.arrived(2);
  await edge.clock.advance(3000);
  const response = await pending;
  expect(response.headers.get('retry-after')).toBe('2');
  expect(await seen(response)).toBe('503 cell_unavailable');
  expect(paths(edge)).toEqual(['a', 'b']);
});

test.each([
  ['a refusal', stale],
  ['a refused connection', refusing],
])('where the directory knows of no change, %s is the end at once', async (_name, answer) => {
  const edge = testEdge();
  await edge.addCells('a', 'b');
  await edge.addTenant('acme', 'a', 'b');
  edge.cells.set(A, answer);
  const response = await edge.call('/v1/devices');
  expect([response.headers.get('retry-after'), await seen(response)]).toEqual(['2', '503 cell_unavailable']);
  expect(paths(edge)).toEqual(['a']);
});

test('a cell that fails while the directory is gone is answered for by the edge', async () => {
  const edge = await failedOver();
  edge.cells.set(A, refusing);
  edge.sources.directory = 'gone';
  expect(await seen(edge.call('/v1/devices'))).toBe('503 cell_unavailable');
  expect(paths(edge)).toEqual(['a']);
});

test('a tenant that no cell serves any more gets a refusal', async () => {
  const edge = testEdge();
  await edge.addCells('a', 'b');
  await edge.addTenant('acme', 'a');
  await edge.addTenant('globex', 'a', 'b');
  await edge.publish();
  await edge.call('/v1/devices');
  await edge.change({ kind: 'fail-over', cell: 'a', partial: true });
  edge.cells.set(A, refusing);
  const response = await edge.call('/v1/devices');
  expect([response.headers.get('retry-after'), await seen(response)]).toEqual(['5', '503 cell_unavailable']);
});

test('a body that is larger than what is kept is sent once', async () => {
  for (const [size, told, expected] of [
    [ROUTER_LIMITS.bufferedBody, true, '200 b'],
    [ROUTER_LIMITS.bufferedBody + 1, true, '503 cell_unavailable'],
    [ROUTER_LIMITS.bufferedBody, false, '200 b'],
    [ROUTER_LIMITS.bufferedBody + 1, false, '503 cell_unavailable'],
  ] as const) {
    const edge = await failedOver();
    edge.cells.set(A, refusing);
    const headers: Record<string, string> = told ? { 'content-length': String(size) } : {};
    expect(await seen(edge.call('/v1/events', { method: 'POST', body: new Uint8Array(size), headers }))).toBe(expected);
  }
});

test('the bodies of a tenant that are kept have a bound; those beyond it go through and are sent once', async () => {
  const edge = await failedOver();
  edge.cells.set(A, silent);
  const size = ROUTER_LIMITS.bufferedBody;
  const post = () =>
    edge.call('/v1/events', {
      method: 'POST',
      body: new Uint8Array(size),
      headers: { 'content-length': String(size) },
    });
  const room = ROUTER_LIMITS.bufferedBodiesPerTenant / size;
  const pending = Array.from({ length: room + 1 }, post);
  await edge.arrived(room + 1);
  const kept = edge.received.filter(({ body }) => body instanceof ReadableStream === false);
  expect([kept.length, edge.received.length]).toEqual([room, room + 1]);
  await edge.clock.advance(3000);
  const outcomes = await Promise.all(pending.map(seen));
  expect(outcomes.filter((each) => each === '200 b')).toHaveLength(room);
  expect(outcomes.at(-1)).toBe('503 cell_unavailable');
  // There is room again.
  expect(await seen(post())).toBe('200 b');
});

test('of a conflict without end as much is read as a refusal has, and the rest goes through', async () => {
  const edge = await failedOver();
  const piece = new TextEncoder().encode('{"code":"stale_epoch"}'.padEnd(ROUTER_LIMITS.refusal));
  let pulled = 0;
  const cancelled: unknown[] = [];
  const endless = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(piece);
      },
      cancel: (reason) => {
        cancelled.push(reason);
      },
    },
    { highWaterMark: 0 },
  );
  const headers = { 'content-type': 'application/problem+json' };
  edge.cells.set(A, async () => new Response(endless, { status: 409, headers }));
  const response = await edge.call('/v1/devices');
  expect([response.status, paths(edge)]).toEqual([409, ['a']]);
  expect(pulled).toBeLessThanOrEqual(3);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (let index = 0; index < 5; index += 1) expect((await reader.read()).value).toEqual(piece);
  await reader.cancel('enough');
  expect(cancelled).toEqual(['enough']);
});

test('a cell that begins to refuse and stops has not answered', async () => {
  const edge = await failedOver();
  const stuck = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array([123])) });
  const headers = { 'content-type': 'application/problem+json' };
  edge.cells.set(A, async () => new Response(stuck, { status: 409, headers }));
  expect(await patient(edge, edge.call('/v1/devices'))).toBe('200 b');
});

test('a refusal of the maximum size is recognised without a declared length', async () => {
  for (const [more, expected] of [
    [0, '200 b'],
    [1, '409 stale_epoch'],
  ] as const) {
    const edge = await failedOver();
    const body = '{"code":"stale_epoch"}'.padEnd(ROUTER_LIMITS.refusal + more);
    const headers = { 'content-type': 'application/problem+json' };
    edge.cells.set(A, async () => new Response(body, { status: 409, headers }));
    expect(await seen(edge.call('/v1/devices'))).toBe(expected);
  }
});

test('a refusal that is larger than a refusal is, or another conflict, is the client’s', async () => {
  for (const [body, type] of [
    ['{"code":"other"}', 'application/problem+json'],
    ['{"code":"stale_epoch"}', 'application/json'],
    ['no JSON', 'application/problem+json'],
  ] as const) {
    const edge = await failedOver();
    edge.cells.set(A, async () => new Response(body, { status: 409, headers: { 'content-type': type, 'x-any': 'y' } }));
    const response = await edge.call('/v1/devices');
    expect([response.status, response.headers.get('x-any'), await response.text()]).toEqual([409, 'y', body]);
  }
});

test('the request that failed is logged with its cell and its reason', async () => {
  const edge = await failedOver();
  edge.cells.set(A, silent);
  await patient(edge, edge.call('/v1/devices'));
  expect(edge.log.lines).toContainEqual({
    level: 'warn',
    message: 'a cell did not serve a request',
    fields: { cell: 'a', epoch: 1, tenant: 'acme', why: 'it has not answered within 3000 ms' },
  });
});
