// Rules for Prometheus and a dashboard for Grafana, generated from infra/objectives.json, over the metrics that the edge serves.

import { budgetShare, type CellObjectives, objectiveFaults } from '../../core/edge/monitor/objectives.ts';

/** The part of infra/objectives.json that concerns cells as their clients see them. */
export interface DeclaredObjectives extends CellObjectives {
  /** How long a failover may keep tenants without a cell. */
  readonly rtoSeconds: number;
}

export interface Objectives {
  readonly alarms: Readonly<Record<'parked', { readonly threshold: number; readonly periodSeconds: number }>>;
  readonly cells: DeclaredObjectives;
}

/** Alerts by how fast the budget burns: the share of it that is gone in the long window, if the short one shows that it goes on. */
const BURNS = [
  { name: 'Fast', share: 0.02, longHours: 1, short: '5m', severity: 'page' },
  { name: 'Slow', share: 0.05, longHours: 6, short: '30m', severity: 'ticket' },
] as const;

const ratio = (window: string): string =>
  `sum by (cell) (rate(polycell_cell_failures_total[${window}])) / sum by (cell) (rate(polycell_cell_requests_total[${window}]))`;

/** Rounded so that a share such as 1 - 0.999 is written as it is meant. */
const rounded = (value: number): number => Number(value.toPrecision(6));

/** A consumer that does nothing at all finishes no event that could be late: its backlog counts, but for that of copies. */
const TO_STATE =
  'max by (cell) ({__name__=~"polycell_cell_state_seconds|polycell_consumer_lag_seconds",consumer!="replicate"})';

/** What is measured of a cell, and must stay at or below an objective: the worst of its consumers, peers and tenants. */
const KEPT = [
  { name: 'state', metric: TO_STATE, limit: 'stateSeconds' },
  { name: 'lag', metric: 'polycell_cell_replication_lag_seconds', limit: 'lagSeconds' },
  { name: 'rpo', metric: 'polycell_cell_rpo_seconds', limit: 'rpoSeconds' },
] as const;

/** So long a tenant may be without any comparison, or with events that were left unsent: one is ordered at once. */
const CATCHING_UP = '30m';

const alert = (name: string, expr: string, lasts: string, severity: string, summary: string) => ({
  alert: `Polycell${name}`,
  expr,
  for: lasts,
  labels: { severity },
  annotations: { summary },
});

/** The rules, as a document that Prometheus reads: JSON is YAML. @throws Error if an objective makes no sense */
export function prometheusRules({ alarms, cells }: Objectives): unknown {
  const { windowDays, rtoSeconds, stateSeconds, lagSeconds, rpoSeconds } = cells;
  const faults = [...objectiveFaults(cells), ...(rtoSeconds > 0 ? [] : ['rtoSeconds must be above 0.'])];
  if (faults.length > 0) throw new Error(faults.map((fault) => `infra/objectives.json: cells: ${fault}`).join(' '));
  const budget = budgetShare(cells);
  return {
    groups: [
      {
        name: 'polycell-budget',
        rules: [
          { record: 'polycell:cell_failures:ratio', expr: ratio(`${windowDays}d`) },
          { record: 'polycell:cell_budget:remaining', expr: `1 - polycell:cell_failures:ratio / ${budget}` },
          // The share of minutes in which the objective was kept, of those in which there was something to measure.
          ...KEPT.map(({ name, metric, limit }) => ({
            record: `polycell:cell_${name}:kept`,
            expr: `avg_over_time((${metric} <= bool ${cells[limit]})[${windowDays}d:1m])`,
          })),
        ],
      },
      {
        name: 'polycell-alerts',
        rules: [
          ...BURNS.map(({ name, share, longHours, short, severity }) => {
            const limit = rounded(((share * windowDays * 24) / longHours) * budget);
            return alert(
              `BudgetBurns${name}`,
              `(${ratio(`${longHours}h`)}) > ${limit} and (${ratio(short)}) > ${limit}`,
              '1m',
              severity,
              `{{ $labels.cell }} uses up ${share * 100} % of its error budget in ${longHours} h`,
            );
          }),
          alert('CellDown', 'polycell_cell_up == 0', '1m', 'page', '{{ $labels.cell }} gives no sign of life'),
          alert(
            'TenantsUnserved',
            'polycell_tenants_unserved > 0',
            '1m',
            'page',
            'No cell serves {{ $value }} tenants',
          ),
          alert(
            'RtoMissed',
            `polycell_failover_rto_seconds > ${rtoSeconds}`,
            '0m',
            'ticket',
            `The failover of {{ $labels.cell }} took {{ $value }} s; the objective is ${rtoSeconds} s`,
          ),
          alert(
            'StateLate',
            `${TO_STATE} > ${stateSeconds}`,
            '10m',
            'ticket',
            `Events of {{ $labels.cell }} take {{ $value }} s to the state; the objective is ${stateSeconds} s for 99 of 100`,
          ),
          alert(
            'ReplicationLate',
            `polycell_cell_replication_lag_seconds > ${lagSeconds}`,
            '10m',
            'ticket',
            `Events of {{ $labels.cell }} take {{ $value }} s to their other cell; the objective is ${lagSeconds} s for 99 of 100`,
          ),
          alert(
            'RpoMissed',
            `polycell_cell_rpo_seconds > ${rpoSeconds}`,
            '5m',
            'page',
            `Of a tenant of {{ $labels.cell }} not everything of the last {{ $value }} s is known to be at its other cell; the objective is ${rpoSeconds} s`,
          ),
          alert(
            'RpoUnknown',
            'polycell_cell_rpo_unknown > 0',
            CATCHING_UP,
            'ticket',
            'No comparison has passed yet for {{ $value }} tenants of {{ $labels.cell }}',
          ),
          alert(
            'ReplicationBehind',
            'polycell_cell_replication_behind > 0',
            CATCHING_UP,
            'ticket',
            'Events of {{ $value }} tenants of {{ $labels.cell }} were left unsent, and no comparison has brought them',
          ),
          alert(
            'Parked',
            `sum by (cell) (polycell_cell_parked) >= ${alarms.parked.threshold}`,
            `${alarms.parked.periodSeconds}s`,
            'ticket',
            '{{ $value }} events are parked in {{ $labels.cell }}',
          ),
          alert(
            'MonitorNotWorking',
            'polycell_monitor_working == 0 or polycell_overview_age_seconds > 60',
            '2m',
            'page',
            'The monitor of the cells does not work: a lost cell is not failed over',
          ),
        ],
      },
    ],
  };
}

const COLUMNS = 24;
const WIDTH = 8;
const HEIGHT = 8;

/** The dashboard, as Grafana imports it. */
export function grafanaDashboard({ cells }: Objectives): unknown {
  const datasource = { type: 'prometheus', uid: '$datasource' };
  const panels = [
    ['Error budget left', 'polycell:cell_budget:remaining', 'percentunit'],
    ['Failed requests', ratio('5m'), 'percentunit'],
    ['Requests', 'sum by (cell) (rate(polycell_cell_requests_total[5m]))', 'reqps'],
    ['Requests with events', 'sum by (cell) (rate(polycell_cell_ingests_total[5m]))', 'reqps'],
    ['Probe', 'polycell_cell_probe_seconds', 's'],
    ['Up', 'polycell_cell_up', 'bool_on_off'],
    ['Parked events', 'sum by (cell) (polycell_cell_parked)', 'short'],
    ['Fencing jobs', 'polycell_fencing_waiting', 'short'],
    [`RTO (objective: ${cells.rtoSeconds} s)`, 'polycell_failover_rto_seconds', 's'],
    [`To state, p99 (objective: ${cells.stateSeconds} s)`, TO_STATE, 's'],
    [`Lag, p99 (objective: ${cells.lagSeconds} s)`, 'polycell_cell_replication_lag_seconds', 's'],
    [`RPO (objective: ${cells.rpoSeconds} s)`, 'polycell_cell_rpo_seconds', 's'],
  ].map(([title, expr, unit], index) => ({
    id: index + 1,
    type: 'timeseries',
    title,
    datasource,
    gridPos: { x: (index * WIDTH) % COLUMNS, y: Math.floor((index * WIDTH) / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: { unit }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: [{ refId: 'A', datasource, expr, legendFormat: '{{cell}}' }],
  }));
  return {
    uid: 'polycell-cells',
    title: 'Polycell: cells',
    schemaVersion: 39,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' }] },
    panels,
  };
}
