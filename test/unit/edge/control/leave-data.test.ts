// Commands that would put events out of reach: which cells the control API asks, and what follows from their answers.
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import type { Holdings } from '../../../../core/edge/cells/holdings-question.ts';
import type { ReplicaPusher } from '../../../../core/edge/cells/replica-pusher.ts';
import { createControlApi } from '../../../../core/edge/control/control-api.ts';
import { leftBehind, PLACE_LIMITS } from '../../../../core/edge/control/left-behind.ts';
import { createDirectory } from '../../../../core/edge/directory/directory.ts';
import type { CellDefinition } from '../../../../core/edge/ports/directory-model.ts';
import type { JsonObject } from '../../../../core/ports/json.ts';
import { ALPHA, add, apply, BETA, BY_OPS, GAMMA, tenant } from '../../../contract/directory/harness.ts';
import { IDLE_MOVER, NO_DRILLS, NO_ERASURES, NO_KEYS, OPEN_GATE } from '../../../support/control-api.ts';
import { EagerClock, FakeClock } from '../../../support/fake-clock.ts';
import { RecordingLog } from '../../../support/recording-log.ts';

const KEY = { kty: 'OKP', crv: 'Ed25519', kid: 'one', x: 'A'.repeat(43) } as const;

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

interface Loose {
  readonly [key: string]: unknown;
}

/** The tenant acme lives in alpha, and beta is its standby. */
async function setUp(holdings: Holdings, push: ReplicaPusher = async () => 'it is not asked', keys = false) {
  const clock = new FakeClock();
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const keyed = (cell: CellDefinition, proof = { cell: cell.id, endpoint: cell.endpoint, keys: [KEY] }) =>
    directory.change(add({ ...cell, keys: [KEY] }), { ...BY_OPS, proof });
  for (const cell of [ALPHA, BETA, GAMMA]) await (keys ? keyed(cell) : apply(directory, add(cell)));
  await apply(directory, tenant('acme'));
  const guard = { trust: { proofs: 'optional', approvals: 'none' }, prove: async () => undefined } as const;
  const deps = {
    directory,
    clock,
    holdings,
    push,
    mover: IDLE_MOVER,
    erasures: NO_ERASURES,
    drills: NO_DRILLS,
    gate: OPEN_GATE,
    keys: NO_KEYS,
    monitor: async () => ({}),
    overview: async () => null,
    log: new RecordingLog(),
    ...guard,
  };
  const api = createControlApi(deps);
  const operator = { subject: 'ops', scopes: ['control.read', 'control.write'] };
  return async (path: string, fields?: object) => {
    const headers = { 'content-type': 'application/json' };
    const body = fields === undefined ? null : JSON.stringify({ reason: 'as agreed', ...fields });
    const request = new Request(`https://edge.example/control/v1/${path}`, { method: 'POST', headers, body });
    const response = await api(request, operator, TRACE);
    return { status: response.status, body: (await response.json()) as Loose };
  };
}

test('the cells that a tenant may leave, or one to be retired, are asked what they hold', async () => {
  const asked: (string | undefined)[][] = [];
  const call = await setUp({
    heldBy: async ({ id }, of) => {
      asked.push([id, of]);
      return id === 'alpha' ? 'it holds events of acme' : null;
    },
    replicas: async () => 'it cannot be asked',
    index: async () => ({}),
  });
  const refusal = await call('tenants/acme/place', { cell: 'gamma' });
  expect([refusal.status, refusal.body.code, refusal.body.detail]).toEqual([
    409,
    'tenant_has_data',
    'What acme has stored would stay behind. alpha: it holds events of acme. To leave it there, say leaveData.',
  ]);
  expect(asked.splice(0)).toEqual([
    ['alpha', 'acme'],
    ['beta', 'acme'],
  ]);
  expect((await call('tenants/acme/place', { cell: 'gamma', leaveData: true })).status).toBe(200);
  // What the operator has decided needs no answer of a cell that may be lost.
  expect(asked.splice(0)).toEqual([]);
  expect((await call('cells/alpha/retire', {})).body.code).toBe('cell_has_data');
  expect(asked.splice(0)).toEqual([['alpha', undefined]]);
  expect((await call('cells/alpha/retire', { leaveData: true })).status).toBe(200);
  // Other commands ask no cell.
  await call('cells/beta/drain', {});
  expect(asked).toEqual([]);
});

test('a cell’s index is completed on request, and a cell that does not answer is named', async () => {
  const heldBy = async () => null;
  const replicas = async () => 'it cannot be asked';
  const call = await setUp({ heldBy, replicas, index: async () => ({ documents: 7, subjects: 2, done: true }) });
  expect((await call('cells/beta/index')).body).toEqual({ documents: 7, subjects: 2, done: true });
  expect((await call('cells/nowhere/index')).body.code).toBe('unknown_cell');
  const silent = await setUp({ heldBy, replicas, index: async () => 'it cannot be asked: it answers 503' });
  const index = await silent('cells/beta/index');
  expect([index.status, index.body.code, index.body.detail]).toEqual([
    503,
    'cell_unavailable',
    'beta: it cannot be asked: it answers 503.',
  ]);
});

test('a standby that would serve at once has nothing, however equal the tenant’s cells are', async () => {
  const holdings: Holdings = {
    heldBy: async () => 'it holds events of acme',
    replicas: async () => 'it cannot be asked',
    index: async () => ({}),
  };
  let compared = 0;
  const push: ReplicaPusher = async () => {
    compared += 1;
    return { done: true, missing: 0 };
  };
  const call = await setUp(holdings, push, true);
  expect((await call('failovers', { cell: 'alpha' })).status).toBe(200);
  const refusal = await call('tenants/acme/place', { standby: 'gamma' });
  expect([refusal.status, refusal.body.code, refusal.body.detail]).toEqual([
    409,
    'tenant_has_data',
    expect.stringMatching(
      /^gamma would serve acme at once, .* alpha: it holds events of acme; beta: it holds events of acme\. Fail alpha back first/,
    ),
  ]);
  expect(compared).toBe(0);
  expect((await call('tenants/acme/place', { standby: 'gamma', leaveData: true })).status).toBe(200);
});

describe('a tenant goes to its other cell', () => {
  const held: Holdings = {
    heldBy: async () => 'it holds events of acme',
    replicas: async () => 'it cannot be asked',
    index: async () => ({}),
  };
  const swap = { cell: 'beta', standby: 'alpha' };

  test('once that has all of its events', async () => {
    const asked: unknown[] = [];
    const call = await setUp(
      held,
      async ({ from, restart, verify, contents = false, receipts = false }) => {
        asked.push([from, restart, verify, contents, receipts]);
        return asked.length === 1 ? { done: false, missing: 0 } : { done: true, missing: 0, different: 0, extra: 7 };
      },
      true,
    );
    expect((await call('tenants/acme/place', swap)).status).toBe(200);
    // It is compared from the beginning, by what the events say, and only what it leaves; then that says which effects have happened there.
    expect(asked).toEqual([
      ['alpha', true, true, true, false],
      ['alpha', false, true, true, false],
      ['alpha', true, false, false, true],
    ]);
  });

  test.each<[string, boolean, ReplicaPusher, string]>([
    [
      'some are missing there',
      true,
      async () => ({ done: true, missing: 2, different: 1 }),
      '3 of them are not in the other cell (npx polycell replicas sync acme)',
    ],
    [
      'a cell does not answer',
      true,
      async () => 'alpha does not answer: refused',
      'alpha does not answer: refused (npx polycell tenants move acme --to beta)',
    ],
    [
      'it takes too many steps',
      true,
      async () => ({ done: false, documents: 7 }),
      'they cannot be compared within this request: 70 were looked at (npx polycell tenants move acme --to beta)',
    ],
    [
      'it has more events than are compared',
      true,
      async ({ budget = 0 }) => ({ done: false, documents: Math.min(30_000, budget) }),
      'they cannot be compared within this request: 50000 were looked at (npx polycell tenants move acme --to beta)',
    ],
    ['there are no keys', false, async () => ({ done: true }), 'the cells cannot be compared without keys'],
  ])('and not while %s', async (_why, keys, push, expected) => {
    const call = await setUp(held, push, keys);
    const { status, body } = await call('tenants/acme/place', swap);
    expect([status, body.code]).toEqual([409, 'tenant_has_data']);
    expect(body.detail).toBe(
      `What acme has stored would stay behind. alpha: it holds events of acme, and ${expected}. To leave it there, say leaveData.`,
    );
  });

  test('and to a third cell only deliberately: it has nothing yet', async () => {
    const call = await setUp(held, async () => ({ done: true, missing: 0, different: 0 }), true);
    expect((await call('tenants/acme/place', { cell: 'gamma' })).body.code).toBe('tenant_has_data');
    // The standby is left, and the home has all that it has.
    expect((await call('tenants/acme/place', { standby: 'gamma' })).status).toBe(200);
  });

  test('and not while effects may be under way in what it leaves', async () => {
    const clock = new EagerClock();
    const left = leftBehind({ holdings: held, clock, push: async () => ({ done: true, missing: 0 }) });
    const serving = { keys: [KEY], state: 'active', switches: 2, revision: 1 } as const;
    const cells = [ALPHA, BETA].map((cell) => ({ ...cell, ...serving, effectsFrom: clock.now() + 41_500 }));
    const acme = { id: 'acme', cell: 'alpha', standby: 'beta', epochBase: 1, residency: 'any', revision: 1 } as const;
    const place = () => left({ ...acme, tier: 'standard', pinned: false }, cells, 'alpha');
    expect(await place()).toMatchObject({
      beta: 'it holds events of acme, and effects may be under way there: repeat this in 42 s',
    });
    clock.jump(41_500);
    expect(await place()).toMatchObject({ beta: null });
  });

  test('and the comparison begins no step once its time is over, and pauses where another one is under way', async () => {
    const clock = new EagerClock();
    const began = clock.now();
    const at: number[] = [];
    const step = (jump: number, answer: JsonObject) => {
      const left = leftBehind({
        holdings: held,
        clock,
        push: async () => {
          at.push(clock.now() - began);
          clock.jump(jump);
          return answer;
        },
      });
      const serving = { keys: [KEY], state: 'active', switches: 0, revision: 1 } as const;
      const cells = [ALPHA, BETA].map((cell) => ({ ...cell, ...serving }));
      const acme = { id: 'acme', cell: 'alpha', standby: 'beta', epochBase: 1, residency: 'any', revision: 1 } as const;
      return left({ ...acme, tier: 'standard', pinned: false }, cells, 'beta');
    };
    expect(await step(PLACE_LIMITS.compareMs - 1, { done: false, documents: 5 })).toEqual({
      alpha:
        'it holds events of acme, and they cannot be compared within this request: 10 were looked at (npx polycell tenants move acme --to beta)',
      beta: 'it holds events of acme',
    });
    expect(at.splice(0)).toEqual([0, PLACE_LIMITS.compareMs - 1]);
    clock.jump(began - clock.now());
    await step(0, { done: false, isOther: true, waiting: 'another step is under way' });
    expect(at).toEqual(Array.from({ length: PLACE_LIMITS.steps }, (_, index) => index * PLACE_LIMITS.pauseMs));
  });
});
