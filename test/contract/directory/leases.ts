// Clauses of the directory contract about leases: who gets one, and from when on a successor does.
import { LEASE } from '../../../core/cell/lease.ts';
import type { Directory } from '../../../core/edge/ports/directory.ts';
import { type Cell, epochOf, type Tenant } from '../../../core/edge/ports/directory-model.ts';
import type { PublicKey } from '../../../core/ports/keys.ts';
import { ALPHA, apply, BETA, BY_OPS, type DirectoryClause, GAMMA, tenant } from './harness.ts';

const key = (kid: string): PublicKey => ({
  kty: 'OKP',
  crv: 'Ed25519',
  kid,
  x: Buffer.from(kid.padEnd(32, '.')).toString('base64url'),
});

/** Adds cells with a key that bears their name. */
async function addCells(directory: Directory, ...cells: readonly (typeof ALPHA)[]): Promise<void> {
  for (const cell of cells) {
    const keys = [key(cell.id)];
    const proof = { cell: cell.id, endpoint: cell.endpoint, keys };
    const outcome = await directory.change({ kind: 'add-cell', cell: { ...cell, keys } }, { ...BY_OPS, proof });
    expect(outcome.status).toBe('applied');
  }
}

/** What the answer to a cell says of some tenants, or `refused`. */
async function asks(directory: Directory, cell: string, ...tenants: readonly string[]): Promise<string> {
  const outcome = await directory.lease({ cell, key: key(cell), tenants });
  return outcome.status === 'refused' ? 'refused' : tenants.map((each) => outcome.answers[each]).join(' ');
}

const effectsFrom = async (directory: Directory, id: string): Promise<number> => {
  const { tenant: found, cells } = await directory.lookup(id);
  const home = cells.find((cell) => cell.id === found?.cell) as Cell;
  return Math.max((found as Tenant).effectsFrom ?? 0, home.effectsFrom ?? 0);
};

/** The longest that a successor waits, with the step in which ends are recorded. */
const LONGEST_MS = LEASE.durationMs + LEASE.stepMs + LEASE.skewMs + LEASE.effectMs;

export const leaseClauses = {
  'a cell gets the lease of the tenants that it serves, and of no others': async ({ directory }) => {
    await addCells(directory, ALPHA, BETA);
    await apply(
      directory,
      tenant('acme', { cell: 'alpha', standby: 'beta' }),
      tenant('globex', { cell: 'beta', standby: 'alpha' }),
      tenant('alone', { cell: 'alpha', standby: null }),
    );
    expect(await asks(directory, 'alpha', 'acme', 'globex', 'alone', 'nobody')).toBe(
      'granted elsewhere free elsewhere',
    );
    expect(await asks(directory, 'beta', 'acme', 'globex')).toBe('elsewhere granted');
  },

  'a lease that is granted says under which epoch, which each change of the serving cell raises': async ({
    directory,
  }) => {
    await addCells(directory, ALPHA, BETA);
    await apply(
      directory,
      tenant('acme', { cell: 'alpha', standby: 'beta' }),
      tenant('alone', { cell: 'beta', standby: null }),
    );
    const epochs = async (cell: string) => {
      const outcome = await directory.lease({ cell, key: key(cell), tenants: ['acme', 'alone', 'unknown'] });
      return outcome.status === 'refused' ? 'refused' : outcome.epochs;
    };
    const current = async (home: string) => {
      const { tenant: found, cells } = await directory.lookup('acme');
      return epochOf(found as Tenant, cells.find(({ id }) => id === home) as Cell);
    };
    const before = await current('alpha');
    await apply(directory, { kind: 'fail-over', cell: 'alpha' });
    expect(await current('alpha')).toBe(before + 1);
    expect([await epochs('beta'), await epochs('alpha')]).toEqual([{ acme: before + 1 }, {}]);
    await apply(directory, { kind: 'fail-back', cell: 'alpha' });
    // It waits, and has no lease yet.
    expect([await epochs('beta'), await epochs('alpha')]).toEqual([{}, {}]);
  },

  'only a key of the cell is believed, and a cell without keys is as free as in earlier versions': async ({
    directory,
  }) => {
    await addCells(directory, ALPHA);
    await apply(directory, { kind: 'add-cell', cell: BETA }, tenant('acme', { cell: 'alpha', standby: 'beta' }));
    const as = async (cell: string, by: PublicKey | null) => {
      const outcome = await directory.lease({ cell, key: by, tenants: ['acme'] });
      return outcome.status === 'refused' ? 'refused' : outcome.answers.acme;
    };
    expect([await as('alpha', key('other')), await as('alpha', { ...key('alpha'), x: 'another' })]).toEqual(
      Array(2).fill('refused'),
    );
    expect([await as('alpha', null), await as('beta', key('beta')), await as('gone', null)]).toEqual(
      Array(3).fill('refused'),
    );
    expect([await as('alpha', key('alpha')), await as('beta', null)]).toEqual(['granted', 'free']);
  },

  'after a failover the standby waits for the lease that the home had, also after a restart': async (harness) => {
    const { directory, other } = harness;
    await addCells(directory, ALPHA, BETA);
    await apply(directory, tenant('acme', { cell: 'alpha', standby: 'beta' }));
    expect(await asks(directory, 'alpha', 'acme')).toBe('granted');
    const { changes } = await apply(directory, { kind: 'fail-over', cell: 'alpha' });
    const from = await effectsFrom(directory, 'acme');
    // For readers of the audit log.
    expect(changes).toMatchObject([{ after: { id: 'alpha', effectsFrom: from } }]);
    await harness.restart();
    expect([await asks(other, 'beta', 'acme'), await asks(other, 'alpha', 'acme')]).toEqual(['waits', 'elsewhere']);
    expect(await effectsFrom(other, 'acme')).toBe(from);
    const { changes: back } = await apply(other, { kind: 'fail-back', cell: 'alpha' });
    // Beta has got none in between.
    expect(back).toMatchObject([{ after: { id: 'alpha', effectsFrom: from } }]);
  },

  'without a lease there is nothing to wait for': async ({ directory }) => {
    await addCells(directory, ALPHA, BETA);
    await apply(directory, tenant('acme', { cell: 'alpha', standby: 'beta' }), { kind: 'fail-over', cell: 'alpha' });
    expect([await effectsFrom(directory, 'acme'), await asks(directory, 'beta', 'acme')]).toEqual([0, 'granted']);
  },

  'the home waits for its standbys after a failback': async ({ directory }) => {
    await addCells(directory, ALPHA, BETA);
    await apply(directory, tenant('acme', { cell: 'alpha', standby: 'beta' }), { kind: 'fail-over', cell: 'alpha' });
    expect(await asks(directory, 'beta', 'acme')).toBe('granted');
    await apply(directory, { kind: 'fail-back', cell: 'alpha' });
    expect(await asks(directory, 'alpha', 'acme')).toBe('waits');
  },

  'a tenant that is placed elsewhere waits for its former cell, and its neighbours do not': async ({ directory }) => {
    await addCells(directory, ALPHA, BETA, GAMMA);
    await apply(
      directory,
      tenant('acme', { cell: 'alpha', standby: 'beta' }),
      tenant('globex', { cell: 'alpha', standby: 'beta' }),
    );
    expect(await asks(directory, 'alpha', 'acme', 'globex')).toBe('granted granted');
    await apply(directory, { kind: 'place-tenant', tenant: 'acme', cell: 'gamma' });
    expect([await asks(directory, 'gamma', 'acme'), await asks(directory, 'alpha', 'acme', 'globex')]).toEqual([
      'waits',
      'elsewhere granted',
    ]);
    const from = await effectsFrom(directory, 'acme');
    // A new standby moves no effect.
    await apply(directory, { kind: 'place-tenant', tenant: 'acme', standby: 'alpha' });
    expect(await effectsFrom(directory, 'acme')).toBe(from);
    await apply(directory, { kind: 'place-tenant', tenant: 'globex', standby: 'gamma' });
    expect([await effectsFrom(directory, 'globex'), await asks(directory, 'alpha', 'globex')]).toEqual([0, 'granted']);
  },

  'what was unserved in between is still waited for': async ({ directory }) => {
    await addCells(directory, ALPHA, BETA, GAMMA);
    await apply(
      directory,
      tenant('acme', { cell: 'alpha', standby: 'beta' }),
      tenant('other', { cell: 'beta', standby: 'gamma' }),
      { kind: 'fail-over', cell: 'alpha' },
    );
    expect(await asks(directory, 'beta', 'acme')).toBe('granted');
    await apply(
      directory,
      { kind: 'fail-over', cell: 'beta', partial: true },
      { kind: 'place-tenant', tenant: 'acme', standby: null },
      { kind: 'fail-back', cell: 'alpha' },
    );
    expect(await asks(directory, 'alpha', 'acme')).toBe('waits');
  },

  'a name that is used again waits for the tenant that had it': async ({ directory }) => {
    await addCells(directory, ALPHA, BETA);
    await apply(directory, tenant('acme', { cell: 'alpha', standby: 'beta' }));
    expect(await asks(directory, 'alpha', 'acme')).toBe('granted');
    await apply(
      directory,
      { kind: 'remove-tenant', tenant: 'acme', keepData: true },
      tenant('acme', { cell: 'beta', standby: 'alpha' }),
    );
    expect(await asks(directory, 'beta', 'acme')).toBe('waits');
  },

  'a preview says it and records nothing; no wait is longer than a lease and its reserves': async ({ directory }) => {
    await addCells(directory, ALPHA, BETA);
    await apply(directory, tenant('acme', { cell: 'alpha', standby: 'beta' }));
    expect(await asks(directory, 'alpha', 'acme')).toBe('granted');
    const preview = await directory.change({ kind: 'fail-over', cell: 'alpha' }, { ...BY_OPS, dryRun: true });
    expect(preview).toMatchObject({ status: 'previewed', changes: [{ after: { effectsFrom: expect.any(Number) } }] });
    expect([await effectsFrom(directory, 'acme'), await asks(directory, 'alpha', 'acme')]).toEqual([0, 'granted']);
    await apply(directory, { kind: 'fail-over', cell: 'alpha' });
    const { at } = (await directory.audit({ limit: 1 })).items[0] ?? { at: '' };
    expect((await effectsFrom(directory, 'acme')) - Date.parse(at)).toBeLessThanOrEqual(LONGEST_MS);
  },
} satisfies Record<string, DirectoryClause>;
