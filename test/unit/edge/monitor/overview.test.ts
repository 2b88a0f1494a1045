// The overview: what operators see of cells, tenants and failovers, as of the monitor's rounds, and that it costs the cells next to nothing.

import { metricsText } from '../../../../core/edge/control/metrics-text.ts';
import { OBJECTIVE_DEFAULTS } from '../../../../core/edge/monitor/objectives.ts';
import { OVERVIEW_LIMITS } from '../../../../core/edge/monitor/overview.ts';
import { cellSamples, SAMPLE_LIMITS } from '../../../../core/edge/monitor/samples.ts';
import { definition } from '../../../support/cloud.ts';
import { openApi } from '../../../support/control-api.ts';
import { READING } from '../../../support/events.ts';
import { watched } from '../../../support/watched-cells.ts';

test('there is none before the first round; then it has cells, tenants and what the cells measure, as the document says', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  expect(w.overview()).toBe(null);
  await w.cells.get('a')?.parking.park({
    consumer: 'rollups',
    tenant: 'acme',
    event: undefined,
    subject: 'what',
    reason: { code: 'unreadable', message: 'It is no event.' },
  });
  await w.run(3000);
  const { body } = await openApi({}, undefined, async (known) => w.overview(known)).call('GET', 'overview');
  expect(body.cells.items).toMatchObject([
    { id: 'a', state: 'active', verdict: 'up', answers: true, silentSince: null, homes: 1, standbys: 0 },
    { id: 'b', state: 'active', verdict: 'up', answers: true, silentSince: null, homes: 0, standbys: 1 },
  ]);
  expect(body.cells.items[0].measured.parked).toContainEqual({ consumer: 'rollups', parked: 1, more: false });
  expect(body.tenants).toEqual({
    items: [
      expect.objectContaining({ id: 'acme', cell: 'a', standby: 'b', servedBy: 'a', unserved: null, pinned: false }),
    ],
    more: false,
  });
  expect(body.failovers).toEqual([]);
});

test('a viewer that has it is answered 304 until something changes, with the age of what it has', async () => {
  const w = await watched(definition('a'));
  await w.run(3500);
  const api = openApi({}, undefined, async (known) => w.overview(known));
  const first = await api.call('GET', 'overview');
  const etag = first.headers.get('etag') ?? '';
  expect(first.status).toBe(200);
  await w.run(1000);
  const again = await api.call('GET', 'overview', undefined, { headers: { 'if-none-match': etag } });
  expect([again.status, again.headers.get('etag'), again.body]).toEqual([304, etag, null]);
  expect(Number(again.headers.get('x-polycell-age-ms'))).toBeLessThanOrEqual(1000);
  w.setAway(true);
  await w.run(30_000);
  const stale = await api.call('GET', 'overview', undefined, { headers: { 'if-none-match': etag } });
  // The trouble of the monitor is new; the age says since when the rest is not confirmed.
  expect([stale.status, stale.body.monitor.trouble]).toEqual([200, 'unavailable: The directory is away.']);
  expect(Number(stale.headers.get('x-polycell-age-ms'))).toBeGreaterThanOrEqual(29_000);
});

test('before the first round, and without the scope, it is refused', async () => {
  const api = openApi();
  expect(await api.refused('GET', 'overview')).toBe('503 monitor_unavailable');
  const operator = { subject: 'reader', scopes: ['control.write'] };
  expect(await api.refused('GET', 'overview', undefined, { operator })).toBe('403 missing_scope');
});

test('a failover is measured from the last sign of life until the standbys answer, and closed by the failback', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  await w.run(3000);
  w.reach.set('a', 'gone');
  await w.run(6000);
  const [found] = w.shown().failovers;
  expect(found).toMatchObject({ cell: 'a', actor: 'monitor', backAt: null });
  const { silentSince, servedAt, downAt, rtoMs } = found ?? {};
  expect(Date.parse(silentSince ?? '')).toBeLessThan(Date.parse(downAt ?? ''));
  expect(Date.parse(servedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(downAt ?? ''));
  expect(rtoMs).toBe(Date.parse(servedAt ?? '') - Date.parse(silentSince ?? ''));
  expect(w.shown().tenants.items[0]).toMatchObject({ servedBy: 'b' });
  expect(w.shown().cells.items[0]).toMatchObject({ state: 'down', answers: false, silentSince });
  // The measure is kept by a monitor that starts anew.
  w.restart();
  w.reach.set('a', 'there');
  await w.run(6000);
  await w.change({ kind: 'fail-back', cell: 'a' });
  await w.run(2000);
  w.restart();
  await w.run(2000);
  // Neither are finished jobs forgotten.
  expect(w.shown().fencing.jobs.filter(({ whom }) => whom !== 'serving')).toMatchObject([
    { of: 'home a', state: 'done' },
    { of: 'home a', state: 'done' },
  ]);
  expect(w.shown().failovers).toMatchObject([{ silentSince, servedAt, rtoMs, backAt: expect.any(String) }]);
});

test('a failover of a cell that answers begins when the directory marks it down; one that the monitor has not seen begin is not measured', async () => {
  const w = await watched(definition('a', 'never'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  await w.run(2000);
  await w.change({ kind: 'fail-over', cell: 'a' });
  await w.run(2000);
  expect(w.shown().failovers).toMatchObject([{ cell: 'a', silentSince: null, rtoMs: expect.any(Number) }]);
  const other = await watched(definition('a', 'never'), definition('b'));
  await other.addTenant('acme', 'a', 'b');
  await other.change({ kind: 'fail-over', cell: 'a' });
  await other.clock.advance(120_000);
  await other.run(2000);
  expect(other.shown().failovers).toMatchObject([{ cell: 'a', servedAt: null, rtoMs: null }]);
});

test('traffic is summed in samples', async () => {
  const w = await watched(definition('a'));
  await w.run(1000);
  w.report({
    a: { requests: 4, ingests: 3, failures: 1, tookMs: 100 },
    unknown: { requests: 1, ingests: 0, failures: 0, tookMs: 1 },
  });
  w.report({ a: { requests: 1, ingests: 0, failures: 0, tookMs: 25 } });
  await w.run(SAMPLE_LIMITS.stepMs + 1000);
  const { series } = w.shown();
  expect(Object.keys(series.cells)).toEqual(['a']);
  expect(series.cells.a).toMatchObject({ requests: [0, 5], ingests: [0, 3], failures: [0, 1], requestMs: [null, 25] });
});

test('how fast events move is sampled: the slowest consumer, the slowest copy or the longest outage of another cell, and the worst RPO', async () => {
  const w = await watched(definition('a'), definition('b'));
  await w.addTenant('acme', 'a', 'b');
  const { delays } = w.cells.get('a') ?? {};
  await delays?.record('state', 'rollups', [200]);
  await delays?.record('state', 'device-state', [900]);
  await delays?.record('copy', 'b', [1400]);
  const began = w.clock.now();
  const notes = (more: object) => [{ tenant: 'acme', peer: 'b', direction: 'to', passedAt: began, ...more }];
  await w.replication.page('a', notes({ failingSince: null }) as never, { first: true, last: true });
  await w.run(SAMPLE_LIMITS.stepMs + 2000);
  const { series, cells } = w.shown();
  expect(cells.items[0]).toMatchObject({
    measured: { delays: expect.arrayContaining([expect.objectContaining({ kind: 'copy', name: 'b' })]) },
  });
  expect(cells.items.map(({ replication }) => replication?.comparedAt ?? null)).toEqual([
    new Date(began).toISOString(),
    null,
  ]);
  expect([series.cells.a?.stateMs.at(-1), series.cells.a?.lagMs.at(-1)]).toEqual([900, 1400]);
  expect(series.cells.a?.rpoMs.at(-1)).toBe(Date.parse(series.until ?? '') - began);
  const unknown = [null, null];
  expect(series.cells.b).toMatchObject({ stateMs: unknown, backlogMs: unknown, lagMs: unknown, rpoMs: unknown });
  // Another cell that is not reached: what waits for it is older than what came before.
  await w.replication.page('a', notes({ failingSince: began }) as never, { first: true, last: true });
  await w.run(SAMPLE_LIMITS.stepMs);
  const later = w.shown().series;
  expect(later.cells.a?.lagMs.at(-1)).toBe(Date.parse(later.until ?? '') - began);
});

test('what counts against the error budgets is summed by the minute, and goes on when the monitor starts anew', async () => {
  const w = await watched(definition('a'), definition('b'));
  const api = openApi({}, undefined, async (known) => w.overview(known));
  await w.run(2000);
  expect(w.shown().cells.items.map(({ budget }) => budget)).toEqual([null, null]);
  await w.cells.get('a')?.delays?.record('state', 'rollups', [20_000]);
  w.report({ a: { requests: 4000, ingests: 0, failures: 3, tookMs: 1 } });
  await w.run(60_000);
  w.restart();
  await w.run(2000);
  const { body } = await api.call('GET', 'overview');
  expect(body.objectives).toEqual(OBJECTIVE_DEFAULTS);
  expect(body.cells.items).toMatchObject([
    {
      id: 'a',
      budget: {
        since: '2026-11-21',
        availability: { counted: 4000, missed: 3, left: 0.25 },
        state: { counted: 1, missed: 1, left: -999 },
        lag: { counted: 0, missed: 0, left: null },
        rpo: { counted: 0, missed: 0, left: null },
      },
    },
    { id: 'b', budget: { availability: { counted: 0, missed: 0, left: null } } },
  ]);
  expect(metricsText(w.shown(), 0).split('\n')).toEqual(
    expect.arrayContaining([
      'polycell_cell_budget_left{cell="a",objective="availability"} 0.25',
      'polycell_cell_budget_left{cell="a",objective="state"} -999',
      'polycell_cell_budget_counted{cell="a",objective="availability"} 4000',
      'polycell_cell_budget_counted{cell="a",objective="lag"} 0',
    ]),
  );
  expect(metricsText(w.shown(), 0)).not.toMatch(/budget_left\{cell="(a",objective="lag"|b")/);
});

test('a consumer that does nothing is behind by ever more, also beyond what the notes of its cell tell', async () => {
  const w = await watched(definition('a'), definition('b'));
  const { delays } = w.cells.get('a') ?? {};
  await w.run(1000);
  for (let minute = 0; minute < 5; minute += 1) {
    await delays?.published([{ type: READING, acceptedAt: w.clock.now() }]);
    await delays?.record('state', 'device-state', [500]);
    await w.run(60_000);
  }
  const { series, cells } = w.shown();
  const said = Object.fromEntries((cells.items[0]?.measured?.backlogs ?? []).map((each) => [each.consumer, each]));
  // Since the monitor has first known that it does nothing: the first two minutes are explained by notes that have expired.
  expect(said.rollups?.silent).toBe(true);
  expect(said.rollups?.backlogMs).toBeGreaterThan(150_000);
  expect(said['device-state']).toMatchObject({ silent: false });
  expect(said['device-state']?.backlogMs).toBeLessThan(61_000);
  // A sample is that of the consumer that is behind the most, as of what the cell had said by then.
  expect(series.cells.a?.backlogMs.at(-1)).toBeGreaterThan(150_000);
  // Another cell says nothing of its consumers, which is not that nothing waits.
  expect(series.cells.b?.backlogMs.at(-1)).toBe(null);
});

test('of samples and cells a bounded number is kept', () => {
  const samples = cellSamples();
  const none = { stateMs: null, backlogMs: null, lagMs: null };
  const measured = (at: number) => ({ probeMs: at, parked: 0, ...none, rpoMs: at });
  const cells = Array.from({ length: SAMPLE_LIMITS.cells + 1 }, (_, index) => `cell-${index}`);
  for (let at = 0; at <= SAMPLE_LIMITS.kept; at += 1) {
    expect(samples.sample(at * SAMPLE_LIMITS.stepMs, cells, () => measured(at))).toBe(true);
    expect(samples.sample(at * SAMPLE_LIMITS.stepMs + 1, cells, () => measured(at))).toBe(false);
  }
  const { cells: series } = samples.series();
  expect(Object.keys(series)).toHaveLength(SAMPLE_LIMITS.cells);
  expect(series['cell-0']?.probeMs).toHaveLength(SAMPLE_LIMITS.kept);
  expect(series['cell-0']?.probeMs.at(0)).toBe(1);
});

test('a cell is asked what it measures once in a while, and never for a viewer', async () => {
  const w = await watched(definition('a'));
  await w.run(1000);
  const before = w.asked.length;
  for (let viewers = 0; viewers < 100; viewers += 1) w.overview();
  expect(w.asked).toHaveLength(before);
  await w.run(OVERVIEW_LIMITS.measureMs);
  // A probe a round, and one question.
  expect(w.asked.length - before).toBe(OVERVIEW_LIMITS.measureMs / 1000 + 1);
});
