// The error budgets of a cell in a few words: calm while at least half of each is left.

import { BUDGET_KINDS, type BudgetKind } from '../core/edge/monitor/budgets.ts';
import type { Overview, OverviewCell } from '../core/edge/monitor/overview.ts';

/** From this share on a budget is not talked about. */
const CALM = 0.5;

const NAMES: Readonly<Record<BudgetKind, string>> = {
  availability: 'availability',
  state: 'to state',
  lag: 'lag',
  rpo: 'RPO',
};

/** The least of a cell's budgets, and since when they are known. An edge of an earlier release says nothing: `-`, as while nothing is known. */
export function budgetText({ objectives }: Partial<Pick<Overview, 'objectives'>>, cell: Partial<OverviewCell>): string {
  const { budget } = cell;
  if (objectives === undefined || budget === undefined || budget === null) return '-';
  const known = BUDGET_KINDS.flatMap((kind) => {
    const { left } = budget[kind];
    return left === null ? [] : [{ kind, left }];
  });
  const [first, ...others] = known;
  if (first === undefined) return '-';
  const { kind, left } = others.reduce((least, each) => (each.left < least.left ? each : least), first);
  const since = budget.since === null ? '' : `, since ${budget.since}`;
  if (left >= CALM) return `ok${since}`;
  return `${NAMES[kind]} ${leftText(left, objectives.windowDays)}${since}`;
}

/** How much is left of a budget: never more than is. */
function leftText(left: number, windowDays: number): string {
  if (left <= 0) return 'exhausted';
  return `${left < 0.01 ? 'under 1' : Math.floor(left * 100)} % of ${windowDays} days left`;
}
