// What a rotation does next, wherever it is interrupted: judged from what edge and cells say, and from nothing else.
import {
  type Judged,
  judgeCell,
  judgeRoute,
  type Present,
  ROTATION_LIMITS,
  type Rotation,
} from '../../../cli/keys/rotation.ts';
import type { CellKeysShown, KeysShown } from '../../../core/edge/control/keys.ts';
import type { PublicKey } from '../../../core/ports/keys.ts';

const key = (kid: string): PublicKey => ({ kty: 'OKP', crv: 'Ed25519', kid, x: kid.padEnd(43, 'A') });
const OLD = key('old');
const NEW = key('new');
const NOW = Date.parse('2026-11-28T10:00:00Z');
const SECOND = 1000;

const ROUTE: Rotation = {
  edge: 'https://edge.example',
  cell: null,
  old: OLD,
  new: NEW,
  acceptedAt: null,
  switchedAt: null,
};

const cell = (id: string, accepts: readonly PublicKey[] | null, more: Partial<CellKeysShown> = {}): CellKeysShown => ({
  id,
  state: 'active',
  declared: [key(id)],
  proves: accepts === null ? null : id,
  accepts,
  problem: accepts === null ? 'refused' : null,
  ...more,
});

const signing = (...seen: readonly (readonly [PublicKey, number])[]): KeysShown['signing'] =>
  seen.map(([signer, ago]) => ({ key: signer, at: new Date(NOW - ago).toISOString() }));

const present = (shown: KeysShown, more: Partial<Present> = {}): Present => ({
  shown,
  unsigned: null,
  except: [],
  settleMs: 0,
  now: NOW,
  ...more,
});

const stepOf = ({ step }: Judged) => step;

describe('of the edge’s key', () => {
  const judged = (shown: KeysShown, more: Partial<Present> = {}, rotation = ROUTE) =>
    judgeRoute(rotation, present(shown, more));

  test('cells that lack the new key take both, one that does not answer is waited for, and one that is left out is not', () => {
    const cells = [cell('a', [OLD]), cell('b', [OLD, NEW]), cell('c', null)];
    const shown = { signing: signing([OLD, 0]), cells };
    expect(stepOf(judged(shown))).toEqual({ kind: 'accept', cells: ['a'], keys: [OLD, NEW] });
    const taken = { ...shown, cells: [cell('a', [OLD, NEW]), ...cells.slice(1)] };
    expect(stepOf(judged(taken))).toEqual({ kind: 'wait', reason: 'c says which keys it has (now refused)' });
    expect(stepOf(judged(taken, { except: ['c'] }))).toEqual({ kind: 'sign' });
  });

  test('the edge signs with it once every process of a deployed cell has had the time to take it', () => {
    const shown = { signing: signing([OLD, 0]), cells: [cell('a', [OLD, NEW])] };
    const first = judged(shown, { settleMs: 60 * SECOND });
    expect(first.step).toMatchObject({ kind: 'wait', until: NOW + 60 * SECOND });
    expect(first.rotation.acceptedAt).toBe(NOW);
    const later = judged(shown, { settleMs: 60 * SECOND, now: NOW + 60 * SECOND }, first.rotation);
    expect(later.step).toEqual({ kind: 'sign' });
    // A cell that was deployed with the old key alone meanwhile begins it anew.
    const back = judged({ ...shown, cells: [cell('a', [OLD])] }, {}, first.rotation);
    expect([back.step.kind, back.rotation.acceptedAt]).toEqual(['accept', null]);
  });

  test('the old key is removed when nothing has signed with it for the life of a token, and all assignments are signed again', () => {
    const cells = [cell('a', [OLD, NEW])];
    const switched = judged({ signing: signing([NEW, 0]), cells });
    const overAt = NOW + ROTATION_LIMITS.routeLifeMs;
    expect(switched.step).toMatchObject({ kind: 'wait', until: overAt });
    // An isolate that still has the old secret moves the end.
    const late = { signing: signing([NEW, 0], [OLD, 10 * SECOND]), cells };
    const now = overAt + SECOND;
    expect(stepOf(judged(late, { now }, { ...switched.rotation, switchedAt: NOW - 60 * SECOND }))).toEqual({
      kind: 'retire',
      cells: ['a'],
      keys: [NEW],
    });
    expect(
      stepOf(judged({ signing: signing([NEW, 0], [OLD, -60 * SECOND]), cells }, { now }, switched.rotation)),
    ).toMatchObject({
      kind: 'wait',
      until: NOW + 60 * SECOND + ROTATION_LIMITS.routeLifeMs,
    });
    const shown = { signing: signing([NEW, 0]), cells };
    expect(stepOf(judged(shown, { now: overAt - 1 }, switched.rotation))).toMatchObject({
      kind: 'wait',
      until: overAt,
    });
    expect(stepOf(judged(shown, { now: overAt, unsigned: 'they are not' }, switched.rotation))).toEqual({
      kind: 'wait',
      reason: 'they are not',
    });
    expect(stepOf(judged(shown, { now: overAt }, switched.rotation))).toEqual({
      kind: 'retire',
      cells: ['a'],
      keys: [NEW],
    });
    expect(stepOf(judged({ ...shown, cells: [cell('a', [NEW])] }, { now: overAt }, switched.rotation))).toEqual({
      kind: 'done',
    });
  });

  test('an isolate that still signs with the old key after another one did not begins the wait anew', () => {
    const cells = [cell('a', [OLD, NEW])];
    const switched = judged({ signing: signing([NEW, 0]), cells });
    const back = judged({ signing: signing([OLD, 0]), cells }, { now: NOW + SECOND }, switched.rotation);
    expect(back.step).toEqual({ kind: 'sign' });
    const now = NOW + 2 * SECOND;
    expect(stepOf(judged({ signing: signing([NEW, 0]), cells }, { now }, back.rotation))).toMatchObject({
      kind: 'wait',
      until: now + ROTATION_LIMITS.routeLifeMs,
    });
  });

  test('a cell that comes back without the new key, when it is signed with already, takes both at once', () => {
    const shown = { signing: signing([NEW, 0]), cells: [cell('a', [NEW]), cell('b', [OLD])] };
    expect(stepOf(judged(shown))).toEqual({ kind: 'accept', cells: ['b'], keys: [OLD, NEW] });
  });

  test('an edge that signs with a third key ends it', () => {
    expect(() => judged({ signing: signing([key('third'), 0]), cells: [cell('a', [OLD])] })).toThrow(
      'The edge signs with third, neither with old nor with new',
    );
  });
});

describe('of a cell’s key', () => {
  const rotation: Rotation = { ...ROUTE, cell: 'a' };
  const judged = (
    declared: readonly PublicKey[],
    proves: string | null,
    more: Partial<Present> = {},
    from = rotation,
  ) =>
    judgeCell(
      from,
      present({ signing: signing([key('edge'), 0]), cells: [cell('a', null, { declared, proves })] }, more),
    );

  test('the directory has both before the cell signs with the new one, and the tenants’ cells know it', () => {
    expect(stepOf(judged([OLD], 'old'))).toEqual({ kind: 'declare', keys: [OLD, NEW] });
    expect(stepOf(judged([OLD, NEW], 'old', { unsigned: 'they do not' }))).toEqual({
      kind: 'wait',
      reason: 'they do not',
    });
    expect(stepOf(judged([OLD, NEW], null)).kind).toBe('wait');
    expect(stepOf(judged([OLD, NEW], 'old'))).toEqual({ kind: 'prove' });
  });

  test('the old one goes when what it has signed is over', () => {
    const { step, rotation: seen } = judged([OLD, NEW], 'new', { settleMs: 60 * SECOND });
    const overAt = NOW + 60 * SECOND + ROTATION_LIMITS.cellLifeMs;
    expect(step).toMatchObject({ kind: 'wait', until: overAt });
    expect(stepOf(judged([OLD, NEW], 'new', { settleMs: 60 * SECOND, now: overAt }, seen))).toEqual({
      kind: 'declare',
      keys: [NEW],
    });
    expect(stepOf(judged([NEW], 'new'))).toEqual({ kind: 'done' });
  });

  test('a process that still signs with the old one after another one did not begins the wait anew', () => {
    const first = judged([OLD, NEW], 'new');
    const back = judged([OLD, NEW], 'old', { now: NOW + SECOND }, first.rotation);
    expect(back.step).toEqual({ kind: 'prove' });
    const now = NOW + 2 * SECOND;
    expect(stepOf(judged([OLD, NEW], 'new', { now }, back.rotation))).toMatchObject({
      kind: 'wait',
      until: now + ROTATION_LIMITS.cellLifeMs,
    });
  });

  test('keys of which neither is known end it, and so does a cell that is gone', () => {
    expect(() => judged([key('third')], 'third')).toThrow('The directory has third for a, neither old nor new');
    expect(() => judgeCell({ ...rotation, cell: 'z' }, present({ signing: [], cells: [] }))).toThrow(
      'no cell z any more',
    );
  });
});
