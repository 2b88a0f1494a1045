// Evacuating a cell: tenants go with their events, some at a time; and what only assigns them carries the revision of the step before.

import { MemoryDirectoryStorage } from '../../../adapters/memory/memory-directory-storage.ts';
import { RefusedError, UserError } from '../../../cli/command.ts';
import type { ActionContext } from '../../../cli/directory.ts';
import type { Control } from '../../../cli/edge/edge-client.ts';
import { evacuate } from '../../../cli/evacuate.ts';
import { routeTokenSigner } from '../../../core/cell/route-token.ts';
import { holdingsQuestion } from '../../../core/edge/cells/holdings-question.ts';
import { createControlApi } from '../../../core/edge/control/control-api.ts';
import { createDirectory } from '../../../core/edge/directory/directory.ts';
import { createMover } from '../../../core/edge/mover/mover.ts';
import type { Mover } from '../../../core/edge/ports/mover.ts';
import { toEpochSeconds } from '../../../core/ports/clock.ts';
import { readAll } from '../../contract/store/harness.ts';
import { NO_DRILLS, NO_ERASURES, NO_KEYS, NOTHING_TO_BRING, OPERATOR, TRACE } from '../../support/control-api.ts';
import { candidate, measured } from '../../support/events.ts';
import { MemoryMonitorStorage } from '../../support/monitor-storage.ts';
import { RecordingLog } from '../../support/recording-log.ts';
import { EDGE_KEY } from '../../support/route-tokens.ts';
import { endpointOf, KEYS, tenantCells } from '../../support/tenant-cells.ts';

const TENANTS = [
  { id: 'acme', cell: 'a', standby: 'b' },
  { id: 'globex', cell: 'b', standby: 'a' },
  { id: 'initech', cell: 'b', standby: 'c' },
];

/** A directory at revision 5 whose changes each take one revision; `before` is called ahead of each change. */
function evacuating(
  given: ActionContext['options'],
  before: (what: string, change: () => void) => void = () => undefined,
  tenants: readonly object[] = TENANTS,
) {
  const options = { 'leave-data': true, ...given };
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
          items: what === 'cells' ? ['a', 'b', 'c'].map((id) => ({ id, state: 'active' })) : tenants,
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

test('a tenant that cannot be assigned to another cell stays, and the answer says why', async () => {
  const { done, lines } = evacuating({ yes: true, 'if-revision': '5' }, (what) => {
    if (what.includes('globex')) throw new RefusedError('What globex has stored would stay behind.', 'tenant_has_data');
  });
  expect(await done).toBe(1);
  expect(lines.join('\n')).toMatch(/globex stays: .*stay behind\. .*leaveData is --leave-data\./);
});

test('a cell with more tenants than one command moves is not empty after it', async () => {
  const tenants = Array.from({ length: 10_001 }, (_, index) => ({ id: `t-${index}`, cell: 'a', standby: 'b' }));
  const { done, asked, lines } = evacuating({ yes: true, 'if-revision': '5' }, undefined, tenants);
  expect(await done).toBe(1);
  expect(asked).toHaveLength(1 + 10_000);
  expect(lines.at(-1)).toBe('10000 moved, 0 left at a, and there are more: repeat the command.');
});

/**
 * Whole cells in memory with the control API and the mover: home has these tenants, which each have an event. `meanwhile` is called after each
 * round of the mover.
 */
async function cellsWith(
  tenants: readonly string[],
  meanwhile: (mover: Mover) => Promise<unknown> = async () => undefined,
) {
  const where = tenantCells();
  const { clock } = where;
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const intent = { actor: 'ops', reason: 'a test' };
  for (const id of Object.keys(KEYS)) {
    const { state: _, switches: __, revision: ___, keys = [], ...rest } = where.record(id);
    const cell = { ...rest, keys, capacity: 100 };
    await directory.change(
      { kind: 'add-cell', cell },
      { ...intent, proof: { cell: id, endpoint: endpointOf(id), keys } },
    );
  }
  for (const tenant of tenants) {
    const place = { tier: 'standard', residency: 'any', cell: 'home', standby: 'standby' } as const;
    await directory.change({ kind: 'add-tenant', tenant, ...place }, intent);
    const iat = toEpochSeconds(clock.now());
    const token = { claims: { ten: tenant, cel: 'home', epo: 1, iat, exp: iat + 30 } };
    const event = candidate({ id: `of-${tenant}`, data: measured('temperature', 1) });
    expect(await where.cell('home').post([event], { token })).toMatchObject({ status: 202 });
  }
  const log = new RecordingLog();
  const storage = new MemoryMonitorStorage();
  const mover = createMover({
    directory,
    push: where.pusher,
    derive: where.deriver,
    fence: where.fence,
    ...NOTHING_TO_BRING,
    storage,
    clock,
    log,
  });
  const held = holdingsQuestion({ fetch: where.fetch, clock, sign: routeTokenSigner(EDGE_KEY) });
  const unused = () => Promise.reject(new Error('It is not asked for.'));
  const handle = createControlApi({
    ...{
      directory,
      mover,
      push: where.pusher,
      holdings: held,
      gate: { caughtUp: unused },
      keys: NO_KEYS,
      erasures: NO_ERASURES,
      drills: NO_DRILLS,
      clock,
      log,
    },
    ...{ monitor: unused, overview: unused, prove: async () => undefined },
    trust: { proofs: 'optional', approvals: 'none' },
  });
  const lines: string[] = [];
  /** What the next looks at moves end with. */
  const faults: Error[] = [];
  let most = 0;
  const control = (async (method: string, what: string, body?: object) => {
    if (method === 'GET' && what.startsWith('moves/')) {
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      // Between two looks of the command the mover has done all that it can without time.
      await settled();
    }
    const request = new Request(`https://edge.example/control/v1/${what}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const response = await handle(request, OPERATOR, TRACE);
    const answer = (await response.json()) as { code?: string; detail?: string };
    if (response.ok) return answer;
    throw new RefusedError(`${answer.detail} (${answer.code}).`, answer.code ?? '');
  }) as Control;
  const settled = async () => {
    for (let rounds = 0; rounds < 20; rounds += 1) {
      const under = (await mover.list()).filter(
        ({ state, paused }) => !paused && state !== 'sealed' && state !== 'aborted',
      );
      most = Math.max(most, under.length);
      const next = await mover.round();
      await meanwhile(mover);
      if (next === null) return;
      clock.jump(Math.max(0, next - clock.now()));
    }
  };
  const evacuated = (options: ActionContext['options']) =>
    evacuate({
      connection: { where: 'a test', isProtected: false, control: unused, target: unused },
      ...{ positionals: [], arguments: ['home'], commandLine: 'evacuate', json: false, options, control },
      ...{ out: (line) => lines.push(line), err: (line) => lines.push(line) },
    });
  const subjectsAt = async (cell: string) =>
    (await Promise.all(tenants.map((tenant) => readAll(where.cell(cell).events, `${tenant}|pump-1`)))).map(
      (log) => log.length,
    );
  return { directory, mover, lines, faults, evacuated, subjectsAt, most: () => most };
}

test('tenants are moved with their events, so many at a time, and the cell is none of their cells in the end', async () => {
  const tenants = ['acme', 'globex', 'initech', 'umbrella'];
  const { directory, evacuated, lines, subjectsAt, most } = await cellsWith(tenants);
  expect(await evacuated({ 'dry-run': true })).toBe(0);
  expect(lines.splice(0).at(-1)).toMatch(/^4 would move at revision \d+, 0 left at home\.$/);
  expect(await evacuated({ parallel: '2' })).toBe(0);
  for (const tenant of tenants) {
    expect(lines).toContain(`${tenant}: home standby, standby third`);
    expect((await directory.lookup(tenant)).tenant).toMatchObject({ cell: 'standby', standby: 'third' });
  }
  expect(lines).toContain('0 of 4 tenants done; under way: 1 planned');
  expect(lines.at(-1)).toBe('4 moved, 0 left at home.');
  expect(await subjectsAt('standby')).toEqual([1, 1, 1, 1]);
  expect(await subjectsAt('third')).toEqual([1, 1, 1, 1]);
  expect(most()).toBe(2);
  // Nothing depends on it any more.
  expect((await directory.cells()).find(({ cell }) => cell.id === 'home')).toMatchObject({ homes: 0, standbys: 0 });
});

test('a tenant that cannot be moved stays, and the others go, also those that only have the cell as their standby', async () => {
  const { directory, evacuated, lines, subjectsAt } = await cellsWith(['acme', 'globex', 'initech', 'umbrella']);
  const intent = { actor: 'ops', reason: 'a test' };
  await directory.change({ kind: 'pin-tenant', tenant: 'acme', pinned: true }, intent);
  await directory.change({ kind: 'place-tenant', tenant: 'globex', standby: null, leaveData: true }, intent);
  const { tenant: record } = await directory.lookup('umbrella');
  await directory.change({ kind: 'swap-tenant', tenant: 'umbrella', ifTenantRevision: record?.revision ?? 0 }, intent);
  expect(await evacuated({})).toBe(1);
  // Its home has the event that only its standby had.
  expect(lines).toContain('umbrella: home standby, standby third');
  expect(await subjectsAt('standby')).toEqual([0, 0, 1, 1]);
  expect(lines).toContain('acme stays: acme is pinned to home. (tenant_pinned).');
  expect(lines).toContain('globex stays: it has no standby to move to; name a cell with --to.');
  expect(lines.at(-1)).toBe('2 moved, 2 left at home.');
  lines.length = 0;
  // Repeated with a cell for the others; what is gone is not asked about.
  expect(await evacuated({ to: 'third' })).toBe(1);
  expect(lines).toContain('globex: home third, standby standby');
  expect(lines.at(-1)).toBe('1 moved, 1 left at home.');
});

test('a tenant whose move is sealed by an operator before it has left the cell stays, until the command is repeated', async () => {
  let isSealed = false;
  const { evacuated, lines } = await cellsWith(['acme'], async (mover) => {
    if (isSealed || (await mover.show('acme'))?.state !== 'verified') return;
    isSealed = true;
    expect(await mover.change('acme', 'seal', 'ops', 'a test')).toMatchObject({ value: { state: 'sealed' } });
  });
  expect(await evacuated({})).toBe(1);
  expect(lines).toContain('acme stays: its move was sealed before it had left home; repeat the command.');
  expect(lines.at(-1)).toBe('0 moved, 1 left at home.');
  expect(await evacuated({})).toBe(0);
  expect(lines).toContain('acme: home standby, standby third');
});

test('an edge that does not answer a look is asked again: the moves go on meanwhile', async () => {
  const { evacuated, faults, lines } = await cellsWith(['acme', 'globex']);
  faults.push(new UserError('The edge does not answer: ECONNREFUSED.'));
  expect(await evacuated({})).toBe(0);
  expect(lines).toContain('acme: it is not known how far it is: The edge does not answer: ECONNREFUSED.');
  expect(lines.at(-1)).toBe('2 moved, 0 left at home.');
});
