// A router that is cut off from directory and read cache: what writes and reads may rely on, and for how long, with running clocks.
import type { OnIsolation } from '../../../../core/edge/ports/directory-model.ts';
import { testCell } from '../../../support/cell.ts';
import { seen, type TestEdge, testEdge } from '../../../support/edge.ts';
import { candidate } from '../../../support/events.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** A live router and one that will be cut off, two cells and one clock for all of them. */
async function two(onIsolation: OnIsolation) {
  const clock = new FakeClock();
  const live = testEdge({ clock });
  await live.addCells('a', 'b');
  for (const id of ['a', 'b']) {
    const cell = testCell({ id, clock });
    live.cells.set(`https://${id}.example`, async (url, { method, headers, body }) =>
      cell.handle(new Request(url, { method, headers, body, duplex: 'half' })),
    );
  }
  await live.addTenant('acme', 'a', 'b');
  await live.change({ kind: 'isolate-tenant', tenant: 'acme', onIsolation });
  await live.publish();
  const isolated = testEdge({ clock, beside: live });
  let count = 0;
  const post = async (edge: TestEdge): Promise<string> => {
    count += 1;
    const body = JSON.stringify(candidate({ id: `e${count}` }));
    const headers = { 'content-type': 'application/cloudevents+json', 'content-length': String(body.length) };
    const response = await edge.call('/v1/events', { method: 'POST', headers, body });
    return `${response.headers.get('x-polycell-cell')} ${response.status === 202 ? '202' : await seen(response)}`;
  };
  const read = async (edge: TestEdge): Promise<string> => {
    const { status, headers } = await edge.call('/v1/devices');
    return `${headers.get('x-polycell-cell')} ${status} ${headers.get('x-polycell-stale-seconds') ?? 'confirmed'}`;
  };
  expect([await post(live), await post(isolated)]).toEqual(['a 202', 'a 202']);
  return { live, isolated, clock, post, read };
}

test('serve: two cells take writes for as long as the router is cut off, two hours at most, and its reads are marked', async () => {
  const { live, isolated, clock, post, read } = await two('serve');
  isolated.sources.cache = 'gone';
  isolated.sources.directory = 'gone';
  await live.change({ kind: 'fail-over', cell: 'a' });
  await live.publish();
  for (let minutes = 1; minutes < 120; minutes += 17) {
    await clock.advance(17 * MINUTE);
    if (minutes + 16 >= 120) break;
    expect([await post(live), await post(isolated)]).toEqual(['b 202', 'a 202']);
    expect(await read(isolated)).toBe(`a 200 ${(minutes + 16) * 60}`);
    expect(await read(live)).toBe('b 200 confirmed');
  }
  await clock.advance(2 * MINUTE);
  expect(await post(isolated)).toBe('edge 503 directory_unavailable');
});

test('refuse: writes end 60 s after the directory last confirmed the route, and reads go on, marked', async () => {
  const { live, isolated, clock, post, read } = await two('refuse');
  isolated.sources.cache = 'gone';
  isolated.sources.directory = 'gone';
  await live.change({ kind: 'fail-over', cell: 'a' });
  await clock.advance(60 * SECOND - 1);
  expect(await post(isolated)).toBe('a 202');
  await clock.advance(1);
  expect(await post(isolated)).toBe('edge 503 directory_unavailable');
  expect(await read(isolated)).toBe('a 200 60');
  await clock.advance(60 * MINUTE);
  expect(await post(isolated)).toBe('edge 503 directory_unavailable');
  // Connected again, it finds the cell that serves now.
  isolated.sources.directory = 'there';
  await clock.advance(SECOND);
  expect(await post(isolated)).toBe('b 202');
});

test('refuse: the read cache confirms nothing, neither for long nor at the first request of a router', async () => {
  const { live, isolated, clock, post } = await two('refuse');
  isolated.sources.directory = 'gone';
  await clock.advance(59 * SECOND);
  expect(await post(isolated)).toBe('a 202');
  await clock.advance(SECOND);
  expect(await post(isolated)).toBe('edge 503 directory_unavailable');
  const fresh = testEdge({ clock, beside: live });
  fresh.sources.directory = 'gone';
  expect(await post(fresh)).toBe('edge 503 directory_unavailable');
});

test('refuse: a router that is connected asks the directory every 30 s, and refuses nothing', async () => {
  const { isolated, clock, post } = await two('refuse');
  const before = isolated.asked.directory;
  for (let seconds = 0; seconds < 300; seconds += 1) {
    expect(await post(isolated)).toBe('a 202');
    await clock.advance(SECOND);
  }
  expect(isolated.asked.directory - before).toBe(9);
});
