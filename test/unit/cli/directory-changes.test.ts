// A change of the directory in one line: what a record does not say is shown as what it means.
import { describeChange } from '../../../cli/directory.ts';
import type { DirectoryChange } from '../../../core/edge/ports/directory-model.ts';

const tenant = { id: 'acme', cell: 'a', standby: 'b', revision: 1 };
const change = (before: object | null, after: object | null) =>
  describeChange({ kind: 'tenant', id: 'acme', before, after } as DirectoryChange);

test('what was not said before, and what is not said any more, has its value', () => {
  const logOnly = { ...tenant, standbyMode: 'log-only', revision: 2 };
  expect(change(tenant, logOnly)).toBe('tenant acme: standbyMode warm → log-only');
  expect(change(logOnly, tenant)).toBe('tenant acme: standbyMode log-only → warm');
  expect(change(tenant, { ...tenant, standbyMode: 'warm' })).toBe('tenant acme: ');
});

test('what is none is none, and what goes without a meaning is not shown', () => {
  expect(change({ ...tenant, effectsFrom: 7 }, { ...tenant, standby: null })).toBe('tenant acme: standby b → none');
  expect(change(null, { ...tenant, standby: null })).toBe('tenant acme added: cell a, standby none');
  expect(change(tenant, null)).toBe('tenant acme removed');
});
