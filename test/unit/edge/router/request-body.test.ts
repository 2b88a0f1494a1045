// Bodies that the edge keeps: only what comes whole, in time, and no longer than its room was taken for.
import { ROUTER_LIMITS } from '../../../../core/edge/router/router-limits.ts';
import { seen, type TestEdge, testEdge } from '../../../support/edge.ts';

/** As many tenants as it takes to fill the room for bodies, and acme, all of them in one cell. */
const TENANTS = Array.from(
  { length: ROUTER_LIMITS.bufferedBodies / ROUTER_LIMITS.bufferedBodiesPerTenant },
  (_, number) => `tenant-${number}`,
);

async function ready(): Promise<TestEdge> {
  const edge = testEdge();
  await edge.addCells('a');
  for (const tenant of ['acme', ...TENANTS]) await edge.addTenant(tenant, 'a');
  return edge;
}

const post = (
  edge: TestEdge,
  body: NonNullable<RequestInit['body']>,
  headers: Readonly<Record<string, string>>,
  more: { readonly tenant?: string; readonly signal?: AbortSignal } = {},
) => edge.call('/v1/events', { method: 'POST', body, headers, duplex: 'half', ...more } as RequestInit);

const SIZE = ROUTER_LIMITS.bufferedBody;
const OF_ONE_TENANT = ROUTER_LIMITS.bufferedBodiesPerTenant / SIZE;
const FULL = { 'content-length': String(SIZE) };

/** Bodies that do not come, as many as one tenant may have kept. */
const waiting = (edge: TestEdge, more: Parameters<typeof post>[3] = {}) =>
  Array.from({ length: OF_ONE_TENANT }, () =>
    post(
      edge,
      lasting(() => undefined),
      FULL,
      more,
    ),
  );

/** Whether a body that comes at once is kept. */
async function isKept(edge: TestEdge, tenant = 'acme'): Promise<boolean> {
  expect(await seen(post(edge, new Uint8Array(SIZE), FULL, { tenant }))).toBe('200 a');
  return edge.received.at(-1)?.body instanceof ArrayBuffer;
}

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

test('a truncated body counts against the client alone', async () => {
  const edge = await ready();
  const broken = lasting((controller) => controller.error(new TypeError('the connection is gone')));
  expect(await seen(post(edge, broken, { 'content-length': '5' }))).toBe('400 invalid_body');
  expect(edge.received).toEqual([]);
  expect(edge.log.lines).toEqual([]);
});

test('bodies that do not come in time give their room back', async () => {
  const edge = await ready();
  const all = TENANTS.flatMap((tenant) => waiting(edge, { tenant }));
  await edge.clock.advance(2999);
  expect(await isKept(edge)).toBe(false);
  await edge.clock.advance(1);
  expect(new Set(await Promise.all(all.map(seen)))).toEqual(new Set(['408 request_timeout']));
  expect(await isKept(edge)).toBe(true);
});

test('a tenant whose bodies wait leaves room to the others', async () => {
  const edge = await ready();
  const all = waiting(edge);
  await edge.clock.advance(1);
  expect(await isKept(edge)).toBe(false);
  expect(await isKept(edge, TENANTS[0])).toBe(true);
  await edge.clock.advance(2999);
  await Promise.all(all);
});

test('a client that goes away while its body is coming gives its room back at once', async () => {
  const edge = await ready();
  const client = new AbortController();
  const all = waiting(edge, { signal: client.signal });
  await edge.clock.advance(1);
  expect(await isKept(edge)).toBe(false);
  client.abort();
  expect(await isKept(edge)).toBe(true);
  await edge.clock.advance(2999);
  await Promise.all(all);
});
