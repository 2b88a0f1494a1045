// What becomes of a message of a home-only effect: all that a cell can know of it, and what a cell is for a tenant.
import type { Assignment } from '../../../core/cell/assignment.ts';
import { CONSUME_LIMITS } from '../../../core/pipeline/consume.ts';
import {
  RECEIPT_LIMITS,
  RECEIPT_STATES,
  type Situation,
  type Standing,
  standingOf,
  verdictOf,
} from '../../../core/pipeline/receipts.ts';
import type { EpochSeconds } from '../../../core/ports/clock.ts';

const assigned = (more: Partial<Assignment> = {}): Assignment => {
  const cell = (id: string) => ({ id, endpoint: `https://${id}.example`, keys: [] });
  return {
    ...{ tenant: 'acme', home: cell('a'), standby: cell('b'), firstEpoch: 10, epoch: 10 },
    issuedAt: 0 as EpochSeconds,
    ...more,
  };
};

test.each<[string, Assignment | undefined, string, { epoch: number | undefined } | undefined, Standing]>([
  ['the home', assigned(), 'a', { epoch: 10 }, 'home'],
  ['a home that came back', assigned({ epoch: 12 }), 'a', { epoch: 12 }, 'home'],
  ['a standby that stands in', assigned({ epoch: 11 }), 'b', { epoch: 11 }, 'standby'],
  ['a standby without the lease', assigned(), 'b', undefined, 'standby'],
  ['a cell without an assignment, of a tenant with two cells', undefined, 'a', { epoch: 10 }, 'untold'],
  ['a cell without an assignment, of a tenant with one', undefined, 'a', { epoch: undefined }, 'outside'],
  ['a cell without an assignment and a lease', undefined, 'a', undefined, 'outside'],
  ['a cell that is none of the tenant’s', assigned(), 'c', undefined, 'outside'],
  ['the only cell', assigned({ standby: null }), 'a', { epoch: 10 }, 'alone'],
  ['a home that does not know of a failover and a failback', assigned(), 'a', { epoch: 12 }, 'untold'],
  ['a home whose lease is of before a change that it knows', assigned({ epoch: 11 }), 'a', { epoch: 10 }, 'untold'],
  ['a standby with a lease, by an edge that says no epoch', assigned(), 'b', { epoch: undefined }, 'untold'],
  ['a cell that came to the tenant, and has not been told', assigned(), 'c', { epoch: 99 }, 'untold'],
])('%s', (_, assignment, cell, lease, expected) => {
  expect(standingOf(assignment, cell, lease)).toBe(expected);
});

const STANDINGS = ['home', 'standby', 'alone', 'outside', 'untold'] as const;
const ANSWERS = [undefined, 'none', 'earlier', 'refused', ...RECEIPT_STATES] as const;
const EITHER = [false, true] as const;

const situations: readonly Situation[] = STANDINGS.flatMap((standing) =>
  EITHER.flatMap((isLeased) =>
    EITHER.flatMap((isOwn) =>
      EITHER.flatMap((isPast) =>
        EITHER.flatMap((isSettled) =>
          ANSWERS.map((answer): Situation => ({ standing, isLeased, isOwn, isPast, isSettled, answer })),
        ),
      ),
    ),
  ),
);

test('no effect begins without a lease, none that has happened, and without an answer one of a standby alone', () => {
  for (const situation of situations) {
    const { standing, isLeased, isOwn, isSettled, answer } = situation;
    const verdict = verdictOf(situation);
    if (verdict === 'receipt') expect(answer).toBe('claimed');
    if (verdict !== 'apply') continue;
    expect(isLeased).toBe(true);
    if (standing === 'alone' || standing === 'outside' || (isOwn && isSettled)) continue;
    expect(['claimed', 'erased', 'refused', undefined]).not.toContain(answer);
    if (answer === 'none') expect(standing).toBe('standby');
  }
});

test('only a copy is left: one of long ago, or in a cell that is none of the tenant’s, or of a home of an earlier release', () => {
  for (const situation of situations) {
    const { standing, isOwn, isPast, isLeased, answer } = situation;
    if (verdictOf(situation) !== 'leave') continue;
    expect([isOwn, isPast || standing === 'outside' || (!isLeased && answer === 'earlier')]).toEqual([false, true]);
  }
});

test('the answers that end a question, and those that do not', () => {
  const of = (isLeased: boolean, isOwn: boolean, standing: Standing) =>
    ANSWERS.map((answer) => verdictOf({ standing, isLeased, isOwn, isPast: false, isSettled: false, answer }));
  // Before it is asked, none, earlier, refused, claimed, parked, erased, unknown, unclaimed.
  const [ask, apply, wait, receipt] = ['ask', 'apply', 'wait', 'receipt'];
  expect(of(true, true, 'home')).toEqual([ask, wait, apply, wait, receipt, apply, wait, apply, apply]);
  expect(of(true, false, 'home')).toEqual([ask, wait, wait, wait, receipt, apply, wait, apply, apply]);
  expect(of(true, false, 'standby')).toEqual([ask, apply, wait, wait, receipt, apply, wait, apply, apply]);
  expect(of(false, false, 'standby')).toEqual([ask, wait, 'leave', wait, receipt, wait, wait, wait, wait]);
  expect(of(false, true, 'home')).toEqual([ask, wait, wait, wait, receipt, wait, wait, wait, wait]);
});

test('a question leaves time for the rest of a function, and its answer counts for no longer than an effect may take', () => {
  expect(RECEIPT_LIMITS.marginMs).toBe(CONSUME_LIMITS.deadlineMarginMs);
  expect(RECEIPT_LIMITS.answeredMs).toBe(20_000);
});
