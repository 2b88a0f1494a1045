// Bodies that the edge keeps: only what comes whole, in time, and no longer than its room was taken for.
import { ROUTER_LIMITS } from '../../../core/routing/router-limits.ts';
import { seen, type TestEdge, testEdge } from '../../support/edge.ts';

async function ready(): Promise<TestEdge> {
  const edge = testEdge();
  await edge.addCells('a');
  await edge.addTenant('acme', 'a');
  return edge;
}

const post = (edge: TestEdge, body: NonNullable<RequestInit['body']>, headers: Readonly<Record<string, string>>) =>
  edge.call('/v1/events', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);

const lasting = (onStart: (controller: ReadableStreamDefaultController<Uint8Array>) => void) =>
  new ReadableStream<Uint8Array>({ start: onStart });

test('a length beside chunks counts for nothing: the body goes through and is not kept', async () => {
  const edge = await ready();
  const headers = { 'content-length': '5', 'transfer-encoding': 'chunked' };
  expect(await seen(post(edge, 'x'.repeat(ROUTER_LIMITS.bufferedBody + 1), headers))).toBe('200 a');
  expect(edge.received[0]?.body).toBeInstanceOf(ReadableStream);
});

test.each([
  ['longer', 'xxxxxx'],
  ['shorter', 'xxxx'],
])('a body that is %s than it says is refused, and no cell sees it', async (_name, body) => {
  const edge = await ready();
  expect(await seen(post(edge, body, { 'content-length': '5' }))).toBe('400 invalid_body');
  expect(edge.received).toEqual([]);
});

test('a body that breaks off is the client’s fault, and nobody else’s', async () => {
  const edge = await ready();
  const broken = lasting((controller) => controller.error(new TypeError('the connection is gone')));
  expect(await seen(post(edge, broken, { 'content-length': '5' }))).toBe('400 invalid_body');
  expect(edge.received).toEqual([]);
  expect(edge.log.lines).toEqual([]);
});

test('a body that does not come in time gives its room back', async () => {
  const edge = await ready();
  const size = ROUTER_LIMITS.bufferedBody;
  const slow = () =>
    post(
      edge,
      lasting(() => undefined),
      { 'content-length': String(size) },
    );
  const all = Array.from({ length: ROUTER_LIMITS.bufferedBodies / size }, slow);
  await edge.clock.advance(2999);
  expect(await seen(post(edge, new Uint8Array(size), { 'content-length': String(size) }))).toBe('200 a');
  expect(edge.received[0]?.body).toBeInstanceOf(ReadableStream);
  await edge.clock.advance(1);
  expect(new Set(await Promise.all(all.map(seen)))).toEqual(new Set(['408 request_timeout']));
  expect(await seen(post(edge, new Uint8Array(size), { 'content-length': String(size) }))).toBe('200 a');
  expect(edge.received[1]?.body).toBeInstanceOf(ArrayBuffer);
});
