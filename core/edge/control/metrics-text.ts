// The overview as metrics for Prometheus to fetch (https://prometheus.io/docs/instrumenting/exposition_formats/).

import { BUDGET_KINDS, type Budget } from '../monitor/budgets.ts';
import type { Overview } from '../monitor/overview.ts';
import { latestRecoveries } from '../monitor/recent-failovers.ts';

/** The media type of the text. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

const inSeconds = (milliseconds: number | undefined) => (milliseconds === undefined ? undefined : milliseconds / 1000);

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function lines(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): readonly string[] {
  const values = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...values];
}

/** The text. `ageMs`: how long ago the overview was confirmed. */
export function metricsText({ cells, tenants, fencing, failovers, series, monitor }: Overview, ageMs: number): string {
  const ofCells = (value: (cell: Overview['cells']['items'][number]) => number | undefined): readonly Sample[] =>
    cells.items.flatMap((cell) => {
      const found = value(cell);
      return found === undefined ? [] : [[{ cell: cell.id }, found] as const];
    });
  const ofBudgets = (value: (budget: Budget) => number | null): readonly Sample[] =>
    cells.items.flatMap(({ id, budget }) =>
      BUDGET_KINDS.flatMap((objective) => {
        // While a release is being deployed, the monitor may be of the one before.
        const known = budget?.[objective];
        const found = known === undefined ? null : value(known);
        return found === null ? [] : [[{ cell: id, objective }, found] as const];
      }),
    );
  const latest = (cell: string, of: 'probeMs' | 'lagMs' | 'rpoMs') => series.cells[cell]?.[of].at(-1) ?? undefined;
  return [
    ...lines(
      'polycell_cell_up',
      'gauge',
      'Whether the monitor takes the cell for alive; absent while it does not know.',
      ofCells(({ verdict }) => (verdict === 'unknown' ? undefined : Number(verdict === 'up'))),
    ),
    ...lines(
      'polycell_cell_active',
      'gauge',
      'Whether the cell serves its tenants by the directory.',
      ofCells(({ state }) => Number(state === 'active' || state === 'draining')),
    ),
    ...lines(
      'polycell_cell_probe_seconds',
      'gauge',
      'How long the cell took to answer the latest probe.',
      ofCells(({ id }) => inSeconds(latest(id, 'probeMs'))),
    ),
    ...lines(
      'polycell_cell_requests_total',
      'counter',
      'Requests that routers have sent to the cell.',
      ofCells(({ routed }) => routed.requests),
    ),
    ...lines(
      'polycell_cell_ingests_total',
      'counter',
      'Of these, those that bring events.',
      ofCells(({ routed }) => routed.ingests),
    ),
    ...lines(
      'polycell_cell_failures_total',
      'counter',
      'Of all, those without an answer, or with a status from 500.',
      ofCells(({ routed }) => routed.failures),
    ),
    ...lines(
      'polycell_cell_parked',
      'gauge',
      'Parked events; 100 are counted of each consumer.',
      cells.items.flatMap(({ id, measured }) =>
        (measured?.parked ?? []).map(({ consumer, parked }) => [{ cell: id, consumer }, parked] as const),
      ),
    ),
    ...lines(
      'polycell_cell_state_seconds',
      'gauge',
      'From acceptance until a consumer is done, for 99 of 100 of the latest events; absent without events.',
      cells.items.flatMap(({ id, measured }) =>
        (measured?.delays ?? [])
          .filter(({ kind }) => kind === 'state')
          .map(({ name, p99Ms }) => [{ cell: id, consumer: name }, p99Ms / 1000] as const),
      ),
    ),
    ...lines(
      'polycell_consumer_lag_seconds',
      'gauge',
      'How far the consumer is behind what the relay has published, at least; absent where that is not known.',
      cells.items.flatMap(({ id, measured }) =>
        (measured?.backlogs ?? []).flatMap(({ consumer, backlogMs }) =>
          backlogMs === null ? [] : [[{ cell: id, consumer }, backlogMs / 1000] as const],
        ),
      ),
    ),
    ...lines(
      'polycell_cell_replication_lag_seconds',
      'gauge',
      'From acceptance until the other cell has stored it, alike; or since when another cell is not reached.',
      ofCells(({ id }) => inSeconds(latest(id, 'lagMs'))),
    ),
    ...lines(
      'polycell_cell_rpo_seconds',
      'gauge',
      'At the worst tenant: since when not everything is known to be at its other cell.',
      ofCells(({ id }) => inSeconds(latest(id, 'rpoMs'))),
    ),
    ...lines(
      'polycell_cell_rpo_unknown',
      'gauge',
      'Tenants whose RPO is not known; 20 are counted.',
      ofCells(({ replication }) => replication?.unknown),
    ),
    ...lines(
      'polycell_cell_replication_behind',
      'gauge',
      'Tenants of which events were left unsent; 20 are counted.',
      ofCells(({ replication }) => replication?.behind),
    ),
    ...lines(
      'polycell_cell_budget_left',
      'gauge',
      'The share of the error budget that is left over the window; below 0 if the objective is missed, absent while nothing is known.',
      ofBudgets(({ left }) => left),
    ),
    ...lines(
      'polycell_cell_budget_counted',
      'gauge',
      'What the budget is made of so far: requests, or minutes in which there was something to measure.',
      ofBudgets(({ counted }) => counted),
    ),
    ...lines('polycell_tenants_unserved', 'gauge', 'Tenants of the overview that no cell serves.', [
      [{}, tenants.items.filter(({ servedBy }) => servedBy === null).length],
    ]),
    ...lines('polycell_fencing_waiting', 'gauge', 'Fencing jobs under way.', [[{}, fencing.waiting]]),
    ...lines(
      'polycell_failover_rto_seconds',
      'gauge',
      'The RTO of the latest failover of the cell that was measured.',
      [...latestRecoveries(failovers)].map(([cell, rtoMs]) => [{ cell }, rtoMs / 1000] as const),
    ),
    ...lines('polycell_monitor_working', 'gauge', 'Whether nothing keeps the monitor from working.', [
      [{}, Number(monitor.trouble === null)],
    ]),
    ...lines('polycell_overview_age_seconds', 'gauge', 'Since when all of this is not confirmed.', [
      [{}, ageMs / 1000],
    ]),
    '',
  ].join('\n');
}
