// Rules and dashboard: made of metrics that the edge serves, with the thresholds of the objectives.

import { grafanaDashboard, prometheusRules } from '../../../build/infra/monitoring.ts';
import { metricsText } from '../../../core/edge/control/metrics-text.ts';
import objectives from '../../../infra/objectives.json' with { type: 'json' };
import { definition } from '../../support/cloud.ts';
import { openApi } from '../../support/control-api.ts';
import { READING } from '../../support/events.ts';
import { watched } from '../../support/watched-cells.ts';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
}

const rulesOf = (document: unknown): readonly Rule[] =>
  (document as { groups: readonly { rules: readonly Rule[] }[] }).groups.flatMap(({ rules }) => rules);

async function failedOver() {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  w.report({ a: { requests: 10, ingests: 4, failures: 1, tookMs: 50 } });
  await w.run(12_000);
  w.reach.set('a', 'gone');
  const { delays } = w.cells.get('b') ?? {};
  await delays?.record('state', 'rollups', [900]);
  await delays?.record('copy', 'a', [1400]);
  await delays?.published([{ type: READING, acceptedAt: w.clock.now() }]);
  await w.run(12_000);
  const note = { tenant: 'acme', peer: 'a', direction: 'to', failingSince: null, behindSince: 1, passedAt: null };
  await w.replication.page('b', [note], { first: true, last: true });
  await w.run(6000);
  return w;
}

test('the metrics are served as text, and say what the overview says', async () => {
  const w = await failedOver();
  const { items } = w.shown().cells;
  const { rtoMs } = w.shown().failovers[0] ?? {};
  const text = metricsText(w.shown(), 1500);
  expect(text.split('\n')).toEqual(
    expect.arrayContaining([
      '# TYPE polycell_cell_up gauge',
      'polycell_cell_up{cell="a"} 0',
      'polycell_cell_up{cell="b"} 1',
      'polycell_cell_active{cell="a"} 0',
      '# TYPE polycell_cell_requests_total counter',
      'polycell_cell_requests_total{cell="a"} 10',
      'polycell_cell_ingests_total{cell="a"} 4',
      'polycell_cell_failures_total{cell="a"} 1',
      'polycell_cell_parked{cell="b",consumer="rollups"} 0',
      'polycell_tenants_unserved 0',
      `polycell_failover_rto_seconds{cell="a"} ${(rtoMs ?? 0) / 1000}`,
      'polycell_cell_state_seconds{cell="b",consumer="rollups"} 0.9',
      expect.stringMatching(/^polycell_consumer_lag_seconds\{cell="b",consumer="rollups"\} 0(\.9)?$/),
      'polycell_cell_replication_lag_seconds{cell="b"} 1.4',
      'polycell_cell_rpo_unknown{cell="b"} 1',
      'polycell_cell_replication_behind{cell="b"} 1',
      'polycell_monitor_working 1',
      'polycell_overview_age_seconds 1.5',
    ]),
  );
  expect(items).toHaveLength(2);
  const api = openApi({}, undefined, async (known) => w.overview(known));
  expect(await api.text('GET', 'metrics')).toMatchObject({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: expect.stringContaining('polycell_cell_up{cell="b"} 1'),
  });
});

test('rules and panels use no metric that the edge does not serve, and every rule has its own name', async () => {
  const w = await failedOver();
  const served = [...metricsText(w.shown(), 0).matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name);
  const rules = rulesOf(prometheusRules(objectives));
  const recorded = rules.flatMap(({ record = [] }) => record);
  const used = (text: string) => text.match(/polycell[_:][a-z_:]*[a-z]/g) ?? [];
  const panels = (grafanaDashboard(objectives) as { panels: readonly { targets: readonly Rule[] }[] }).panels;
  const all = [...rules, ...panels.flatMap(({ targets }) => targets)].flatMap(({ expr }) => used(expr));
  expect(all.length).toBeGreaterThan(20);
  expect(all.filter((name) => !served.includes(name) && !recorded.includes(name))).toEqual([]);
  const names = rules.map(({ alert, record }) => alert ?? record);
  expect(new Set(names).size).toBe(names.length);
});

test('thresholds follow the objectives', () => {
  const cells = {
    ...{ availability: 0.99, windowDays: 10, rtoSeconds: 5 },
    ...{ stateSeconds: 3, lagSeconds: 4, rpoSeconds: 600 },
  };
  const exprOf = (name: string) =>
    rulesOf(prometheusRules({ ...objectives, cells })).find(({ alert, record }) => (alert ?? record) === name)?.expr;
  // A tenth of the budget of ten days is a day's; 2 % of it in an hour are 4.8 times its usual speed.
  expect(exprOf('PolycellBudgetBurnsFast')).toMatch(/\[1h\]\)\)\) > 0\.048 and .*\[5m\]\)\)\) > 0\.048$/);
  expect(exprOf('PolycellBudgetBurnsSlow')).toContain('> 0.02 and');
  expect(exprOf('polycell:cell_budget:remaining')).toBe('1 - polycell:cell_failures:ratio / 0.01');
  expect(exprOf('polycell:cell_failures:ratio')).toContain('[10d]');
  expect(exprOf('PolycellRtoMissed')).toBe('polycell_failover_rto_seconds > 5');
  expect(exprOf('PolycellStateLate')).toBe(
    'max by (cell) ({__name__=~"polycell_cell_state_seconds|polycell_consumer_lag_seconds",consumer!="replicate"}) > 3',
  );
  expect(exprOf('PolycellReplicationLate')).toBe('polycell_cell_replication_lag_seconds > 4');
  expect(exprOf('PolycellRpoMissed')).toBe('polycell_cell_rpo_seconds > 600');
  expect(exprOf('polycell:cell_rpo:kept')).toBe('avg_over_time((polycell_cell_rpo_seconds <= bool 600)[10d:1m])');
  const faults = [{ availability: 1 }, { windowDays: 0 }, { rtoSeconds: 0 }, { stateSeconds: 0 }, { rpoSeconds: 0 }];
  for (const wrong of faults)
    expect(() => prometheusRules({ ...objectives, cells: { ...cells, ...wrong } })).toThrow('infra/objectives.json');
});
