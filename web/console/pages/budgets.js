// The error budgets of the cells: how much of what may fail over the window is left, and of what.

import { h } from '../dom.js';
import { badge, counted, number, table, td } from '../parts.js';

/** @typedef {import('../../../core/edge/monitor/overview.ts').Overview} Overview */
/** @typedef {import('../../../core/edge/monitor/budgets.ts').Budget} Budget */

/** Below this share a budget is marked. */
const CALM = 0.5;

/** A table, or nothing of an edge that says nothing of budgets. @param {Overview} overview */
export function budgets({ cells, objectives }) {
  if (objectives === undefined) return null;
  const { availability, windowDays, stateSeconds, lagSeconds, rpoSeconds } = objectives;
  const share = Number((availability * 100).toPrecision(6));
  return [
    h('h2', null, 'Error budgets'),
    h(
      'p',
      { class: 'hint' },
      `${share} % of requests must succeed over ${counted(windowDays, 'day')}. In the same share of the minutes in which there is something to measure, ` +
        `99 of 100 events must be in the state within ${stateSeconds} s and at the other cell within ${lagSeconds} s, and the RPO must be at most ${rpoSeconds} s.`,
    ),
    table(
      `Left of the error budgets of ${counted(windowDays, 'day')}`,
      ['Cell', 'Availability', 'To state', 'Lag', 'RPO', 'Known since'],
      cells.items.map(({ id, budget }) =>
        h(
          'tr',
          { key: id },
          h('th', { scope: 'row' }, id),
          left(budget?.availability, 'request', 'failed'),
          left(budget?.state, 'minute', 'late'),
          left(budget?.lag, 'minute', 'late'),
          left(budget?.rpo, 'minute', 'above it'),
          td(budget == null ? '–' : (budget.since ?? 'the whole window')),
        ),
      ),
    ),
  ];
}

/** @param {Budget | undefined} budget @param {string} what what it is made of @param {string} how what counts against it */
function left(budget, what, how) {
  if (budget === undefined || budget.left === null) return number('–');
  const { left: share, missed } = budget;
  return td(
    [
      share <= 0
        ? badge('bad', 'exhausted')
        : share < CALM
          ? badge('warn', `${share < 0.01 ? 'under 1' : Math.floor(share * 100)} % left`)
          : `${Math.floor(share * 100)} %`,
      h('span', { class: 'sub' }, `${missed.toLocaleString()} of ${counted(budget.counted, what)} ${how}`),
    ],
    { class: 'number' },
  );
}
