// Removing a tenant over the control API, to the letter.
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import { createControlApi } from '../../../../core/edge/control/control-api.ts';
import { createDirectory } from '../../../../core/edge/directory/directory.ts';
import { ALPHA, add, apply, BETA, tenant } from '../../../contract/directory/harness.ts';
import { IDLE_MOVER, NO_DRILLS, NO_ERASURES, NO_KEYS, OPEN_GATE } from '../../../support/control-api.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { RecordingLog } from '../../../support/recording-log.ts';

test('a tenant is removed, and that its data stay is said before and after', async () => {
  const clock = new FakeClock();
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  await apply(directory, add(ALPHA), add(BETA), tenant('acme'));
  const guard = {
    trust: { proofs: 'optional', approvals: 'none' },
    prove: async () => undefined,
    push: async () => '',
    holdings: { heldBy: async () => null, replicas: async () => 'it cannot be asked', index: async () => ({}) },
  } as const;
  const api = createControlApi({
    mover: IDLE_MOVER,
    erasures: NO_ERASURES,
    drills: NO_DRILLS,
    gate: OPEN_GATE,
    keys: NO_KEYS,
    directory,
    clock,
    monitor: async () => ({}),
    overview: async () => null,
    log: new RecordingLog(),
    ...guard,
  });
  const operator = { subject: 'ops', scopes: ['control.read', 'control.write'] };
  const call = async (method: string, path: string, fields?: object) => {
    const headers = { 'content-type': 'application/json' };
    const body = fields === undefined ? null : JSON.stringify({ reason: 'as agreed', ...fields });
    const request = new Request(`https://edge.example/control/v1/${path}`, { method, headers, body });
    const response = await api(request, operator, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
    return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
  };
  const keepData = { keepData: true };
  expect(await call('DELETE', 'tenants/acme', {})).toMatchObject({ status: 400, body: { code: 'invalid_body' } });
  expect((await call('DELETE', 'tenants/acme', { keepData: false })).body.errors).toEqual([
    { pointer: '/keepData', detail: 'it must be true' },
  ]);
  expect((await call('DELETE', 'tenants/acme?dryRun=1', keepData)).body).toMatchObject({
    status: 'previewed',
    revision: 3,
  });
  expect((await call('DELETE', 'tenants/acme?ifRevision=2', keepData)).body.code).toBe('changed_meanwhile');
  expect((await call('DELETE', 'tenants/acme?ifRevision=3', keepData)).body).toMatchObject({
    status: 'applied',
    revision: 4,
    changes: [{ id: 'acme', before: { cell: 'alpha' }, after: null }],
    notes: [expect.stringMatching(/^The data of acme are not erased: they stay in alpha and beta/)],
  });
  expect((await call('GET', 'tenants/acme')).body.code).toBe('unknown_tenant');
  expect((await call('DELETE', 'tenants/acme', keepData)).body).toMatchObject({
    status: 'unchanged',
    notes: ['There is no tenant acme.'],
  });
  expect((await call('DELETE', 'tenants/ACME', keepData)).body.code).toBe('unknown_tenant');
});
