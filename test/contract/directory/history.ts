// Clauses of the directory: what is kept, what is listed page by page, and what holds when several write or something fails.
import { DIRECTORY_PAGE } from '../../../core/edge/ports/directory.ts';
import { codeOf, times } from '../contract.ts';
import {
  ALPHA,
  add,
  apply,
  BETA,
  BY_OPS,
  type DirectoryClause,
  faultsOf,
  GAMMA,
  readAll,
  readTenants,
  resultOf,
  servedBy,
  tenant,
} from './harness.ts';

const name = (index: number): string => `t-${String(index).padStart(5, '0')}`;

export const historyClauses = {
  'acknowledged changes survive the end of the process': async (harness) => {
    const { directory } = harness;
    await apply(directory, add(ALPHA), add(BETA), tenant('acme'), { kind: 'fail-over', cell: 'alpha' });
    const before = [await directory.cells(), await directory.lookup('acme'), await directory.audit({ limit: 10 })];
    await harness.restart();
    expect([await directory.cells(), await directory.lookup('acme'), await directory.audit({ limit: 10 })]).toEqual(
      before,
    );
    expect((await apply(directory, { kind: 'fail-back', cell: 'alpha' })).revision).toBe(5);
    expect(await servedBy(directory, 'acme')).toBe('alpha@3');
  },

  'of administrators who start from one revision exactly one is heard': async ({ directory, other }) => {
    const { revision } = await apply(directory, add(ALPHA), add(BETA), add(GAMMA), tenant('acme'));
    const results = await Promise.all(
      times(10, (index) =>
        resultOf(
          index % 2 === 0 ? directory : other,
          { kind: 'place-tenant', tenant: 'acme', cell: index % 4 < 2 ? 'beta' : 'gamma' },
          { ifRevision: revision },
        ),
      ),
    );
    expect(results.filter((each) => each === 'applied')).toHaveLength(1);
    expect(results.filter((each) => each === 'changed_meanwhile')).toHaveLength(9);
    expect(await servedBy(directory, 'acme')).toMatch(/@1:1$/);
  },

  'concurrent changes have one order, which the audit log records without a gap': async ({ directory, other }) => {
    await apply(directory, add(ALPHA), add(BETA));
    const outcomes = await Promise.all(
      times(50, (index) => (index % 2 === 0 ? directory : other).change(tenant(name(index)), BY_OPS)),
    );
    const revisions = outcomes.map((outcome) => (outcome.status === 'applied' ? outcome.revision : 0));
    expect(revisions.sort((a, b) => a - b)).toEqual(times(50, (index) => index + 3));
    const entries = await readAll((cursor) => directory.audit({ limit: 7, ...(cursor !== undefined && { cursor }) }));
    expect(entries.map(({ revision }) => revision)).toEqual(times(52, (index) => 52 - index));
    expect((await directory.cells()).map(({ homes, standbys }) => homes + standbys)).toEqual([50, 50]);
  },

  'the capacity holds against many at the same time': async ({ directory, other }) => {
    await apply(directory, add({ ...ALPHA, capacity: 5 }));
    const results = await Promise.all(
      times(20, (index) =>
        resultOf(index % 2 === 0 ? directory : other, tenant(name(index), { cell: 'alpha', standby: null })),
      ),
    );
    expect(results.filter((each) => each === 'applied')).toHaveLength(5);
    expect(results.filter((each) => each === 'no_capacity')).toHaveLength(15);
  },

  'the audit log records actor, time, reason, before and after': async ({ directory }) => {
    await apply(directory, add(ALPHA));
    await directory.change(
      { kind: 'drain-cell', cell: 'alpha' },
      { actor: 'ops "Ö" <ops@example.com>', reason: "it's old; DROP TABLE audit; 🛠" },
    );
    const { items } = await directory.audit({ limit: 1 });
    const before = { ...ALPHA, state: 'active', switches: 0, revision: 1 };
    expect(items).toEqual([
      {
        revision: 2,
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        actor: 'ops "Ö" <ops@example.com>',
        reason: "it's old; DROP TABLE audit; 🛠",
        command: { kind: 'drain-cell', cell: 'alpha' },
        outcome: 'applied',
        changes: [{ kind: 'cell', id: 'alpha', before, after: { ...before, state: 'draining', revision: 2 } }],
      },
    ]);
  },

  'an erasure leaves a line for itself alone, once, and changes no record': async ({ directory }) => {
    await apply(directory, add(ALPHA));
    const until = '2026-11-21T07:41:02Z';
    const erase = { kind: 'erase-data', tenant: 'acme', erasure: 'e-1', scope: 'subject', until } as const;
    expect(await directory.change(erase, { ...BY_OPS, dryRun: true })).toMatchObject({ status: 'previewed' });
    expect(await apply(directory, erase)).toMatchObject({ revision: 2, changes: [] });
    expect(await directory.change(erase, BY_OPS)).toMatchObject({ status: 'unchanged', revision: 2 });
    expect(await apply(directory, { ...erase, erasure: 'e-2', scope: 'tenant' })).toMatchObject({ revision: 3 });
    const { items } = await directory.audit({ limit: 10 });
    expect(items.map(({ command }) => command.kind)).toEqual(['erase-data', 'erase-data', 'add-cell']);
    expect(items[1]).toMatchObject({ command: erase, outcome: 'applied', changes: [] });
    for (const fault of [{ erasure: 'a!b' }, { scope: 'all' as 'tenant' }, { until: 'now' }])
      expect(await directory.change({ ...erase, ...fault }, BY_OPS)).toMatchObject({ code: 'invalid_command' });
  },

  'refusals leave no line, but for the failovers that the monitor is refused: one for each state of things': async ({
    directory,
  }) => {
    await apply(directory, add(ALPHA), add(BETA), tenant('lone', { cell: 'alpha', standby: null }));
    const failOver = (actor: string) =>
      directory.change({ kind: 'fail-over', cell: 'alpha' }, { actor, reason: 'no answer for 5 s' });
    await failOver('ops');
    expect((await directory.audit({ limit: 10 })).items).toHaveLength(3);
    await failOver('monitor');
    await failOver('monitor');
    await directory.change({ kind: 'fail-over', cell: 'alpha' }, { actor: 'monitor', reason: 'test', dryRun: true });
    const { items } = await directory.audit({ limit: 10 });
    expect(items).toHaveLength(4);
    expect(items[0]).toEqual({
      revision: 3,
      at: expect.any(String),
      actor: 'monitor',
      reason: 'no answer for 5 s',
      command: { kind: 'fail-over', cell: 'alpha' },
      outcome: 'refused',
      refusal: {
        code: 'standby_unavailable',
        detail:
          'Unserved would be: 1 tenant of alpha without a standby. Ways out: give them another standby (npx polycell tenants place TENANT --standby CELL); or let them go unserved with --partial.',
      },
      changes: [],
    });
    await apply(directory, { kind: 'drain-cell', cell: 'beta' });
    await failOver('monitor');
    expect((await directory.audit({ limit: 10 })).items.map(({ outcome }) => outcome)).toEqual([
      'refused',
      'applied',
      'refused',
      'applied',
      'applied',
      'applied',
    ]);
  },

  'pages have neither gap nor repeat while others write': async ({ directory, other }) => {
    await apply(directory, add(ALPHA), add(BETA));
    for (const index of times(20, (each) => 2 * each)) await apply(directory, tenant(name(index), { cell: 'alpha' }));
    let added = 1;
    const listed = await readAll(
      (cursor) => directory.tenants({ cell: 'alpha', limit: 3, ...(cursor !== undefined && { cursor }) }),
      async () => {
        await apply(other, tenant(name(added), { cell: added % 4 === 1 ? 'alpha' : 'beta' }));
        added += 2;
      },
    );
    const ids = listed.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort());
    for (const index of times(20, (each) => 2 * each)) expect(ids).toContain(name(index));
    expect(listed.every(({ cell }) => cell === 'alpha')).toBe(true);
  },

  'a page that is just full is the last one if nothing follows': async ({ directory }) => {
    await apply(directory, add(ALPHA), ...times(4, (index) => tenant(name(index))));
    expect((await directory.tenants({ limit: 4 })).next).toBeNull();
    const { items, next } = await directory.tenants({ limit: 3 });
    expect(items.map(({ id }) => id)).toEqual(times(3, name));
    expect((await directory.tenants({ limit: 3, cursor: next ?? '' })).items.map(({ id }) => id)).toEqual([name(3)]);
    expect((await directory.audit({ limit: 5 })).next).toBeNull();
    expect(await directory.tenants({ cell: 'nowhere', limit: 1 })).toEqual({ items: [], next: null });
  },

  'foreign cursors and limits out of bounds are refused': async ({ directory }) => {
    await apply(directory, add(ALPHA), ...times(3, (index) => tenant(name(index), { cell: 'alpha' })));
    const cursor = (await directory.tenants({ cell: 'alpha', limit: 1 })).next ?? '';
    const auditCursor = (await directory.audit({ limit: 1 })).next ?? '';
    const codes = await Promise.all([
      codeOf(directory.tenants({ limit: 1, cursor })),
      codeOf(directory.tenants({ cell: 'beta', limit: 1, cursor })),
      codeOf(directory.tenants({ limit: 1, cursor: auditCursor })),
      codeOf(directory.tenants({ limit: 1, cursor: '' })),
      codeOf(directory.tenants({ limit: 1, cursor: "x' OR 1=1" })),
      codeOf(directory.audit({ limit: 1, cursor })),
      codeOf(directory.audit({ limit: 1, cursor: 'a.-1' })),
      codeOf(directory.audit({ limit: 1, cursor: `a.${'9'.repeat(17)}` })),
      ...[0, -1, 1.5, Number.NaN, DIRECTORY_PAGE + 1].flatMap((limit) => [
        codeOf(directory.tenants({ limit })),
        codeOf(directory.audit({ limit })),
      ]),
    ]);
    expect(new Set(codes)).toEqual(new Set(['invalid']));
    expect(await codeOf(directory.tenants({ limit: DIRECTORY_PAGE }))).toBe('none');
  },
} satisfies Record<string, DirectoryClause>;

/** What takes as many tenants as a directory has. */
export const sizeClauses = {
  'ten thousand tenants fail over by one record': async ({ directory, other, changeAll }) => {
    const many = 10_000;
    await apply(directory, add({ ...ALPHA, capacity: many }), add({ ...BETA, capacity: many }));
    for (let index = 0; index < many; index += 500) {
      const commands = times(500, (each) => tenant(name(index + each), { cell: 'alpha' }));
      const outcomes = await changeAll(commands, BY_OPS);
      expect(outcomes.every(({ status }) => status === 'applied')).toBe(true);
    }
    expect(await resultOf(directory, tenant('one-more', { cell: 'alpha' }))).toBe('no_capacity');
    const outcome = await apply(directory, { kind: 'fail-over', cell: 'alpha' });
    expect([outcome.changes.length, outcome.movedTenants]).toEqual([1, many]);
    expect(await servedBy(other, name(9_999))).toBe('beta@2');
    expect((await directory.cells()).map(({ homes, standbys }) => [homes, standbys])).toEqual([
      [many, 0],
      [0, many],
    ]);
    expect((await readTenants(other, { cell: 'alpha' })).map(({ id }) => id)).toEqual(times(many, name));
  },
} satisfies Record<string, DirectoryClause>;

export const faultClauses = {
  'a directory that does not answer is unavailable, and a change of unknown outcome': async (harness) => {
    const { directory, other } = harness;
    const faults = faultsOf(harness);
    faults.hang();
    expect(await codeOf(directory.lookup('acme'))).toBe('unavailable');
    expect(await codeOf(directory.cells())).toBe('unavailable');
    expect(await codeOf(directory.tenants({ limit: 1 }))).toBe('unavailable');
    expect(await codeOf(directory.audit({ limit: 1 }))).toBe('unavailable');
    expect(await codeOf(directory.change(add(ALPHA), BY_OPS))).toBe('unknown-outcome');
    expect(await other.cells()).toEqual([]);
    faults.heal();
    expect(await resultOf(directory, add(ALPHA))).toBe('applied');
  },

  'a change whose answer is lost may have been made, and is repeated without harm': async (harness) => {
    const { directory, other } = harness;
    const faults = faultsOf(harness);
    await apply(other, add(ALPHA), add(BETA), tenant('acme'));
    faults.loseAnswers();
    expect(await codeOf(directory.change({ kind: 'fail-over', cell: 'alpha' }, BY_OPS))).toBe('unknown-outcome');
    expect(await codeOf(directory.lookup('acme'))).toBe('unavailable');
    expect(await servedBy(other, 'acme')).toBe('beta@2');
    faults.heal();
    expect(await resultOf(directory, { kind: 'fail-over', cell: 'alpha' })).toBe('unchanged');
    expect(await servedBy(directory, 'acme')).toBe('beta@2');
  },

  'an object that has too much to do has not made the change': async (harness) => {
    const { directory, other } = harness;
    const faults = faultsOf(harness);
    faults.overload();
    expect(await codeOf(directory.change(add(ALPHA), BY_OPS))).toBe('unavailable');
    expect(await codeOf(directory.lookup('acme'))).toBe('unavailable');
    expect(await other.cells()).toEqual([]);
  },

  'a question to an object that is being moved is asked again': async (harness) => {
    const { directory, other } = harness;
    await apply(other, add(ALPHA), tenant('acme'));
    const faults = faultsOf(harness);
    faults.move(2);
    expect(await servedBy(directory, 'acme')).toBe('alpha@1');
    faults.move(3);
    expect(await codeOf(directory.lookup('acme'))).toBe('unavailable');
    faults.move(1);
    expect(await codeOf(directory.change(add(BETA), BY_OPS))).toBe('unknown-outcome');
    expect(await resultOf(directory, add(BETA))).toBe('applied');
  },
} satisfies Record<string, DirectoryClause>;
