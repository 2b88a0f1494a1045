// Where requests are sent is guarded: endpoints prove that they are the cell, under a scope of their own and perhaps with a second operator.
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import { type ControlApiDeps, createControlApi } from '../../../../core/edge/control/control-api.ts';
import { endpointProver, type TrustSettings } from '../../../../core/edge/control/endpoint-guard.ts';
import { createDirectory } from '../../../../core/edge/directory/directory.ts';
import { PROPOSAL_LIMITS } from '../../../../core/edge/directory/proposals.ts';
import type { Fetch } from '../../../../core/lib/timed-fetch.ts';
import { testCell } from '../../../support/cell.ts';
import { IDLE_MOVER, NO_DRILLS, NO_ERASURES, NO_KEYS, OPEN_GATE } from '../../../support/control-api.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { countingIds } from '../../../support/ids.ts';
import { RecordingLog } from '../../../support/recording-log.ts';
import { CELL_KEY, publicPart, STRANGERS_KEY } from '../../../support/route-tokens.ts';

const ALL = ['control.read', 'control.write', 'control.endpoints'];
const ANN = { subject: 'ann', scopes: ALL };
const BEN = { subject: 'ben', scopes: ALL };
const WRITER = { subject: 'ann', scopes: ['control.read', 'control.write'] };
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const CELL = {
  cloud: 'aws',
  region: 'eu-central-1',
  jurisdiction: 'eu',
  endpoint: 'https://cell-1.example',
  capacity: 10,
  price: 1,
  failover: 'automatic',
  keys: [publicPart(CELL_KEY)],
  reason: 'as agreed',
};

/** The control API in front of cell-1, and a listener at https://listener.example that hands every request on to it. */
function guarded(trust: Partial<TrustSettings> = {}) {
  const log = new RecordingLog();
  const clock = new FakeClock();
  const cell = testCell();
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const listener: Fetch = (request) => {
    const { pathname, search } = new URL(request.url);
    return cell.handle(new Request(`https://cell-1.example${pathname}${search}`, { method: request.method }));
  };
  const network: Fetch = (request) => {
    const { hostname } = new URL(request.url);
    if (hostname === 'cell-1.example') return cell.handle(request);
    return hostname === 'listener.example' ? listener(request) : Promise.reject(new TypeError('refused.'));
  };
  const deps: ControlApiDeps = {
    directory,
    monitor: async () => ({}),
    overview: async () => null,
    push: async () => '',
    mover: IDLE_MOVER,
    erasures: NO_ERASURES,
    drills: NO_DRILLS,
    gate: OPEN_GATE,
    keys: NO_KEYS,
    holdings: { heldBy: async () => null, replicas: async () => 'it cannot be asked', index: async () => ({}) },
    prove: endpointProver({ fetch: network, clock, ids: countingIds() }),
    trust: { proofs: 'required', approvals: 'none', ...trust },
    clock,
    log,
  };
  const handle = createControlApi(deps);
  const call = async (method: string, path: string, body?: object, operator = ANN) => {
    const request = new Request(`https://edge.example/control/v1/${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const response = await handle(request, operator, TRACE);
    // biome-ignore lint/suspicious/noExplicitAny: -- a test reads whatever the API has answered
    const answer = (await response.json()) as any;
    return { status: response.status, answer, said: `${response.status} ${answer.code ?? answer.status}` };
  };
  const put = async (more: object = {}, operator = ANN) =>
    (await call('PUT', 'cells/cell-1', { ...CELL, ...more }, operator)).said;
  return { call, put, log, clock, directory };
}

const endpointIn = async ({ directory }: Pick<ReturnType<typeof guarded>, 'directory'>) =>
  (await directory.cells()).map(({ cell }) => [cell.endpoint, cell.provedEndpoint]);

test('an endpoint that proves that it is the cell is taken', async () => {
  const api = guarded();
  expect(await api.put()).toBe('200 applied');
  expect(await api.put()).toBe('200 unchanged');
  expect(await endpointIn(api)).toEqual([['https://cell-1.example', 'https://cell-1.example']]);
});

test('a listener cannot take the place of a cell, not even by handing the question on to it', async () => {
  const api = guarded();
  await api.put();
  expect(await api.put({ endpoint: 'https://listener.example' })).toBe('409 endpoint_unproved');
  expect(await api.put({ endpoint: 'https://nothing.example' })).toBe('409 endpoint_unproved');
  expect(await endpointIn(api)).toEqual([['https://cell-1.example', 'https://cell-1.example']]);
  expect(api.log.lines).toMatchObject([
    {
      level: 'warn',
      message: 'an endpoint has not proved that it is the cell',
      fields: { actor: 'ann', cell: 'cell-1' },
    },
    { fields: { endpoint: 'https://nothing.example', fault: 'refused' } },
  ]);
});

test('keys that are not the cell’s, or none, are refused', async () => {
  const api = guarded();
  expect(await api.put({ keys: [publicPart(STRANGERS_KEY)] })).toBe('409 endpoint_unproved');
  expect(await api.put({ keys: undefined })).toBe('409 endpoint_unproved');
  expect(await endpointIn(api)).toEqual([]);
  await api.put();
  expect(await api.put({ keys: [publicPart(STRANGERS_KEY)] })).toBe('409 endpoint_unproved');
  expect(await api.put({ keys: [publicPart(CELL_KEY), publicPart(STRANGERS_KEY)] })).toBe('200 applied');
});

test('a directory of earlier versions may have cells without keys, and a cell that has keys keeps some', async () => {
  const api = guarded({ proofs: 'optional' });
  expect(await api.put({ keys: undefined })).toBe('200 applied');
  expect(await api.put()).toBe('200 applied');
  expect(await api.put({ keys: undefined })).toBe('200 unchanged');
  expect(await api.put({ keys: undefined, endpoint: 'https://listener.example' })).toBe('409 endpoint_unproved');
});

test('a new cell, endpoint or key needs a scope of its own; other properties do not', async () => {
  const api = guarded();
  expect(await api.put({}, WRITER)).toBe('403 missing_scope');
  await api.put();
  expect(await api.put({ capacity: 11 }, WRITER)).toBe('200 applied');
  expect(await api.put({ endpoint: 'https://listener.example' }, WRITER)).toBe('403 missing_scope');
  expect(await api.put({ keys: [publicPart(STRANGERS_KEY)] }, WRITER)).toBe('403 missing_scope');
  expect((await api.call('POST', 'approvals/1', { reason: 'x' }, WRITER)).said).toBe('403 missing_scope');
});

test('the directory itself refuses an endpoint without a proof', async () => {
  const { directory } = guarded();
  const { reason: _, ...definition } = CELL;
  const cell = { id: 'cell-1', ...definition, cloud: 'aws', failover: 'automatic' } as const;
  const intent = { actor: 'ann', reason: 'past the API' };
  const outcome = await directory.change({ kind: 'add-cell', cell }, intent);
  expect(outcome).toMatchObject({ status: 'refused', code: 'endpoint_unproved' });
  const proof = { cell: 'cell-1', endpoint: 'https://other.example', keys: cell.keys };
  expect(await directory.change({ kind: 'add-cell', cell }, { ...intent, proof })).toMatchObject({ status: 'refused' });
});

describe('with a second operator', () => {
  const withApprovals = () => guarded({ approvals: 'endpoints' });

  test('a change waits until another operator approves it, and is in the audit log twice', async () => {
    const api = withApprovals();
    const proposed = await api.call('PUT', 'cells/cell-1', CELL);
    expect(proposed.said).toBe('200 proposed');
    const { id } = proposed.answer.proposal;
    expect(await endpointIn(api)).toEqual([]);
    expect((await api.call('GET', 'approvals')).answer.items).toMatchObject([
      { id, actor: 'ann', reason: 'as agreed' },
    ]);
    expect((await api.call('POST', `approvals/${id}`, { reason: 'mine' })).said).toBe('409 own_proposal');
    expect((await api.call('POST', `approvals/${id}?dryRun=1`, { reason: 'seen' }, BEN)).said).toBe('200 previewed');
    expect((await api.call('POST', `approvals/${id}`, { reason: 'seen' }, BEN)).said).toBe('200 applied');
    expect(await endpointIn(api)).toEqual([['https://cell-1.example', 'https://cell-1.example']]);
    expect((await api.call('POST', `approvals/${id}`, { reason: 'again' }, BEN)).said).toBe('404 unknown_proposal');
    expect((await api.call('GET', 'approvals')).answer.items).toEqual([]);
    const { items } = await api.directory.audit({ limit: 10 });
    expect(items).toMatchObject([
      { actor: 'ben', outcome: 'applied', approves: id, command: { kind: 'add-cell' } },
      { actor: 'ann', outcome: 'proposed', changes: [] },
    ]);
  });

  test('a change expires after an hour', async () => {
    const api = withApprovals();
    const { id } = (await api.call('PUT', 'cells/cell-1', CELL)).answer.proposal;
    await api.clock.advance(PROPOSAL_LIMITS.lifeMs - 1);
    expect((await api.call('POST', `approvals/${id}?dryRun=1`, { reason: 'x' }, BEN)).said).toBe('200 previewed');
    await api.clock.advance(1);
    expect((await api.call('POST', `approvals/${id}`, { reason: 'x' }, BEN)).said).toBe('404 unknown_proposal');
    expect((await api.call('GET', 'approvals')).answer.items).toEqual([]);
  });

  test('the same change again is the same proposal, and no more than 20 wait', async () => {
    const api = withApprovals();
    const first = (await api.call('PUT', 'cells/cell-1', CELL)).answer.proposal.id;
    expect((await api.call('PUT', 'cells/cell-1', CELL)).answer.proposal.id).toBe(first);
    for (let capacity = 1; capacity < PROPOSAL_LIMITS.waiting; capacity += 1)
      expect(await api.put({ capacity: 100 + capacity })).toBe('200 proposed');
    expect(await api.put({ capacity: 1 })).toBe('409 too_many_proposals');
  });

  test('the endpoint must prove itself when the change is approved, too, and other changes do not wait', async () => {
    const api = withApprovals();
    expect(await api.put({ endpoint: 'https://listener.example' })).toBe('409 endpoint_unproved');
    const { id } = (await api.call('PUT', 'cells/cell-1', CELL)).answer.proposal;
    await api.call('POST', `approvals/${id}`, { reason: 'seen' }, BEN);
    expect(await api.put({ capacity: 12 })).toBe('200 applied');
    for (const unknown of ['x', '0', '99'])
      expect((await api.call('POST', `approvals/${unknown}`, { reason: 'x' }, BEN)).said).toBe('404 unknown_proposal');
  });
});
