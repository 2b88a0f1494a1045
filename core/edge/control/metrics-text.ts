// The overview as metrics for Prometheus to fetch (https://prometheus.io/docs/instrumenting/exposition_formats/).

import type { Overview } from '../monitor/overview.ts';

/** The media type of the text. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

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
  const latestRto = new Map<string, number>();
  // The newest come first.
  for (const { cell, rtoMs } of failovers)
    if (rtoMs !== null && !latestRto.has(cell)) latestRto.set(cell, rtoMs / 1000);
  const probeOf = (cell: string) => series.cells[cell]?.probeMs.at(-1) ?? undefined;
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
      ofCells(({ id }) => {
        const milliseconds = probeOf(id);
        return milliseconds === undefined ? undefined : milliseconds / 1000;
      }),
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
    ...lines('polycell_tenants_unserved', 'gauge', 'Tenants of the overview that no cell serves.', [
      [{}, tenants.items.filter(({ servedBy }) => servedBy === null).length],
    ]),
    ...lines('polycell_fencing_waiting', 'gauge', 'Fencing jobs under way.', [[{}, fencing.waiting]]),
    ...lines(
      'polycell_failover_rto_seconds',
      'gauge',
      'The RTO of the latest failover of the cell that was measured.',
      [...latestRto].map(([cell, value]) => [{ cell }, value] as const),
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
