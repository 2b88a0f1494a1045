// Two routers, one of which is frozen: what it still writes after its tenant has moved, who refuses it, and that nothing acknowledged is lost.

import { items, type TestCell, testCell } from '../../../support/cell.ts';
import { seen, type TestEdge, testEdge } from '../../../support/edge.ts';
import { candidate } from '../../../support/events.ts';
import { EagerClock } from '../../../support/fake-clock.ts';
import { mint } from '../../../support/route-tokens.ts';

/** Cells a and b with their APIs, a live router, and one whose clock stands still and that is cut off from read cache and directory. */
async function frozenBesideLive() {
  const live = testEdge();
  const clock = new EagerClock();
  const cells: Record<string, TestCell> = { a: testCell({ id: 'a', clock }), b: testCell({ id: 'b', clock }) };
  await live.addCells('a', 'b');
  const refusals: string[] = [];
  for (const [id, cell] of Object.entries(cells))
    live.cells.set(`https://${id}.example`, async (url, { method, headers, body }) => {
      const answer = await cell.handle(new Request(url, { method, headers, body, duplex: 'half' }));
      if (answer.status === 401) refusals.push(`${id} ${await seen(answer.clone())}`);
      return answer;
    });
  await live.addTenant('acme', 'a', 'b');
  await live.publish();
  const frozen = testEdge({ beside: live });
  await read(live);
  await read(frozen);
  frozen.sources.cache = 'gone';
  frozen.sources.directory = 'gone';

  const acknowledged: string[] = [];
  return {
    live,
    frozen,
    cells,
    acknowledged,
    /** What the cells said to tokens that they do not take, in order. */
    refusals,
    /** Time passes for the live router and for both cells. */
    pass: async (milliseconds: number) => {
      clock.jump(milliseconds);
      await live.clock.advance(milliseconds);
    },
    /** Posts one event through a router: the cell and the status of the answer. */
    post: async (edge: TestEdge, id: string): Promise<string> => {
      const body = JSON.stringify(candidate({ id }));
      const headers = { 'content-type': 'application/cloudevents+json', 'content-length': String(body.length) };
      const response = await edge.call('/v1/events', { method: 'POST', headers, body });
      if (response.status === 202) acknowledged.push(id);
      const where = response.headers.get('x-polycell-cell');
      return `${where} ${response.status === 202 ? '202' : await seen(response)}`;
    },
    /** What is in one cell's log, by identity. */
    logged: async (cell: string): Promise<string[]> => {
      const token = mint({
        claims: { ten: 'acme', cel: cell, epo: 2 ** 40, iat: seconds(clock), exp: seconds(clock) + 60 },
      });
      const answer = await (cells[cell] as TestCell).call('/v1/devices/pump-1/readings', { token });
      return items(answer).map(({ source, id, time }) => `${source} ${id} ${time}`);
    },
  };
}

const seconds = (clock: EagerClock): number => Math.floor(clock.now() / 1000);
const read = (edge: TestEdge) => edge.call('/v1/devices');
const identity = (id: string) => `urn:gateway:7 ${id} 2026-11-21T07:41:00Z`;

test('after failover and failback, the cell that has seen the new epoch refuses the frozen router; both logs together have everything', async () => {
  const { live, frozen, pass, post, logged, acknowledged } = await frozenBesideLive();
  expect([await post(live, 'live-0'), await post(frozen, 'frozen-0')]).toEqual(['a 202', 'a 202']);
  await live.change({ kind: 'fail-over', cell: 'a' });
  await live.publish();
  await pass(5000);
  // Cell a lives, and has heard of nothing: both sides accept.
  expect([await post(live, 'live-1'), await post(frozen, 'frozen-1')]).toEqual(['b 202', 'a 202']);
  await live.change({ kind: 'fail-back', cell: 'a' });
  await live.publish();
  await pass(5000);
  expect(await post(frozen, 'frozen-2')).toBe('a 202');
  expect(await post(live, 'live-2')).toBe('a 202');
  // From here on cell a knows epoch 3.
  expect(await post(frozen, 'frozen-3')).toBe('edge 503 cell_unavailable');
  const [a, b] = [await logged('a'), await logged('b')];
  expect(a).not.toContain(identity('frozen-3'));
  expect(new Set([...a, ...b])).toEqual(new Set(acknowledged.map(identity)));
  expect(acknowledged).toHaveLength(6);
});

test('after a tenant is placed elsewhere, the old cell refuses the frozen router as soon as it is notified', async () => {
  const { live, frozen, cells, pass, post, logged, acknowledged } = await frozenBesideLive();
  await live.change({ kind: 'place-tenant', tenant: 'acme', cell: 'b', standby: 'a' });
  await live.publish();
  await pass(5000);
  expect([await post(live, 'live-1'), await post(frozen, 'frozen-1')]).toEqual(['b 202', 'a 202']);
  // What the fence sends.
  expect(
    (await cells.a?.call('/v1/fence', { method: 'POST', token: { claims: { cel: 'a', epo: 2 ** 24 + 1 } } }))?.status,
  ).toBe(204);
  expect(await post(frozen, 'frozen-2')).toBe('edge 503 cell_unavailable');
  expect(await logged('a')).toEqual([identity('frozen-1')]);
  expect(await logged('b')).toEqual([identity('live-1')]);
  expect(acknowledged).toEqual(['live-1', 'frozen-1']);
});

test('a frozen router that can ask the directory again finds the new cell by the refusal', async () => {
  const { live, frozen, cells, post } = await frozenBesideLive();
  await live.change({ kind: 'place-tenant', tenant: 'acme', cell: 'b', standby: 'a' });
  await cells.a?.call('/v1/fence', { method: 'POST', token: { claims: { cel: 'a', epo: 2 ** 24 + 1 } } });
  frozen.sources.directory = 'there';
  expect(await post(frozen, 'moved')).toBe('b 202');
  expect(frozen.asked.directory).toBe(1);
});

test('a cell that is never notified refuses a router with a stopped clock once its token has expired', async () => {
  const { live, frozen, pass, post, logged, refusals } = await frozenBesideLive();
  await live.change({ kind: 'fail-over', cell: 'a' });
  await pass(60_000);
  // Clocks may differ by five seconds.
  expect(await post(frozen, 'within')).toBe('a 202');
  expect(refusals).toEqual([]);
  await pass(5000);
  expect(await post(frozen, 'beyond')).toBe('edge 503 cell_unavailable');
  expect(refusals).toContain('a 401 invalid_route_token');
  expect(await logged('a')).toEqual([identity('within')]);
});
