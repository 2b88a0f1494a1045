// What every storage of a directory promises, clause by clause; core/edge/ports/directory-storage.ts says the same in words.

import type { AuditEntry, Cell, DirectoryRecord, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { DirectoryStorage } from '../../core/edge/ports/directory-storage.ts';
import { type Clause, runContract, times } from './contract.ts';

/** The storage's methods from outside of its object. */
export type RemoteStorage = {
  [M in Exclude<keyof DirectoryStorage, 'atomically'>]: (
    ...args: Parameters<DirectoryStorage[M]>
  ) => Promise<ReturnType<DirectoryStorage[M]>>;
};

export interface DirectoryStorageHarness {
  /** A storage without records. */
  readonly storage: RemoteStorage;
  /** Writes in one step; rejects if the step is to end in an error. */
  step(writes: readonly (readonly [readonly DirectoryRecord[], AuditEntry])[], fails: boolean): Promise<void>;
  /** Ends the process that keeps the storage, and starts another one. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const cell = (id: string, revision: number, more: Partial<Cell> = {}): DirectoryRecord => ({
  kind: 'cell',
  value: {
    id,
    cloud: 'aws',
    region: 'eu-central-1',
    jurisdiction: 'eu',
    endpoint: `https://${id}.example.com`,
    capacity: 10,
    price: 0.5,
    failover: 'approve',
    state: 'active',
    switches: 0,
    revision,
    ...more,
  },
});

const tenant = (id: string, home: string, standby: string | null, revision: number): DirectoryRecord => ({
  kind: 'tenant',
  value: { id, cell: home, standby, epochBase: -3, residency: 'eu', tier: 'premium', pinned: true, revision },
});

const removal = (id: string, epochFloor: number, revision: number, effectsFrom = 0): DirectoryRecord => ({
  kind: 'removed-tenant',
  value: { id, epochFloor, effectsFrom, revision },
});

const entry = (revision: number, reason = 'a test'): AuditEntry => ({
  revision,
  at: '2026-11-21T07:41:03.000Z',
  actor: 'ops',
  reason,
  command: { kind: 'drain-cell', cell: 'alpha' },
  outcome: 'applied',
  changes: [],
});

const name = (index: number): string => `t-${String(index).padStart(4, '0')}`;

/** All that a storage returns about a few cells. */
const overview = async (storage: RemoteStorage, cells: readonly string[]) => ({
  revision: await storage.revision(),
  epochFloor: await storage.epochFloor(),
  effectsFloor: await storage.effectsFloor(),
  cells: await storage.cells(),
  tenants: await storage.tenants({ limit: 1000 }),
  counts: await Promise.all(
    cells.map(async (id) => [
      id,
      await storage.homes(id),
      await storage.standbysByHome(id),
      await storage.homesByStandby(id),
    ]),
  ),
  audit: await storage.audit({ limit: 1000 }),
  unpublished: await storage.unpublished(1000),
});

const clauses = {
  'a new storage is empty': async ({ storage }) => {
    expect(await overview(storage, ['alpha'])).toEqual({
      revision: 0,
      epochFloor: 1,
      effectsFloor: 0,
      cells: [],
      tenants: [],
      counts: [['alpha', 0, [], []]],
      audit: [],
      unpublished: [],
    });
    expect([await storage.cell('alpha'), await storage.tenant('acme')]).toEqual([undefined, undefined]);
  },

  'what was written is read as it was, and is there again after a restart': async (harness) => {
    const { storage } = harness;
    const alpha = cell('alpha', 1, { returnsTo: 'draining', state: 'down', switches: 3 });
    const acme = tenant('acme', 'alpha', null, 1);
    await storage.write([alpha, acme], entry(1, '"quotes", ‘more’ and 🛠'));
    const before = await overview(storage, ['alpha']);
    expect(before).toEqual({
      revision: 1,
      epochFloor: 1,
      effectsFloor: 0,
      cells: [alpha.value],
      tenants: [acme.value],
      counts: [['alpha', 1, [], [{ standby: null, tenants: 1 }]]],
      audit: [{ sequence: 1, entry: entry(1, '"quotes", ‘more’ and 🛠') }],
      unpublished: [alpha, acme],
    });
    expect([await storage.cell('alpha'), await storage.tenant('acme')]).toEqual([alpha.value, acme.value]);
    await harness.restart();
    expect(await overview(storage, ['alpha'])).toEqual(before);
  },

  'a step that ends in an error leaves nothing behind': async ({ storage, step }) => {
    await step([[[cell('alpha', 1), tenant('acme', 'alpha', 'beta', 1)], entry(1)]], false);
    const [published] = await storage.unpublished(1);
    if (published !== undefined) await storage.published(published);
    const before = await overview(storage, ['alpha', 'beta']);
    const failing = step(
      [
        [[cell('alpha', 2, { state: 'draining' }), tenant('acme', 'beta', null, 2)], entry(2)],
        [[tenant('new', 'beta', 'alpha', 3), cell('beta', 3)], entry(3)],
        [[removal('acme', 99, 4), removal('new', 100, 4)], entry(4)],
      ],
      true,
    );
    await expect(failing).rejects.toThrow('The step failed.');
    expect(await overview(storage, ['alpha', 'beta'])).toEqual(before);
  },

  'tenants are counted by home and by standby wherever they go': async ({ storage }) => {
    await storage.write([tenant('a', 'x', 'y', 1), tenant('b', 'x', 'y', 1), tenant('c', 'x', null, 1)], entry(1));
    await storage.write([tenant('d', 'z', 'y', 2)], entry(2));
    expect(await storage.homes('x')).toBe(3);
    expect(await storage.homesByStandby('x')).toEqual([
      { standby: null, tenants: 1 },
      { standby: 'y', tenants: 2 },
    ]);
    expect(await storage.standbysByHome('y')).toEqual([
      { home: 'x', tenants: 2 },
      { home: 'z', tenants: 1 },
    ]);
    await storage.write([tenant('a', 'y', 'x', 3), tenant('c', 'x', 'z', 3)], entry(3));
    await storage.write([tenant('d', 'z', 'y', 4)], entry(4));
    expect([await storage.homes('x'), await storage.homes('y'), await storage.homes('z')]).toEqual([2, 1, 1]);
    expect(await storage.homesByStandby('x')).toEqual([
      { standby: 'y', tenants: 1 },
      { standby: 'z', tenants: 1 },
    ]);
    expect(await storage.standbysByHome('y')).toEqual([
      { home: 'x', tenants: 1 },
      { home: 'z', tenants: 1 },
    ]);
  },

  'the counts of a long history are those of its end': async ({ storage, step }) => {
    const homes = ['x', 'y', 'z'];
    const last = new Map<string, Tenant>();
    const writes = times(300, (index) => {
      // Neither is a divisor of the other, so that tenants go everywhere.
      const record = tenant(
        name((index * 7) % 40),
        homes[(index * 5) % 3] ?? '',
        [null, ...homes][(index * 11) % 4] ?? null,
        index + 1,
      );
      last.set(record.value.id, record.value as Tenant);
      return [[record], entry(index + 1)] as const;
    });
    await step(writes, false);
    for (const home of homes) {
      expect(await storage.homes(home)).toBe([...last.values()].filter((each) => each.cell === home).length);
      for (const { standby, tenants } of await storage.homesByStandby(home))
        expect(tenants).toBe(
          [...last.values()].filter((each) => each.cell === home && each.standby === standby).length,
        );
      for (const { home: other, tenants } of await storage.standbysByHome(home))
        expect(tenants).toBe([...last.values()].filter((each) => each.cell === other && each.standby === home).length);
    }
    expect(await storage.revision()).toBe(300);
    expect(await storage.unpublished(1000)).toHaveLength(last.size);
  },

  'a tenant that was removed is nowhere, and leaves only the floor of epochs': async (harness) => {
    const { storage } = harness;
    await storage.write([tenant('a', 'x', 'y', 1), tenant('b', 'x', 'y', 1), tenant('c', 'y', null, 1)], entry(1));
    for (const record of await storage.unpublished(10)) await storage.published(record);
    await storage.write([removal('a', 500, 2)], entry(2));
    await storage.write([removal('c', 300, 3), removal('never-there', 2, 3)], entry(3));
    const check = async () => {
      expect(await storage.tenant('a')).toBeUndefined();
      expect((await storage.tenants({ limit: 10 })).map(({ id }) => id)).toEqual(['b']);
      expect([await storage.homes('x'), await storage.homes('y')]).toEqual([1, 0]);
      expect(await storage.standbysByHome('y')).toEqual([{ home: 'x', tenants: 1 }]);
      expect(await storage.homesByStandby('y')).toEqual([]);
      expect(await storage.epochFloor()).toBe(500);
      const waiting = await storage.unpublished(10);
      expect(waiting.map(({ kind, value: { id, revision } }) => [kind, id, revision])).toEqual([
        ['removed-tenant', 'a', 2],
        ['removed-tenant', 'c', 3],
        ['removed-tenant', 'never-there', 3],
      ]);
    };
    await check();
    await harness.restart();
    await check();
    await storage.published(removal('a', 500, 1));
    expect(await storage.unpublished(10)).toHaveLength(3);
    await storage.write([tenant('c', 'z', null, 4)], entry(4));
    await storage.published(removal('c', 300, 3));
    await storage.published(removal('a', 500, 2));
    await storage.published(removal('never-there', 2, 3));
    expect(await storage.unpublished(10)).toEqual([tenant('c', 'z', null, 4)]);
    expect(await storage.homes('z')).toBe(1);
  },

  'the floor of effects never falls, and ends of leases are kept for each cell, without a trace elsewhere': async (
    harness,
  ) => {
    const { storage } = harness;
    await storage.write([removal('a', 2, 1, 9000)], entry(1));
    await storage.write([removal('b', 2, 2, 5000)], entry(2));
    expect([await storage.leaseUntil('alpha'), await storage.effectsFloor()]).toEqual([0, 9000]);
    const before = await overview(storage, ['alpha']);
    await storage.recordLease('alpha', 1_795_246_908_000);
    await storage.recordLease('beta', 1);
    await storage.recordLease('alpha', 1_795_246_913_000);
    await harness.restart();
    expect([await storage.leaseUntil('alpha'), await storage.leaseUntil('beta')]).toEqual([1_795_246_913_000, 1]);
    expect(await overview(storage, ['alpha'])).toEqual(before);
  },

  'records are listed by id, cells all and tenants so many at a time': async ({ storage }) => {
    await storage.write([cell('b', 1), cell('a', 1), cell('-', 1)], entry(1));
    await storage.write(
      times(10, (index) => tenant(name(9 - index), index % 2 === 0 ? 'a' : 'b', null, 2)),
      entry(2),
    );
    const ids = (found: readonly { id: string }[]) => found.map(({ id }) => id);
    expect(ids(await storage.cells())).toEqual(['-', 'a', 'b']);
    expect(ids(await storage.tenants({ limit: 3 }))).toEqual(times(3, name));
    expect(ids(await storage.tenants({ limit: 3, after: name(2) }))).toEqual([name(3), name(4), name(5)]);
    expect(ids(await storage.tenants({ limit: 3, after: 't-0002x' }))).toEqual([name(3), name(4), name(5)]);
    expect(ids(await storage.tenants({ limit: 9, after: name(9) }))).toEqual([]);
    expect(ids(await storage.tenants({ cell: 'a', limit: 3 }))).toEqual([name(1), name(3), name(5)]);
    expect(ids(await storage.tenants({ cell: 'a', limit: 9, after: name(5) }))).toEqual([name(7), name(9)]);
    expect(ids(await storage.tenants({ cell: "a' OR '1'='1", limit: 9 }))).toEqual([]);
  },

  'the audit log is read newest first, in pages': async ({ storage }) => {
    for (const revision of [1, 2, 3]) await storage.write([], entry(revision));
    await storage.write([], entry(3, 'the same revision again'));
    expect(await storage.revision()).toBe(3);
    const sequences = (lines: readonly { sequence: number }[]) => lines.map(({ sequence }) => sequence);
    expect(sequences(await storage.audit({ limit: 3 }))).toEqual([4, 3, 2]);
    expect(sequences(await storage.audit({ limit: 3, before: 2 }))).toEqual([1]);
    expect(await storage.audit({ limit: 3, before: 1 })).toEqual([]);
    expect((await storage.audit({ limit: 1 }))[0]?.entry.reason).toBe('the same revision again');
  },

  'unpublished records are listed oldest first, each once and in its current state': async ({ storage }) => {
    await storage.write([tenant('b', 'x', null, 1)], entry(1));
    await storage.write([cell('x', 2)], entry(2));
    await storage.write([tenant('a', 'x', null, 3)], entry(3));
    expect((await storage.unpublished(2)).map(({ value }) => value.id)).toEqual(['b', 'x']);
    const [b] = await storage.unpublished(1);
    await storage.write([tenant('b', 'x', 'y', 4)], entry(4));
    if (b !== undefined) await storage.published(b);
    const waiting = await storage.unpublished(10);
    expect(waiting.map(({ value: { id, revision } }) => [id, revision])).toEqual([
      ['x', 2],
      ['a', 3],
      ['b', 4],
    ]);
    for (const record of waiting) await storage.published(record);
    expect(await storage.unpublished(10)).toEqual([]);
    await storage.published(tenant('never-there', 'x', null, 1));
  },
} satisfies Record<string, Clause<DirectoryStorageHarness>>;

/** Runs every clause against one adapter. `openHarness` makes a storage without records. */
export function directoryStorageContract(
  adapter: string,
  openHarness: () => DirectoryStorageHarness | Promise<DirectoryStorageHarness>,
): void {
  runContract(`directory storage contract: ${adapter}`, clauses, openHarness);
}
