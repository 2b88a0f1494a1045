// What happens once, in seconds: a router that is cut off, two cells, and the directory, each with a running clock, two of them wrong.
import { assignmentSigner } from '../../../../core/cell/assignment.ts';
import { LEASE } from '../../../../core/cell/lease.ts';
import { assigner } from '../../../../core/edge/directory/assigner.ts';
import type { OnIsolation } from '../../../../core/edge/ports/directory-model.ts';
import type { Consumer } from '../../../../core/pipeline/consumer.ts';
import { heldAssignments } from '../../../../core/replication/held-assignments.ts';
import { replicaNotes } from '../../../../core/replication/notes.ts';
import { refusal, type TestCell, testCell } from '../../../support/cell.ts';
import { type TestEdge, testEdge } from '../../../support/edge.ts';
import { candidate } from '../../../support/events.ts';
import { FakeClock, START } from '../../../support/fake-clock.ts';
import { NOTICES } from '../../../support/notices.ts';
import { EDGE_KEY, publicPart } from '../../../support/route-tokens.ts';

const SECOND = 1000;

/** A cell's clock is behind and the directory's ahead: by as much, together, as leases allow for. */
const BEHIND = -2500;
const AHEAD = 2500;

async function setUp(onIsolation: OnIsolation = 'serve') {
  const clocks = {
    live: new FakeClock(),
    isolated: new FakeClock(),
    a: new FakeClock(START + BEHIND),
    b: new FakeClock(START + AHEAD),
  };
  const live = testEdge({ clock: clocks.live });
  live.world.clock.jump(AHEAD);
  /** Cells that do not reach the edge. */
  const cutOff = new Set<string>();
  /** When each cell had which effect begun, in seconds. */
  const effects: Record<string, { readonly at: number; readonly id: string }[]> = { a: [], b: [] };
  let seconds = 0;
  const cells: Record<string, TestCell> = {};
  for (const id of ['a', 'b'] as const) {
    await live.addProvedCell(id);
    const noting = (consumer: Consumer): Consumer => ({
      name: consumer.name,
      apply: async (events) => {
        await consumer.apply(events);
        if (consumer.name === 'notices')
          for (const { event } of events) effects[id]?.push({ at: seconds, id: event.id });
      },
    });
    const fetch = async (request: Request) => {
      const to = new URL(request.url).hostname.replace('.example', '');
      if (cutOff.has(id) || cutOff.has(to)) throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
      return cells[to]?.handle(request) ?? live.handle(request);
    };
    const cell = testCell({
      application: NOTICES,
      id,
      clock: clocks[id],
      edge: 'https://edge.example',
      fetch,
      consumer: noting,
    });
    cells[id] = cell;
    live.cells.set(`https://${id}.example`, async (url, { method, headers, body }) =>
      cell.handle(new Request(url, { method, headers, body, duplex: 'half' })),
    );
  }
  await live.addTenant('acme', 'a', 'b');
  await live.change({ kind: 'isolate-tenant', tenant: 'acme', onIsolation });
  await live.publish();
  const assign = assigner(assignmentSigner(EDGE_KEY), live.world.clock);
  /** Brings the assignment to the cells that are reached, as the monitor does. */
  const inform = async () => {
    const { tenant, cells: records } = await live.world.keeper.lookup('acme');
    const [home, standby] = ['cell', 'standby'].map((part) =>
      records.find(({ id }) => id === tenant?.[part as 'cell' | 'standby']),
    );
    if (tenant === null || home === undefined) throw new Error('There is no such tenant.');
    const signed = await assign({ tenant, home, standby: standby ?? null });
    for (const [id, { state, clock }] of Object.entries(cells)) {
      const notes = replicaNotes(state, clock);
      if (!cutOff.has(id))
        await heldAssignments({ cell: id, state, keys: [publicPart(EDGE_KEY)], notes }).adopt(signed);
    }
  };
  await inform();
  const isolated = testEdge({ clock: clocks.isolated, beside: live });
  const place = async (edge: TestEdge, id: string): Promise<string> => {
    const body = JSON.stringify(candidate({ id }));
    const headers = { 'content-type': 'application/cloudevents+json', 'content-length': String(body.length) };
    const { status, headers: answer } = await edge.call('/v1/events', { method: 'POST', headers, body });
    return `${answer.get('x-polycell-cell')} ${status}`;
  };
  /** So many seconds pass, for all; in each, both cells work on what they have. */
  const pass = async (count: number, inEach: () => Promise<void> = async () => undefined) => {
    for (let done = 0; done < count; done += 1) {
      await inEach();
      for (const cell of Object.values(cells)) await cell.pump();
      for (const clock of [...Object.values(clocks), live.world.clock]) await clock.advance(SECOND);
      seconds += 1;
    }
  };
  // Both routers know the way from here on.
  expect([await place(live, 'first'), await place(isolated, 'second')]).toEqual(['a 202', 'a 202']);
  const idsOf = (cell: 'a' | 'b') => effects[cell]?.map(({ id }) => id) ?? [];
  return { live, isolated, cells, clocks, cutOff, effects, place, pass, idsOf, inform, now: () => seconds };
}

test('a cell that is cut off has effects for 25 s at most, its successor from 75 s after the failover at most, and each happens once', async () => {
  const { live, isolated, cells, cutOff, effects, place, pass, idsOf, inform } = await setUp();
  let count = 0;
  const both = async () => {
    count += 1;
    await place(isolated, `old-${count}`);
    await place(live, `new-${count}`);
  };
  await pass(20, async () => void (await place(live, `before-${count++}`)));
  // A router and cell a are cut off together; monitor and operators are not.
  isolated.sources.cache = 'gone';
  isolated.sources.directory = 'gone';
  cutOff.add('a');
  await live.change({ kind: 'fail-over', cell: 'a' });
  await live.publish();
  await inform();
  await pass(120, both);
  const lastOfA = Math.max(...(effects.a ?? []).map(({ at }) => at));
  const firstOfB = Math.min(...(effects.b ?? []).map(({ at }) => at));
  const allowedMs = LEASE.durationMs + LEASE.stepMs + LEASE.skewMs + LEASE.effectMs;
  expect(lastOfA - 20).toBeLessThanOrEqual((LEASE.durationMs - LEASE.effectMs) / SECOND);
  expect(firstOfB - 20).toBeLessThanOrEqual(allowedMs / SECOND);
  // What the last effect of a may have taken, and be allowed to overrun by, is over.
  expect(firstOfB - lastOfA).toBeGreaterThanOrEqual((2 * LEASE.effectMs) / SECOND);
  // Appends have gone on in both, and what a has accepted since then waits.
  expect([await place(isolated, 'late'), await place(live, 'later')]).toEqual(['a 202', 'b 202']);
  expect([idsOf('a').includes('old-60'), idsOf('b').includes('new-60')]).toEqual([false, true]);
  expect(cells.a?.log.lines.some(({ level }) => level === 'error')).toBe(false);
  // It comes back and is no home any more.
  cutOff.delete('a');
  const before = idsOf('a').length;
  await pass(60);
  expect(idsOf('a').length).toBe(before);
  // Nothing has been done twice; what a still holds is done once it is the home again.
  await live.change({ kind: 'fail-back', cell: 'a' });
  await live.publish();
  await inform();
  await pass(150);
  expect(idsOf('a')).toEqual(expect.arrayContaining(['late', `old-${count}`]));
  const all = [...idsOf('a'), ...idsOf('b')];
  expect(new Set(all).size).toBe(all.length);
});

test('a cell that reaches the edge gives its effects up at its next question, 15 s after a failover at most', async () => {
  const { live, isolated, effects, place, pass } = await setUp();
  await pass(5);
  isolated.sources.cache = 'gone';
  isolated.sources.directory = 'gone';
  let count = 0;
  await live.change({ kind: 'fail-over', cell: 'a' });
  await pass(60, async () => void (await place(isolated, `old-${++count}`)));
  const last = Math.max(...(effects.a ?? []).map(({ at }) => at));
  expect(last).toBeGreaterThan(5);
  expect(last - 5).toBeLessThanOrEqual((LEASE.durationMs - LEASE.renewMs) / SECOND + 1);
  expect(effects.b).toEqual([]);
});

test('cells whose edge is away go on for 25 s, wait without harm, and go on at once when it is back', async () => {
  const { live, cells, cutOff, effects, place, pass, now } = await setUp();
  let count = 0;
  const order = async () => void (await place(live, `o-${++count}`));
  await pass(3, order);
  cutOff.add('a').add('b');
  await pass(100, order);
  const last = Math.max(...(effects.a ?? []).map(({ at }) => at));
  expect(last).toBeLessThanOrEqual(3 + (LEASE.durationMs - LEASE.effectMs) / SECOND);
  expect(await cells.a?.parking.count('notices', 10)).toEqual({ parked: 0, more: false });
  const claims = {
    ten: 'acme',
    cel: 'a',
    epo: 1,
    iat: Math.floor(START / SECOND) + now(),
    exp: Math.floor(START / SECOND) + now() + 60,
  };
  const redrive = await cells.a?.call('/v1/parked/redrive', {
    method: 'POST',
    body: { consumer: 'notices' },
    token: { claims },
  });
  expect(redrive && refusal(redrive)).toBe('503 no_lease');
  cutOff.clear();
  await pass(2);
  expect(effects.a?.map(({ id }) => id)).toContain(`o-${count}`);
});

test('a tenant without a standby does without the edge, as in earlier releases', async () => {
  const { live, cutOff, effects, place, pass, inform } = await setUp();
  await live.change({ kind: 'place-tenant', tenant: 'acme', standby: null });
  await inform();
  let count = 0;
  const order = async () => void (await place(live, `o-${++count}`));
  await pass(2, order);
  cutOff.add('a');
  await pass(90, order);
  expect(effects.a).toHaveLength(count + 2);
});
