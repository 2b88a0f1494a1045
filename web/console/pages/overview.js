// The overview: is everything well, what is where, and what has happened in the last ten minutes.

import { h } from '../dom.js';
import { ago, counted, duration, rate } from '../format.js';
import { badge, link, measuredAge, notice, number, parkedOf, serviceOf, stateOf, table, td } from '../parts.js';
import { legend, plot } from '../plot.js';
import { budgets } from './budgets.js';
import { timeline } from './timeline.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('../api.js').Overview} Overview */

/** Series that fit into one plot. */
const PLOTTED = 8;

/** A consumer that is further behind than this is named, in milliseconds. */
const NOTED_BACKLOG_MS = 30_000;

/** Why a failing cell is left where it is. @type {Record<string, string>} */
const STAYS = {
  proposed: 'A failover is proposed.',
  'left-to-operators': 'Its policy leaves the failover to you.',
  grace: 'It was failed back a moment ago, so the monitor waits.',
  held: 'Several clouds are silent: the monitor itself may be cut off.',
  contradicted: 'Another cell reaches it: the monitor’s own connection may be broken.',
  refused: 'Its failover is refused.',
};

/** @param {Context} context */
export function overviewPage({ overview, nowMs }) {
  const { cells, tenants, fencing, failovers, series, monitor } = overview;
  const unserved = tenants.items.filter(({ servedBy }) => servedBy === null);
  const well = cells.items.filter((cell) => stateOf(cell)[0] === 'good').length;
  const parked = cells.items.reduce((sum, { measured }) => sum + sumOf(measured?.parked ?? []), 0);
  const perSecond =
    Object.values(series.cells).reduce((sum, { requests }) => sum + (requests.at(-1) ?? 0), 0) / (series.stepMs / 1000);
  const failed = Object.values(series.cells).reduce((sum, { failures }) => sum + total(failures), 0);
  const last = failovers[0];
  return [
    h('h1', null, 'Overview'),
    monitor.trouble === null ? null : notice('bad', 'The monitor is in trouble: ', monitor.trouble),
    h(
      'ul',
      { class: 'tiles' },
      tile('Cells well', `${well} of ${cells.items.length}`, well === cells.items.length ? 'good' : 'bad'),
      tile(
        'Tenants served',
        `${tenants.items.length - unserved.length} of ${tenants.items.length}${tenants.more ? '+' : ''}`,
        unserved.length === 0 ? 'good' : 'bad',
      ),
      tile('Parked events', parked.toLocaleString(), parked === 0 ? 'good' : 'warn'),
      tile('Requests a second', rate(perSecond), null),
      tile('Failed in ten minutes', failed.toLocaleString(), failed === 0 ? 'good' : 'warn'),
      tile('Last measured RTO', last?.rtoMs == null ? '–' : duration(last.rtoMs), null),
    ),
    table(
      'Cells',
      [
        ...[
          'Cell',
          'State',
          'Probe',
          'Requests/s',
          'Failed',
          'Parked',
          'To state',
          'Backlog',
          'Lag',
          'RPO',
          'Home of',
          'Standby of',
        ],
        ...['Version', 'Action'],
      ],
      cells.items.map((cell) => cellRow(cell, series, nowMs)),
    ),
    cells.more ? notice('info', 'There are more cells: npx polycell cells list.') : null,
    ...cells.items
      .filter(({ stay }) => stay !== null)
      .map(({ id, stay, refusal }) =>
        notice(
          'warn',
          h('strong', null, id),
          ` is failing and is not failed over. ${STAYS[stay ?? ''] ?? ''} ${refusal ?? ''} `,
          link(`#/failover/${id}`, 'Fail it over'),
        ),
      ),
    budgets(overview),
    plots(overview),
    whoServes(overview),
    h('h2', null, 'Failovers'),
    failovers.length === 0
      ? h('p', { class: 'none' }, 'None that the audit log still has.')
      : failovers.slice(0, 5).map((each) => timeline(each)),
    h('h2', null, 'Fencing'),
    h(
      'p',
      { class: 'hint' },
      'Cells that have lost tenants learn the tenants’ new epochs, so that they refuse requests that come late.',
    ),
    table(
      `${counted(fencing.waiting, 'job')} under way`,
      ['Of', 'Cells to notify', 'Notified', 'Epoch', 'State', 'Problem'],
      fencing.jobs.map((job) =>
        h(
          'tr',
          { key: `${job.of} ${job.whom} ${job.revision}` },
          td(job.of),
          td(job.whom),
          number(job.told.toLocaleString()),
          number(job.epoch ?? '–'),
          td(badge(job.state === 'done' ? 'good' : 'warn', job.state)),
          td(job.problem || '–'),
        ),
      ),
    ),
  ];
}

/** @param {readonly { parked: number }[]} counts */
const sumOf = (counts) => counts.reduce((sum, { parked }) => sum + parked, 0);

/** @param {readonly number[]} values */
const total = (values) => values.reduce((sum, value) => sum + value, 0);

/** @param {string} title @param {string} value @param {string | null} tone */
const tile = (title, value, tone) =>
  h(
    'li',
    { key: title, class: `tile ${tone ?? ''}` },
    h('span', { class: 'value' }, value),
    h('span', { class: 'title' }, title),
  );

/** @param {Overview['cells']['items'][number]} cell @param {Overview['series']} series @param {number} nowMs */
function cellRow(cell, series, nowMs) {
  const { id, cloud, region, homes, standbys, measured, replication, silentSince, detail, state } = cell;
  const { probeMs = [], requests = [], failures = [] } = series.cells[id] ?? {};
  const { stateMs = [], backlogMs = [], lagMs = [], rpoMs = [] } = series.cells[id] ?? {};
  const latest = probeMs.at(-1);
  const isServing = state === 'active' || state === 'draining';
  return h(
    'tr',
    { key: id },
    h('th', { scope: 'row' }, id, h('span', { class: 'sub' }, `${cloud} ${region}`)),
    td([
      badge(...stateOf(cell)),
      h(
        'span',
        { class: 'sub' },
        silentSince === null
          ? detail === 'ok'
            ? ''
            : detail
          : `silent since ${ago(nowMs - Date.parse(silentSince)).replace(' ago', '')}: ${detail}`,
      ),
    ]),
    number(latest == null ? '–' : duration(latest)),
    number(requests.length === 0 ? '–' : rate((requests.at(-1) ?? 0) / (series.stepMs / 1000))),
    number(total(failures).toLocaleString()),
    number(parkedOf(cell), measuredAge(cell, nowMs)),
    number(length(stateMs)),
    td([length(backlogMs), sub(furthestBehind(measured))]),
    td([length(lagMs), sub(troubles(replication))]),
    td([length(rpoMs), sub(replication?.unknown ? `unknown of ${counted(replication.unknown, 'tenant')}` : '')]),
    number(homes.toLocaleString()),
    number(standbys.toLocaleString()),
    td(measured?.version ?? '–'),
    td(isServing ? link(`#/failover/${id}`, 'Fail over…') : link(`#/failover/${id}`, 'Fail back…')),
  );
}

/** @param {readonly (number | null)[]} values */
const length = (values) => {
  const latest = values.at(-1);
  return latest == null ? '–' : duration(latest);
};

/** @param {string} text */
const sub = (text) => h('span', { class: 'sub' }, text);

/**
 * Which consumer the backlog is of; nothing of one that is hardly behind.
 * @param {Overview['cells']['items'][number]['measured']} measured
 */
function furthestBehind(measured) {
  const [worst] = [...(measured?.backlogs ?? [])].sort((one, other) => (other.backlogMs ?? -1) - (one.backlogMs ?? -1));
  if (worst === undefined || (worst.backlogMs ?? 0) < NOTED_BACKLOG_MS) return '';
  return `${worst.silent ? 'at least, ' : ''}${worst.consumer}`;
}

/** For which tenants a cell does not keep up. @param {Overview['cells']['items'][number]['replication']} replication */
const troubles = (replication) =>
  [
    replication?.failing ? `other cell of ${counted(replication.failing, 'tenant')} not reached` : '',
    replication?.behind ? `${counted(replication.behind, 'tenant')} behind` : '',
  ]
    .filter((text) => text !== '')
    .join(', ');

/** @param {Overview} overview */
function plots({ series, cells }) {
  const names = cells.items
    .map(({ id }) => id)
    .filter((id) => series.cells[id] !== undefined)
    .slice(0, PLOTTED);
  if (names.length === 0) return null;
  const step = series.stepMs / 1000;
  /** @param {readonly (number | null)[] | undefined} values */
  const seconds = (values = []) => values.map((each) => (each === null ? null : each / 1000));
  /** @param {(cell: Overview['series']['cells'][string]) => readonly (number | null)[]} of */
  const lines = (of) =>
    names.map((name, index) => ({
      name,
      index,
      values: of(/** @type {Overview['series']['cells'][string]} */ (series.cells[name])),
    }));
  const common = { stepMs: series.stepMs, kept: 120 };
  return h(
    'section',
    { 'aria-labelledby': 'plots', class: 'plots' },
    h('h2', { id: 'plots' }, 'The last ten minutes'),
    legend(names),
    h(
      'div',
      { class: 'grid' },
      plot({
        title: 'Ingest',
        unit: 'requests with events a second',
        lines: lines(({ ingests }) => ingests.map((each) => each / step)),
        ...common,
      }),
      plot({
        title: 'Requests',
        unit: 'a second',
        lines: lines(({ requests }) => requests.map((each) => each / step)),
        ...common,
      }),
      plot({ title: 'Failures', unit: 'in five seconds', lines: lines(({ failures }) => failures), ...common }),
      plot({
        title: 'Latency',
        unit: 'ms until an answer begins',
        lines: lines(({ requestMs }) => requestMs),
        ...common,
      }),
      plot({ title: 'Probes', unit: 'ms until an answer', lines: lines(({ probeMs }) => probeMs), ...common }),
      plot({
        title: 'To state',
        unit: 's until consumers are done, p99',
        lines: lines(({ stateMs }) => seconds(stateMs)),
        ...common,
      }),
      plot({
        title: 'Backlog',
        unit: 's that a consumer is behind, worst one',
        lines: lines(({ backlogMs }) => seconds(backlogMs)),
        ...common,
      }),
      plot({
        title: 'Lag',
        unit: 's until the other cell has it, p99',
        lines: lines(({ lagMs }) => seconds(lagMs)),
        ...common,
      }),
      plot({
        title: 'RPO',
        unit: 's since all was there, worst tenant',
        lines: lines(({ rpoMs }) => seconds(rpoMs)),
        ...common,
      }),
      plot({ title: 'Parked', unit: 'events', lines: lines(({ parked }) => parked), ...common }),
    ),
  );
}

/** Who serves whose tenants: homes down the side, serving cells across. @param {Overview} overview */
function whoServes({ tenants, cells }) {
  const ids = cells.items.map(({ id }) => id);
  const across = [...ids, null];
  /** @param {string} home @param {string | null} by */
  const count = (home, by) => tenants.items.filter((tenant) => tenant.cell === home && tenant.servedBy === by);
  return [
    h('h2', null, 'Who serves which tenants'),
    table(
      tenants.more
        ? `Tenants by home and serving cell: the first ${tenants.items.length}`
        : 'Tenants by home and serving cell',
      ['Home', ...ids.map((id) => `served by ${id}`), 'unserved'],
      ids.map((home) =>
        h(
          'tr',
          { key: home },
          h('th', { scope: 'row' }, home),
          across.map((by) => {
            const found = count(home, by);
            const first = found[0];
            if (first === undefined) return h('td', { class: 'number none', key: by ?? '' }, '0');
            return h(
              'td',
              { class: 'number', key: by ?? '' },
              h('span', { class: `flow ${serviceOf(first)[0]}` }, found.length.toLocaleString()),
              h(
                'span',
                { class: 'sub' },
                found
                  .slice(0, 3)
                  .map(({ id }) => id)
                  .join(', ') + (found.length > 3 ? ', …' : ''),
              ),
            );
          }),
        ),
      ),
    ),
  ];
}
