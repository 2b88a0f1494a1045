// Cells that have lost tenants refuse the older epochs: which cells are notified, and how long it is retried.

import { routeTokenSigner } from '../../../../core/cell/route-token.ts';
import { fenceRequest } from '../../../../core/edge/monitor/fence-request.ts';
import { createFencing, FENCING_LIMITS, type FencingDeps } from '../../../../core/edge/monitor/fencing.ts';
import type { Cell } from '../../../../core/edge/ports/directory-model.ts';
import { type EpochMs, epochMs } from '../../../../core/ports/clock.ts';
import { definition, testCloud } from '../../../support/cloud.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryMonitorStorage } from '../../../support/monitor-storage.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from '../../../support/route-tokens.ts';

/** Cells a, b and c, and the job that fences them; `round` does what is due. */
async function fenced(more: Partial<FencingDeps> = {}) {
  const cloud = testCloud('a', 'b', 'c');
  await cloud.add(definition('a'), definition('b'), definition('c'));
  const clock = new FakeClock();
  const storage = new MemoryMonitorStorage();
  const fence = fenceRequest(
    { fetch: cloud.fetch, clock, sign: routeTokenSigner(EDGE_KEY), assign: async () => undefined },
    1000,
  );
  const start = () =>
    createFencing({ directory: cloud.directory, storage, fence, clock, signedWith: 'edge-1', ...more, ...later });
  let later: Partial<FencingDeps> = {};
  let job = start();
  const round = async (until: EpochMs = epochMs(clock.now() + 500), shown = (cell: Cell) => cell) => {
    const cells = (await cloud.directory.cells()).map(({ cell }) => shown(cell));
    await job.round(cells, (id) => (cloud.reach.get(id) ?? 'there') === 'there', until);
  };
  const told = () => cloud.asked.filter((each) => each.endsWith('/v1/fence')).map((each) => each.slice(0, 1));
  return {
    ...cloud,
    clock,
    round,
    told,
    progress: () => job.progress(),
    restart: (with_: Partial<FencingDeps> = {}) => {
      later = with_;
      job = start();
    },
  };
}

test('after a failback the standby refuses the epoch under which it served', async () => {
  const f = await fenced();
  await f.addTenant('acme', 'a', 'b');
  await f.round();
  expect(f.told()).toEqual([]);
  await f.change({ kind: 'fail-over', cell: 'a' });
  // The router sends acme to b with epoch 2.
  expect(await f.asks('b', 'acme', 2)).toBe('200');
  await f.round();
  await f.change({ kind: 'fail-back', cell: 'a' });
  expect(await f.asks('b', 'acme', 2)).toBe('200');
  await f.round();
  expect(await f.asks('b', 'acme', 2)).toBe('409 stale_epoch');
  expect(await f.asks('b', 'acme', 3)).toBe('200');
  expect(f.progress()).toMatchObject({
    waiting: 0,
    // Alike but for their time and their epoch: the failback after the failover.
    jobs: [
      { of: 'home a', whom: 'standbys', told: 1, state: 'done', epoch: 3, since: expect.stringMatching(/^\d{4}-/) },
      // For cells without keys there is no assignment.
      { of: 'home a', whom: 'serving', told: 0, state: 'done' },
      { of: 'home a', whom: 'home', epoch: 2 },
      { of: 'home a', whom: 'serving', told: 0, state: 'done' },
    ],
  });
});

test('a cell that was failed over while it lived refuses the epoch from before, the moment that it can be reached', async () => {
  const f = await fenced();
  await f.addTenant('acme', 'a', 'b');
  expect(await f.asks('a', 'acme', 1)).toBe('200');
  f.reach.set('a', 'gone');
  await f.change({ kind: 'fail-over', cell: 'a' });
  for (let index = 0; index < 5; index += 1) await f.round();
  expect(f.progress().waiting).toBe(1);
  expect(f.told()).toEqual([]);
  f.reach.set('a', 'there');
  await f.round();
  expect(await f.asks('a', 'acme', 1)).toBe('409 stale_epoch');
  expect(f.progress().waiting).toBe(0);
});

test('a tenant that was given another home: its old home and its old standby are notified', async () => {
  const f = await fenced();
  await f.addTenant('acme', 'a', 'b');
  await f.round();
  await f.change({ kind: 'place-tenant', tenant: 'acme', cell: 'c', standby: 'b' });
  await f.round();
  expect(f.told().sort()).toEqual(['a', 'b']);
  expect(await f.asks('a', 'acme', 1)).toBe('409 stale_epoch');
});

test('another standby while the home is down: the previous one is notified', async () => {
  const f = await fenced();
  await f.addTenant('acme', 'a', 'b');
  await f.change({ kind: 'fail-over', cell: 'a' });
  f.reach.set('a', 'gone');
  await f.round();
  expect(await f.asks('b', 'acme', 2)).toBe('200');
  expect(await f.change({ kind: 'place-tenant', tenant: 'acme', standby: 'c' })).toMatchObject({ status: 'applied' });
  await f.round();
  expect(await f.asks('b', 'acme', 2)).toBe('409 stale_epoch');
});

test('a cell that does not answer delays no other, and is notified later', async () => {
  const f = await fenced();
  await f.addTenant('one', 'a', 'b');
  await f.addTenant('two', 'a', 'c');
  await f.round();
  await f.change({ kind: 'fail-over', cell: 'a' });
  await f.change({ kind: 'fail-back', cell: 'a' });
  f.reach.set('b', 'gone');
  await f.round();
  expect(f.told()).toEqual(['c']);
  expect(f.progress().jobs[0]).toMatchObject({
    problem: 'b: it does not answer its probes',
    told: 1,
    state: 'waiting',
  });
  f.reach.set('b', 'there');
  await f.clock.advance(1000);
  await f.round();
  // Only the cells that the first walk missed.
  expect(f.told()).toEqual(['c', 'b']);
  expect(f.progress().waiting).toBe(0);
});

test('a cell that answers its probes and not this is asked again after pauses that double', async () => {
  const asked: number[] = [];
  const clock = new FakeClock();
  const f = await fenced({
    clock,
    fence: async () => {
      asked.push(clock.now() - new FakeClock().now());
      return 'it answers 503';
    },
  });
  await f.addTenant('acme', 'a', 'b');
  await f.round();
  await f.change({ kind: 'fail-over', cell: 'a' });
  await f.change({ kind: 'fail-back', cell: 'a' });
  for (let second = 0; second < 300; second += 1) {
    await f.round(epochMs(clock.now() + 500));
    clock.jump(1000);
  }
  expect(asked).toEqual([0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000, 243_000]);
});

test('many tenants are notified page by page, and a restart resumes at the last page', async () => {
  let rounds = 0;
  const clock = new FakeClock();
  const f = await fenced({
    clock,
    fence: async () => {
      clock.jump(1);
      return null;
    },
  });
  const tenants = 3 * FENCING_LIMITS.page + 1;
  for (let index = 0; index < tenants; index += 1) await f.addTenant(`tenant-${index}`, 'a', 'b');
  await f.round();
  await f.change({ kind: 'fail-over', cell: 'a' });
  await f.change({ kind: 'fail-back', cell: 'a' });
  const job = () => f.progress().jobs.find(({ whom }) => whom === 'standbys');
  // Each round has time for one page.
  for (; rounds < 20 && job()?.state !== 'done'; rounds += 1) {
    f.restart();
    await f.round(epochMs(clock.now() + 1));
    if (rounds === 1) expect(job()).toMatchObject({ told: 2 * FENCING_LIMITS.page, state: 'waiting' });
  }
  expect(rounds).toBe(4);
  expect(job()).toMatchObject({ told: tenants, state: 'done' });
});

test('while there are as many jobs as are kept, the log is not read on, and nothing of it is lost', async () => {
  const f = await fenced({ fence: async () => 'not now' });
  await f.addTenant('acme', 'a', 'b');
  await f.round();
  const moves = FENCING_LIMITS.jobs / 2;
  for (let index = 0; index < moves; index += 1) {
    await f.addTenant(`tenant-${index}`, 'a', 'b');
    await f.change({ kind: 'place-tenant', tenant: `tenant-${index}`, cell: 'c', standby: null });
  }
  // No time for work: only the log is read.
  for (let index = 0; index < 10; index += 1) await f.round(epochMs(0));
  const { waiting } = f.progress();
  expect(waiting).toBeGreaterThan(FENCING_LIMITS.jobs - 3 * FENCING_LIMITS.auditPage);
  expect(waiting).toBeLessThanOrEqual(FENCING_LIMITS.jobs);
});

test('a log that was never read: cells that were switched before are fenced as they stand', async () => {
  const f = await fenced();
  await f.addTenant('acme', 'a', 'b');
  await f.change({ kind: 'fail-over', cell: 'a' });
  await f.change({ kind: 'fail-back', cell: 'a' });
  await f.round();
  expect(f.told()).toEqual(['b']);
  expect(await f.asks('b', 'acme', 2)).toBe('409 stale_epoch');
});

test('the cells of a tenant that was removed refuse its epochs, and take those of its successor', async () => {
  const f = await fenced();
  await f.addTenant('acme', 'a', 'b');
  await f.round();
  expect(await f.asks('a', 'acme', 1)).toBe('200');
  f.reach.set('b', 'gone');
  await f.change({ kind: 'remove-tenant', tenant: 'acme', keepData: true });
  await f.round();
  expect(await f.asks('a', 'acme', 1)).toBe('409 stale_epoch');
  // Epochs of one assignment are 2^24 at most: failovers of the old home raise none of them above this.
  expect(await f.asks('a', 'acme', 2 ** 24)).toBe('409 stale_epoch');
  expect(f.progress()).toMatchObject({ waiting: 1 });
  await f.addTenant('acme', 'c', 'a');
  const { tenant } = await f.directory.lookup('acme');
  expect(tenant?.epochBase).toBe(2 ** 24 + 1);
  f.reach.set('b', 'there');
  await f.clock.advance(1000);
  await f.round();
  expect(f.progress().waiting).toBe(0);
  expect(await f.asks('b', 'acme', 2 ** 24)).toBe('409 stale_epoch');
  for (const cell of ['a', 'b', 'c']) expect(await f.asks(cell, 'acme', 2 ** 24 + 1)).toBe('200');
});

/** A directory in which every cell has a key, and the notifications that cells get. */
async function keyed() {
  const f = await fenced();
  const keys = [publicPart(CELL_KEY)];
  const withKeys = (cell: Cell): Cell => ({ ...cell, keys });
  const told: string[] = [];
  const fence: FencingDeps['fence'] = async (cell, tenant) => {
    told.push(`${cell.id} of ${tenant}`);
    return null;
  };
  const restart = (signedWith: string) => f.restart({ fence, signedWith });
  const round = async (shown = (cell: Cell) => cell) => {
    await f.round(undefined, (cell) => withKeys(shown(cell)));
    return told.splice(0).sort();
  };
  return { ...f, restart, round };
}

test('when the edge signs with another key, the serving cell of every tenant is given its assignment again, once', async () => {
  const f = await keyed();
  await f.addTenant('acme', 'a', 'b');
  await f.addTenant('globex', 'b', null);
  f.restart('edge-1');
  await f.round();
  f.restart('edge-2');
  expect(await f.round()).toEqual(['a of acme', 'b of globex']);
  expect(f.progress()).toMatchObject({
    waiting: 0,
    jobs: [{ of: 'all tenants', whom: 'serving', told: 2, state: 'done' }],
  });
  f.restart('edge-2');
  expect(await f.round()).toEqual([]);
});

test('the cell that serves now is notified, also where the job began as the former one seemed to serve', async () => {
  const f = await keyed();
  await f.addTenant('acme', 'a', 'b');
  f.restart('edge-1');
  await f.round();
  f.reach.set('a', 'gone');
  await f.change({ kind: 'fail-over', cell: 'a' });
  // The cells were read before the failover, and the log behind it.
  expect(await f.round((cell) => ({ ...cell, state: 'active', switches: 0 }))).toEqual([]);
  f.clock.jump(FENCING_LIMITS.firstPauseMs);
  expect(await f.round()).toEqual(['b of acme']);
});

test('a job for all tenants goes on after a restart, until the last cell that did not answer has heard', async () => {
  const f = await keyed();
  await f.addTenant('acme', 'a', 'b');
  f.restart('edge-1');
  await f.round();
  f.reach.set('a', 'gone');
  f.restart('edge-2');
  expect(await f.round()).toEqual([]);
  expect(f.progress().jobs[0]).toMatchObject({
    of: 'all tenants',
    state: 'waiting',
    problem: 'a: it does not answer its probes',
  });
  f.restart('edge-2');
  f.reach.set('a', 'there');
  f.clock.jump(FENCING_LIMITS.longestPauseMs);
  expect(await f.round()).toEqual(['a of acme']);
});

test('a job for all tenants is shown, however many jobs of single tenants wait before it', async () => {
  const f = await keyed();
  f.restart('edge-1');
  await f.round();
  f.reach.set('a', 'gone');
  for (let index = 0; index < 101; index += 1) await f.addTenant(`tenant-${index}`, 'a', 'b');
  await f.round();
  f.restart('edge-2');
  await f.round();
  expect(f.progress().waiting).toBe(102);
  // A rotation of keys goes on when it is not there.
  expect(f.progress().jobs.filter(({ of }) => of === 'all tenants')).toMatchObject([{ state: 'waiting' }]);
});

test('an edge that goes back to its former key and forward again has every assignment signed again, also by a job that waits still', async () => {
  const f = await keyed();
  await f.addTenant('acme', 'a', 'b');
  await f.addTenant('globex', 'b', null);
  f.restart('edge-1');
  await f.round();
  f.reach.set('a', 'gone');
  f.restart('edge-2');
  expect(await f.round()).toEqual(['b of globex']);
  f.restart('edge-1');
  expect(await f.round()).toEqual(['b of globex']);
  f.restart('edge-2');
  expect(await f.round()).toEqual(['b of globex']);
});
