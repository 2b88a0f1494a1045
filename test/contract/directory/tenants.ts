// Clauses of the directory: where tenants are placed, and who serves them when cells fail.
import type { DirectoryCommand } from '../../../core/edge/ports/directory-model.ts';
import {
  ALPHA,
  add,
  apply,
  BETA,
  BY_OPS,
  cell,
  type DirectoryClause,
  type DirectoryHarness,
  EMPTY,
  failBack,
  failOver,
  GAMMA,
  place,
  resultOf,
  servedBy,
  tenant,
} from './harness.ts';

const remove = (id: string): DirectoryCommand => ({ kind: 'remove-tenant', tenant: id, keepData: true });
const US = cell('us', { region: 'us-east-1', jurisdiction: 'us' });

const withCells = ({ directory }: DirectoryHarness) => apply(directory, add(ALPHA), add(BETA), add(GAMMA), add(US));

export const tenantClauses = {
  'a tenant is placed in its residency, with a standby on another cloud': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme'));
    const { tenant: acme, cells } = await directory.lookup('acme');
    expect(acme).toEqual({
      id: 'acme',
      cell: 'alpha',
      standby: 'beta',
      epochBase: 1,
      residency: 'eu',
      tier: 'standard',
      pinned: false,
      revision: 5,
    });
    expect(cells.map(({ id }) => id)).toEqual(['alpha', 'beta']);
    expect(await servedBy(directory, 'acme')).toBe('alpha@1');
  },

  'home and standby are swapped at the revision that was seen, and not where they must not be': async ({
    directory,
  }) => {
    await apply(directory, add(ALPHA), add(BETA), tenant('acme', { cell: 'alpha', standby: 'beta' }));
    const swap = async (): Promise<DirectoryCommand> => {
      const { tenant: now } = await directory.lookup('acme');
      return { kind: 'swap-tenant', tenant: 'acme', ifTenantRevision: now?.revision ?? 0 };
    };
    const stale = await swap();
    expect((await apply(directory, stale)).movedTenants).toBe(1);
    expect(await servedBy(directory, 'acme')).toBe('beta@1:1');
    expect(await resultOf(directory, stale)).toBe('changed_meanwhile');
    await apply(directory, { kind: 'pin-tenant', tenant: 'acme', pinned: true });
    expect(await resultOf(directory, await swap())).toBe('tenant_pinned');
    await apply(directory, { kind: 'pin-tenant', tenant: 'acme', pinned: false });
    await apply(directory, { kind: 'drain-cell', cell: 'alpha' });
    expect(await resultOf(directory, await swap())).toBe('cell_not_active');
    await apply(directory, { kind: 'resume-cell', cell: 'alpha' }, failOver('beta'));
    expect(await resultOf(directory, await swap())).toBe('cell_down');
    await apply(directory, failBack('beta'), await swap());
    expect(await servedBy(directory, 'acme')).toMatch(/^alpha@/);
  },

  'a tenant without a possible standby is still placed, with a note for the operator': async ({ directory }) => {
    await apply(directory, add(ALPHA));
    const { notes } = await apply(directory, tenant('acme'));
    expect(notes).toEqual(['acme has no standby: alpha cannot be both home and standby.']);
  },

  'a tenant that no cell can take is refused, with a reason for each cell': async ({ directory }) => {
    expect(await resultOf(directory, tenant('acme'))).toBe('no_cell_fits');
    await apply(directory, add({ ...ALPHA, capacity: 1 }), add(BETA), add(US), tenant('first', { cell: 'alpha' }));
    await apply(directory, { kind: 'drain-cell', cell: 'beta' });
    expect(await directory.change(tenant('acme'), BY_OPS)).toEqual({
      status: 'refused',
      code: 'no_cell_fits',
      detail:
        'No cell fits: alpha has room for 1 tenants, all of it taken; beta is draining and takes no new tenants; us lies in us, and the data must stay in eu.',
    });
    expect(await resultOf(directory, tenant('acme', { cell: 'alpha' }))).toBe('no_capacity');
  },

  'a home and a standby that are asked for are held against the same rules': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    const sameRegion = cell('alpha2');
    await apply(directory, add(sameRegion), tenant('acme', { cell: 'alpha', standby: null }));
    for (const [command, expected] of [
      [tenant('x', { cell: 'us' }), 'residency_violated'],
      [tenant('x', { cell: 'nowhere' }), 'unknown_cell'],
      [tenant('x', { standby: 'nowhere' }), 'unknown_cell'],
      [tenant('x', { cell: 'alpha', standby: 'alpha' }), 'same_failure_domain'],
      [tenant('x', { cell: 'alpha', standby: 'alpha2' }), 'same_failure_domain'],
      [tenant('x', { cell: 'alpha', standby: 'us' }), 'residency_violated'],
      [place('acme', { cell: 'us' }), 'residency_violated'],
      [place('acme', { standby: 'us' }), 'residency_violated'],
      [place('acme', { standby: 'alpha2' }), 'same_failure_domain'],
      [place('nobody', { cell: 'alpha' }), 'unknown_tenant'],
      [{ kind: 'pin-tenant', tenant: 'nobody', pinned: true }, 'unknown_tenant'],
    ] as const)
      expect([command, await resultOf(directory, command)]).toEqual([command, expected]);
  },

  'a standby that is asked for keeps the home out of its failure domain': async ({ directory }) => {
    await apply(directory, add(ALPHA), add(BETA), tenant('acme', { standby: 'alpha' }));
    expect((await directory.lookup('acme')).tenant).toMatchObject({ cell: 'beta', standby: 'alpha' });
  },

  'adding a tenant again changes nothing, and another one of its name is refused': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme'));
    for (const same of [tenant('acme'), tenant('acme', { cell: 'alpha' }), tenant('acme', { standby: 'beta' })])
      expect(await resultOf(directory, same)).toBe('unchanged');
    for (const different of [
      tenant('acme', { cell: 'beta' }),
      tenant('acme', { standby: null }),
      { ...tenant('acme'), tier: 'premium' },
    ])
      expect(await resultOf(directory, different as DirectoryCommand)).toBe('tenant_exists');
  },

  'a new home raises the epoch, and so does the way back': async (harness) => {
    await withCells(harness);
    const { directory, other } = harness;
    await apply(directory, tenant('acme'));
    expect((await apply(directory, place('acme', { cell: 'gamma' }))).movedTenants).toBe(1);
    expect(await servedBy(other, 'acme')).toBe('gamma@1:1');
    expect(await resultOf(directory, place('acme', { cell: 'gamma' }))).toBe('unchanged');
    await apply(directory, place('acme', { cell: 'alpha', standby: 'gamma' }));
    expect(await servedBy(other, 'acme')).toBe('alpha@2:1');
    expect((await directory.cells()).map(({ homes, standbys }) => [homes, standbys])).toEqual([
      [1, 0],
      [0, 0],
      [0, 1],
      [0, 0],
    ]);
  },

  'a home in the failure domain of the standby brings another standby': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme'));
    const { notes } = await apply(directory, place('acme', { cell: 'beta' }));
    expect(notes).toEqual(['acme gets the standby alpha: beta would be lost together with its home beta.']);
    expect((await directory.lookup('acme')).tenant).toMatchObject({ cell: 'beta', standby: 'alpha' });
  },

  'a tenant that has events in a cell leaves it only if its data may stay behind': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme'));
    const held = { ...EMPTY, alpha: 'it holds events of acme' };
    const away = place('acme', { cell: 'gamma' });
    expect(await directory.change(away, { ...BY_OPS, holdings: held })).toEqual({
      status: 'refused',
      code: 'tenant_has_data',
      detail:
        'What acme has stored would stay behind. alpha: it holds events of acme. To leave it there, say leaveData.',
    });
    expect(await resultOf(directory, away, { holdings: held, dryRun: true })).toBe('tenant_has_data');
    // A cell that was not asked may hold anything.
    expect(await resultOf(directory, away, { holdings: {} })).toBe('tenant_has_data');
    // Its standby is left, and the home is not; and a standby that becomes the home has not what the home has.
    expect(await resultOf(directory, place('acme', { standby: 'gamma' }), { holdings: held, dryRun: true })).toBe(
      'previewed',
    );
    const atStandby = { ...EMPTY, beta: 'it holds events of acme' };
    for (const standby of ['gamma', null])
      expect(await resultOf(directory, place('acme', { standby }), { holdings: atStandby })).toBe('tenant_has_data');
    expect(await resultOf(directory, place('acme', { cell: 'beta' }), { holdings: held })).toBe('tenant_has_data');
    expect(await resultOf(directory, place('acme', { cell: 'beta' }), { holdings: atStandby, dryRun: true })).toBe(
      'previewed',
    );
    expect(await servedBy(directory, 'acme')).toBe('alpha@1');

    const deliberate = { ...away, leaveData: true } as const;
    const outcome = await directory.change(deliberate, { ...BY_OPS, holdings: held });
    expect(outcome).toMatchObject({
      status: 'applied',
      notes: ['What acme has stored stays behind. alpha: it holds events of acme.'],
    });
    expect((await directory.audit({ limit: 1 })).items[0]?.command).toEqual(deliberate);
    for (const leaveData of [false, 'true'])
      expect(await resultOf(directory, { ...away, leaveData } as unknown as DirectoryCommand)).toBe('invalid_command');
  },

  'another standby of a serving home moves no tenant, and has its own epochs': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme'));
    expect((await apply(directory, place('acme', { standby: 'gamma' }))).movedTenants).toBe(0);
    expect((await apply(directory, place('acme', { standby: null }))).movedTenants).toBe(0);
    expect(await servedBy(directory, 'acme')).toBe('alpha@2:1');
  },

  'a pinned tenant keeps its home, and may have another standby': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    const pin = (pinned: boolean): DirectoryCommand => ({ kind: 'pin-tenant', tenant: 'acme', pinned });
    await apply(directory, tenant('acme'), pin(true));
    expect(await resultOf(directory, pin(true))).toBe('unchanged');
    expect(await resultOf(directory, place('acme', { cell: 'beta' }))).toBe('tenant_pinned');
    await apply(directory, place('acme', { standby: 'gamma' }), pin(false), place('acme', { cell: 'beta' }));
  },

  'failing a cell over is one record, and moves every tenant of it': async (harness) => {
    await withCells(harness);
    const { directory, other } = harness;
    const ids = Array.from({ length: 30 }, (_, index) => `t${index}`);
    for (const id of ids) await apply(directory, tenant(id, { cell: 'alpha', standby: id < 't2' ? 'beta' : 'gamma' }));
    const outcome = await apply(directory, failOver('alpha'));
    expect([outcome.changes.length, outcome.movedTenants, outcome.notes]).toEqual([1, 30, []]);
    expect(await resultOf(directory, failOver('alpha'))).toBe('unchanged');
    for (const id of ids) expect(await servedBy(other, id)).toBe(id < 't2' ? 'beta@2' : 'gamma@2');
    expect((await apply(directory, failBack('alpha'))).movedTenants).toBe(30);
    expect(await resultOf(directory, failBack('alpha'))).toBe('unchanged');
    for (const id of ids) expect(await servedBy(other, id)).toBe('alpha@3');
  },

  'a failover without a usable standby is refused, unless it is partial and saves a tenant': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(
      directory,
      tenant('saved', { cell: 'alpha', standby: 'gamma' }),
      tenant('lone', { cell: 'alpha', standby: null }),
    );
    await apply(directory, tenant('hers', { cell: 'alpha', standby: 'beta' }), failOver('beta'));
    expect(await directory.change(failOver('alpha'), BY_OPS)).toEqual({
      status: 'refused',
      code: 'standby_unavailable',
      detail:
        'Unserved would be: 1 tenant of alpha without a standby; 1 tenant of alpha whose standby beta is down. Ways out: if beta answers again, fail it back first (npx polycell failover back beta); or give them another standby (npx polycell tenants place TENANT --standby CELL); or let them go unserved with --partial.',
    });
    const outcome = await apply(directory, failOver('alpha', true));
    expect(outcome.movedTenants).toBe(3);
    expect(outcome.notes).toEqual([
      'Unserved: 1 tenant of alpha without a standby.',
      'Unserved: 1 tenant of alpha whose standby beta is down.',
    ]);
    expect([
      await servedBy(directory, 'saved'),
      await servedBy(directory, 'lone'),
      await servedBy(directory, 'hers'),
    ]).toEqual(['gamma@2', '-@2', '-@2']);
    await apply(directory, failBack('beta'));
    expect(await servedBy(directory, 'hers')).toBe('beta@2');
  },

  'a failover that leaves no tenant served is refused even if it is partial': async ({ directory }) => {
    await apply(directory, add(ALPHA), tenant('lone', { cell: 'alpha', standby: null }));
    expect(await resultOf(directory, failOver('alpha', true))).toBe('standby_unavailable');
  },

  'a cell that stands in for another one is not failed over': async ({ directory }) => {
    await apply(
      directory,
      add(ALPHA),
      add(BETA),
      tenant('acme', { cell: 'alpha', standby: 'beta' }),
      failOver('alpha'),
    );
    for (const partial of [false, true])
      expect(await resultOf(directory, failOver('beta', partial))).toBe('standby_unavailable');
    await apply(directory, failBack('alpha'), failOver('beta'));
    expect(await servedBy(directory, 'acme')).toBe('alpha@3');
  },

  'a tenant whose home is down can be given another home': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme'), failOver('alpha'));
    expect(await resultOf(directory, place('acme', { cell: 'alpha' }))).toBe('unchanged');
    expect(await resultOf(directory, tenant('new', { cell: 'alpha' }))).toBe('cell_down');
    await apply(directory, place('acme', { cell: 'gamma' }));
    expect(await servedBy(directory, 'acme')).toBe('gamma@1:1');
    await apply(directory, failBack('alpha'));
    expect(await servedBy(directory, 'acme')).toBe('gamma@1:1');
  },

  'a tenant that was removed is not there, and its cells can be retired': async (harness) => {
    await withCells(harness);
    const { directory, other } = harness;
    await apply(directory, tenant('acme'), tenant('globex', { cell: 'gamma', standby: null }));
    const { tenant: before } = await directory.lookup('acme');
    expect(await directory.change(remove('acme'), { ...BY_OPS, dryRun: true })).toMatchObject({ status: 'previewed' });
    expect(await resultOf(directory, remove('acme'), { ifRevision: 5 })).toBe('changed_meanwhile');
    expect(await servedBy(directory, 'acme')).toBe('alpha@1');
    expect(await apply(directory, remove('acme'))).toEqual({
      status: 'applied',
      revision: 7,
      changes: [{ kind: 'tenant', id: 'acme', before, after: null }],
      movedTenants: 1,
      notes: [
        'The data of acme are not erased: they stay in alpha and beta, and a tenant of that name would find them there.',
      ],
    });
    expect(await other.lookup('acme')).toEqual({ tenant: null, cells: [], revision: 7 });
    expect((await directory.tenants({ limit: 10 })).items.map(({ id }) => id)).toEqual(['globex']);
    expect((await directory.cells()).map(({ cell: { id }, homes, standbys }) => [id, homes, standbys])).toEqual([
      ['alpha', 0, 0],
      ['beta', 0, 0],
      ['gamma', 1, 0],
      ['us', 0, 0],
    ]);
    expect((await directory.audit({ limit: 1 })).items).toEqual([
      expect.objectContaining({
        revision: 7,
        ...BY_OPS,
        command: remove('acme'),
        changes: [{ kind: 'tenant', id: 'acme', before, after: null }],
      }),
    ]);
    await apply(directory, { kind: 'retire-cell', cell: 'alpha' });
  },

  'removing what is not there changes nothing, and says so': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme'), remove('acme'));
    for (const id of ['acme', 'acmee'])
      expect(await directory.change(remove(id), BY_OPS)).toEqual({
        status: 'unchanged',
        revision: 6,
        changes: [],
        movedTenants: 0,
        notes: [`There is no tenant ${id}.`],
      });
    for (const command of [
      place('acme', { cell: 'beta' }),
      { kind: 'pin-tenant', tenant: 'acme', pinned: true },
    ] as const)
      expect(await resultOf(directory, command)).toBe('unknown_tenant');
  },

  'a tenant that is added again has epochs above all of its former ones': async (harness) => {
    await withCells(harness);
    const { directory, other } = harness;
    await apply(directory, tenant('acme'), tenant('globex', { cell: 'gamma' }), failOver('alpha'), failBack('alpha'));
    await apply(directory, place('acme', { standby: 'gamma' }), place('acme', { standby: null }));
    expect(await servedBy(directory, 'acme')).toBe('alpha@2:3');
    await apply(directory, remove('acme'));
    await harness.restart();
    await apply(directory, tenant('acme', { cell: 'beta', standby: null }));
    expect(await servedBy(other, 'acme')).toBe('beta@3:1');
    await apply(directory, remove('acme'), tenant('acme', { cell: 'alpha', standby: null }));
    expect(await servedBy(other, 'acme')).toBe('alpha@4:3');
    // Others keep theirs.
    expect(await servedBy(other, 'globex')).toBe('gamma@1');
  },

  'a pinned tenant is not removed, and neither is one whose data the operator has not thought of': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme'), { kind: 'pin-tenant', tenant: 'acme', pinned: true });
    expect(await resultOf(directory, remove('acme'))).toBe('tenant_pinned');
    await apply(directory, { kind: 'pin-tenant', tenant: 'acme', pinned: false });
    for (const keepData of [false, undefined, 'true'])
      expect(await resultOf(directory, { ...remove('acme'), keepData } as unknown as DirectoryCommand)).toBe(
        'invalid_command',
      );
    expect(await servedBy(directory, 'acme')).toBe('alpha@1');
  },

  'a tenant that no cell serves is removed as well': async (harness) => {
    await withCells(harness);
    const { directory } = harness;
    await apply(directory, tenant('acme', { cell: 'alpha', standby: null }), tenant('b', { cell: 'alpha' }));
    await apply(directory, failOver('alpha', true));
    expect((await apply(directory, remove('acme'))).movedTenants).toBe(0);
    expect((await apply(directory, remove('b'))).movedTenants).toBe(1);
    expect((await directory.cells())[0]).toMatchObject({ homes: 0 });
  },
} satisfies Record<string, DirectoryClause>;
