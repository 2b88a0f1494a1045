// No order of events within the bounds lets two cells have effects of one tenant under way, and each rule is needed for that.
import { LEASE, leaseOver } from '../../../../core/cell/lease.ts';
import type { Cell, DirectoryChange, Tenant } from '../../../../core/edge/ports/directory-model.ts';
import type { Found } from '../../../support/breadth-first.ts';
import { type Bounds, RULES, type Rules, type State, search } from '../../../support/lease-model.ts';

const ALONE: Bounds = { changes: 2, withFaults: true, withRouter: false, states: 300_000 };
const BUSY: Bounds = { changes: 4, withFaults: false, withRouter: false, states: 300_000 };
const ROUTED: Bounds = { changes: 1, withFaults: false, withRouter: true, states: 300_000 };

const told = ({ states, complete, counterexample }: Found): string =>
  counterexample === null ? `${complete ? 'all' : 'only'} ${states} states: nothing` : counterexample.join('\n');

test.each([
  ['two changes by monitor and operators, answers that are 10 s late, and one wrong clock', ALONE],
  ['four changes one after the other', BUSY],
  ['a failover with a router, its cache and fences, on which no lease depends', ROUTED],
])('none with %s', (_, bounds) => {
  expect(told(search(bounds))).toMatch(/^all \d+ states: nothing$/);
});

/** The time that is written, changed by a rule that is wrong. */
const waits =
  (from: (right: number, state: State, change: DirectoryChange) => number): Rules['changed'] =>
  (state, changes, now) =>
    RULES.changed(state, changes, now).map((change): DirectoryChange => {
      const after = change.after as Cell & Tenant;
      return { ...change, after: { ...after, effectsFrom: from(after.effectsFrom ?? 0, state, change) } };
    });

const isFailback = ({ kind, before }: DirectoryChange): boolean => kind === 'cell' && (before as Cell).state === 'down';

/** A tenant that no cell serves gets other cells. */
const isOfUnserved = ({ records }: State, { kind }: DirectoryChange): boolean =>
  kind === 'tenant' && records.cells.a.state === 'down' && records.cells.b.state === 'down';

/** Changes of a tenant alone forget the lease of a cell that has just stopped serving it. */
const forgetful = ({ leases }: State, right: number): number =>
  right === leaseOver(leases.a) || right === leaseOver(leases.b) ? 0 : right;

test.each<[string, Partial<Rules>, Bounds]>([
  ['the successor does not wait', { changed: waits(() => 0) }, ALONE],
  ['it waits without skew', { changed: waits((right) => right - LEASE.skewMs) }, ALONE],
  ['it waits without the longest effect', { changed: waits((right) => right - LEASE.effectMs) }, ALONE],
  ['a failback waits for nothing', { changed: waits((right, _, change) => (isFailback(change) ? 0 : right)) }, ALONE],
  [
    'a tenant that is unserved moves without waiting',
    { changed: waits((right, state, change) => (isOfUnserved(state, change) ? forgetful(state, right) : right)) },
    BUSY,
  ],
  ['an effect begins with any time left', { needMs: 1 }, ALONE],
  ['a cell counts from the answer', { countsFrom: 'answer' }, ALONE],
  [
    'a grant is not recorded',
    { answer: (state, cell, now) => ({ ...RULES.answer(state, cell, now), until: 0 }) },
    ALONE,
  ],
  [
    'the read cache grants',
    { answer: (state, cell, now) => RULES.answer({ ...state, records: state.cached }, cell, now) },
    ROUTED,
  ],
  ['a route token renews', { tokensRenew: true }, ROUTED],
])('found, if %s', (_, wrong, bounds) => {
  const { counterexample } = search(bounds, { ...RULES, ...wrong });
  expect(counterexample).not.toBeNull();
  // Both cells have begun an effect.
  expect(counterexample?.filter((step) => step.endsWith('begins an effect')).length).toBeGreaterThanOrEqual(2);
});
