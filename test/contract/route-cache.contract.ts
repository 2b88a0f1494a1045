// What every route cache promises, clause by clause; core/edge/ports/route-cache.ts says the same in words.

import type { Cell, DirectoryRecord, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { RouteCache } from '../../core/edge/ports/route-cache.ts';
import { type Clause, codeOf, type Exemptions, runContract, times } from './contract.ts';

/** Makes what lies between `cache` and its service fail. */
export interface RouteCacheFaults {
  disconnect(): Promise<void>;
  /** The service takes requests and answers none. */
  hang(): Promise<void>;
  /** The service refuses with this status. */
  refuse(status: number): Promise<void>;
  heal(): Promise<void>;
  /** Puts a text under a key, as another client of the service could. */
  putText(key: string, text: string): Promise<void>;
}

export interface RouteCacheHarness {
  /** A cache without the records of these clauses. */
  readonly cache: RouteCache;
  /** Distinct from those of other clauses, which may share a service. */
  readonly prefix: string;
  /** For adapters with a network. */
  readonly faults?: RouteCacheFaults;
  close(): Promise<void>;
}

function faultsOf({ faults }: RouteCacheHarness): RouteCacheFaults {
  if (faults === undefined) throw new TypeError('This clause needs a network that can fail.');
  return faults;
}

const cell = (id: string, revision = 1): Cell => ({
  id,
  cloud: 'azure',
  region: 'westeurope',
  jurisdiction: 'eu',
  endpoint: 'https://beta.example.com',
  capacity: 10,
  price: 0.5,
  failover: 'approve',
  state: 'down',
  switches: 7,
  returnsTo: 'draining',
  revision,
});

const tenant = (id: string, revision = 1): Tenant => ({
  id,
  cell: 'alpha',
  standby: null,
  epochBase: -4,
  residency: 'any',
  tier: 'premium',
  pinned: true,
  revision,
});

export const routeCacheClauses = {
  'a record that is not there is undefined': async ({ cache, prefix }) => {
    expect([await cache.tenant(`${prefix}-a`), await cache.cell(`${prefix}-a`)]).toEqual([undefined, undefined]);
  },

  'records are read as they were written, and a tenant is no cell': async ({ cache, prefix }) => {
    const id = `${prefix}-a`;
    await cache.put({ kind: 'tenant', value: tenant(id) });
    expect([await cache.tenant(id), await cache.cell(id)]).toEqual([tenant(id), undefined]);
    await cache.put({ kind: 'cell', value: cell(id) });
    expect([await cache.tenant(id), await cache.cell(id)]).toEqual([tenant(id), cell(id)]);
  },

  'the last one who writes a record decides': async ({ cache, prefix }) => {
    for (const revision of [5, 9, 7]) await cache.put({ kind: 'tenant', value: tenant(prefix, revision) });
    expect((await cache.tenant(prefix))?.revision).toBe(7);
  },

  'a removal deletes the tenant alone, and what was never there': async ({ cache, prefix }) => {
    const removal = (id: string): DirectoryRecord => ({
      kind: 'removed-tenant',
      value: { id, epochFloor: 9, effectsFrom: 0, revision: 2 },
    });
    await cache.put({ kind: 'tenant', value: tenant(prefix) });
    await cache.put({ kind: 'cell', value: cell(prefix) });
    await cache.put(removal(prefix));
    await cache.put(removal(`${prefix}-never`));
    expect([await cache.tenant(prefix), await cache.cell(prefix)]).toEqual([undefined, cell(prefix)]);
    await cache.put({ kind: 'tenant', value: tenant(prefix, 3) });
    expect(await cache.tenant(prefix)).toEqual(tenant(prefix, 3));
  },

  'any name is a name': async ({ cache, prefix }) => {
    const ids = ['constructor', 'null', '-', '0', 'x'.repeat(63)].map((id) => `${prefix}${id}`.slice(0, 63));
    for (const id of ids) await cache.put({ kind: 'tenant', value: tenant(id) });
    expect(await Promise.all(ids.map((id) => cache.tenant(id)))).toEqual(ids.map((id) => tenant(id)));
  },

  'many at the same time do not mix': async ({ cache, prefix }) => {
    const records: DirectoryRecord[] = times(40, (index) => ({
      kind: 'tenant',
      value: tenant(`${prefix}-${index}`, index),
    }));
    await Promise.all(records.map((record) => cache.put(record)));
    const found = await Promise.all(records.map(({ value }) => cache.tenant(value.id)));
    expect(found).toEqual(records.map(({ value }) => value));
  },
} satisfies Record<string, Clause<RouteCacheHarness>>;

export const routeCacheFaultClauses = {
  'a cache that does not answer is unavailable, and never empty': async (harness) => {
    const { cache, prefix } = harness;
    const faults = faultsOf(harness);
    for (const trouble of [
      () => faults.disconnect(),
      () => faults.hang(),
      () => faults.refuse(500),
      () => faults.refuse(503),
    ]) {
      await trouble();
      expect(await codeOf(cache.tenant(prefix))).toBe('unavailable');
      expect(await codeOf(cache.cell(prefix))).toBe('unavailable');
      expect(await codeOf(cache.put({ kind: 'cell', value: cell(prefix) }))).toBe('unavailable');
    }
    await faults.heal();
    await cache.put({ kind: 'cell', value: cell(prefix) });
    expect(await cache.cell(prefix)).toEqual(cell(prefix));
  },

  'errors of the service are mapped to their codes': async (harness) => {
    const { cache, prefix } = harness;
    const faults = faultsOf(harness);
    for (const [status, code] of [
      [429, 'throttled'],
      [413, 'too-large'],
      [403, 'denied'],
    ] as const) {
      await faults.refuse(status);
      expect(await codeOf(cache.put({ kind: 'cell', value: cell(prefix) }))).toBe(code);
    }
  },

  'something else under a record’s key is no record': async (harness) => {
    const { cache, prefix } = harness;
    const faults = faultsOf(harness);
    const foreign = [
      '',
      'no JSON',
      'null',
      '[]',
      '{}',
      JSON.stringify(tenant('another')),
      JSON.stringify({ id: prefix, revision: '1' }),
    ];
    for (const text of foreign) {
      await faults.putText(`tenant/${prefix}`, text);
      expect([text, await codeOf(cache.tenant(prefix))]).toEqual([text, 'misconfigured']);
    }
  },
} satisfies Record<string, Clause<RouteCacheHarness>>;

const clauses = { ...routeCacheClauses, ...routeCacheFaultClauses };

/** Runs every clause against one adapter. */
export function routeCacheContract(
  adapter: string,
  openHarness: () => RouteCacheHarness | Promise<RouteCacheHarness>,
  exempt: Exemptions<keyof typeof clauses, RouteCacheHarness> = {},
): void {
  runContract(`route cache contract: ${adapter}`, clauses, openHarness, exempt);
}
