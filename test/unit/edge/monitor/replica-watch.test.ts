// The worst RPO of each cell, from what the cells have noted: only of tenants that they serve, in bounded memory.
import { REPLICA_WATCH_LIMITS, replicaWatch } from '../../../../core/edge/monitor/replica-watch.ts';
import type { Json } from '../../../../core/ports/json.ts';
import { definition, testCloud } from '../../../support/cloud.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const note = (tenant: string, more: Record<string, Json> = {}): Json => ({
  ...{ tenant, peer: 'b', direction: 'to', failingSince: null, behindSince: null, passedAt: 1000 },
  ...more,
});

const WHOLE = { first: true, last: true } as const;

const at = (milliseconds: number) => new Date(milliseconds).toISOString();

const WELL = { failing: 0, failingSince: null, behind: 0, unknown: 0 } as const;

async function watching(tenants: number) {
  const cloud = testCloud('a', 'b', 'c');
  await cloud.add(definition('a'), definition('b'), definition('c'));
  for (let index = 0; index < tenants; index += 1) await cloud.addTenant(`tenant-${index}`, 'a', 'b');
  const clock = new FakeClock();
  let lookups = 0;
  const watch = replicaWatch({
    directory: {
      lookup: (id) => {
        lookups += 1;
        return cloud.directory.lookup(id);
      },
    },
    clock,
  });
  const taken = () => {
    const count = lookups;
    lookups = 0;
    return count;
  };
  return { ...cloud, ...watch, clock, taken };
}

test('the oldest comparison of a tenant that the cell serves counts, over pages, for one question to the directory', async () => {
  const w = await watching(3);
  expect(w.of('a')).toBe(null);
  await w.page('a', [note('tenant-0', { passedAt: 3000 })], { first: true, last: false });
  expect(w.of('a')).toBe(null);
  await w.page('a', [note('tenant-1', { passedAt: 2000 }), note('tenant-2', { passedAt: 2500 })], {
    first: false,
    last: true,
  });
  expect(w.of('a')).toEqual({ ...WELL, comparedAt: at(2000) });
  expect(w.taken()).toBe(1);
  // A pass begins anew; one that has not ended changes nothing.
  await w.page('a', [note('tenant-1', { passedAt: 9000 })], { first: true, last: false });
  expect(w.of('a')).toEqual({ ...WELL, comparedAt: at(2000) });
  await w.page('a', [note('tenant-1', { passedAt: 9000 })], WHOLE);
  expect(w.of('a')).toEqual({ ...WELL, comparedAt: at(9000) });
});

test('tenants that are behind, not reached or never compared are counted, each kind up to its limit', async () => {
  const w = await watching(REPLICA_WATCH_LIMITS.tenants + 1);
  const all = Array.from({ length: REPLICA_WATCH_LIMITS.tenants + 1 }, (_, index) =>
    note(`tenant-${index}`, { passedAt: null, behindSince: 100 + index, failingSince: 50 + index }),
  );
  await w.page('a', all, WHOLE);
  const most = REPLICA_WATCH_LIMITS.tenants;
  expect(w.of('a')).toEqual({ failing: most, failingSince: at(50), behind: most, unknown: most, comparedAt: null });
});

test('notes of tenants that have left, of another peer, and of what others send here, do not count, and are looked at again after ten minutes', async () => {
  const w = await watching(1);
  await w.addTenant('elsewhere', 'c', 'b');
  const notes = [
    note('gone', { passedAt: 1, failingSince: 1 }),
    note('elsewhere', { passedAt: 2, behindSince: 1 }),
    note('tenant-0', { peer: 'c', passedAt: 3 }),
    note('tenant-0', { direction: 'from', passedAt: 4 }),
    note('tenant-0', { passedAt: 5000 }),
    'nothing',
  ];
  await w.page('a', notes, WHOLE);
  expect(w.of('a')).toEqual({ ...WELL, comparedAt: at(5000) });
  w.taken();
  await w.page('a', notes, WHOLE);
  expect([w.of('a')?.comparedAt, w.taken()]).toEqual([at(5000), 1]);
  w.clock.jump(REPLICA_WATCH_LIMITS.strangeMs);
  await w.page('a', notes, WHOLE);
  expect(w.taken()).toBeGreaterThan(1);
  await w.page('a', [note('gone')], WHOLE);
  expect(w.of('a')).toBe(null);
});

test('after a failover the cell that serves counts, and the home does not', async () => {
  const w = await watching(1);
  await w.page('a', [note('tenant-0')], WHOLE);
  await w.change({ kind: 'fail-over', cell: 'a' });
  await w.page('a', [note('tenant-0')], WHOLE);
  await w.page('b', [note('tenant-0', { peer: 'a', passedAt: 7000 })], WHOLE);
  expect([w.of('a'), w.of('b')]).toEqual([null, { ...WELL, comparedAt: at(7000) }]);
  w.keep(new Set(['a']));
  expect(w.of('b')).toBe(null);
});

test('a cell that stands in for many tenants, with a note of each, still shows the RPO of those that it serves', async () => {
  const w = await watching(1);
  // The notes of a standby are as old as its part in the tenant; those of a home are made anew with each comparison.
  const others = Array.from({ length: 3000 }, (_, index) => note(`other-${index}`, { passedAt: 1 + index }));
  const shown: (string | null | undefined)[] = [];
  for (let pass = 0; pass < 80; pass += 1) {
    await w.page('a', [...others, note('tenant-0', { passedAt: 5000 })], WHOLE);
    w.clock.jump(30_000);
    shown.push(w.of('a')?.comparedAt);
  }
  expect(shown.slice(20)).toEqual(shown.slice(20).map(() => at(5000)));
});

test('a tenant that is served again counts as soon as its note says something new', async () => {
  const w = await watching(1);
  await w.change({ kind: 'fail-over', cell: 'a' });
  await w.page('a', [note('tenant-0')], WHOLE);
  await w.change({ kind: 'fail-back', cell: 'a' });
  await w.page('a', [note('tenant-0', { failingSince: 2000 })], WHOLE);
  expect(w.of('a')).toMatchObject({ failing: 1, failingSince: at(2000) });
});

test('while the directory is away the sum stays what it was', async () => {
  const w = await watching(1);
  const watch = replicaWatch({ directory: { lookup: async () => Promise.reject(new Error('away')) }, clock: w.clock });
  await expect(watch.page('a', [note('tenant-0')], WHOLE)).rejects.toThrow('away');
  expect(watch.of('a')).toBe(null);
});
