// The tenants of a drill leave the directory however the drill ends.
import { DrillTenants } from '../../../cli/drill/tenants.ts';
import type { Cell } from '../../../core/edge/ports/directory-model.ts';
import { definition } from '../../support/cloud.ts';

const cell = (id: string, state: Cell['state'] = 'active'): Cell => ({
  ...definition(id),
  state,
  switches: 0,
  revision: 1,
});

/** A control plane that counts what it is asked for, and fails from a certain call on. */
function recorded({ failsAt = Number.POSITIVE_INFINITY, stuck = new Set<string>() } = {}) {
  const directory = new Set<string>();
  const said: string[] = [];
  const control = {
    ensureTenant: async (id: string) => {
      directory.add(id);
      if (directory.size >= failsAt) throw new Error('The answer was lost.');
    },
    removeTenant: async (id: string) => {
      if (stuck.has(id)) throw new Error('The edge does not answer.');
      directory.delete(id);
    },
  };
  return { directory, said, tenants: new DrillTenants(control, (what) => said.push(what)) };
}

test('as many as wanted are made in the struck cell and a few elsewhere, and all are removed', async () => {
  const { directory, said, tenants } = recorded();
  const homes = await tenants.prepare([cell('a'), cell('b'), cell('c', 'draining')], new Set(['a']), {
    tenants: 5,
    kind: 'cell-loss',
  });
  expect([...homes.values()].filter((home) => home === 'a')).toHaveLength(5);
  expect([...homes.values()].filter((home) => home === 'b')).toHaveLength(3);
  expect([...directory]).toEqual([...homes.keys()]);
  await tenants.remove();
  expect([...directory]).toEqual([]);
  expect(said).toEqual(['8 tenants, drill-…, in 2 cells']);
});

test('one whose making failed is removed with those before it', async () => {
  const { directory, tenants } = recorded({ failsAt: 2 });
  const making = tenants.prepare([cell('a')], new Set(['a']), { tenants: 5, kind: 'cell-loss' });
  await expect(making).rejects.toThrow('The answer was lost.');
  expect([...directory]).toEqual(['drill-a-1', 'drill-a-2']);
  await tenants.remove();
  expect([...directory]).toEqual([]);
});

test('without an edge that answers, those that stay are said, and nothing else fails', async () => {
  const { directory, said, tenants } = recorded({ stuck: new Set(['drill-a-2']) });
  await tenants.prepare([cell('a')], new Set(['a']), { tenants: 3, kind: 'cell-loss' });
  await tenants.remove();
  expect([...directory]).toEqual(['drill-a-2', 'drill-a-3']);
  expect(said.at(-1)).toBe(
    '2 tenants stay in the directory, from drill-a-2 on: The edge does not answer. Remove each with npx polycell tenants remove TENANT --keep-data',
  );
});
