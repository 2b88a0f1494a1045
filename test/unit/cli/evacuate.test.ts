// Evacuating a cell from a revision on: each step carries that of the one before, and a change in between ends it.

import { RefusedError } from '../../../cli/command.ts';
import type { ActionContext } from '../../../cli/directory.ts';
import type { Control } from '../../../cli/edge/edge-client.ts';
import { evacuate } from '../../../cli/evacuate.ts';

const TENANTS = [
  { id: 'acme', cell: 'a', standby: 'b' },
  { id: 'globex', cell: 'b', standby: 'a' },
  { id: 'initech', cell: 'b', standby: 'c' },
];

/** A directory at revision 5 whose changes each take one revision; `before` is called ahead of each change. */
function evacuating(
  options: ActionContext['options'],
  before: (what: string, change: () => void) => void = () => undefined,
) {
  let revision = 5;
  const asked: string[] = [];
  const lines: string[] = [];
  const context: ActionContext = {
    connection: {
      where: 'a test',
      isProtected: true,
      control: () => Promise.reject(new Error()),
      target: () => Promise.reject(new Error()),
    },
    positionals: [],
    arguments: ['a'],
    commandLine: 'evacuate',
    json: false,
    options,
    out: (line) => lines.push(line),
    err: (line) => lines.push(line),
    control: (async (method: string, what: string) => {
      if (method === 'GET')
        return {
          items: what === 'cells' ? ['a', 'b', 'c'].map((id) => ({ id, state: 'active' })) : TENANTS,
          next: null,
        };
      before(what, () => {
        revision += 1;
      });
      asked.push(what);
      const query = new URLSearchParams(what.split('?')[1]);
      const wanted = query.get('ifRevision');
      if (wanted !== null && Number(wanted) !== revision)
        throw new RefusedError('It has changed.', 'changed_meanwhile');
      if (query.get('dryRun') !== '1') revision += 1;
      return { status: 'applied', revision, changes: [], movedTenants: 0, notes: [] };
    }) as Control,
  };
  return { done: evacuate(context), asked, lines };
}

test('each step carries the revision that the one before has made', async () => {
  const { done, asked } = evacuating({ yes: true, 'if-revision': '5' });
  expect(await done).toBe(0);
  expect(asked).toEqual([
    'cells/a/drain?ifRevision=5',
    'tenants/acme/place?ifRevision=6',
    'tenants/globex/place?ifRevision=7',
  ]);
});

test('a change in between ends the command', async () => {
  const { done, asked } = evacuating({ yes: true, 'if-revision': '5' }, (what, change) => {
    if (what.startsWith('tenants/globex')) change();
  });
  await expect(done).rejects.toThrow('It has changed.');
  expect(asked).toHaveLength(3);
});

test('a preview is of one revision, which it shows', async () => {
  const { done, asked, lines } = evacuating({ 'dry-run': true });
  expect(await done).toBe(0);
  expect(asked).toEqual([
    'cells/a/drain?dryRun=1',
    'tenants/acme/place?dryRun=1&ifRevision=5',
    'tenants/globex/place?dryRun=1&ifRevision=5',
  ]);
  expect(lines.at(-1)).toBe('2 would move at revision 5, 0 left at a.');
});

test('a tenant whose events would stay behind stays, with the command that takes them along', async () => {
  const { done, lines } = evacuating({ yes: true, 'if-revision': '5' }, (what) => {
    if (what.includes('acme')) throw new RefusedError('What acme has stored would stay behind.', 'tenant_has_data');
  });
  expect(await done).toBe(1);
  expect(lines.join('\n')).toMatch(
    /acme stays: .*stay behind\. .*--leave-data\. To take it along: npx polycell tenants move acme --to CELL/,
  );
});
