// The control API of moves: what it hands to the mover, and how it shows what that answers.
import type { Mover, MoveView } from '../../../../core/edge/ports/mover.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import { NO_MOVER, openApi } from '../../../support/control-api.ts';

const view: MoveView = {
  ...{
    tenant: 'acme',
    from: 'alpha',
    to: 'beta',
    formerStandby: null,
    state: 'seeding',
    actor: 'ops',
    reason: 'a test',
  },
  ...{ startedAt: 1, since: 2, paused: false, pauseBefore: null, rate: null, reversed: false, total: 10, there: 5 },
  ...{ notBefore: 2, problem: null, remainingMs: 7 },
};

/** The API before a mover that notes what it is asked, and answers this. */
function before(answer: Awaited<ReturnType<Mover['change']>> = { value: view }) {
  const asked: unknown[] = [];
  const note = async (...call: unknown[]) => {
    asked.push(call);
    return answer;
  };
  const api = openApi({}, undefined, undefined, {
    start: note,
    change: note,
    show: async (tenant) => (tenant === 'acme' ? view : null),
    list: async () => [view],
  });
  return { ...api, asked };
}

const why = { reason: 'a test' };

test('a move is ordered, previewed, listed, shown and changed, in the name of the operator', async () => {
  const { call, asked } = before();
  const fields = { to: 'beta', rate: 100, pauseBefore: 'switched', ...why };
  expect((await call('POST', 'tenants/acme/move', fields)).body).toEqual(view);
  await call('POST', 'tenants/acme/move?dryRun=1', { to: 'beta', leave: true, ...why });
  expect((await call('GET', 'moves')).body).toEqual({ items: [view], next: null });
  expect((await call('GET', 'moves/acme')).body).toEqual(view);
  for (const action of ['pause', 'resume', 'abort', 'reverse', 'seal'])
    expect((await call('POST', `moves/acme/${action}`, why)).status).toBe(200);
  const actor = 'ops@example.com';
  expect(asked).toEqual([
    [{ tenant: 'acme', to: 'beta', rate: 100, pauseBefore: 'switched', actor, ...why }, false],
    [{ tenant: 'acme', to: 'beta', rate: null, pauseBefore: null, leave: true, actor, ...why }, true],
    ...['pause', 'resume', 'abort', 'reverse', 'seal'].map((action) => ['acme', action, actor, 'a test']),
  ]);
});

test('what the mover refuses is a refusal, and faults of the request do not reach it', async () => {
  const { call, refused, asked } = before({ refused: 'move_state', detail: 'The move is sealed.' });
  expect(await refused('POST', 'moves/acme/abort', why)).toBe('409 move_state');
  expect(await refused('POST', 'tenants/acme/move', { to: 'beta', ...why })).toBe('409 move_state');
  expect(await refused('GET', 'moves/globex')).toBe('404 unknown_move');
  asked.length = 0;
  for (const fields of [
    why,
    { to: 'beta' },
    { to: 'NO', ...why },
    { to: 'beta', rate: 0, ...why },
    { to: 'beta', pauseBefore: 'planned', ...why },
    { to: 'beta', pauseBefore: 'sealed', ...why },
    { to: 'beta', fast: true, ...why },
    { to: 'beta', leave: false, ...why },
  ])
    expect([fields, await refused('POST', 'tenants/acme/move', fields)]).toEqual([fields, '400 invalid_body']);
  expect(await refused('POST', 'moves/acme/seal', {})).toBe('400 invalid_body');
  const reader = { subject: 'eve', scopes: ['control.read'] };
  const { body } = await call('POST', 'moves/acme/abort', why, { operator: reader });
  expect(body.code).toBe('missing_scope');
  expect(asked).toEqual([]);
});

test('a mover that does not answer is said to be unavailable', async () => {
  const { refused } = openApi({}, undefined, undefined, NO_MOVER);
  expect(await refused('GET', 'moves')).toBe('503 mover_unavailable');
  expect(await refused('POST', 'moves/acme/pause', why)).toBe('503 mover_unavailable');
  const broken = () => Promise.reject(new PortError('unknown-outcome', 'It ended.'));
  const { refused: unsure } = openApi({}, undefined, undefined, { ...NO_MOVER, start: broken });
  expect(await unsure('POST', 'tenants/acme/move', { to: 'beta', ...why })).toBe('503 mover_unavailable');
});

test.each([
  ['seeding', 'moves abort acme'],
  ['drained', 'moves watch acme'],
  ['verified', 'moves seal acme'],
] as const)(
  'a tenant that is being moved, and is at the step %s, is not placed, and the answer says what to do',
  async (state, way) => {
    const moved = { ...NO_MOVER, show: async () => ({ ...view, state }) };
    const { call, refused } = openApi({}, undefined, undefined, moved);
    for (const order of [{ cell: 'gamma' }, { standby: 'gamma' }]) {
      const { status, body } = await call('POST', 'tenants/acme/place?dryRun=1', { ...order, ...why });
      expect([status, body.code]).toEqual([409, 'move_under_way']);
      expect(body.detail).toContain(`acme is being moved from alpha to beta, and is at the step ${state}.`);
      expect(body.detail).toContain(way);
    }
    // A source that is lost for good can be left before the move is verified, which it never will be.
    const left = await refused('POST', 'tenants/acme/place', { standby: 'gamma', leaveData: true, ...why });
    expect(left).toBe(state === 'drained' ? '404 unknown_tenant' : '409 move_under_way');
    const { refused: over } = openApi({}, undefined, undefined, {
      ...NO_MOVER,
      show: async () => ({ ...view, state: 'sealed' }),
    });
    expect(await over('POST', 'tenants/acme/place', { cell: 'gamma', ...why })).toBe('404 unknown_tenant');
    const { refused: unsure } = openApi({}, undefined, undefined, NO_MOVER);
    expect(await unsure('POST', 'tenants/acme/place', { cell: 'gamma', ...why })).toBe('503 mover_unavailable');
    expect(await refused('POST', 'tenants/acme/pin', { pinned: true, ...why })).toBe('404 unknown_tenant');
  },
);
