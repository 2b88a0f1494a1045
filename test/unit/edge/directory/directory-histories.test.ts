// Random histories of the directory, held against a model that shares nothing with it: no invariant breaks, whatever is done.

import fc from 'fast-check';
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import { DIRECTORY_REFUSALS } from '../../../../core/api/refusal.ts';
import { createDirectory } from '../../../../core/edge/directory/directory.ts';
import { COMMAND_SHAPES } from '../../../../core/edge/directory/directory-checks.ts';
import type { Directory, DirectoryLookup } from '../../../../core/edge/ports/directory.ts';
import {
  type Cell,
  type CellDefinition,
  type DirectoryChange,
  type DirectoryCommand,
  type DirectoryOutcome,
  resolveTenant,
  type Tenant,
} from '../../../../core/edge/ports/directory-model.ts';
import { DirectoryModel } from '../../../support/directory-model.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { property } from '../../../support/properties.ts';

const CELLS = ['a1', 'a2', 'b1', 'b2', 'c1'];
const TENANTS = ['t1', 't2', 't3', 't4', 't5', 't6'];

const definition = (id: string): fc.Arbitrary<CellDefinition> =>
  fc.record({
    id: fc.constant(id),
    // Mostly one place for each cell, so that commands to add it again are not all refused.
    cloud: fc.constantFrom<'aws' | 'azure'>(id.startsWith('b') ? 'azure' : 'aws'),
    region: fc.oneof(
      { weight: 9, arbitrary: fc.constant(id === 'c1' ? 'us-1' : 'eu-1') },
      { weight: 1, arbitrary: fc.constant('eu-2') },
    ),
    jurisdiction: fc.oneof(
      { weight: 9, arbitrary: fc.constant(id === 'c1' ? 'us' : 'eu') },
      { weight: 1, arbitrary: fc.constant('ch') },
    ),
    endpoint: fc.constantFrom(`https://${id}.example.com`, `https://${id}-new.example.com`),
    capacity: fc.integer({ min: 0, max: 4 }),
    price: fc.integer({ min: 0, max: 2 }),
    failover: fc.constantFrom('automatic' as const, 'approve' as const, 'never' as const),
  });

const cell = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...CELLS) },
  { weight: 1, arbitrary: fc.constant('nowhere') },
);
const tenant = fc.constantFrom(...TENANTS);
const standby = fc.option(cell, { nil: null });
const maybe = <K extends string, T>(key: K, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Partial<Record<K, T>>> =>
  fc.record({ [key]: arbitrary } as Record<K, fc.Arbitrary<T>>, { requiredKeys: [] }) as fc.Arbitrary<
    Partial<Record<K, T>>
  >;
/** No cell was asked what it holds, so a command that leaves data has to say so; mostly it does. */
const leaving = fc.oneof(
  { weight: 9, arbitrary: fc.constant({ leaveData: true as const }) },
  { weight: 1, arbitrary: fc.constant({}) },
);
const both = fc
  .tuple(maybe('cell', cell), maybe('standby', standby))
  .map(([first, second]) => ({ ...first, ...second }));

const command: fc.Arbitrary<DirectoryCommand> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(...CELLS)
      .chain(definition)
      .map((each) => ({ kind: 'add-cell' as const, cell: each })),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(tenant, fc.constantFrom('eu', 'us', 'any', 'ch'), both).map(([id, residency, where]) => ({
      kind: 'add-tenant' as const,
      tenant: id,
      residency,
      tier: 'standard' as const,
      ...where,
    })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(tenant, both, leaving)
      .map(([id, where, left]) => ({ kind: 'place-tenant' as const, tenant: id, ...where, ...left })),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pin-tenant' as const), tenant, pinned: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('isolate-tenant' as const),
      tenant,
      onIsolation: fc.constantFrom('serve' as const, 'refuse' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('set-standby-mode' as const),
      tenant,
      standbyMode: fc.constantFrom('warm' as const, 'log-only' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('remove-tenant' as const), tenant, keepData: fc.constant(true as const) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('fail-over' as const), cell, partial: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('fail-back' as const, 'resume-cell' as const), cell }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain-cell' as const), cell }) },
  {
    weight: 1,
    arbitrary: fc.tuple(cell, leaving).map(([id, left]) => ({ kind: 'retire-cell' as const, cell: id, ...left })),
  },
);

/** An operator acts: on the revision read last, without a revision, or as a preview. */
const step = fc.record({
  command,
  actor: fc.constantFrom('ann', 'bob', 'monitor'),
  looks: fc.constantFrom('now' as const, 'before' as const, 'never' as const),
  dryRun: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

/** Begins with cells in every history, so that most of a history is not refusals. */
const setUp: DirectoryCommand[] = CELLS.map((id) => ({
  kind: 'add-cell',
  cell: {
    id,
    cloud: id.startsWith('b') ? 'azure' : 'aws',
    region: id === 'c1' ? 'us-1' : id.endsWith('2') ? 'eu-2' : 'eu-1',
    jurisdiction: id === 'c1' ? 'us' : 'eu',
    endpoint: `https://${id}.example.com`,
    capacity: 3,
    price: 1,
    failover: 'automatic',
  },
}));

interface Epoch {
  readonly epoch: number;
  readonly server: string;
}

/** The directory beside its model, with all that has ever been seen. */
class World {
  readonly model = new DirectoryModel();
  readonly directory: Directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock: new FakeClock() });
  /** Tenant and epoch → the one cell that may have been assigned to serve under it. */
  readonly served = new Map<string, string>();
  readonly epochs = new Map<string, number>();
  readonly lastServed = new Map<string, Epoch>();
  /** Every record that there has ever been: what a router may still hold, each as old as it likes. */
  readonly records = { tenants: new Map<string, Tenant>(), cells: new Map<string, Cell>() };
  revision = 0;

  async run(
    what: DirectoryCommand,
    intent: { actor: string; ifRevision?: number; dryRun?: boolean },
  ): Promise<DirectoryOutcome> {
    const before = this.model.servers();
    const known = this.revision;
    const outcome = await this.directory.change(what, { reason: 'chance', ...intent });
    if (outcome.status !== 'applied') {
      if (intent.ifRevision !== undefined && intent.ifRevision !== known)
        expect(outcome).toMatchObject({
          status: 'refused',
          code: expect.stringMatching('changed_meanwhile|invalid_command'),
        });
      // Nothing has happened, whatever was said.
      expect((await this.directory.audit({ limit: 1 })).items[0]?.revision ?? 0).toBe(known);
      return outcome;
    }
    expect(intent.ifRevision ?? known).toBe(known);
    this.revision = outcome.revision;
    expect(outcome.revision).toBe(known + 1);
    const lookups = new Map<string, DirectoryLookup>();
    for (const id of TENANTS) lookups.set(id, await this.directory.lookup(id));
    this.model.apply(what, (id) => {
      const record = lookups.get(id)?.tenant;
      if (record == null) throw new Error(`${id} was not added.`);
      return { home: record.cell, standby: record.standby };
    });
    expect(this.model.faults()).toEqual([]);
    this.checkNobodyNew(what);
    const after = this.model.servers();
    const lost = [...after].filter(([id, server]) => server === null && (before.get(id) ?? null) !== null);
    const isPartial = what.kind === 'fail-over' && what.partial === true;
    if (!isPartial) expect(lost).toEqual([]);
    const saves = [...after].some(([id, server]) => server !== null && before.get(id) !== server);
    if (lost.length > 0) expect(saves).toBe(true);
    const moved = [...after].filter(([id, server]) => before.has(id) && before.get(id) !== server);
    const isLostByRemoval = what.kind === 'remove-tenant' && (before.get(what.tenant) ?? null) !== null;
    expect(outcome.movedTenants).toBe(moved.length + (isLostByRemoval ? 1 : 0));
    if (what.kind === 'remove-tenant') this.noteRemoval(what.tenant, outcome.changes);
    for (const [id, lookup] of lookups) this.checkTenant(id, lookup, after.get(id) ?? null);
    return outcome;
  }

  /** From then on every epoch that the tenant has ever had is an old one, whether or not it is added again. */
  noteRemoval(id: string, changes: readonly DirectoryChange[]): void {
    const [change] = changes;
    expect(changes).toEqual([{ kind: 'tenant', id, before: change?.before, after: null }]);
    const { epochBase } = this.records.tenants.get(`${id} ${change?.before?.revision}`) ?? { epochBase: Number.NaN };
    this.epochs.set(id, epochBase + 2 ** 24);
  }

  /** A tenant is new in a cell only if that cell takes tenants, and has room. */
  checkNobodyNew(what: DirectoryCommand): void {
    if (what.kind !== 'add-tenant') return;
    const { home, standby: other } = this.model.tenants.get(what.tenant) ?? { home: '', standby: null };
    expect(this.model.cells.get(home)?.state).toBe('active');
    expect(this.model.homesOf(home)).toBeLessThanOrEqual(this.model.cells.get(home)?.definition.capacity ?? 0);
    if (other !== null) expect(this.model.cells.get(other)?.state).toBe('active');
  }

  checkTenant(id: string, lookup: DirectoryLookup, server: string | null): void {
    const { tenant: record, cells } = lookup;
    if (record === null) return;
    this.records.tenants.set(`${id} ${record.revision}`, record);
    for (const each of cells) this.records.cells.set(`${each.id} ${each.revision}`, each);
    const cellOf = (name: string) => cells.find((each) => each.id === name);
    const resolution = resolveTenant(record, cellOf);
    expect(resolution.status === 'served' ? resolution.cell : null).toBe(server);
    const epoch = record.epochBase + (cellOf(record.cell)?.switches ?? Number.NaN);
    expect(epoch).toBeGreaterThanOrEqual(this.epochs.get(id) ?? 1);
    this.epochs.set(id, epoch);
    if (server === null) return;
    const before = this.lastServed.get(id);
    if (before !== undefined && before.server !== server) expect(epoch).toBeGreaterThan(before.epoch);
    this.lastServed.set(id, { epoch, server });
    expect(this.served.get(`${id}@${epoch}`) ?? server).toBe(server);
    this.served.set(`${id}@${epoch}`, server);
  }

  /**
   * A router that holds any old record of a tenant together with any old records of cells names an epoch below the present one,
   * which every cell that knows better refuses; or the present one, and then no cell but the one that serves the tenant.
   */
  checkRouters(): void {
    const faults: string[] = [];
    const { tenants, cells } = this.records;
    const versions = (id: string | null) => [...cells.values()].filter((each) => each.id === id);
    for (const record of tenants.values()) {
      const present = this.epochs.get(record.id) ?? 0;
      const server = this.model.tenants.has(record.id) ? this.model.server(record.id) : null;
      for (const home of versions(record.cell)) {
        for (const standby of [undefined, ...versions(record.standby)]) {
          const resolution = resolveTenant(record, (name) => (name === home.id ? home : standby));
          if (resolution.status !== 'served') continue;
          // One expectation for all of them: there are thousands of mixtures.
          const isWrong =
            resolution.epoch === present &&
            (this.model.tenants.has(record.id) ? server !== null && resolution.cell !== server : true);
          if (resolution.epoch > present || isWrong)
            faults.push(`${record.id}: ${resolution.cell}@${resolution.epoch}, and not ${server}@${present}`);
        }
      }
    }
    expect(faults).toEqual([]);
  }
}

property(
  'no history breaks an invariant',
  fc.array(step, { minLength: 20, maxLength: 60 }),
  async (steps) => {
    const world = new World();
    for (const each of setUp) await world.run(each, { actor: 'ops' });
    const lookedAt = new Map<string, number>();
    for (const { command: what, actor, looks, dryRun } of steps) {
      if (looks === 'now') lookedAt.set(actor, world.revision);
      const ifRevision = looks === 'never' ? undefined : lookedAt.get(actor);
      await world.run(what, { actor, ...(ifRevision !== undefined && { ifRevision }), ...(dryRun && { dryRun }) });
    }
    world.checkRouters();
    for (const { cell: each, homes, standbys } of await world.directory.cells()) {
      expect([each.id, homes]).toEqual([each.id, world.model.homesOf(each.id)]);
      expect(standbys).toBe([...world.model.tenants.values()].filter((record) => record.standby === each.id).length);
    }
  },
  300,
);

property(
  'a command that was applied is unchanged when it is repeated, and a preview shows what it does',
  fc.array(command, { minLength: 5, maxLength: 40 }),
  async (commands) => {
    const world = new World();
    for (const each of [...setUp, ...commands]) {
      const preview = await world.directory.change(each, { actor: 'ann', reason: 'chance', dryRun: true });
      const outcome = await world.run(each, { actor: 'ann' });
      if (outcome.status !== 'applied') {
        expect(preview).toEqual(outcome);
        continue;
      }
      expect(preview).toEqual({ ...outcome, status: 'previewed', revision: outcome.revision - 1 });
      expect(await world.directory.change(each, { actor: 'ann', reason: 'again' })).toMatchObject({
        status: 'unchanged',
        changes: [],
      });
    }
  },
  150,
);

property(
  'administrators who race from one revision are heard one at a time, in every order',
  fc.tuple(fc.array(command, { minLength: 5, maxLength: 15 }), fc.array(command, { minLength: 2, maxLength: 8 })),
  async ([history, race]) => {
    const world = new World();
    for (const each of [...setUp, ...history]) await world.run(each, { actor: 'ann' });
    const ifRevision = world.revision;
    const outcomes = await Promise.all(
      race.map((each, index) => world.directory.change(each, { actor: `admin-${index}`, reason: 'race', ifRevision })),
    );
    const applied = outcomes.filter(({ status }) => status === 'applied').length;
    expect(applied).toBeLessThanOrEqual(1);
    const first = outcomes.findIndex(({ status }) => status === 'applied');
    for (const outcome of first < 0 ? [] : outcomes.slice(first + 1))
      expect(outcome).toMatchObject({ status: 'refused' });
    const { items } = await world.directory.audit({ limit: 100 });
    expect(items.filter(({ revision }) => revision > ifRevision)).toHaveLength(applied);
  },
  150,
);

test('the histories of these tests reach every kind of outcome', async () => {
  const histories = fc.sample(fc.array(command, { minLength: 60, maxLength: 60 }), { seed: 7, numRuns: 60 });
  const kinds = new Set<string>();
  for (const history of histories) {
    const world = new World();
    for (const each of [...setUp, ...history]) {
      const outcome = await world.run(each, { actor: 'ann' });
      kinds.add(outcome.status === 'refused' ? outcome.code : `${each.kind} ${outcome.status}`);
      if (
        each.kind === 'fail-over' &&
        each.partial === true &&
        outcome.status === 'applied' &&
        outcome.notes.length > 0
      )
        kinds.add('partial failover');
    }
  }
  // Proofs, approvals and comparisons have tests of their own (endpoint-guard.test.ts, caught-up.test.ts): these histories declare no keys.
  const elsewhere = new Set([
    'changed_meanwhile',
    'endpoint_unproved',
    'not_caught_up',
    'unknown_proposal',
    'own_proposal',
    'too_many_proposals',
  ]);
  const all = Object.keys(COMMAND_SHAPES)
    // The mover has its own tests, which swap (mover.test.ts, test/contract/directory/tenants.ts), and an erasure changes no record (history.ts).
    .filter((kind) => !['approve-change', 'swap-tenant', 'erase-data'].includes(kind))
    .map((kind) => `${kind} applied`);
  const refusals = Object.keys(DIRECTORY_REFUSALS).filter((code) => !elsewhere.has(code));
  expect([...all, ...refusals, 'partial failover'].filter((each) => !kinds.has(each))).toEqual([]);
});
