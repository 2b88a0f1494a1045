// Clauses of the directory: what a tenant's standby makes of the events that it gets.
import type { DirectoryCommand, StandbyMode } from '../../../core/edge/ports/directory-model.ts';
import { ALPHA, add, apply, BETA, type DirectoryClause, resultOf, servedBy, tenant } from './harness.ts';

const set = (standbyMode: StandbyMode, id = 'acme'): DirectoryCommand => ({
  kind: 'set-standby-mode',
  tenant: id,
  standbyMode,
});

export const standbyModeClauses = {
  'a standby is warm unless its tenant says otherwise, and another mode is another assignment': async ({
    directory,
  }) => {
    await apply(directory, add(ALPHA), add(BETA), tenant('acme', { cell: 'alpha', standby: 'beta' }));
    expect((await directory.lookup('acme')).tenant).not.toHaveProperty('standbyMode');
    expect(await resultOf(directory, set('warm'))).toBe('unchanged');
    const outcome = await apply(directory, set('log-only'));
    expect(outcome).toMatchObject({ movedTenants: 0, notes: [], changes: [{ after: { standbyMode: 'log-only' } }] });
    expect(await servedBy(directory, 'acme')).toBe('alpha@1:1');
    expect(await resultOf(directory, set('log-only'))).toBe('unchanged');
    // It is the tenant’s, whichever cells it has.
    await apply(directory, { kind: 'fail-over', cell: 'alpha' });
    expect((await directory.lookup('acme')).tenant?.standbyMode).toBe('log-only');
    await apply(directory, set('warm'));
    expect(await servedBy(directory, 'acme')).toBe('beta@2:2');
  },

  'a tenant is added with a log-only standby, and the same command again changes nothing': async ({ directory }) => {
    const added: DirectoryCommand = {
      ...{ kind: 'add-tenant', tenant: 'acme', residency: 'eu', tier: 'standard', cell: 'alpha', standby: null },
      standbyMode: 'log-only',
    };
    await apply(directory, add(ALPHA), added);
    expect(await resultOf(directory, added)).toBe('unchanged');
    expect(await resultOf(directory, { ...added, standbyMode: 'warm' })).toBe('tenant_exists');
    const outcome = await apply(directory, set('warm'));
    expect(outcome.notes).toEqual(['acme has no standby now; this is for the next one.']);
  },

  'a mode that there is not, and a tenant that there is not, are refused': async ({ directory }) => {
    expect(await resultOf(directory, set('cold' as StandbyMode))).toBe('invalid_command');
    expect(await resultOf(directory, set('warm'))).toBe('unknown_tenant');
  },
} satisfies Record<string, DirectoryClause>;
