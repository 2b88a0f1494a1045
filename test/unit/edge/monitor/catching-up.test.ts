// The monitor has cells send what others lack: which of them it asks when, and what it leaves for later.
import { CATCHING_UP_LIMITS, createCatchingUp } from '../../../../core/edge/monitor/catching-up.ts';
import type { Cell } from '../../../../core/edge/ports/directory-model.ts';
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
  let answer: (tenant: string) => JsonObject | string = () => ({ done: true });
  const work = createCatchingUp({
    directory: cloud.directory,
    push: async ({ tenant, from }) => {
      pushed.push(`${tenant.id} from ${from}`);
      return answer(tenant.id);
    },
    replicas: async ({ id }) => ({
      items: (behind.get(id) ?? []).map((tenant) => ({ tenant, peer: 'x', direction: 'to', behindSince: 1 })),
      next: null,
    }),
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
    ...{ clock, round, silent, behind, progress: work.progress },
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
