// The overview as lines of text: cells, tenants, failovers and fencing, as the monitor has them.

import type { Overview, OverviewCell, OverviewTenant } from '../core/edge/monitor/overview.ts';
import type { RecentFailover } from '../core/edge/monitor/recent-failovers.ts';
import { budgetText } from './budget-text.ts';
import { type Column, counted, Table } from './table.ts';

type Out = (line: string) => void;

/** A consumer that is further behind than this is named, in milliseconds. */
const NOTED_BACKLOG_MS = 30_000;

/** Tenants and failovers that are listed; the count is of all. */
const SHOWN = { tenants: 10, failovers: 5 } as const;

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** The requests a second that routers have lately sent to a cell. */
function rateOf({ series }: Overview, cell: string): string {
  const latest = series.cells[cell]?.requests.at(-1);
  return latest === undefined ? '-' : (latest / (series.stepMs / 1000)).toFixed(1);
}

const probeOf = ({ series }: Overview, cell: string): string => {
  const latest = series.cells[cell]?.probeMs.at(-1);
  return latest === undefined || latest === null ? '-' : `${latest} ms`;
};

const failuresOf = ({ series }: Overview, cell: string): number =>
  (series.cells[cell]?.failures ?? []).reduce((sum, each) => sum + each, 0);

/** A length of time in a table. */
const lengthOf = (milliseconds: number | null): string => {
  if (milliseconds === null) return '-';
  if (milliseconds < 1000) return `${milliseconds} ms`;
  return milliseconds < 120_000 ? seconds(milliseconds) : `${Math.round(milliseconds / 60_000)} min`;
};

/** How fast events move in and from a cell, as of the newest sample; `null` where that is not known. */
export function paceOf({ series }: Overview, { id, replication }: OverviewCell) {
  // An edge of an earlier release has no backlogs.
  const { stateMs = [], backlogMs = [], lagMs = [], rpoMs = [] } = series.cells[id] ?? {};
  return {
    ...{ stateMs: stateMs.at(-1) ?? null, backlogMs: backlogMs.at(-1) ?? null },
    ...{ lagMs: lagMs.at(-1) ?? null, rpoMs: rpoMs.at(-1) ?? null },
    rpoUnknown: replication?.unknown ?? 0,
  };
}

const paceColumns = (overview: Overview): readonly Column<OverviewCell>[] => [
  { title: 'to state', of: (cell) => lengthOf(paceOf(overview, cell).stateMs) },
  { title: 'backlog', of: (cell) => lengthOf(paceOf(overview, cell).backlogMs) },
  { title: 'lag', of: (cell) => lengthOf(paceOf(overview, cell).lagMs) },
  {
    title: 'RPO',
    of: (cell) => {
      const { rpoMs, rpoUnknown } = paceOf(overview, cell);
      return `${lengthOf(rpoMs)}${rpoUnknown === 0 ? '' : `, ${rpoUnknown} unknown`}`;
    },
  },
  { title: 'budget', of: (cell) => budgetText(overview, cell) },
];

/** How far each consumer of a cell is behind; empty where that is not known, as of an edge or a cell of an earlier release. */
export const backlogsOf = ({ measured }: OverviewCell) => measured?.backlogs ?? [];

/** What is parked in a cell, with a plus if there is more than was counted. */
export function parkedIn({ measured }: OverviewCell): string {
  if (measured === null) return '-';
  const sum = measured.parked.reduce((total, { parked }) => total + parked, 0);
  return `${sum}${measured.parked.some(({ more }) => more) ? '+' : ''}`;
}

const cellColumns = (overview: Overview): readonly Column<OverviewCell>[] => [
  { title: 'cell', of: ({ id }) => id },
  { title: 'verdict', of: ({ verdict }) => verdict },
  { title: 'state', of: ({ state }) => state },
  { title: 'cloud', of: ({ cloud }) => cloud },
  { title: 'region', of: ({ region }) => region },
  { title: 'homes', of: ({ homes }) => homes },
  { title: 'standbys', of: ({ standbys }) => standbys },
  { title: 'probe', of: ({ id }) => probeOf(overview, id) },
  { title: 'requests/s', of: ({ id }) => rateOf(overview, id) },
  { title: 'failed', of: ({ id }) => failuresOf(overview, id) },
  { title: 'parked', of: parkedIn },
  ...paceColumns(overview),
  {
    title: 'latest',
    of: ({ detail, silentSince }) => (silentSince === null ? detail : `${detail}, silent since ${silentSince}`),
  },
];

const FAILOVER_COLUMNS: readonly Column<RecentFailover>[] = [
  { title: 'failover of', of: ({ cell }) => cell },
  { title: 'last sign of life', of: ({ silentSince }) => silentSince ?? 'it answered' },
  { title: 'marked down', of: ({ downAt }) => downAt },
  { title: 'RTO', of: ({ rtoMs }) => (rtoMs === null ? 'not measured' : seconds(rtoMs)) },
  { title: 'failed back', of: ({ backAt }) => backAt ?? '-' },
  { title: 'by', of: ({ actor }) => actor },
  { title: 'reason', of: ({ reason }) => reason },
];

const TENANT_COLUMNS: readonly Column<OverviewTenant>[] = [
  { title: 'tenant', of: ({ id }) => id },
  { title: 'home', of: ({ cell }) => cell },
  { title: 'served by', of: ({ servedBy, unserved }) => servedBy ?? `none: ${unserved ?? ''}` },
  { title: 'epoch', of: ({ epoch }) => epoch ?? '-' },
];

/** Names the consumers that are far behind. */
function printBehind({ cells }: Overview, out: Out): void {
  for (const cell of cells.items)
    for (const { consumer, backlogMs, silent } of backlogsOf(cell))
      if (backlogMs !== null && backlogMs >= NOTED_BACKLOG_MS)
        out(
          `${consumer} in ${cell.id} is behind by ${silent ? 'at least ' : ''}${lengthOf(backlogMs)}${silent ? ', and has done nothing for two minutes' : ''}`,
        );
}

/** Prints the cells. */
export function printCells(overview: Overview, out: Out): void {
  const { items, more } = overview.cells;
  if (items.length > 0) new Table(cellColumns(overview), out).add(items);
  if (more) out('There are more cells: npx polycell cells list');
  printBehind(overview, out);
}

/** Prints how fast events move and what is left of the error budgets, for cells that are listed otherwise. */
export function printPace(overview: Overview, out: Out): void {
  const { items } = overview.cells;
  if (items.length === 0) return;
  out('');
  new Table([{ title: 'cell', of: ({ id }: OverviewCell) => id }, ...paceColumns(overview)], out).add(items);
  printBehind(overview, out);
}

/** Prints what concerns tenants, and what is or was under way. Nothing to say of a part is said in few words. */
export function printRest({ tenants, failovers, fencing }: Overview, out: Out): void {
  const away = tenants.items.filter(({ cell, servedBy }) => servedBy !== cell);
  const unserved = away.filter(({ servedBy }) => servedBy === null).length;
  const of = `${counted(tenants.items.length, 'tenant')}${tenants.more ? ' of the first page' : ''}`;
  out('');
  out(`${of}: ${away.length - unserved} served by their standbys, ${unserved} unserved`);
  if (away.length > 0) new Table(TENANT_COLUMNS, out).add(away.slice(0, SHOWN.tenants));
  if (away.length > SHOWN.tenants) out(`and ${away.length - SHOWN.tenants} more: npx polycell tenants list`);
  if (failovers.length > 0) {
    out('');
    new Table(FAILOVER_COLUMNS, out).add(failovers.slice(0, SHOWN.failovers));
  }
  const done = fencing.jobs.filter(({ state }) => state === 'done').length;
  out('');
  out(
    `Fencing: ${counted(fencing.waiting, 'job')} under way, ${done} of the latest done: npx polycell failover status`,
  );
}
