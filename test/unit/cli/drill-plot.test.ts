// The plot in a drill's report: what is counted for it, and that it is readable without colours, in the dark, and by a screen reader.
import { toPage } from '../../../cli/drill/page.ts';
import { PerSecond, REMEMBERED_SECONDS } from '../../../cli/drill/per-second.ts';
import { toSvg } from '../../../cli/drill/plot.ts';
import type { DataReport, Moment } from '../../../cli/drill/report.ts';
import type { Served } from '../../../cli/drill/service.ts';

const served = (tenant: string, sentAt: number, tookMs: number, status: Served['status'] = 202): Served => ({
  ...{ tenant, phase: 'fault', sentAt, endedAt: sentAt + tookMs, status, cell: 'a' },
});

const counted = () =>
  new PerSecond([
    { name: 'tenants of the drill', has: (tenant) => tenant === 'acme' },
    { name: 'their neighbours', has: (tenant) => tenant !== 'stranger' },
  ]);

test('requests count in the second in which they were sent, by group, and latency is that of those that succeeded', () => {
  const seconds = counted();
  seconds.add(served('acme', 2100, 10));
  seconds.add(served('acme', 2900, 15_000, 'timeout'));
  seconds.add(served('acme', 500, 15_000, '503'));
  seconds.add(served('globex', 2000, 10));
  seconds.add(served('stranger', 2000, 10));
  seconds.add(served('acme', REMEMBERED_SECONDS * 1000, 10));
  const [own, near] = seconds.lines();
  expect(own).toMatchObject({
    name: 'tenants of the drill',
    seconds: [
      { second: 0, requests: 1, succeeded: 0, p50Ms: null, p99Ms: null },
      { second: 2, requests: 2, succeeded: 1 },
    ],
  });
  expect(own?.seconds[1]?.p99Ms).toBeLessThan(11);
  expect(near?.seconds).toMatchObject([{ second: 2, requests: 1, succeeded: 1 }]);
  expect(counted().lines()).toEqual([]);
});

const second = (at: number, succeeded: number, ms: number | null) => ({
  ...{ second: at, requests: 10, succeeded, p50Ms: ms, p99Ms: ms },
});
const LINES = [
  {
    name: 'tenants of the drill',
    seconds: [second(0, 10, 10), second(1, 0, null), second(2, 5, 1000), second(3, 10, 10)],
  },
  { name: 'their <neighbours>', seconds: [second(0, 10, 10), second(1, 10, 10)] },
];
const MARKS: readonly Moment[] = [
  { atMs: 0, what: 'load' },
  { atMs: 1000, what: 'fault: cell-loss', mark: { text: 'fault', edge: 'begin' } },
  { atMs: 1010, what: 'switched', mark: { text: 'failover' } },
  { atMs: 3000, what: 'revived', mark: { text: 'healed & well', edge: 'end' } },
];

test('the plot has a title and a description of the worst and of what happened, for readers who do not see it', () => {
  const svg = toSvg('Drill cell-loss', LINES, MARKS);
  expect(svg).toContain('role="img" aria-labelledby="drill-title drill-description"');
  expect(svg).toContain('<title id="drill-title">Drill cell-loss</title>');
  expect(svg).toContain(
    '<desc id="drill-description">tenants of the drill: at worst 0 % of a second’s requests succeeded, and the highest 99th percentile of a second was 1000 ms; their &lt;neighbours&gt;: at worst 100 % of a second’s requests succeeded, and the highest 99th percentile of a second was 10 ms. Marked: fault at 1.0 s, failover at 1.0 s, healed &amp; well at 3.0 s.</desc>',
  );
  expect(svg).toContain('@media (prefers-color-scheme:dark)');
});

test('availability is drawn in steps of a second, a second without a success is a gap in the latency, and lines differ in dashes', () => {
  const svg = toSvg('Drill', LINES, MARKS);
  // Four seconds over 836 units from 68 on; 100 % lies at the top of its panel, 0 % 110 units below.
  const path = (kind: string, line: number) =>
    new RegExp(`<path class="s${line} ${kind}" d="([^"]*)"([^>]*)/>`).exec(svg);
  const top = /M68 (\d+)H277L277/.exec(path('share', 0)?.[1] ?? '')?.[1];
  expect(path('share', 0)?.[1]).toBe(
    `M68 ${top}H277L277 ${Number(top) + 110}H486L486 ${Number(top) + 55}H695L695 ${top}H904`,
  );
  expect(path('p99', 0)?.[1]?.match(/[ML]/g)).toEqual(['M', 'M', 'L']);
  expect([path('p99', 0)?.[2], path('p99', 1)?.[2]]).toEqual(['', ' stroke-dasharray="7 4"']);
});

test('marks that would overlap lie in rows, and the time of the fault is shaded in both panels', () => {
  const svg = toSvg('Drill', LINES, MARKS);
  const rows = [...svg.matchAll(/class="mark-text" x="([\d.]+)" y="(\d+)"[^>]*>([^<]*)</g)].map(([, x, y, text]) => [
    x,
    y,
    text,
  ]);
  expect(rows).toEqual([
    ['282', '50', 'fault'],
    ['284.1', '66', 'failover'],
    ['700', '50', 'healed &amp; well'],
  ]);
  expect([...svg.matchAll(/class="shade" x="277" width="418"/g)]).toHaveLength(2);
  expect(toSvg('Drill', LINES, [])).not.toContain('class="shade"');
});

test('the page holds plot and tables, fetches nothing, and no text becomes markup', () => {
  const report: DataReport = {
    ...{ drill: 'standby-loss', cell: '<b>', startedAt: '2026-11-28T05:00:00.000Z', rate: 9, seconds: 4, tenants: 3 },
    ...{ outcome: 'failed', passed: false, timeline: MARKS, phases: {}, lines: LINES },
    targets: [
      { name: 'events <lost>', wanted: '0', actual: '1', met: false },
      { name: 'twice', wanted: '0', actual: '0', met: true },
    ],
    measured: {
      kind: 'standby-loss',
      baseline: { requests: 9, failed: 0, unsent: 0, missedProbes: [] },
      facts: [],
    },
  };
  const page = toPage(report);
  expect(page).toContain('<h1>Drill standby-loss of &lt;b&gt;: FAILED</h1>');
  expect(page).toContain('<td>events &lt;lost&gt;</td><td>0</td><td>1</td><td class="missed">MISSED</td>');
  expect(page).toContain('<td class="met">met</td>');
  expect(page).toContain('<figure><svg');
  expect(page).not.toMatch(/<script|https?:(?!\/\/www\.w3\.org\/2000\/svg)|<b>| src=| href=/);
  expect(toPage({ ...report, lines: [] })).not.toContain('<figure>');
});
