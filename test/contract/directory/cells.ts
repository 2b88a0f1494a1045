// Clauses of the directory: what becomes of cells.
import type { DirectoryCommand } from '../../../core/edge/ports/directory-model.ts';
import {
  ALPHA,
  add,
  apply,
  BETA,
  BY_OPS,
  cell,
  type DirectoryClause,
  EMPTY,
  failOver,
  GAMMA,
  resultOf,
  servedBy,
  tenant,
} from './harness.ts';

const KEY = { kty: 'OKP', crv: 'Ed25519', kid: 'one', x: 'A'.repeat(43) } as const;
const OTHER_KEY = { ...KEY, kid: 'two', x: 'B'.repeat(43) } as const;

const drain = (id: string): DirectoryCommand => ({ kind: 'drain-cell', cell: id });
const resume = (id: string): DirectoryCommand => ({ kind: 'resume-cell', cell: id });
const retire = (id: string): DirectoryCommand => ({ kind: 'retire-cell', cell: id });

export const cellClauses = {
  'a new directory has nothing': async ({ directory }) => {
    expect(await directory.cells()).toEqual([]);
    expect(await directory.tenants({ limit: 10 })).toEqual({ items: [], next: null });
    expect(await directory.audit({ limit: 10 })).toEqual({ items: [], next: null });
    expect(await directory.lookup('acme')).toEqual({ tenant: null, cells: [], revision: 0 });
  },

  'a cell is added active, and every client sees it': async ({ directory, other }) => {
    const added = { ...ALPHA, state: 'active', switches: 0, revision: 1 };
    expect(await directory.change(add(ALPHA), BY_OPS)).toEqual({
      status: 'applied',
      revision: 1,
      changes: [{ kind: 'cell', id: 'alpha', before: null, after: added }],
      movedTenants: 0,
      notes: [],
    });
    expect(await other.cells()).toEqual([{ cell: added, homes: 0, standbys: 0 }]);
  },

  'a cell with keys is added and moved only with a proof of its endpoint': async ({ directory, other }) => {
    const keyed = cell('alpha', { keys: [KEY] });
    const proof = { cell: 'alpha', endpoint: keyed.endpoint, keys: [KEY] };
    expect(await resultOf(directory, add(keyed))).toBe('endpoint_unproved');
    expect(await resultOf(directory, add(keyed), { proof: { ...proof, cell: 'beta' } })).toBe('endpoint_unproved');
    expect(await resultOf(directory, add(keyed), { proof })).toBe('applied');
    const moved = { ...keyed, endpoint: 'https://moved.example.com' };
    expect(await resultOf(directory, add(moved), { proof })).toBe('endpoint_unproved');
    expect(await resultOf(directory, add({ ...keyed, keys: [OTHER_KEY] }), { proof })).toBe('endpoint_unproved');
    expect(await resultOf(directory, add(ALPHA))).toBe('unchanged');
    expect(await resultOf(directory, add({ ...keyed, price: 2 }))).toBe('applied');
    expect(await resultOf(directory, add(moved), { proof: { ...proof, endpoint: moved.endpoint } })).toBe('applied');
    expect((await other.cells()).map(({ cell: { provedEndpoint } }) => provedEndpoint)).toEqual([moved.endpoint]);
  },

  'a proposed change waits for another actor, and is applied once': async ({ directory, other }) => {
    const outcome = await directory.change(add(ALPHA), { ...BY_OPS, propose: true });
    if (outcome.status !== 'proposed') throw new Error(JSON.stringify(outcome));
    expect(await directory.cells()).toEqual([]);
    const approve: DirectoryCommand = { kind: 'approve-change', proposal: outcome.proposal.id };
    expect(await resultOf(directory, approve)).toBe('own_proposal');
    expect(await resultOf(other, { ...approve, proposal: 99 }, { actor: 'ann' })).toBe('unknown_proposal');
    expect(await resultOf(other, approve, { actor: 'ann' })).toBe('applied');
    expect(await resultOf(other, approve, { actor: 'ann' })).toBe('unknown_proposal');
    expect((await directory.cells()).map(({ cell: { id } }) => id)).toEqual(['alpha']);
    const { items } = await directory.audit({ limit: 10 });
    expect(items.map(({ outcome: result, actor, approves }) => [result, actor, approves])).toEqual([
      ['applied', 'ann', outcome.proposal.id],
      ['proposed', BY_OPS.actor, undefined],
    ]);
  },

  'cells are listed by id with the tenants that depend on them': async ({ directory }) => {
    await apply(directory, add(GAMMA), add(BETA), add(ALPHA));
    await apply(
      directory,
      tenant('t1', { cell: 'alpha', standby: 'beta' }),
      tenant('t2', { cell: 'alpha', standby: null }),
    );
    await apply(directory, tenant('t3', { cell: 'beta', standby: 'alpha' }));
    const rows = (await directory.cells()).map(({ cell: { id }, homes, standbys }) => [id, homes, standbys]);
    expect(rows).toEqual([
      ['alpha', 2, 1],
      ['beta', 1, 1],
      ['gamma', 0, 0],
    ]);
  },

  'adding a cell again changes nothing, or what may change of it': async ({ directory }) => {
    await apply(directory, add(ALPHA), tenant('acme'));
    expect(await resultOf(directory, add(ALPHA))).toBe('unchanged');
    const changed = {
      ...ALPHA,
      endpoint: 'https://new.example.com',
      capacity: 0,
      price: 2.5,
      failover: 'never',
    } as const;
    const outcome = await apply(directory, add(changed));
    expect(outcome.notes).toEqual(['alpha has 1 tenant already, more than its capacity of 0.']);
    expect((await directory.cells())[0]?.cell).toEqual({ ...changed, state: 'active', switches: 0, revision: 3 });
    for (const other of [{ cloud: 'azure' }, { region: 'eu-west-1' }, { jurisdiction: 'us' }] as const)
      expect(await resultOf(directory, add({ ...ALPHA, ...other }))).toBe('cell_exists');
  },

  'a draining cell keeps its tenants and takes no new tenants until it is resumed': async ({ directory }) => {
    await apply(directory, add(ALPHA), add(BETA), tenant('acme', { cell: 'alpha', standby: 'beta' }), drain('alpha'));
    expect(await resultOf(directory, drain('alpha'))).toBe('unchanged');
    expect(await servedBy(directory, 'acme')).toBe('alpha@1');
    expect(await resultOf(directory, tenant('new', { cell: 'alpha' }))).toBe('cell_not_active');
    expect(await resultOf(directory, tenant('new', { cell: 'beta', standby: 'alpha' }))).toBe('cell_not_active');
    await apply(directory, resume('alpha'));
    expect(await resultOf(directory, resume('alpha'))).toBe('unchanged');
    await apply(directory, tenant('new', { cell: 'alpha', standby: 'beta' }));
  },

  'a cell without tenants is retired for good': async ({ directory }) => {
    await apply(directory, add(ALPHA), add(BETA), add(GAMMA), tenant('acme', { cell: 'alpha', standby: 'beta' }));
    expect(await resultOf(directory, retire('alpha'))).toBe('cell_not_empty');
    expect(await resultOf(directory, retire('beta'))).toBe('cell_not_empty');
    await apply(directory, retire('gamma'));
    expect(await resultOf(directory, retire('gamma'))).toBe('unchanged');
    const asked: DirectoryCommand[] = [
      add(GAMMA),
      drain('gamma'),
      resume('gamma'),
      failOver('gamma'),
      { kind: 'fail-back', cell: 'gamma' },
      tenant('new', { cell: 'gamma' }),
      { kind: 'place-tenant', tenant: 'acme', standby: 'gamma' },
    ];
    for (const command of asked)
      expect([command.kind, await resultOf(directory, command)]).toEqual([command.kind, 'cell_retired']);
  },

  'a cell that holds events is retired only if they may go out of reach': async ({ directory }) => {
    await apply(directory, add(ALPHA), add(BETA));
    const holdings = { ...EMPTY, alpha: 'it holds events of acme' };
    expect(await directory.change(retire('alpha'), { ...BY_OPS, holdings })).toEqual({
      status: 'refused',
      code: 'cell_has_data',
      detail: 'What it holds would be out of reach. alpha: it holds events of acme. To leave it there, say leaveData.',
    });
    expect(await resultOf(directory, retire('beta'), { holdings: {} })).toBe('cell_has_data');
    await apply(directory, retire('beta'));
    const deliberate = { ...retire('alpha'), leaveData: true } as DirectoryCommand;
    expect(await directory.change(deliberate, { ...BY_OPS, holdings })).toMatchObject({
      status: 'applied',
      notes: ['What is left is out of reach from now on. alpha: it holds events of acme.'],
    });
  },

  'a cell that is not there is refused by name': async ({ directory }) => {
    for (const kind of ['drain-cell', 'resume-cell', 'retire-cell', 'fail-over', 'fail-back'] as const)
      expect(await directory.change({ kind, cell: 'nowhere' }, BY_OPS)).toEqual({
        status: 'refused',
        code: 'unknown_cell',
        detail: 'There is no cell nowhere.',
      });
  },

  'a cell that is down is neither drained nor resumed, and comes back as it was': async ({ directory }) => {
    await apply(directory, add(ALPHA), drain('alpha'), failOver('alpha'));
    expect(await resultOf(directory, drain('alpha'))).toBe('cell_down');
    expect(await resultOf(directory, resume('alpha'))).toBe('cell_down');
    await apply(directory, { kind: 'fail-back', cell: 'alpha' });
    expect((await directory.cells())[0]?.cell).toEqual({ ...ALPHA, state: 'draining', switches: 2, revision: 4 });
  },

  'a dry run reports what would change, and changes nothing': async ({ directory }) => {
    await apply(directory, add(ALPHA));
    const intent = { ...BY_OPS, dryRun: true };
    expect(await directory.change(add(BETA), intent)).toMatchObject({
      status: 'previewed',
      revision: 1,
      changes: [{ id: 'beta' }],
    });
    expect(await resultOf(directory, add(ALPHA), intent)).toBe('unchanged');
    expect(await resultOf(directory, drain('beta'), intent)).toBe('unknown_cell');
    expect((await directory.cells()).map(({ cell: { id } }) => id)).toEqual(['alpha']);
    expect((await directory.audit({ limit: 10 })).items).toHaveLength(1);
  },

  'a command for another revision is refused': async ({ directory }) => {
    await apply(directory, add(ALPHA));
    for (const ifRevision of [0, 2])
      expect(await resultOf(directory, add(BETA), { ifRevision })).toBe('changed_meanwhile');
    expect(await resultOf(directory, add(BETA), { ifRevision: 1 })).toBe('applied');
  },

  'hostile commands are refused, with the field that is wrong': async ({ directory }) => {
    const wrong: [unknown, string][] = [
      [{ kind: 'drop-everything' }, 'kind'],
      [{ kind: 'toString' }, 'kind'],
      [{ kind: 'drain-cell' }, 'cell'],
      [{ kind: 'drain-cell', cell: "a'; DROP TABLE cells; --" }, 'cell'],
      [{ kind: 'drain-cell', cell: 'ALPHA' }, 'cell'],
      [{ kind: 'drain-cell', cell: 'alpha', force: true }, 'force'],
      [{ kind: 'add-cell', cell: null }, 'cell'],
      [add(cell('edge')), 'cell.id'],
      [add(cell('a'.repeat(64))), 'cell.id'],
      [add(cell('é')), 'cell.id'],
      [add(cell('x', { cloud: 'gcp' as 'aws' })), 'cell.cloud'],
      [add(cell('x', { jurisdiction: 'any' })), 'cell.jurisdiction'],
      [add(cell('x', { capacity: 1.5 })), 'cell.capacity'],
      [add(cell('x', { capacity: -1 })), 'cell.capacity'],
      [add(cell('x', { price: '1' as unknown as number })), 'cell.price'],
      [add(cell('x', { endpoint: 'https://x.example.com/path' })), 'cell.endpoint'],
      [add(cell('x', { endpoint: 'https://user@x.example.com' })), 'cell.endpoint'],
      [add(cell('x', { endpoint: 'http://x.example.com' })), 'cell.endpoint'],
      [add(cell('x', { endpoint: 'javascript:alert(1)' })), 'cell.endpoint'],
      [{ ...tenant('x'), tier: 'gold' }, 'tier'],
      [tenant('../x'), 'tenant'],
      [tenant('x', { standby: '' }), 'standby'],
      [{ kind: 'place-tenant', tenant: 'x' }, 'cell'],
      [{ kind: 'fail-over', cell: 'x', partial: 'yes' }, 'partial'],
    ];
    for (const [command, field] of wrong) {
      const outcome = await directory.change(command as DirectoryCommand, BY_OPS);
      expect(outcome).toMatchObject({ status: 'refused', code: 'invalid_command' });
      expect([command, 'detail' in outcome && outcome.detail.split(':')[0]]).toEqual([command, field]);
    }
    for (const [intent, field] of [
      [{ actor: '' }, 'actor'],
      [{ actor: 'a\nb' }, 'actor'],
      [{ reason: ' ' }, 'reason'],
      [{ reason: 'é'.repeat(501) }, 'reason'],
      [{ ifRevision: -1 }, 'ifRevision'],
    ] as const)
      expect(await directory.change(add(ALPHA), { ...BY_OPS, ...intent })).toMatchObject({
        code: 'invalid_command',
        detail: expect.stringMatching(`^${field}: `),
      });
    expect(await directory.audit({ limit: 10 })).toEqual({ items: [], next: null });
  },

  'names that other things have, too, are names': async ({ directory }) => {
    for (const id of ['constructor', '-', '0', 'null', 'x'.repeat(63)]) {
      expect(await directory.lookup(id)).toMatchObject({ tenant: null, cells: [] });
      await apply(directory, add(cell(id, { region: `r-${id}`.slice(0, 63) })));
      await apply(directory, tenant(id, { cell: id, standby: null }));
      expect(await servedBy(directory, id)).toBe(`${id}@1`);
    }
    for (const id of ['__proto__', '', 'a/b', "' OR 1=1", '\0', 'A'])
      expect(await directory.lookup(id)).toMatchObject({ tenant: null, cells: [] });
  },
} satisfies Record<string, DirectoryClause>;
