// What the terminal says of error budgets: few words while all is well.
import { budgetText } from '../../../cli/budget-text.ts';
import type { CellBudget } from '../../../core/edge/monitor/budgets.ts';
import { OBJECTIVE_DEFAULTS } from '../../../core/edge/monitor/objectives.ts';

const of = (left: number | null) => ({ counted: left === null ? 0 : 100, missed: 0, left });

const budget = (left: readonly (number | null)[], since: string | null = null): CellBudget => {
  const [availability = null, state = null, lag = null, rpo = null] = left;
  return { since, availability: of(availability), state: of(state), lag: of(lag), rpo: of(rpo) };
};

const say = (...given: Parameters<typeof budget>) =>
  budgetText({ objectives: OBJECTIVE_DEFAULTS }, { budget: budget(...given) });

test('it is calm while at least half of each is left, and says how much of the least one is left otherwise', () => {
  expect(say([1, 0.5, 0.9, null])).toBe('ok');
  expect(say([0.8, 0.499999, 0.9, 0.7])).toBe('to state 49 % of 30 days left');
  expect(say([0.3799, 0.6, null, null])).toBe('availability 37 % of 30 days left');
  expect(say([1, 1, 0.009, 1])).toBe('lag under 1 % of 30 days left');
  expect(say([0.2, 1, 1, 0])).toBe('RPO exhausted');
  expect(say([0, 1, 1, -3])).toBe('RPO exhausted');
});

test('it says since when they are known while that is less than the window, and nothing of what is not known', () => {
  expect(say([1, 1, 1, 1], '2026-11-20')).toBe('ok, since 2026-11-20');
  expect(say([0, null, null, null], '2026-11-20')).toBe('availability exhausted, since 2026-11-20');
  expect(say([null, null, null, null], '2026-11-20')).toBe('-');
  expect(budgetText({ objectives: OBJECTIVE_DEFAULTS }, { budget: null })).toBe('-');
});

test('an edge of an earlier release says nothing of budgets', () => {
  expect(budgetText({}, {})).toBe('-');
});
