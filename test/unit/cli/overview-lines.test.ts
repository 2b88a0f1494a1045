// The overview as lines: consumers that are far behind are named, and what is not known is no number.
import { backlogsOf, paceOf, printCells } from '../../../cli/overview-lines.ts';
import type { Overview, OverviewCell } from '../../../core/edge/monitor/overview.ts';
import { definition } from '../../support/cloud.ts';
import { watched } from '../../support/watched-cells.ts';

async function shown(backlogs: readonly object[]): Promise<Overview> {
  const w = await watched(definition('a'));
  await w.run(3000);
  const overview = w.shown();
  const cell = overview.cells.items[0] as OverviewCell;
  const measured = { ...(cell.measured as object), backlogs };
  return { ...overview, cells: { ...overview.cells, items: [{ ...cell, measured } as unknown as OverviewCell] } };
}

const linesOf = (overview: Overview): readonly string[] => {
  const lines: string[] = [];
  printCells(overview, (line) => lines.push(line));
  return lines;
};

test('consumers that are behind by half a minute or more are named, and those that do nothing as such', async () => {
  const lines = linesOf(
    await shown([
      { consumer: 'sums', backlogMs: 30_000, silent: false },
      { consumer: 'alerts', backlogMs: 95_000, silent: true },
      { consumer: 'catalog', backlogMs: 29_999, silent: false },
      { consumer: 'replicate', backlogMs: null, silent: true },
    ]),
  );
  expect(lines.filter((line) => line.includes('behind'))).toEqual([
    'sums in a is behind by 30.0 s',
    'alerts in a is behind by at least 95.0 s, and has done nothing for two minutes',
  ]);
});

test('an edge of an earlier release says nothing of backlogs, which is shown as not known', async () => {
  const overview = await shown([]);
  const series = Object.fromEntries(
    Object.entries(overview.series.cells).map(([id, { backlogMs: _none, ...others }]) => [id, others]),
  );
  const [cell] = overview.cells.items as readonly [OverviewCell];
  const { backlogs: _none, ...measured } = cell.measured as NonNullable<OverviewCell['measured']>;
  const earlier = {
    ...overview,
    series: { ...overview.series, cells: series },
    cells: { items: [{ ...cell, measured }], more: false },
  } as unknown as Overview;
  const [only] = earlier.cells.items as readonly [OverviewCell];
  expect([paceOf(earlier, only).backlogMs, backlogsOf(only)]).toEqual([null, []]);
  expect(linesOf(earlier).some((line) => line.includes('behind'))).toBe(false);
});
