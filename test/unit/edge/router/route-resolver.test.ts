// Where a tenant's requests go when memory, read cache and directory know different things, or nothing, or do not answer.
import type { Route } from '../../../../core/edge/router/route-resolver.ts';
import { ROUTER_LIMITS } from '../../../../core/edge/router/router-limits.ts';
import { type TestEdge, type TestEdgeOptions, testEdge } from '../../../support/edge.ts';
import { settle } from '../../../support/fake-clock.ts';

async function ready(options: TestEdgeOptions = {}): Promise<TestEdge> {
  const edge = testEdge(options);
  await edge.addCells('a', 'b');
  await edge.addTenant('acme', 'a', 'b');
  await edge.publish();
  return edge;
}

const said = (route: Route): string => (route.status === 'served' ? `${route.cell} ${route.epoch}` : route.status);
const where = async (edge: TestEdge, tenant = 'acme'): Promise<string> => said(await edge.resolver.resolve(tenant));

test('a route is used for five seconds without a lookup, and without a promise', async () => {
  const edge = await ready();
  expect(await where(edge)).toBe('a 1');
  expect(edge.asked).toEqual({ cache: 2, directory: 0 });
  await edge.clock.advance(4999);
  expect(edge.resolver.resolve('acme')).toMatchObject({ status: 'served', cell: 'a', endpoint: 'https://a.example' });
  expect(edge.asked).toEqual({ cache: 2, directory: 0 });
  await edge.clock.advance(1);
  expect(await where(edge)).toBe('a 1');
  expect(edge.asked).toEqual({ cache: 4, directory: 0 });
});

test('a cell that another tenant has made fresh is not read again', async () => {
  const edge = await ready();
  await edge.addTenant('globex', 'a');
  await edge.publish();
  await where(edge);
  await where(edge, 'globex');
  expect(edge.asked).toEqual({ cache: 3, directory: 0 });
});

test('a failover is seen within five seconds by the read cache', async () => {
  const edge = await ready();
  await where(edge);
  await edge.change({ kind: 'fail-over', cell: 'a' });
  await edge.publish();
  await edge.clock.advance(5000);
  expect(await where(edge)).toBe('b 2');
});

test('what the read cache lacks, or what it cannot be asked for, the directory is asked for', async () => {
  const edge = await ready();
  await edge.addTenant('young', 'b');
  expect(await where(edge, 'young')).toBe('b 1');
  expect(edge.asked.directory).toBe(1);
  edge.sources.cache = 'gone';
  expect(await where(edge)).toBe('a 1');
  expect(edge.asked.directory).toBe(2);
});

test('a record is never replaced by an older one', async () => {
  const edge = await ready();
  await where(edge);
  await edge.change({ kind: 'fail-over', cell: 'a' });
  await edge.change({ kind: 'place-tenant', tenant: 'acme', cell: 'b', standby: null });
  // The first epoch of the second assignment: 2^24 + 1.
  expect(said(await edge.resolver.again('acme', 'refused', 'a'))).toBe('b 16777217');
  // The read cache has not been written to since.
  for (let minute = 0; minute < 3; minute += 1) {
    await edge.clock.advance(60_000);
    expect(await where(edge)).toBe('b 16777217');
  }
  expect(edge.asked.cache).toBeGreaterThan(4);
});

test('a tenant that was removed is unknown, however far the read cache is behind', async () => {
  const edge = await ready();
  expect(await where(edge)).toBe('a 1');
  await edge.change({ kind: 'remove-tenant', tenant: 'acme', keepData: true });
  expect(said(await edge.resolver.again('acme', 'refused', 'a'))).toBe('unknown');
  // The read cache still has the record, which is older than what the directory has said.
  for (let minute = 0; minute < 3; minute += 1) {
    await edge.clock.advance(60_000);
    expect(await where(edge)).toBe('unknown');
  }
  await edge.addTenant('acme', 'b');
  await edge.clock.advance(ROUTER_LIMITS.negativeMs);
  expect(await where(edge)).toBe('b 16777217');
});

test('a tenant that was removed is unknown to a router within the freshness of its records', async () => {
  const edge = await ready();
  await where(edge);
  await edge.change({ kind: 'remove-tenant', tenant: 'acme', keepData: true });
  await edge.publish();
  await edge.clock.advance(5000);
  expect(await where(edge)).toBe('unknown');
});

test('without read cache and directory, every tenant that is known is served for two hours', async () => {
  const edge = await ready();
  for (let index = 0; index < 200; index += 1) await edge.addTenant(`t-${index}`, index % 2 === 0 ? 'a' : 'b');
  await edge.publish();
  const all = Array.from({ length: 200 }, (_, index) => `t-${index}`);
  for (const tenant of all) await where(edge, tenant);
  edge.sources.cache = 'gone';
  edge.sources.directory = 'gone';
  for (let minute = 0; minute < 119; minute += 30) {
    await edge.clock.advance(30 * 60_000 - 1);
    for (const [index, tenant] of all.entries())
      expect(await where(edge, tenant)).toBe(index % 2 === 0 ? 'a 1' : 'b 1');
  }
  await edge.clock.advance(10);
  expect(await where(edge, 't-0')).toBe('unavailable');
});

test('an unknown tenant then gets no answer rather than “does not exist”', async () => {
  const edge = await ready();
  edge.sources.cache = 'gone';
  edge.sources.directory = 'gone';
  expect(await where(edge, 'nobody')).toBe('unavailable');
  expect(await where(edge)).toBe('unavailable');
});

test('while no lookup succeeds, a known tenant waits once and is then served immediately until the next attempt', async () => {
  const edge = await ready();
  await where(edge);
  await edge.clock.advance(5000);
  edge.sources.cache = 'silent';
  edge.sources.directory = 'silent';
  const pending = where(edge);
  await edge.clock.advance(ROUTER_LIMITS.patienceMs);
  expect(await pending).toBe('a 1');
  const asked = edge.asked.cache;
  expect(edge.resolver.resolve('acme')).toMatchObject({ cell: 'a' });
  await edge.clock.advance(ROUTER_LIMITS.pauseMs - 1);
  expect(edge.resolver.resolve('acme')).toMatchObject({ cell: 'a' });
  expect(edge.asked.cache).toBe(asked);
  await edge.clock.advance(1);
  edge.sources.cache = 'there';
  const again = where(edge);
  // A lookup without an answer is not waited for longer than a lookup can take.
  await edge.clock.advance(ROUTER_LIMITS.lookupMs);
  expect(await again).toBe('a 1');
  await edge.clock.advance(ROUTER_LIMITS.pauseMs);
  expect(await where(edge)).toBe('a 1');
  expect(edge.asked.cache).toBeGreaterThan(asked);
});

test('one tenant’s failed lookup spares all known tenants theirs', async () => {
  const edge = await ready();
  await edge.addTenant('globex', 'b');
  await edge.publish();
  await where(edge);
  await where(edge, 'globex');
  await edge.clock.advance(5000);
  edge.sources.cache = 'silent';
  edge.sources.directory = 'silent';
  const pending = where(edge);
  await edge.clock.advance(ROUTER_LIMITS.patienceMs);
  await pending;
  const { cache, directory } = edge.asked;
  expect(edge.resolver.resolve('globex')).toMatchObject({ cell: 'b' });
  expect(edge.asked).toEqual({ cache, directory });
});

test('a read cache that does not answer is left alone for a while, and the directory is asked at once', async () => {
  const edge = await ready();
  await edge.addTenant('globex', 'b');
  await edge.publish();
  edge.sources.cache = 'gone';
  expect(await where(edge)).toBe('a 1');
  const { cache } = edge.asked;
  expect(await where(edge, 'globex')).toBe('b 1');
  expect(edge.asked.cache).toBe(cache);
  edge.sources.cache = 'there';
  await edge.clock.advance(5000);
  expect(await where(edge, 'globex')).toBe('b 1');
  expect(edge.asked.cache).toBeGreaterThan(cache);
});

test('many requests of one tenant share one lookup', async () => {
  const edge = await ready();
  const all = Array.from({ length: 100 }, () => where(edge));
  expect(new Set(await Promise.all(all))).toEqual(new Set(['a 1']));
  expect(edge.asked).toEqual({ cache: 2, directory: 0 });
});

test('a lookup whose request the runtime has ended does not block the others', async () => {
  const edge = await ready();
  edge.sources.cache = 'silent';
  void where(edge);
  const follower = where(edge);
  await settle();
  edge.sources.cache = 'there';
  await edge.clock.advance(ROUTER_LIMITS.lookupMs);
  expect(await follower).toBe('unavailable');
  expect(await where(edge)).toBe('a 1');
});

test('a name without a tenant is remembered for two seconds', async () => {
  const edge = await ready();
  expect(await where(edge, 'nobody')).toBe('unknown');
  expect(edge.resolver.resolve('nobody')).toEqual({ status: 'unknown' });
  expect(edge.asked.directory).toBe(1);
  await edge.addTenant('nobody', 'b');
  await edge.clock.advance(ROUTER_LIMITS.negativeMs);
  expect(await where(edge, 'nobody')).toBe('b 1');
});

test('a hundred thousand random names keep memory bounded', async () => {
  const edge = await ready({ limits: { negatives: 500, tenants: 50, flights: 100 } });
  for (let index = 0; index < 120; index += 1) await edge.addTenant(`t-${index}`, 'a');
  await edge.publish();
  for (let index = 0; index < 100_000; index += 1) {
    const name = `random-${(index * 2_654_435_761) % 4_294_967_296}`;
    const route = edge.resolver.resolve(name);
    if (index % 100 === 99) await route;
    if (index % 1000 === 0) await where(edge, `t-${(index / 1000) % 120}`);
  }
  await settle();
  expect(edge.resolver.sizes).toEqual({ tenants: 50, cells: 1, negatives: 500 });
});

test('a tenant whose home is down and that has no standby goes nowhere', async () => {
  const edge = await ready();
  await edge.addTenant('lonely', 'a');
  await edge.change({ kind: 'fail-over', cell: 'a', partial: true });
  await edge.publish();
  expect(await where(edge, 'lonely')).toBe('unserved');
  expect(await where(edge)).toBe('b 2');
});

test('when a cell does not answer, the directory is asked once in a quarter of a second for all of its tenants', async () => {
  const edge = await ready();
  for (let index = 0; index < 50; index += 1) await edge.addTenant(`t-${index}`, 'a', 'b');
  await edge.publish();
  for (let index = 0; index < 50; index += 1) await where(edge, `t-${index}`);
  await edge.change({ kind: 'fail-over', cell: 'a' });
  const first = await edge.resolver.again('t-0', 'unreachable', 'a');
  expect(said(first)).toBe('b 2');
  for (let index = 1; index < 50; index += 1)
    expect(said(await edge.resolver.again(`t-${index}`, 'unreachable', 'a'))).toBe('b 2');
  expect(edge.asked.directory).toBe(1);
  await edge.clock.advance(ROUTER_LIMITS.rereadMs);
  await edge.resolver.again('t-1', 'unreachable', 'a');
  expect(edge.asked.directory).toBe(2);
});

test('when a cell refuses a token, the directory is asked at once, and not the read cache', async () => {
  const edge = await ready();
  await where(edge);
  const before = edge.asked.cache;
  for (let index = 0; index < 3; index += 1) await edge.resolver.again('acme', 'refused', 'a');
  expect(edge.asked).toEqual({ cache: before, directory: 3 });
});

test('a clock that is set back makes nothing fresh for longer', async () => {
  const edge = await ready();
  await where(edge);
  edge.clock.jump(-3_600_000);
  await where(edge);
  expect(edge.asked.cache).toBe(4);
});
