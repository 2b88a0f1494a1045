// Bodies without a length, and those too large to be kept: whose fault it is when they do not come to their end.
import { ROUTER_LIMITS } from '../../../../core/edge/router/router-limits.ts';
import { seen, type TestEdge, testEdge } from '../../../support/edge.ts';

async function ready(): Promise<TestEdge> {
  const edge = testEdge();
  await edge.addCells('a');
  await edge.addTenant('acme', 'a');
  // A cell that reads the whole body before it answers.
  edge.cells.set('https://a.example', async (_url, { body }) => {
    const { byteLength } = await new Response(body).arrayBuffer();
    return new Response(String(byteLength), { headers: { 'x-polycell-cell': 'a' } });
  });
  return edge;
}

const CHUNKED = { 'transfer-encoding': 'chunked' };
const LARGE = { 'content-length': String(ROUTER_LIMITS.bufferedBody + 1) };

const post = (
  edge: TestEdge,
  body: NonNullable<RequestInit['body']>,
  headers: Readonly<Record<string, string>>,
  tenant: string | null = 'acme',
) => edge.call('/v1/events', { method: 'POST', body, headers, tenant, duplex: 'half' } as RequestInit);

type Controller = ReadableStreamDefaultController<Uint8Array>;
const lasting = (onStart: (controller: Controller) => void) => new ReadableStream<Uint8Array>({ start: onStart });
const inChunks = (count: number, size: number, end: (controller: Controller) => void = (each) => each.close()) =>
  lasting((controller) => {
    for (let index = 0; index < count; index += 1) controller.enqueue(new Uint8Array(size));
    end(controller);
  });

test('a small body in chunks is kept, so that it can be sent again', async () => {
  const edge = await ready();
  expect(await seen(post(edge, inChunks(3, 100), CHUNKED))).toBe('200 300');
  expect(edge.received[0]?.body).toBeInstanceOf(ArrayBuffer);
});

test('a large one in chunks goes through whole', async () => {
  const edge = await ready();
  expect(await seen(post(edge, inChunks(5, ROUTER_LIMITS.bufferedBody), CHUNKED))).toBe(
    `200 ${5 * ROUTER_LIMITS.bufferedBody}`,
  );
  expect(edge.received[0]?.body).toBeInstanceOf(ReadableStream);
});

test.each([
  ['small and in chunks', () => inChunks(1, 10, () => undefined), CHUNKED],
  ['large and in chunks', () => inChunks(3, ROUTER_LIMITS.bufferedBody, () => undefined), CHUNKED],
  ['large', () => inChunks(1, 10, () => undefined), LARGE],
])('a body that does not come, %s: 408, and no cell is blamed for it', async (_name, body, headers) => {
  const edge = await ready();
  const pending = post(edge, body(), headers);
  await edge.clock.advance(3000);
  expect(await seen(pending)).toBe('408 request_timeout');
  expect(edge.log.lines).toEqual([]);
  expect(edge.asked.directory).toBeLessThanOrEqual(1);
});

test.each([
  ['small', 1, CHUNKED],
  ['large', 2, CHUNKED],
  ['large, with a length', 1, LARGE],
])('a body that breaks off, %s: 400, and no cell is blamed for it', async (_name, count, headers) => {
  const edge = await ready();
  let broken: Controller | undefined;
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      broken = controller;
      if (sent < count) controller.enqueue(new Uint8Array(ROUTER_LIMITS.bufferedBody / 2 + 1));
      else broken.error(new TypeError('the connection is gone'));
      sent += 1;
    },
  });
  expect(await seen(post(edge, body, headers))).toBe('400 invalid_body');
  expect(edge.log.lines).toEqual([]);
});

test('a body in chunks that is larger than any cell takes: 413', async () => {
  const edge = await ready();
  expect(await seen(post(edge, inChunks(ROUTER_LIMITS.body / 65_536 + 1, 65_536), CHUNKED))).toBe(
    '413 payload_too_large',
  );
});

test('a cell that does not read a body to its end is the one that does not answer', async () => {
  const edge = await ready();
  edge.cells.set('https://a.example', () => new Promise(() => undefined));
  const pending = post(edge, inChunks(3, ROUTER_LIMITS.bufferedBody), CHUNKED);
  await edge.arrived(1);
  await edge.clock.advance(3000);
  expect(await seen(pending)).toBe('503 cell_unavailable');
});

test.each(['GET', 'HEAD'])('what comes with %s as a body is read and dropped', async (method) => {
  const edge = await ready();
  const request = new Request('https://edge.example/v1/devices', {
    method,
    headers: { authorization: 'Bearer tenant:acme', ...CHUNKED },
  });
  let read = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      read += 1;
      if (read > 3) controller.close();
      else controller.enqueue(new Uint8Array(10));
    },
  });
  // Fetch makes no such request; a server gets it from the wire.
  Object.defineProperty(request, 'body', { value: body });
  expect((await edge.handle(request)).status).toBe(200);
  expect(edge.received[0]?.body).toBeNull();
  expect(read).toBe(4);
  expect(edge.log.lines).toEqual([]);
});

test('the type of a compressed body travels beside it, and a client cannot set it', async () => {
  const edge = await ready();
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': '2' };
  await post(edge, 'xx', { ...headers, 'x-polycell-body-type': 'forged' });
  await post(edge, 'xx', {
    'content-type': 'application/json',
    'content-length': '2',
    'x-polycell-body-type': 'forged',
  });
  expect(
    edge.received.map((sent) => [sent.headers.get('content-type'), sent.headers.get('x-polycell-body-type')]),
  ).toEqual([
    ['application/octet-stream', 'application/json'],
    ['application/json', null],
  ]);
});

/** A body that does not end, in chunks of 64 KiB, and the bytes that have been taken of it. */
function endless() {
  const taken = { bytes: 0 };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        taken.bytes += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken };
}

test.each<[string, string | null, Record<string, string>, string]>([
  ['without a credential', null, {}, '401 missing_credential'],
  ['with too large a length', 'acme', { 'content-length': String(ROUTER_LIMITS.body + 1) }, '413 payload_too_large'],
])('the body of a request %s is read before the answer, up to a limit', async (_name, tenant, headers, refusal) => {
  const edge = await ready();
  const { body, taken } = endless();
  expect(await seen(post(edge, body, headers, tenant))).toBe(refusal);
  expect(taken.bytes).toBe(ROUTER_LIMITS.discarded + 65_536);
});

test('a refusal does not wait for a body that does not come', async () => {
  const edge = await ready();
  const pending = post(
    edge,
    inChunks(1, 10, () => undefined),
    { 'content-length': String(ROUTER_LIMITS.body + 1) },
  );
  await edge.clock.advance(ROUTER_LIMITS.discardMs);
  expect(await seen(pending)).toBe('413 payload_too_large');
});
