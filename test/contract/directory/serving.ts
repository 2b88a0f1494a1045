// Clauses of the directory: no placement makes a cell serve a tenant without what it has stored, unless it says so.
import {
  ALPHA,
  add,
  apply,
  BETA,
  BY_OPS,
  type DirectoryClause,
  EMPTY,
  failBack,
  failOver,
  GAMMA,
  place,
  resultOf,
  servedBy,
  tenant,
} from './harness.ts';

const HELD = 'it holds events of acme';

export const servingClauses = {
  'another standby while the home is down is another serving cell': async ({ directory }) => {
    await apply(directory, add(ALPHA), add(BETA), add(GAMMA), tenant('acme'), failOver('alpha'));
    expect(await resultOf(directory, place('acme', { standby: null }))).toBe('standby_unavailable');
    expect((await apply(directory, place('acme', { standby: 'gamma' }))).movedTenants).toBe(1);
    expect(await servedBy(directory, 'acme')).toBe('gamma@1:2');
    await apply(directory, failBack('alpha'));
    expect(await servedBy(directory, 'acme')).toBe('alpha@1:3');
  },

  'another standby does not serve in place of a home that is down, without what the tenant has stored': async ({
    directory,
  }) => {
    await apply(directory, add(ALPHA), add(BETA), add(GAMMA), tenant('acme'), failOver('alpha'));
    const away = place('acme', { standby: 'gamma' });
    // The standby has all that the home has; but neither would serve.
    const holdings = { ...EMPTY, alpha: HELD };
    expect(await directory.change(away, { ...BY_OPS, holdings })).toEqual({
      status: 'refused',
      code: 'tenant_has_data',
      detail:
        'gamma would serve acme at once, as its home alpha is down, and without what acme has stored. alpha: it holds events of acme. Fail alpha back first (npx polycell failover back alpha); or, if it is lost for good, make beta the home, with what has come to it (npx polycell tenants place acme --cell beta --standby gamma --leave-data). To serve acme without its data, say leaveData.',
    });
    expect(await resultOf(directory, away, { holdings: { ...EMPTY, beta: HELD } })).toBe('tenant_has_data');
    // A cell that was not asked may hold anything.
    expect(await resultOf(directory, away, { holdings: { beta: null } })).toBe('tenant_has_data');
    expect(await servedBy(directory, 'acme')).toBe('beta@2');
    const outcome = await directory.change(place('acme', { standby: 'gamma', leaveData: true }), {
      ...BY_OPS,
      holdings,
    });
    expect(outcome).toMatchObject({
      status: 'applied',
      movedTenants: 1,
      notes: ['What acme has stored stays behind. alpha: it holds events of acme.'],
    });
    expect(await servedBy(directory, 'acme')).toBe('gamma@1:2');
  },

  'nor does the first standby of a tenant whose home is down': async ({ directory }) => {
    await apply(
      directory,
      ...[add(ALPHA), add(BETA), add(GAMMA)],
      ...[tenant('acme', { cell: 'alpha', standby: null }), tenant('globex', { cell: 'alpha', standby: 'gamma' })],
    );
    await apply(directory, { kind: 'fail-over', cell: 'alpha', partial: true });
    const holdings = { ...EMPTY, alpha: HELD };
    const outcome = await directory.change(place('acme', { standby: 'beta' }), { ...BY_OPS, holdings });
    expect(outcome).toEqual({
      status: 'refused',
      code: 'tenant_has_data',
      detail:
        'beta would serve acme at once, as its home alpha is down, and without what acme has stored. alpha: it holds events of acme. Fail alpha back first (npx polycell failover back alpha). To serve acme without its data, say leaveData.',
    });
    // Beside a home that serves it gets what that has.
    await apply(directory, failBack('alpha'), place('acme', { standby: 'beta' }));
    expect(await servedBy(directory, 'acme')).toBe('alpha@1:3');
  },

  'the home of a tenant that is failed over may become its standby’s, with another standby': async ({ directory }) => {
    await apply(directory, add(ALPHA), add(BETA), add(GAMMA), tenant('acme'), failOver('alpha'));
    const holdings = { ...EMPTY, beta: HELD };
    const swap = place('acme', { cell: 'beta', standby: 'gamma' });
    expect(await resultOf(directory, swap, { holdings })).toBe('applied');
    expect(await servedBy(directory, 'acme')).toBe('beta@1:1');
  },
} satisfies Record<string, DirectoryClause>;
