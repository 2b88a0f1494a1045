// A failover as a line of time: the last sign of life, the decision, the first answer of those that took over, and the way back.

import { h } from '../dom.js';
import { duration, time } from '../format.js';
import { badge } from '../parts.js';

/** @typedef {import('../../../core/edge/monitor/recent-failovers.ts').RecentFailover} Failover */

/** @param {Failover} failover */
export function timeline({ revision, cell, actor, reason, silentSince, downAt, servedAt, rtoMs, backAt }) {
  const steps = [
    ...(silentSince === null ? [] : [{ name: 'last sign of life', at: silentSince }]),
    { name: 'marked down', at: downAt },
    ...(servedAt === null ? [] : [{ name: 'standbys seen answering', at: servedAt }]),
    ...(backAt === null ? [] : [{ name: 'failed back', at: backAt }]),
  ];
  const first = Date.parse(steps[0]?.at ?? downAt);
  return h(
    'article',
    { class: 'timeline', key: `${revision} ${cell}` },
    h(
      'header',
      null,
      h('strong', null, cell),
      backAt === null ? badge('bad', 'down') : badge('good', 'failed back'),
      h('span', { class: 'rto' }, rtoMs === null ? 'RTO not measured' : `RTO ${duration(rtoMs)}`),
      h('span', { class: 'sub' }, `by ${actor}: ${reason}`),
    ),
    h(
      'ol',
      null,
      steps.map(({ name, at }) =>
        h(
          'li',
          { key: name },
          h('span', { class: 'what' }, name),
          h('time', { datetime: at }, time(at)),
          h('span', { class: 'after' }, `+${duration(Date.parse(at) - first)}`),
        ),
      ),
    ),
  );
}
