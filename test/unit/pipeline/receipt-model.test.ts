// No order of events within the bounds lets an effect happen twice across a planned move, or be left out, and each rule is needed for that.
import { type Situation, type Standing, standingOf, type Verdict, verdictOf } from '../../../core/pipeline/receipts.ts';
import type { Found } from '../../support/breadth-first.ts';
import { type Bounds, RULES, type Rules, search } from '../../support/receipt-model.ts';

const CUT: Bounds = { changes: 1, cuts: 1, sent: 2, repeated: 0, states: 300_000 };
const BACK: Bounds = { changes: 2, cuts: 0, sent: 1, repeated: 1, states: 100_000 };
const LOST: Bounds = { changes: 1, cuts: 1, sent: 1, repeated: 1, states: 100_000 };

const told = ({ states, complete, counterexample }: Found): string =>
  counterexample === null ? `${complete ? 'all' : 'only'} ${states} states: nothing` : counterexample.join('\n');

test.each([
  ['a move or a failover, a client that repeats what it sent, and a cell that is cut off for a while', CUT],
  ['two changes one after the other, and a redrive', BACK],
  ['a cell that is cut off, and a redrive', LOST],
])('nothing with %s', (_, bounds) => {
  const found = search(bounds);
  expect(told(found)).toMatch(/^all \d+ states: nothing$/);
  // So much is given: twice across a failover, where the receipt had not come.
  expect(found.twice).toBe(true);
});

/** The verdicts, and another one in some situations. */
const unless =
  (isWrong: (situation: Situation, right: Verdict) => boolean, wrong: Verdict): Rules['verdict'] =>
  (situation) => {
    const right = verdictOf(situation);
    return isWrong(situation, right) ? wrong : right;
  };

/** An assignment believed without the lease's epoch. */
const unversed: Rules['standing'] = (assignment, cell): Standing => standingOf(assignment, cell, undefined);

test.each<[string, Partial<Rules>, Bounds, RegExp]>([
  [
    'a cell that takes over applies copies unasked',
    { verdict: unless(({ isOwn, isLeased }, right) => right === 'ask' && !isOwn && isLeased, 'apply') },
    CUT,
    /twice without/,
  ],
  [
    'a cell applies what it has accepted unasked',
    { verdict: unless(({ isOwn, isLeased }, right) => right === 'ask' && isOwn && isLeased, 'apply') },
    CUT,
    /twice without/,
  ],
  [
    'a cell without the lease applies what the other one has not done',
    { verdict: unless(({ answer }) => answer === 'unclaimed', 'apply') },
    CUT,
    /twice/,
  ],
  [
    'a home does not wait for an answer',
    { verdict: unless(({ answer, isLeased }) => answer === 'none' && isLeased, 'apply') },
    CUT,
    /twice without/,
  ],
  [
    'a standby that stands in waits for an answer',
    { verdict: unless(({ answer }) => answer === 'none', 'wait') },
    CUT,
    /home that is lost/,
  ],
  [
    'a copy is not kept by a cell without the lease',
    { verdict: unless(({ isOwn, isLeased }) => !isOwn && !isLeased, 'leave') },
    CUT,
    /never happens|home that is lost/,
  ],
  [
    'what waits for the lease is not ended by a receipt',
    { verdict: unless(({ isLeased, answer }) => !isLeased && answer !== undefined, 'wait') },
    CUT,
    /waits in/,
  ],
  ['a receipt is not noted', { keepsReceipts: false }, LOST, /receipt had arrived/],
  ['an assignment counts that is not the lease’s', { standing: unversed }, BACK, /twice without/],
  ['a comparison counts that began before the lease', { comparesUnderLease: false }, CUT, /twice without/],
  ['an answer counts that came before the lease', { remembers: true }, CUT, /twice without/],
  ['a successor begins while an effect is under way', { leaseWaits: false }, CUT, /twice without/],
])('found, if %s', (_, wrong, bounds, expected) => {
  const { counterexample } = search(bounds, { ...RULES, ...wrong });
  expect(counterexample?.at(-1) ?? '').toMatch(expected);
});
