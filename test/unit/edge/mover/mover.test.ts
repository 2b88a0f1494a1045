// Tenants are moved between whole cells in memory, while events arrive, and while the mover ends at any of its requests.
import fc from 'fast-check';
import { LEASE } from '../../../../core/cell/lease.ts';
import { MOVE_LIMITS } from '../../../../core/edge/mover/move.ts';
import { MOVER_LIMITS } from '../../../../core/edge/mover/mover.ts';
import type { PublicKey } from '../../../../core/ports/keys.ts';
import { movingTenant as moving } from '../../../support/moving-tenant.ts';
import { property } from '../../../support/properties.ts';

test('a tenant goes to another cell with its events, in the order of the steps, and its clients go on', async () => {
  const m = await moving();
  const before = await m.tenant();
  await m.send('a');
  await m.send('b');
  expect(await m.order('third')).toMatchObject({
    from: 'home',
    to: 'third',
    formerStandby: 'standby',
    state: 'planned',
  });
  await m.until('following');
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'third' });
  expect(await m.shown()).toMatchObject({ total: 2, there: 2 });
  await m.send('c');
  await m.until('switched');
  expect(await m.tenant()).toMatchObject({ cell: 'third', standby: 'home' });
  // A router that is late still sends to the source, which takes it until it is fenced.
  expect(await m.send('late', before)).toBe('home 409');
  const stale = { cell: 'home', epoch: (await m.tenant()).epoch - 2 ** 24 };
  expect(await m.send('straggler', stale)).toBe('home 202');
  expect(await m.send('d')).toBe('third 202');
  await m.until('fenced');
  expect(await m.send('refused', stale)).toBe('home 409');
  const fencedAt = m.clock.now();
  m.clock.jump(MOVE_LIMITS.drainMs - 1);
  await m.round();
  await m.until('drained');
  expect(m.clock.now() - fencedAt).toBe(MOVE_LIMITS.drainMs);
  await m.until('verified');
  expect(await m.idsAt('third')).toEqual([...m.acknowledged].sort());
  expect(await m.act('abort')).toMatch(/^move_state: /);
  expect(await m.act('seal')).toMatchObject({ state: 'sealed' });
  expect(await m.act('seal')).toMatchObject({ state: 'sealed' });
  expect(await m.act('reverse')).toMatch(/^move_state: /);
  expect(m.log.messages('info')).toEqual(['a tenant was moved to another cell']);
});

test('a source that is left is no cell of the tenant in the end, which has its events in the target and in another standby', async () => {
  const m = await moving();
  await m.send('a');
  expect(await m.order('standby')).not.toHaveProperty('leave');
  await m.until('verified');
  // The order may be repeated with it, at any step.
  expect(await m.order('standby', { leave: true })).toMatchObject({ state: 'verified', leave: true });
  await m.send('b');
  const { epoch } = await m.tenant();
  await m.until('sealed');
  expect(await m.tenant()).toMatchObject({ cell: 'standby', standby: 'third' });
  expect((await m.tenant()).epoch).toBeGreaterThan(epoch);
  for (const cell of ['standby', 'third']) expect(await m.idsAt(cell)).toEqual(['a', 'b']);
});

test('a verified move is sealed after its retention', async () => {
  const m = await moving(null);
  await m.order('third');
  await m.until('verified');
  const at = m.clock.now();
  await m.until('sealed');
  expect(m.clock.now() - at).toBe(MOVE_LIMITS.retentionMs);
  expect(await m.round()).toBeNull();
});

test('to its standby a tenant goes without another change of the directory than the switch', async () => {
  const m = await moving();
  await m.send('a');
  const { revision } = await m.tenant();
  await m.order('standby');
  await m.until('switched');
  expect((await m.tenant()).revision).toBe(revision + 1);
});

test('before the switch a move is aborted, and the directory is as it was', async () => {
  for (const step of ['planned', 'seeding', 'following'] as const) {
    const m = await moving();
    await m.send('a');
    await m.order('third', { pauseBefore: 'switched' });
    await m.until(step);
    if (step === 'planned') await m.restart();
    expect(await m.act('abort')).toMatchObject({ state: 'aborted' });
    expect(await m.act('abort')).toMatchObject({ state: 'aborted' });
    expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'standby' });
    expect(await m.round()).toBeNull();
    expect(await m.order('third')).toMatchObject({ state: 'planned' });
  }
});

test('after the switch a move is reversed by the same steps, and nothing is lost either way', async () => {
  const m = await moving();
  await m.send('a');
  await m.order('third');
  await m.until('verified');
  await m.send('b');
  expect(await m.act('reverse')).toMatchObject({ from: 'third', to: 'home', state: 'planned', reversed: true });
  await m.until('verified');
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'third' });
  expect(await m.idsAt('home')).toEqual([...m.acknowledged].sort());
});

test('a move rests before the step that was named, once, and when it is paused', async () => {
  const m = await moving();
  await m.order('third', { pauseBefore: 'switched' });
  await m.until('following');
  for (let rounds = 0; rounds < 3; rounds += 1) expect(await m.round()).toBeNull();
  expect(await m.shown()).toMatchObject({ state: 'following', paused: true, pauseBefore: null });
  expect(await m.tenant()).toMatchObject({ cell: 'home' });
  await m.act('resume');
  await m.until('switched');
  expect(await m.act('pause')).toMatchObject({ paused: true });
  m.restart();
  expect(await m.round()).toBeNull();
  await m.act('resume');
  await m.until('verified');
});

test('what must not be moved is refused, also in a preview, and repeating an order changes nothing', async () => {
  const m = await moving();
  for (const dryRun of [true, false]) {
    expect(await m.order('home', { dryRun })).toMatch(/^invalid_command: /);
    expect(await m.order('nowhere', { dryRun })).toMatch(/^unknown_cell: /);
    await m.change({ kind: 'pin-tenant', tenant: 'acme', pinned: true });
    expect(await m.order('third', { dryRun })).toMatch(/^tenant_pinned: /);
    await m.change({ kind: 'pin-tenant', tenant: 'acme', pinned: false });
    await m.change({ kind: 'drain-cell', cell: 'third' });
    expect(await m.order('third', { dryRun })).toMatch(/^cell_not_active: /);
    await m.change({ kind: 'resume-cell', cell: 'third' });
  }
  await m.change({ kind: 'add-tenant', tenant: 'eu', residency: 'eu', tier: 'standard', cell: 'home', standby: null });
  expect(await m.order('third', { dryRun: true })).toMatchObject({ state: 'planned' });
  expect(await m.shown()).toBeUndefined();
  expect((await m.tenant()).standby).toBe('standby');
  await m.order('third');
  const began = await m.until('seeding');
  expect(await m.order('third')).toEqual(began);
  expect(await m.order('standby')).toMatch(/^move_under_way: /);
});

test('a failover before the switch ends the move; the target, which stands in, stays the standby with what it takes', async () => {
  const m = await moving();
  await m.send('a');
  await m.order('third', { pauseBefore: 'switched' });
  await m.until('following');
  await m.change({ kind: 'fail-over', cell: 'home' });
  const { epoch } = await m.tenant();
  expect(await m.send('b', { cell: 'third', epoch })).toBe('third 202');
  await m.act('resume');
  await m.round();
  expect(await m.shown()).toMatchObject({ state: 'aborted', problem: 'home is down.' });
  expect(await m.tenant()).toMatchObject({ cell: 'home', standby: 'third' });
});

test('an abort after a failover and a failback waits for what the target took meanwhile', async () => {
  const m = await moving();
  await m.order('third', { pauseBefore: 'switched' });
  await m.until('following');
  await m.change({ kind: 'fail-over', cell: 'home' });
  await m.send('b', { cell: 'third', epoch: (await m.tenant()).epoch });
  await m.change({ kind: 'fail-back', cell: 'home', force: true });
  m.where.down.add('third');
  expect(await m.act('abort')).toMatch(/^cell_unavailable: third/);
  m.where.down.clear();
  expect(await m.act('abort')).toMatchObject({ state: 'aborted' });
  expect(await m.tenant()).toMatchObject({ standby: 'standby' });
  expect(await m.idsAt('home')).toEqual(['b']);
});

test('a standby is left only once its effects are over, and says which have happened; so does a source behind the drain', async () => {
  const m = await moving();
  const told = new Set<string>();
  m.watch(({ from, receipts }) => told.add(`${from} ${receipts === true}`));
  await m.send('a');
  await m.change({ kind: 'fail-over', cell: 'home' });
  await m.directory.lease({
    cell: 'standby',
    key: m.where.record('standby').keys?.[0] as PublicKey,
    tenants: ['acme'],
  });
  await m.change({ kind: 'fail-back', cell: 'home', force: true });
  await m.order('third');
  const overMs = LEASE.durationMs + LEASE.skewMs + LEASE.effectMs;
  await m.round();
  expect(await m.shown()).toMatchObject({ state: 'planned', problem: 'effects of standby may not be over' });
  expect([...told]).toEqual([]);
  m.clock.jump(overMs);
  await m.until('drained');
  expect([...told].sort()).toEqual(['home false', 'standby true']);
  await m.until('verified');
  expect([...told].sort()).toEqual(['home false', 'home true', 'standby true']);
});

test('a tenant that is placed elsewhere by another ends the move before the switch, and holds it after', async () => {
  const early = await moving();
  await early.order('third');
  await early.until('seeding');
  await early.change({ kind: 'place-tenant', tenant: 'acme', standby: 'standby', leaveData: true });
  await early.round();
  expect(await early.shown()).toMatchObject({
    state: 'aborted',
    problem: 'The tenant was placed elsewhere meanwhile.',
  });
  const late = await moving();
  await late.order('third');
  await late.until('switched');
  await late.change({ kind: 'place-tenant', tenant: 'acme', standby: 'standby', leaveData: true });
  await late.round();
  expect(await late.shown()).toMatchObject({
    state: 'switched',
    problem: 'The tenant was placed elsewhere meanwhile.',
  });
});

test('while a cell is away a move waits, says why, and goes on', async () => {
  const m = await moving();
  await m.send('a');
  await m.order('third');
  await m.until('seeding');
  m.where.down.add('third');
  await m.round();
  expect(await m.shown()).toMatchObject({ state: 'seeding', problem: expect.stringMatching(/third: ECONNREFUSED/) });
  m.where.down.clear();
  expect(await m.until('verified')).toMatchObject({ problem: null });
});

test('a move that waits for its target says why at each look, also while it goes on comparing', async () => {
  const m = await moving();
  await m.send('a');
  await m.order('third');
  await m.until('following');
  expect(await m.change({ kind: 'drain-cell', cell: 'third' })).toMatchObject({ status: 'applied' });
  m.lengthenLogs();
  const problems: unknown[] = [];
  for (let look = 0; look < 20; look += 1) {
    m.clock.jump(MOVER_LIMITS.pauseMs);
    await m.round();
    problems.push((await m.shown())?.problem ?? null);
  }
  const first = problems.findIndex((problem) => problem !== null);
  expect(first).toBeGreaterThanOrEqual(0);
  expect(problems.slice(first)).toEqual(problems.slice(first).map(() => expect.stringMatching(/third/)));
  expect(await m.change({ kind: 'resume-cell', cell: 'third' })).toMatchObject({ status: 'applied' });
  expect(await m.until('verified')).toMatchObject({ problem: null });
});

test('seeding sends no more events a second than it may', async () => {
  const m = await moving();
  for (let index = 0; index < 30; index += 1) await m.send(`e-${index}`);
  await m.order('third', { rate: 10 });
  await m.until('seeding');
  const at = m.clock.now();
  await m.until('following');
  await m.until('switched');
  expect(m.clock.now() - at).toBe(3000);
});

test('an operator’s order while work is under way stands', async () => {
  const m = await moving();
  await m.send('a');
  await m.order('third');
  await m.until('seeding');
  const working = m.round();
  expect(await m.act('pause')).toMatchObject({ paused: true });
  await working;
  expect(await m.shown()).toMatchObject({ paused: true });
});

property(
  'wherever the mover ends, and whatever arrives when: a verified move has every acknowledged event at the target',
  fc.record({
    crashes: fc.array(fc.record({ left: fc.integer({ min: 1, max: 14 }), after: fc.boolean() }), { maxLength: 10 }),
    sends: fc.array(fc.record({ round: fc.nat({ max: 10 }), isLate: fc.boolean() }), { maxLength: 10 }),
    standby: fc.constantFrom('standby', 'third', null),
    isLeft: fc.boolean(),
  }),
  async ({ crashes, sends, standby, isLeft }) => {
    const m = await moving(standby);
    /** Where a router believes the home to be that was last informed before the switch. */
    let stale = await m.tenant();
    await m.send('first');
    await m.order('third', isLeft ? { leave: true } : {});
    const end = isLeft ? 'sealed' : 'verified';
    const plans = [...crashes];
    let count = 0;
    for (let round = 0; round < 60 && (await m.shown())?.state !== end; round += 1) {
      const now = await m.tenant();
      if (now.cell === 'home') stale = now;
      for (const { isLate } of sends.filter((each) => each.round === round)) {
        count += 1;
        await m.send(`e-${count}`, isLate ? { cell: 'home', epoch: stale.epoch } : undefined);
      }
      m.restart(plans.shift());
      const next = await m.round();
      m.restart();
      m.clock.jump(next === null ? 1000 : Math.max(0, next - m.clock.now()));
    }
    expect((await m.shown())?.state).toBe(end);
    expect(await m.tenant()).toMatchObject({ cell: 'third', standby: isLeft ? 'standby' : 'home' });
    for (const cell of isLeft ? ['third', 'standby'] : ['third'])
      expect(await m.idsAt(cell)).toEqual([...m.acknowledged].sort());
    // What it has stored is all that it needs: one more mover finds nothing to do.
    const revision = (await m.tenant()).revision;
    m.restart();
    await m.round();
    expect((await m.tenant()).revision).toBe(revision);
  },
  15,
);
