// The monitor has cells derive what they have left underived as log-only standbys: which of them it asks when, and what it leaves for later.
import type { DeriveRequest } from '../../../../core/edge/cells/replica-pusher.ts';
import { catchingUpAndDeriving, createDeriving, DERIVING_LIMITS } from '../../../../core/edge/monitor/deriving.ts';
import type { JsonObject } from '../../../../core/ports/json.ts';
import { definition, testCloud } from '../../../support/cloud.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

/** Tenants in a with the log-only standby b, and what cells answer to orders. */
async function deriving(tenants = 1) {
  const cloud = testCloud('a', 'b');
  await cloud.add(definition('a'), definition('b'));
  for (let index = 0; index < tenants; index += 1) {
    await cloud.addTenant(`tenant-${index}`, 'a', 'b');
    await cloud.change({ kind: 'set-standby-mode', tenant: `tenant-${index}`, standbyMode: 'log-only' });
  }
  await cloud.addTenant('warm', 'a', 'b');
  const clock = new FakeClock();
  const ordered: string[] = [];
  const silent = new Set<string>();
  let answer: () => JsonObject | string = () => ({ done: true });
  let atOnce = 0;
  let most = 0;
  const deps = {
    directory: cloud.directory,
    clock,
    derive: async ({ tenant, at, ahead }: DeriveRequest) => {
      ordered.push(`${tenant.id} at ${at}${ahead ? ' ahead' : ''}`);
      atOnce += 1;
      most = Math.max(most, atOnce);
      await Promise.resolve();
      atOnce -= 1;
      return answer();
    },
  };
  const work = createDeriving(deps);
  const round = async (passedMs = 0) => {
    clock.jump(passedMs);
    await work.round(
      (await cloud.directory.cells()).map(({ cell }) => cell),
      (id) => !silent.has(id),
    );
    return ordered.splice(0);
  };
  /** A note of b: it leaves copies, or derives them since then. */
  const note = (tenant: string, derivesSince: number | null = null) => ({
    ...{ tenant, peer: 'b', direction: 'own', leaves: derivesSince === null, underivedSince: 1, derivesSince },
  });
  await round();
  return {
    ...{ ...cloud, clock, deps, work, round, note, silent },
    mostAtOnce: () => most,
    answers: (next: typeof answer) => {
      answer = next;
    },
  };
}

test('after a failover the log-only standbys derive, step by step, and no other tenant’s', async () => {
  const d = await deriving(2);
  await d.change({ kind: 'fail-over', cell: 'a' });
  d.silent.add('a');
  let steps = 0;
  d.answers(() => ({ done: (steps += 1) > 2 }));
  expect(await d.round()).toEqual(['tenant-0 at b', 'tenant-1 at b', 'tenant-0 at b', 'tenant-1 at b']);
  expect(await d.round()).toEqual([]);
  expect(d.work.progress()).toEqual({ waiting: 0, problem: null });
});

test('as long as its home serves, a log-only standby is left alone, and the directory is asked seldom', async () => {
  const d = await deriving();
  d.work.noted('b', [
    d.note('tenant-0'),
    d.note('gone', 5),
    { tenant: 'tenant-0', direction: 'to', underivedSince: 1 },
  ]);
  expect(d.work.progress().waiting).toBe(2);
  expect(await d.round()).toEqual([]);
  d.clock.jump(DERIVING_LIMITS.lookMs - 1);
  d.work.noted('b', [d.note('tenant-0')]);
  expect(d.work.progress().waiting).toBe(0);
  d.clock.jump(1);
  d.work.noted('b', [d.note('tenant-0')]);
  expect(d.work.progress().waiting).toBe(1);
});

test('what a cell has noted is derived once the standby is to be warm, or the home has it', async () => {
  const d = await deriving();
  await d.change({ kind: 'set-standby-mode', tenant: 'tenant-0', standbyMode: 'warm' });
  d.work.noted('b', [d.note('tenant-0', 5)]);
  d.work.noted('a', [{ ...d.note('warm', 5), peer: 'a' }]);
  expect(await d.round()).toEqual(['tenant-0 at b', 'warm at a']);
});

test('a cell that does not get on is asked again after pauses that double, and then left until its notes show it', async () => {
  const d = await deriving();
  await d.change({ kind: 'fail-over', cell: 'a' });
  d.answers(() => ({ done: false, waiting: 'throttled: too much' }));
  expect(await d.round()).toEqual(['tenant-0 at a', 'tenant-0 at b']);
  expect(d.work.progress().problem).toBe('tenant-0 at b: throttled: too much');
  expect(await d.round(DERIVING_LIMITS.firstPauseMs - 1)).toEqual([]);
  expect(await d.round(1)).toHaveLength(2);
  expect(await d.round(DERIVING_LIMITS.firstPauseMs)).toEqual([]);
  expect(await d.round(DERIVING_LIMITS.firstPauseMs)).toHaveLength(2);
  for (let tries = 4; tries <= DERIVING_LIMITS.idleSteps; tries += 1)
    expect(await d.round(DERIVING_LIMITS.longestPauseMs)).toHaveLength(2);
  expect(await d.round(DERIVING_LIMITS.longestPauseMs)).toEqual([]);
  d.answers(() => 'b does not answer');
  d.work.noted('b', [d.note('tenant-0', 5)]);
  expect(await d.round()).toEqual(['tenant-0 at b']);
});

test('so many tenants wait, and so many steps are under way at the same time', async () => {
  const d = await deriving(4);
  await d.change({ kind: 'fail-over', cell: 'a' });
  await d.round();
  expect(d.mostAtOnce()).toBe(DERIVING_LIMITS.concurrent);
  d.work.noted(
    'b',
    Array.from({ length: DERIVING_LIMITS.waiting + 1 }, (_, index) => d.note(`t-${index}`, 5)),
  );
  expect(d.work.progress().waiting).toBe(DERIVING_LIMITS.waiting);
});

test('one pass over the notes of cells serves both: what others lack, and what is underived', async () => {
  const d = await deriving();
  await d.change({ kind: 'fail-over', cell: 'a' });
  const watched: unknown[] = [];
  const both = catchingUpAndDeriving({
    ...d.deps,
    push: async () => ({ done: true }),
    replicas: async () => ({ items: [d.note('tenant-0', 5)], next: null }),
    hear: async () => ({ next: null }),
    watch: { page: async (cell) => void watched.push(cell) },
  });
  await both.round(
    (await d.directory.cells()).map(({ cell }) => ({ ...cell, keys: [] })),
    () => true,
  );
  expect(watched).toEqual(['a', 'b']);
  expect(both.progress()).toMatchObject({ problem: null, deriving: { waiting: 2, problem: null } });
});

test('a directory that cannot be read is a problem that is shown, and the next round goes on', async () => {
  const d = await deriving();
  await d.change({ kind: 'fail-over', cell: 'a' });
  const lookup = d.directory.lookup;
  d.deps.directory.lookup = () => Promise.reject(new Error('it is away'));
  await d.round();
  expect(d.work.progress().problem).toContain('it is away');
  d.deps.directory.lookup = lookup;
  d.work.noted('b', [d.note('tenant-0', 5)]);
  expect(await d.round()).toContain('tenant-0 at b');
  expect(d.work.progress().problem).toBeNull();
});
