// Answers that do not come from a cell but from its platform, and faults of our own, which count against no cell.
import { forwarder } from '../../../../core/edge/router/forward.ts';
import { seen, type TestEdge, testEdge } from '../../../support/edge.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

async function ready(): Promise<TestEdge> {
  const edge = testEdge();
  await edge.addCells('a', 'b');
  await edge.addTenant('acme', 'a', 'b');
  await edge.publish();
  return edge;
}

const A = 'https://a.example';
const EVENTS = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', 'content-length': '2' } };
const platform =
  (status: number, text = 'Internal Server Error') =>
  async () =>
    new Response(text, { status });

/** Gives these answers one after the other; the last one from then on. */
function answers(edge: TestEdge, ...list: (() => Promise<Response>)[]): void {
  edge.cells.set(A, () => (list.length > 1 ? list.shift() : list[0])?.() ?? Promise.reject(new TypeError('none')));
}
const own =
  (status = 200) =>
  async () =>
    new Response('a', { status, headers: { 'x-polycell-cell': 'a' } });

test.each([500, 502, 503, 504, 403, 404, 200, 302])(
  'a platform’s %d is no answer: what is safe is asked once more, and the client gets the cell’s',
  async (status) => {
    for (const [path, init] of [
      ['/v1/devices', {}],
      ['/v1/events', EVENTS],
    ] as const) {
      const edge = await ready();
      answers(edge, platform(status), own());
      expect(await seen(edge.call(path, init))).toBe('200 a');
      expect(edge.received).toHaveLength(2);
    }
  },
);

test.each([500, 200])('a platform’s %d twice is a problem of ours, and is not tried a third time', async (status) => {
  const edge = await ready();
  answers(edge, platform(status, 'secrets of a platform'));
  const response = await edge.call('/v1/events', EVENTS);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
  expect(await response.json()).toMatchObject({
    code: 'cell_unavailable',
    detail: expect.not.stringContaining('secret'),
  });
  expect(edge.received).toHaveLength(2);
});

test('what is not safe to repeat is not repeated', async () => {
  const edge = await ready();
  answers(edge, platform(500), own());
  expect(await seen(edge.call('/v1/parked/redrive', EVENTS))).toBe('503 cell_unavailable');
  expect(edge.received).toHaveLength(1);
});

test('a write with a key is repeated at the same cell, and at no other one, which may not have the event yet', async () => {
  const write = (method: string, key?: string) => ({
    method,
    body: '{}',
    headers: { 'content-length': '2', ...(key !== undefined && { 'idempotency-key': key }) },
  });
  for (const [init, expected] of [
    [write('PUT', 'k'), '200 a'],
    [write('PATCH', 'k'), '200 a'],
    [write('PUT'), '503 cell_unavailable'],
    [write('POST', 'k'), '503 cell_unavailable'],
  ] as const) {
    const edge = await ready();
    answers(edge, platform(500), own());
    expect(await seen(edge.call('/v1/catalog/devices/x', init))).toBe(expected);
  }
  const edge = await ready();
  await edge.call('/v1/devices');
  await edge.change({ kind: 'fail-over', cell: 'a' });
  answers(edge, platform(500));
  expect(await seen(edge.call('/v1/catalog/devices/x', write('PUT', 'k')))).toBe('503 cell_unavailable');
});

test('an overloaded platform is answered as an overload', async () => {
  const edge = await ready();
  answers(edge, platform(429));
  expect(await seen(edge.call('/v1/events', EVENTS))).toBe('503 cell_overloaded');
  expect(edge.received).toHaveLength(1);
});

test.each([500, 503, 404])('a cell’s own %d goes to the client as it is', async (status) => {
  const edge = await ready();
  answers(edge, own(status));
  expect(await seen(edge.call('/v1/devices'))).toBe(`${status} a`);
  expect(edge.received).toHaveLength(1);
});

test('a cell that was failed over while its platform answers in its place: its standby is asked', async () => {
  const edge = await ready();
  await edge.call('/v1/devices');
  await edge.change({ kind: 'fail-over', cell: 'a' });
  answers(edge, platform(500));
  expect(await seen(edge.call('/v1/events', EVENTS))).toBe('200 b');
});

test('a request that cannot be built is a fault of our own: it counts against no cell and is not repeated', async () => {
  const forward = forwarder({
    send: () => {
      throw new TypeError('Request with a GET or HEAD method cannot have a body.');
    },
    clock: new FakeClock(),
    forwardMs: 3000,
    perCell: 1,
  });
  const forwarding = {
    method: 'GET',
    headers: {},
    body: null,
    target: '/',
    traceparent: '',
    signal: new AbortController().signal,
    bodyFault: () => undefined,
  };
  // Its place is given back: the second one is not overloaded.
  for (let time = 0; time < 2; time += 1)
    await expect(
      forward(forwarding, { tenant: 'acme', cell: 'a', endpoint: 'https://a.example', token: 'x' }),
    ).rejects.toThrow('cannot have a body');
});
