// A cell is failed back only once it has what its standbys have accepted, and they have what it has; or deliberately before.
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import type { PushRequest } from '../../../../core/edge/cells/replica-pusher.ts';
import { createDirectory } from '../../../../core/edge/directory/directory.ts';
import { createFailbackGate, FAILBACK_LIMITS } from '../../../../core/edge/monitor/failback-gate.ts';
import { epochOf } from '../../../../core/edge/ports/directory-model.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import type { JsonObject } from '../../../../core/ports/json.ts';
import { candidate, measured } from '../../../support/events.ts';
import { EagerClock, FakeClock } from '../../../support/fake-clock.ts';
import { CELL_KEY, publicPart } from '../../../support/route-tokens.ts';
import { endpointOf, tenantCells } from '../../../support/tenant-cells.ts';

const event = (id: string) => candidate({ id, data: measured('temperature', 1) });

/** The directory of home and standby, where the home is down, and a gate that compares the cells of `tenantCells`. */
async function failedOver(where = tenantCells(), keyless = false) {
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock: where.clock });
  const intent = { actor: 'ops', reason: 'a test' };
  for (const id of ['home', 'standby']) {
    const { state: _, switches: __, revision: ___, keys, ...cell } = { ...where.record(id), capacity: 100 };
    const proof = { cell: id, endpoint: endpointOf(id), keys: keys ?? [] };
    const declared = keyless ? cell : { ...cell, ...(keys && { keys }) };
    await directory.change({ kind: 'add-cell', cell: declared }, { ...intent, ...(!keyless && { proof }) });
  }
  const tenant = { kind: 'add-tenant', tier: 'standard', residency: 'any', cell: 'home', standby: 'standby' } as const;
  await directory.change({ ...tenant, tenant: 'acme' }, intent);
  await directory.change({ kind: 'fail-over', cell: 'home' }, intent);
  where.state.switches = 1;
  const asked: string[] = [];
  const replicas = async ({ id }: { id: string }): Promise<JsonObject | string> => {
    if (where.down.has(id)) return 'it cannot be asked: ECONNREFUSED';
    const { body } = await where.ask(id, '/v1/replicas');
    return body as unknown as JsonObject;
  };
  const push = (request: PushRequest) => {
    asked.push(request.from);
    return where.pusher(request);
  };
  const gate = createFailbackGate({ directory, replicas, push, clock: where.clock });
  /** Asks, and asks again once the comparison that began is over. */
  const missing = async () => {
    const home = (await directory.cells()).find(({ cell }) => cell.id === 'home')?.cell;
    if (home === undefined) throw new Error('There is no home.');
    where.clock.jump(FAILBACK_LIMITS.standsMs);
    expect(await gate.caughtUp('home', home.switches, true)).toMatchObject({ state: 'comparing' });
    await gate.idle();
    const { state, latest } = await gate.caughtUp('home', home.switches, true);
    if (state === 'caught-up') return null;
    expect(state).toBe('behind');
    return latest?.reasons.join('; ');
  };
  return { where, directory, intent, missing, asked };
}

test('what the standby has accepted and the home lacks is counted, and nothing is missing once it was brought', async () => {
  const { where, missing, asked } = await failedOver();
  await where.tell('standby');
  await where.send('standby', [event('a'), event('b')]);
  await where.send('home', [event('straggler')], 2);
  expect(await missing()).toBe('acme: 2 events of standby are not in home, 1 events of home are not in standby');
  await where.push('standby');
  expect(await missing()).toBe('acme: 1 events of home are not in standby');
  await where.push('home');
  asked.length = 0;
  expect(await missing()).toBeNull();
  // The notes of both pushes are enough.
  expect(asked).toEqual([]);
});

test('a comparison of before the failover, or of long ago, says nothing; then the cells are compared', async () => {
  const where = tenantCells();
  await where.push('home');
  await where.push('standby');
  const { missing, asked } = await failedOver(where);
  expect(await missing()).toBeNull();
  expect(asked.splice(0)).toEqual(['standby', 'home']);
  expect(await missing()).toBeNull();
  expect(asked.splice(0)).toEqual([]);
  where.clock.jump(FAILBACK_LIMITS.freshMs);
  expect(await missing()).toBeNull();
  // What the home had does not change any more.
  expect(asked).toEqual(['standby']);
});

test('a cell that does not answer, and cells without keys, are not known to have anything', async () => {
  const { where, missing } = await failedOver();
  where.down.add('home');
  expect(await missing()).toMatch(/^acme: .*ECONNREFUSED/);
  const keyless = await failedOver(tenantCells(), true);
  expect(await keyless.missing()).toBe('acme: the cells cannot be compared without keys');
});

test('a tenant without a standby holds up nothing', async () => {
  const { directory, intent, missing, asked } = await failedOver();
  await directory.change({ kind: 'fail-back', cell: 'home' }, intent);
  const alone = { tier: 'standard', residency: 'any', cell: 'home', standby: null } as const;
  await directory.change({ kind: 'add-tenant', tenant: 'alone', ...alone }, intent);
  await directory.change({ kind: 'fail-over', cell: 'home', partial: true }, intent);
  expect(await missing()).toBeNull();
  expect(asked).toEqual(['standby', 'home']);
});

test('the directory refuses the failback while anything is missing, unless it is forced, and says what', async () => {
  const clock = new FakeClock();
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const keys = [publicPart(CELL_KEY)];
  const place = { cloud: 'aws', region: 'r', jurisdiction: 'eu' } as const;
  const cell = {
    ...{ id: 'a', ...place, endpoint: 'https://a.example', keys },
    ...{ capacity: 1, price: 1, failover: 'automatic' as const },
  };
  const intent = { actor: 'ops', reason: 'a test' };
  await directory.change(
    { kind: 'add-cell', cell },
    { ...intent, proof: { cell: 'a', endpoint: cell.endpoint, keys } },
  );
  await directory.change({ kind: 'fail-over', cell: 'a', partial: true }, intent);
  const behind = 'acme: 2 events of b are not in a';
  for (const dryRun of [true, false])
    expect(await directory.change({ kind: 'fail-back', cell: 'a' }, { ...intent, behind, dryRun })).toMatchObject({
      status: 'refused',
      code: 'not_caught_up',
      detail: expect.stringContaining(behind),
    });
  const forced = { kind: 'fail-back', cell: 'a', force: true } as const;
  expect(await directory.change(forced, { ...intent, behind, dryRun: true })).toMatchObject({ status: 'previewed' });
  expect(await directory.change(forced, { ...intent, behind })).toMatchObject({
    status: 'applied',
    notes: [`Missing until they come: ${behind}.`],
  });
});

/** The cells home and other, which are down, with so many tenants and with one, and cells that compare as `push` says; the notes of the cells say nothing unless given. */
async function manyTenants(
  count: number,
  push: (request: PushRequest) => Promise<JsonObject | string>,
  notesOf: (cell: string) => readonly JsonObject[] = () => [],
) {
  const clock = new EagerClock();
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const intent = { actor: 'ops', reason: 'a test' };
  const keys = [publicPart(CELL_KEY)];
  for (const id of ['home', 'other', 'standby']) {
    const endpoint = endpointOf(id);
    const place = { cloud: id === 'standby' ? 'azure' : 'aws', region: 'r', jurisdiction: 'eu' } as const;
    const cell = { id, ...place, endpoint, keys, capacity: 5000, price: 1, failover: 'automatic' as const };
    await directory.change({ kind: 'add-cell', cell }, { ...intent, proof: { cell: id, endpoint, keys } });
  }
  const place = { tier: 'standard', residency: 'any', standby: 'standby' } as const;
  for (let index = 0; index < count; index += 1)
    await directory.change({ kind: 'add-tenant', tenant: `t-${index}`, cell: 'home', ...place }, intent);
  await directory.change({ kind: 'add-tenant', tenant: 'one-more', cell: 'other', ...place }, intent);
  for (const cell of ['home', 'other']) await directory.change({ kind: 'fail-over', cell }, intent);
  const gate = createFailbackGate({
    directory,
    replicas: async ({ id }) => ({ items: [...notesOf(id)] }),
    push,
    clock,
  });
  return {
    clock,
    directory,
    intent,
    gate,
    ask: (begin = true, switches = 1) => gate.caughtUp('home', switches, begin),
  };
}

const EQUAL = { done: true, missing: 0, different: 0 };

test('it answers at once while cells do not, and one comparison is for all who ask, of so many tenants at the same time', async () => {
  const waiting: (() => void)[] = [];
  let most = 0;
  const asked: string[] = [];
  const { ask, gate } = await manyTenants(5, async ({ tenant, from }) => {
    asked.push(`${tenant.id} ${from}`);
    await new Promise<void>((resolve) => {
      most = Math.max(most, waiting.push(resolve));
    });
    return EQUAL;
  });
  expect(await ask(false)).toMatchObject({ state: 'unknown', running: null, latest: null });
  const looks = await Promise.all(Array.from({ length: 50 }, () => ask()));
  await gate.caughtUp('other', 1, true);
  expect(new Set(looks.map(({ state }) => state))).toEqual(new Set(['comparing']));
  const over = gate.idle().then(() => true);
  for (let isOver = false; !isOver; ) {
    waiting.shift()?.();
    isOver = await Promise.race([over, new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);
  }
  expect(most).toBe(FAILBACK_LIMITS.concurrent);
  // Each tenant once, both ways.
  expect(asked.sort()).toEqual([
    ...['one-more other', 'one-more standby'],
    ...[0, 1, 2, 3, 4].flatMap((index) => [`t-${index} home`, `t-${index} standby`]),
  ]);
  expect(await ask()).toMatchObject({
    state: 'caught-up',
    running: null,
    latest: { tenants: 5, looked: 5, complete: true, behind: 0, missing: 0, reasons: [] },
  });
});

test('what it has found stands for a while, and is found anew when it is asked for then', async () => {
  let missing = 3;
  const { ask, gate, clock } = await manyTenants(1, async () => ({ done: true, missing, different: 0 }));
  await ask();
  await gate.idle();
  const reasons = ['t-0: 3 events of standby are not in home, 3 events of home are not in standby'];
  const behind = { state: 'behind', running: null, latest: { behind: 1, missing: 6, reasons } };
  expect(await ask()).toMatchObject(behind);
  missing = 0;
  clock.jump(FAILBACK_LIMITS.againMs - 1);
  expect(await ask()).toMatchObject(behind);
  clock.jump(1);
  // What was found before is shown beside the comparison that goes on.
  expect(await ask()).toMatchObject({ state: 'comparing', running: { looked: 0 }, latest: behind.latest });
  await gate.idle();
  clock.jump(FAILBACK_LIMITS.standsMs - 1);
  expect(await ask()).toMatchObject({ state: 'caught-up', running: null });
  clock.jump(1);
  expect(await ask(false)).toMatchObject({ state: 'unknown', running: null });
  expect(await ask()).toMatchObject({ state: 'comparing' });
  await gate.idle();
});

test('a failback ends a comparison, and what was found before another failover says nothing', async () => {
  const { ask, gate, directory, intent } = await manyTenants(150, async () => {
    await directory.change({ kind: 'fail-back', cell: 'home' }, intent);
    return EQUAL;
  });
  await ask();
  await gate.idle();
  expect(await ask(false)).toMatchObject({
    state: 'behind',
    latest: {
      complete: false,
      looked: FAILBACK_LIMITS.tenants,
      reasons: ['the cell was failed back or over meanwhile'],
    },
  });
  expect(await ask(false, 3)).toMatchObject({ state: 'unknown', latest: null });
});

test('some tenants are named and all are counted, but a cell that does not answer is not asked about each', async () => {
  const { ask, gate } = await manyTenants(8, async () => ({ done: true, missing: 1, different: 1 }));
  await ask();
  await gate.idle();
  const { latest } = await ask(false);
  expect(latest).toMatchObject({ looked: 8, behind: 8, missing: 32, complete: true });
  expect(latest?.reasons).toHaveLength(FAILBACK_LIMITS.named);
  let pushes = 0;
  const silent = await manyTenants(20, async () => {
    pushes += 1;
    return 'home does not answer: ECONNREFUSED';
  });
  await silent.ask();
  await silent.gate.idle();
  const { latest: ended } = await silent.ask(false);
  expect(ended).toMatchObject({ complete: false });
  expect(ended?.reasons.at(-1)).toBe('the other tenants were not looked at');
  expect(pushes).toBeLessThan(FAILBACK_LIMITS.unanswered + FAILBACK_LIMITS.concurrent);
});

test('a comparison that does not get on, or takes too long, ends, and says so', async () => {
  let pushes = 0;
  const stuck = await manyTenants(1, async () => {
    pushes += 1;
    return { done: false, isOther: true, waiting: 'another step is under way' };
  });
  await stuck.ask();
  await stuck.gate.idle();
  expect(await stuck.ask(false)).toMatchObject({
    state: 'behind',
    latest: { complete: true, behind: 1, reasons: ['t-0: another step is under way'] },
  });
  // The first one shows nothing yet of how far it gets.
  expect(pushes).toBe(1 + FAILBACK_LIMITS.idleSteps);
  const slow = await manyTenants(2, async ({ tenant }) => {
    slow.clock.jump(FAILBACK_LIMITS.comparisonMs / 2);
    return { done: false, subjects: slow.clock.now(), tenant: tenant.id };
  });
  await slow.ask();
  await slow.gate.idle();
  const { state, latest } = await slow.ask(false);
  expect([state, latest?.complete === true && latest.behind === 0]).toEqual(['behind', false]);
  expect(latest?.reasons.join()).toContain('takes too long');
});

test('a directory that does not answer ends the comparison, and leaves a finding that allows nothing', async () => {
  const { ask, gate, directory } = await manyTenants(1, async () => EQUAL);
  directory.tenants = () => Promise.reject(new PortError('unavailable', 'It does not answer.'));
  await ask();
  await gate.idle();
  expect(await ask(false)).toMatchObject({
    state: 'behind',
    latest: { complete: false, reasons: ['unavailable: It does not answer.'] },
  });
});

/** Thousands of tenants whose comparison takes half a second each way, and is noted by the cells. */
async function noted(count: number, isWaitedFor = false) {
  const notes = new Map<string, JsonObject[]>();
  const pushed: string[] = [];
  const many = await manyTenants(
    count,
    async ({ tenant, home, standby, from }) => {
      many.clock.jump(500);
      pushed.push(`${tenant.id} ${from}`);
      const peer = from === home.id ? standby.id : home.id;
      const passed = { passedEpoch: epochOf(tenant, home), passedAt: many.clock.now() };
      const note = { tenant: tenant.id, peer, direction: 'to', behindSince: null, failingSince: null, ...passed };
      notes.set(from, [...(notes.get(from) ?? []), note]);
      if (isWaitedFor && pushed.length % 100 === 0) await many.ask(false);
      return EQUAL;
    },
    (cell) => notes.get(cell) ?? [],
  );
  return { ...many, pushed };
}

test('a cell with thousands of tenants is compared for as long as it is asked for', async () => {
  const many = await noted(1500, true);
  await many.ask();
  await many.gate.idle();
  expect(1500 * 1000).toBeGreaterThan(FAILBACK_LIMITS.comparisonMs);
  expect(await many.ask()).toMatchObject({ state: 'caught-up', latest: { looked: 1500, complete: true, behind: 0 } });
});

test('a comparison that has run out of time is gone on with by the next one, so that each tenant is compared once', async () => {
  const many = await noted(1500);
  const looked: unknown[] = [];
  for (let runs = 0; runs < 3; runs += 1) {
    expect((await many.ask()).state).toBe('comparing');
    await many.gate.idle();
    looked.push((await many.ask(false)).latest?.complete, many.pushed.length);
    many.clock.jump(FAILBACK_LIMITS.againMs);
  }
  expect(looked).toEqual([false, 1200, false, 2400, true, 3000]);
  expect(new Set(many.pushed).size).toBe(3000);
  expect((await many.ask(false)).state).toBe('caught-up');
});

test('what was compared an hour before is compared again', async () => {
  const many = await noted(1500);
  await many.ask();
  await many.gate.idle();
  many.clock.jump(FAILBACK_LIMITS.wholeMs);
  many.pushed.length = 0;
  await many.ask();
  await many.gate.idle();
  // What the home had sent does not change any more; what the standby has may.
  expect(many.pushed).toContain('t-0 standby');
  expect(many.pushed).not.toContain('t-0 home');
});
