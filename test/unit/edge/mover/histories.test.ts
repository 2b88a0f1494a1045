// What operators, failovers and removals do in the middle of a move's work, between a push of a cell and what the mover makes of it.

import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import type { PushRequest } from '../../../../core/edge/cells/replica-pusher.ts';
import { createDirectory } from '../../../../core/edge/directory/directory.ts';
import { MOVE_LIMITS } from '../../../../core/edge/mover/move.ts';
import { createMover } from '../../../../core/edge/mover/mover.ts';
import { type DirectoryCommand, epochOf, resolveTenant } from '../../../../core/edge/ports/directory-model.ts';
import type { MoverAnswer, MoveView, Step } from '../../../../core/edge/ports/mover.ts';
import type { JsonObject } from '../../../../core/ports/json.ts';
import { NOTHING_TO_BRING } from '../../../support/control-api.ts';
import { candidate, measured } from '../../../support/events.ts';
import { MemoryMonitorStorage } from '../../../support/monitor-storage.ts';
import { RecordingLog } from '../../../support/recording-log.ts';
import { endpointOf, KEYS, tenantCells } from '../../../support/tenant-cells.ts';

/** Rounds that a move gets to come to a step. */
const ROUNDS = 40;

/** Rounds in which a move comes to its end from any step, or waits. */
const ROUNDS_LEFT = 14;

const ended = (answer: MoverAnswer<MoveView>): MoveView | string =>
  'value' in answer ? answer.value : `${answer.refused}: ${answer.detail}`;

/** Cells home, standby and third; the tenant acme is in home with standby, has the event `a`, and is moved to `to`. */
async function moving(to: string, pauseBefore: Step | null = null, leave?: true) {
  const where = tenantCells();
  const { clock } = where;
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const intent = { actor: 'ops', reason: 'a test' };
  const change = async (command: DirectoryCommand, more: object = {}) =>
    expect(await directory.change(command, { ...intent, ...more })).toMatchObject({ status: 'applied' });
  for (const id of Object.keys(KEYS)) {
    const { state: _, switches: __, revision: ___, keys = [], ...rest } = where.record(id);
    const cell = { ...rest, keys, capacity: 10 };
    await change({ kind: 'add-cell', cell }, { proof: { cell: id, endpoint: endpointOf(id), keys } });
  }
  const add = () =>
    change({
      ...{ kind: 'add-tenant', tenant: 'acme', residency: 'any', tier: 'standard' },
      ...{ cell: 'home', standby: 'standby' },
    });
  await add();
  let meanwhile: { readonly from: string; readonly happens: () => Promise<void> } | undefined;
  const mover = createMover({
    directory,
    push: async (request: PushRequest) => {
      const found = await where.pusher(request);
      if (meanwhile?.from !== request.from) return found;
      const { happens } = meanwhile;
      meanwhile = undefined;
      await happens();
      return found;
    },
    derive: where.deriver,
    fence: where.fence,
    ...NOTHING_TO_BRING,
    storage: new MemoryMonitorStorage(),
    clock,
    log: new RecordingLog(),
  });
  const tenant = async () => {
    const { tenant: found, cells } = await directory.lookup('acme');
    const home = cells.find(({ id }) => id === found?.cell);
    if (found === null || home === undefined) throw new Error('There is no tenant.');
    return { ...found, epoch: epochOf(found, home) };
  };
  const idsAt = async (cell: string) => (await where.log(cell)).map(({ body }) => (body as { id: string }).id);
  const acknowledged: string[] = [];
  const send = async (id: string, cell: string, epoch: number) => {
    const { status } = await where.send(cell, [candidate({ id, data: measured('temperature', 1) })], epoch);
    if (status === 202) acknowledged.push(id);
    return status;
  };
  const shown = async () => (await mover.list())[0];
  const order = async () =>
    ended(
      await mover.start({ tenant: 'acme', to, rate: null, pauseBefore, ...(leave && { leave }), ...intent }, false),
    );
  await send('a', 'home', (await tenant()).epoch);
  expect(await order()).toMatchObject({ state: 'planned' });
  return {
    ...{ change, add, tenant, send, idsAt, shown, order, acknowledged },
    /** Changes a stored event of a cell by another hand, which leaves its digest. */
    damage: async (cell: string) => {
      const { events } = where.cell(cell);
      const [first] = await where.log(cell);
      const document = first && (await events.get(first));
      if (document === undefined) throw new Error('There is no event.');
      await events.put({ ...document, body: { ...(document.body as JsonObject), more: 1 } }, 'any');
    },
    jump: (milliseconds: number) => clock.jump(milliseconds),
    now: () => clock.now(),
    command: (command: DirectoryCommand) => directory.change(command, intent),
    /** Sends an event where the directory says; nothing is acknowledged where no cell serves. */
    sendWhereServed: async (id: string) => {
      const { tenant: found, cells } = await directory.lookup('acme');
      const served = found === null ? null : resolveTenant(found, (name) => cells.find((cell) => cell.id === name));
      if (served?.status === 'served') expect(await send(id, served.cell, served.epoch)).toBe(202);
    },
    leaveStandby: async () => {
      const order = { tenant: 'acme', to: 'home', leave: true, rate: null, pauseBefore: null } as const;
      return ended(await mover.start({ ...order, ...intent }, false));
    },
    act: async (action: Parameters<typeof mover.change>[1]) =>
      ended(await mover.change('acme', action, 'ops', 'a test')),
    round: () => mover.round(),
    /** This happens once a push of what a cell holds is done, and before the mover has its answer. */
    during: (from: string, happens: () => Promise<void>) => {
      meanwhile = { from, happens };
    },
    /** Whether it has. */
    happened: () => meanwhile === undefined,
    /** Rounds until the move is at this step, as time passes. */
    until: async (state: MoveView['state']) => {
      for (let rounds = 0; rounds < ROUNDS; rounds += 1) {
        const move = await shown();
        if (move?.state === state) return;
        if (move !== undefined && move.notBefore > clock.now()) clock.jump(move.notBefore - clock.now());
        await mover.round();
      }
      throw new Error(`It does not get to ${state}: ${JSON.stringify(await shown())}`);
    },
    /** Acknowledged events that neither the present home nor its standby has. */
    outOfReach: async () => {
      const { cell, standby } = await tenant();
      const held = new Set([...(await idsAt(cell)), ...(standby === null ? [] : await idsAt(standby))]);
      return acknowledged.filter((id) => !held.has(id));
    },
  };
}

test('an abort during the push of a planned move ends it, and the target is never the standby', async () => {
  const m = await moving('third');
  let abort: Promise<MoveView | string> | undefined;
  m.during('standby', async () => {
    abort = m.act('abort');
  });
  while (!m.happened()) await m.round();
  expect(await abort).toMatchObject({ state: 'aborted' });
  expect(await m.round()).toBeNull();
  expect(await m.shown()).toMatchObject({ state: 'aborted' });
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'standby' });
  expect(await m.idsAt('third')).toEqual([]);
  expect(await m.outOfReach()).toEqual([]);
});

test('an abort during the push of a move that is about to switch waits for it, and is refused', async () => {
  const m = await moving('standby');
  await m.until('following');
  const { epoch } = await m.tenant();
  let abort: Promise<MoveView | string> | undefined;
  m.during('home', async () => {
    abort = m.act('abort');
  });
  while (!m.happened()) await m.round();
  expect(await abort).toMatch(/^move_state: /);
  expect(await m.tenant()).toMatchObject({ cell: 'standby', standby: 'home' });
  // The source takes what late routers send until it is fenced, which no abort may prevent.
  await m.until('fenced');
  expect(await m.send('late', 'home', epoch)).toBe(409);
  await m.until('verified');
  expect(await m.outOfReach()).toEqual([]);
});

test('a pause during the push of a move that is about to switch keeps the home, and an abort is possible then', async () => {
  const m = await moving('third');
  await m.until('following');
  m.during('home', async () => {
    expect(await m.act('pause')).toMatchObject({ paused: true });
  });
  await m.round();
  expect(m.happened()).toBe(true);
  expect(await m.shown()).toMatchObject({ state: 'following', paused: true });
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'third' });
  expect(await m.act('abort')).toMatchObject({ state: 'aborted' });
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'standby' });
  expect(await m.outOfReach()).toEqual([]);
});

test('an abort after a switch that was not noted is refused, and the move goes on to its end', async () => {
  const m = await moving('third', 'switched');
  await m.until('following');
  await m.round();
  const { revision, epoch } = await m.tenant();
  await m.change({ kind: 'swap-tenant', tenant: 'acme', ifTenantRevision: revision });
  expect(await m.act('abort')).toMatch(/^move_state: third is the home already/);
  expect(await m.shown()).toMatchObject({ state: 'following' });
  expect(await m.send('late', 'home', epoch)).toBe(202);
  await m.act('resume');
  await m.until('verified');
  expect(await m.tenant()).toMatchObject({ cell: 'third', standby: 'home' });
  expect((await m.idsAt('third')).sort()).toEqual(['a', 'late']);
});

test('a removed tenant ends its move, and one that is added again can be moved', async () => {
  const m = await moving('third');
  await m.until('seeding');
  await m.change({ kind: 'remove-tenant', tenant: 'acme', keepData: true });
  await m.until('aborted');
  expect(await m.shown()).toMatchObject({ problem: 'There is no tenant acme.' });
  expect(await m.round()).toBeNull();
  expect(await m.act('abort')).toMatchObject({ state: 'aborted' });
  expect(await m.act('reverse')).toMatch(/^move_state: /);
  expect(await m.act('seal')).toMatch(/^move_state: /);
  await m.add();
  expect(await m.order()).toMatchObject({ state: 'planned' });
});

test('a failover before the target becomes the standby places nothing', async () => {
  const m = await moving('third');
  m.during('standby', async () => {
    await m.change({ kind: 'fail-over', cell: 'home' });
    expect(await m.send('taken', 'standby', (await m.tenant()).epoch)).toBe(202);
  });
  await m.until('aborted');
  expect(m.happened()).toBe(true);
  expect(await m.shown()).toMatchObject({ problem: 'home is down.' });
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'standby' });
  expect(await m.idsAt('third')).toEqual([]);
  expect(await m.outOfReach()).toEqual([]);
});

test('an abort after the former standby has retired leaves the target as the standby, and says so', async () => {
  const m = await moving('third', 'switched');
  await m.until('following');
  await m.change({ kind: 'retire-cell', cell: 'standby', leaveData: true });
  expect(await m.act('abort')).toMatchObject({
    state: 'aborted',
    problem: 'third stays the standby: standby is retired.',
  });
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'third' });
  expect(await m.outOfReach()).toEqual([]);
});

test('an abort brings home what the target took while the move was paused before its first count', async () => {
  const m = await moving('third');
  while ((await m.tenant()).standby !== 'third') await m.round();
  await m.act('pause');
  expect(await m.shown()).toMatchObject({ state: 'planned', paused: true });
  await m.change({ kind: 'fail-over', cell: 'home' });
  expect(await m.send('taken', 'third', (await m.tenant()).epoch)).toBe(202);
  await m.change({ kind: 'fail-back', cell: 'home', force: true });
  await m.act('resume');
  await m.until('seeding');
  await m.act('pause');
  expect(await m.act('abort')).toMatchObject({ state: 'aborted' });
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'standby' });
  expect((await m.idsAt('home')).sort()).toEqual(['a', 'taken']);
  expect(await m.outOfReach()).toEqual([]);
});

test('a target that was failed over behind the fence is waited for, and the source is fenced and drained anew', async () => {
  const m = await moving('third');
  await m.until('drained');
  await m.command({ kind: 'fail-over', cell: 'third' });
  await m.sendWhereServed('meanwhile');
  await m.round();
  expect(await m.shown()).toMatchObject({ state: 'drained', problem: 'third is down, and home stands in for it' });
  const { epoch: late } = await m.tenant();
  await m.command({ kind: 'fail-back', cell: 'third', force: true });
  await m.until('fenced');
  // What the source has let in as it stood in may be stored until then.
  expect((await m.shown())?.notBefore).toBe(m.now() + MOVE_LIMITS.drainMs);
  expect(await m.send('late', 'home', late)).toBe(409);
  await m.until('verified');
  expect((await m.idsAt('third')).sort()).toEqual(['a', 'meanwhile']);
});

test('a source that is left is fenced and compared anew if it stood in before it was', async () => {
  const m = await moving('third', null, true);
  await m.until('verified');
  await m.command({ kind: 'fail-over', cell: 'third' });
  await m.sendWhereServed('meanwhile');
  await m.command({ kind: 'fail-back', cell: 'third', force: true });
  await m.until('fenced');
  await m.until('sealed');
  expect(await m.tenant()).toMatchObject({ cell: 'third', standby: 'standby' });
  for (const cell of ['third', 'standby']) expect((await m.idsAt(cell)).sort()).toEqual(['a', 'meanwhile']);
  expect(await m.outOfReach()).toEqual([]);
});

test('a standby is left by the same steps, without a change of the home, once the home has all that it holds', async () => {
  const m = await moving('third', 'switched');
  await m.act('abort');
  // The standby has taken an event that its home does not know.
  await m.command({ kind: 'fail-over', cell: 'home' });
  await m.sendWhereServed('taken');
  await m.command({ kind: 'fail-back', cell: 'home', force: true });
  expect(await m.leaveStandby()).toMatchObject({ state: 'switched', from: 'standby', to: 'home' });
  expect(await m.act('reverse')).toMatch(/^move_state: home was the home before/);
  await m.until('sealed');
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'third' });
  for (const cell of ['home', 'third']) expect((await m.idsAt(cell)).sort()).toEqual(['a', 'taken']);
});

test('what a process of the home has sent to the cell that was left, as it still took that for the standby, comes to the new one as well', async () => {
  const m = await moving('third', null, true);
  await m.until('verified');
  // The walk that fills the new one has passed its subject by then.
  m.during('third', () => m.sendWhereServed('late'));
  await m.until('sealed');
  expect(m.happened()).toBe(true);
  expect(await m.tenant()).toMatchObject({ cell: 'third', standby: 'standby' });
  expect((await m.idsAt('standby')).sort()).toEqual(['a', 'late']);
});

test('a source is not given up while the target has an event otherwise, also where that was changed in its store', async () => {
  const m = await moving('third', null, true);
  await m.until('drained');
  await m.damage('third');
  await expect(m.until('verified')).rejects.toThrow('It does not get to verified');
  // It stays the standby otherwise, and what the events were stored with is what counts.
  const kept = await moving('third');
  await kept.until('drained');
  await kept.damage('third');
  await kept.until('verified');
});

test('where no other cell may be the standby, a source is left without one', async () => {
  const m = await moving('third', null, true);
  await m.until('verified');
  await m.change({ kind: 'drain-cell', cell: 'standby' });
  await m.until('sealed');
  expect(await m.tenant()).toMatchObject({ cell: 'third', standby: null });
  expect(await m.outOfReach()).toEqual([]);
});

/** The steps at which a failover may come. */
const AT = ['planned', 'seeding', 'following', 'switched', 'fenced', 'drained', 'verified'] as const;

/** Which cell is lost, and whether it is failed back at once, after a round of the mover, or not at all. */
const LOSSES = ['home', 'third'].flatMap((lost) => [0, 1, null].map((between) => [lost, between] as const));

test.each(AT)(
  'a failover while a move is %s, and its failback, put no event out of reach, and what is verified is there',
  async (step) => {
    for (const [lost, between] of LOSSES) {
      const m = await moving('third');
      const work = async (rounds: number) => {
        for (let round = 0; round < rounds; round += 1) {
          const move = await m.shown();
          if (move === undefined || move.state === 'verified' || move.state === 'aborted') return;
          m.jump(Math.max(0, move.notBefore - m.now()));
          await m.round();
        }
      };
      await m.until(step);
      await m.sendWhereServed('before');
      await m.command({ kind: 'fail-over', cell: lost, partial: true });
      await m.sendWhereServed('meanwhile');
      const { epoch: late } = await m.tenant();
      await work(between ?? 3);
      if (between !== null) await m.command({ kind: 'fail-back', cell: lost, force: true });
      if (between !== null || step !== 'verified') await work(ROUNDS_LEFT);
      const history = { step, lost, between, move: await m.shown(), at: await m.tenant() };
      if (step !== 'verified' && history.move?.state === 'verified') {
        // The source takes nothing more under an epoch of before, and the target has all that was acknowledged.
        if (late < history.at.epoch)
          expect({ ...history, late: await m.send('late', history.move.from, late) }).toMatchObject({ late: 409 });
        const there = await m.idsAt(history.move.to);
        expect({ ...history, missing: m.acknowledged.filter((id) => !there.includes(id)) }).toEqual({
          ...history,
          missing: [],
        });
      }
      await m.sendWhereServed('after');
      expect({ ...history, outOfReach: await m.outOfReach() }).toEqual({ ...history, outOfReach: [] });
    }
  },
);
