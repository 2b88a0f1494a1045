// The monitor has cells send what others lack: which of them it asks when, and what it leaves for later.
import { CATCHING_UP_LIMITS, createCatchingUp } from '../../../../core/edge/monitor/catching-up.ts';
import { type Cell, epochOf, type Tenant } from '../../../../core/edge/ports/directory-model.ts';
import type { JsonObject } from '../../../../core/ports/json.ts';
import { definition, testCloud } from '../../../support/cloud.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { CELL_KEY, publicPart } from '../../../support/route-tokens.ts';

/** Cells a, b and c with keys, and what they answer; `round` is one of the monitor. */
async function catching(tenants: number) {
  const cloud = testCloud('a', 'b', 'c');
  const keys = [publicPart(CELL_KEY)];
  for (const id of ['a', 'b', 'c']) {
    const { endpoint } = definition(id);
    await cloud.directory.change(
      { kind: 'add-cell', cell: { ...definition(id), keys } },
      { actor: 'ops', reason: 'a test', proof: { cell: id, endpoint, keys } },
    );
  }
  for (let index = 0; index < tenants; index += 1) await cloud.addTenant(`tenant-${index}`, 'a', 'b');
  const clock = new FakeClock();
  const pushed: string[] = [];
  const silent = new Set<string>();
  const behind = new Map<string, readonly string[]>();
  const notes = new Map<string, readonly JsonObject[]>();
  const heard: string[] = [];
  let hears: (id: string) => JsonObject | string = () => ({ next: null });
  let answer: (tenant: string) => JsonObject | string = () => ({ done: true });
  const work = createCatchingUp({
    directory: cloud.directory,
    push: async ({ tenant, from }) => {
      pushed.push(`${tenant.id} from ${from}`);
      return answer(tenant.id);
    },
    replicas: async ({ id }) => ({
      items: [
        ...(behind.get(id) ?? []).map((tenant) => ({ tenant, peer: 'x', direction: 'to', behindSince: 1 })),
        ...(notes.get(id) ?? []),
      ],
      next: null,
    }),
    hear: async ({ id }, cursor) => {
      heard.push(cursor === undefined ? id : `${id} behind ${cursor}`);
      return hears(id);
    },
    watch: { page: async () => undefined },
    clock,
  });
  const round = async (passedMs = 0) => {
    clock.jump(passedMs);
    const cells: readonly Cell[] = (await cloud.directory.cells()).map(({ cell }) => cell);
    await work.round(cells, (id) => !silent.has(id));
    return pushed.splice(0);
  };
  return {
    ...cloud,
    ...{ clock, round, silent, behind, notes, heard, progress: work.progress },
    hears: (next: typeof hears) => {
      hears = next;
    },
    answers: (next: typeof answer) => {
      answer = next;
    },
  };
}

test('all tenants are compared when it begins, and again after an hour', async () => {
  const c = await catching(2);
  await c.addTenant('alone', 'c', null);
  expect(await c.round()).toEqual(['tenant-0 from a', 'tenant-1 from a']);
  expect(await c.round(CATCHING_UP_LIMITS.everyMs - 1)).toEqual([]);
  expect(await c.round(1)).toHaveLength(2);
});

test('a cell that has left events unsent is made to send them, once both cells answer', async () => {
  const c = await catching(2);
  await c.round();
  c.behind.set('b', ['tenant-1', 'gone']);
  expect(await c.round(CATCHING_UP_LIMITS.askMs - 1)).toEqual([]);
  c.silent.add('a');
  expect(await c.round(1)).toEqual([]);
  c.silent.clear();
  expect(await c.round(CATCHING_UP_LIMITS.askMs)).toEqual(['tenant-1 from b']);
});

test('after a switch, and again and again while a home is down and answers, its tenants are compared both ways', async () => {
  const c = await catching(1);
  await c.round();
  c.silent.add('a');
  await c.change({ kind: 'fail-over', cell: 'a' });
  expect(await c.round(1000)).toEqual([]);
  c.silent.clear();
  const both = ['tenant-0 from a', 'tenant-0 from b'];
  expect(await c.round(1000)).toEqual(both);
  expect(await c.round(CATCHING_UP_LIMITS.downMs - 1)).toEqual([]);
  expect(await c.round(1)).toEqual(both);
  await c.change({ kind: 'fail-back', cell: 'a', force: true });
  expect(await c.round(1000)).toEqual(both);
  expect(await c.round(CATCHING_UP_LIMITS.downMs)).toEqual([]);
});

test('a push that does not get on is left for later, and delays no other', async () => {
  const c = await catching(2);
  c.answers((tenant) => (tenant === 'tenant-0' ? { done: false, waiting: 'b: ECONNREFUSED' } : { done: true }));
  const stuck = Array.from({ length: CATCHING_UP_LIMITS.idleSteps + 1 }, () => 'tenant-0 from a');
  expect((await c.round()).sort()).toEqual([...stuck, 'tenant-1 from a']);
  expect(c.progress()).toEqual({ waiting: 0, problem: 'tenant-0 from a: b: ECONNREFUSED' });
  c.answers(() => 'a answers 503');
  expect(await c.round(CATCHING_UP_LIMITS.everyMs)).toHaveLength(2 * CATCHING_UP_LIMITS.idleSteps);
  expect(c.progress().problem).toBe('tenant-1: a answers 503');
});

test('one answer that does not come in time loses no push', async () => {
  const c = await catching(1);
  const answers = ['a does not answer', { done: true }];
  c.answers(() => answers.shift() ?? { done: true });
  expect(await c.round()).toEqual(['tenant-0 from a', 'tenant-0 from a']);
  expect(c.progress()).toEqual({ waiting: 0, problem: null });
});

test('a round has a limit in time, and the next one goes on where it was', async () => {
  const c = await catching(3);
  c.answers(() => {
    c.clock.jump(CATCHING_UP_LIMITS.roundMs / 2);
    return { done: true };
  });
  expect(await c.round()).toEqual(['tenant-0 from a', 'tenant-1 from a']);
  expect(c.progress().waiting).toBe(1);
  expect(await c.round()).toEqual(['tenant-2 from a']);
});

test('no more pushes wait than the limit says: the rest of the tenants is looked up when there is room', async () => {
  const c = await catching(CATCHING_UP_LIMITS.waiting + CATCHING_UP_LIMITS.tenants);
  let most = 0;
  c.answers(() => {
    most = Math.max(most, c.progress().waiting);
    return { done: true };
  });
  expect(await c.round()).toHaveLength(CATCHING_UP_LIMITS.waiting + CATCHING_UP_LIMITS.tenants);
  expect(most).toBeLessThanOrEqual(CATCHING_UP_LIMITS.waiting);
});

test('a cell that has got a lease gets what the other one has, until it has noted that nothing is missing', async () => {
  const c = await catching(2);
  await c.round();
  const { tenant, cells } = await c.directory.lookup('tenant-0');
  const leasedEpoch = epochOf(tenant as Tenant, cells.find(({ id }) => id === 'a') as Cell);
  const note = { peer: 'b', direction: 'from', passedAt: 5, passedEpoch: 1, leasedEpoch, leasedAt: 10 };
  c.notes.set('a', [
    { ...note, tenant: 'tenant-0', settledAt: null },
    { ...note, tenant: 'tenant-1', settledAt: 20 },
    // Of a release, or a tenant, without effects that need it.
    { tenant: 'tenant-1', peer: 'b', direction: 'from', passedAt: 5, passedEpoch: 1 },
    // Of an earlier lease: it is not needed any more.
    { ...note, tenant: 'tenant-1', peer: 'c', leasedEpoch: leasedEpoch - 1, settledAt: null },
  ]);
  // One that does not pass is ordered less and less often.
  const ordered: number[] = [];
  for (let seconds = 0; seconds <= 480; seconds += 30)
    if ((await c.round(CATCHING_UP_LIMITS.askMs)).length > 0) ordered.push(seconds);
  expect(ordered).toEqual([0, 30, 90, 210, 450]);
  c.notes.clear();
  expect(await c.round(CATCHING_UP_LIMITS.everyMs / 4)).toEqual([]);
});

test('each cell that answers asks what became of its copies, twice a minute, and at once while there is more', async () => {
  const c = await catching(1);
  c.silent.add('b');
  let passes = 0;
  c.hears((id) => {
    if (id !== 'a') return { ended: 0, sent: 0, unfinished: 0, next: null };
    const next = c.heard.at(-1) === 'a' ? 'x' : null;
    // A list has more than a step can see: the pass is followed by another one, unless nothing gets on.
    const ended = passes === 0 ? 7 : 0;
    passes += next === null ? 1 : 0;
    return { ended, sent: 0, unfinished: 1, next };
  });
  await c.round();
  expect(c.heard.splice(0)).toEqual(['a', 'c', 'a behind x', 'a', 'a behind x']);
  await c.round(CATCHING_UP_LIMITS.askMs - 1);
  expect(c.heard).toEqual([]);
  // A cell of an earlier release says nothing.
  c.hears(() => ({}));
  c.silent.clear();
  await c.round(1);
  expect(c.heard.splice(0).sort()).toEqual(['a', 'b', 'c']);
  await c.round();
  expect([c.heard, c.progress()]).toEqual([[], { waiting: 0, problem: null }]);
});

test('a cell that cannot be asked is asked again at the same place, once, and then from the beginning; it is shown until it answers', async () => {
  const c = await catching(1);
  for (const id of ['b', 'c']) c.silent.add(id);
  let answer: JsonObject | string = { ended: 1, sent: 0, unfinished: 0, next: 'x' };
  const failed = 'it cannot be asked: it answers 503 store_unavailable';
  c.hears(() => {
    const said = answer;
    answer = failed;
    return said;
  });
  await c.round();
  expect(c.heard.splice(0)).toEqual(['a', 'a behind x']);
  expect(c.progress().problem).toBe(`a: ${failed}`);
  for (const expected of [['a behind x'], ['a'], ['a']]) {
    await c.round(CATCHING_UP_LIMITS.askMs);
    expect(c.heard.splice(0)).toEqual(expected);
  }
  c.hears(() => ({ ended: 0, sent: 0, unfinished: 0, next: null }));
  await c.round(CATCHING_UP_LIMITS.askMs);
  expect(c.progress().problem).toBeNull();
});
