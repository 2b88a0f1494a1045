// Where a tenant is to live: which cell becomes its home and which its standby, or why none can.
import { type Cell, failureDomain, mayHold, type Refusal } from '../ports/directory-model.ts';

/** Cells that a refusal names with their reasons; a directory may hold thousands. */
export const REASONS_TOLD = 20;

/** How many tenants depend on a cell. */
export interface Load {
  readonly homes: number;
  readonly standbys: number;
}

/** Why a cell cannot be somebody's home or standby. */
export interface Unfit {
  readonly code: Refusal;
  readonly detail: string;
}

/** The cells to choose from; the load of one is asked for only if all else fits. */
export interface Candidates {
  readonly cells: readonly Cell[];
  readonly loadOf: (cell: string) => Load;
}

export type Choice =
  | { readonly status: 'chosen'; readonly cell: Cell }
  | { readonly status: 'none'; readonly detail: string };

/** Whether a cell takes anybody new from this residency, as a home or as a standby. */
function unfitForAnybody(cell: Cell, residency: string): Unfit | undefined {
  if (!mayHold(cell, residency))
    return {
      code: 'residency_violated',
      detail: `${cell.id} lies in ${cell.jurisdiction}, and the data must stay in ${residency}`,
    };
  if (cell.state === 'retired') return { code: 'cell_retired', detail: `${cell.id} is retired` };
  if (cell.state === 'down') return { code: 'cell_down', detail: `${cell.id} is down` };
  if (cell.state !== 'active')
    return { code: 'cell_not_active', detail: `${cell.id} is ${cell.state} and takes no new tenants` };
  return undefined;
}

function sharedDomain(cell: Cell, other: Cell): Unfit | undefined {
  if (failureDomain(cell) !== failureDomain(other)) return undefined;
  const detail =
    cell.id === other.id
      ? `${cell.id} cannot be both home and standby`
      : `${cell.id} and ${other.id} both lie in ${failureDomain(cell)} and would be lost together`;
  return { code: 'same_failure_domain', detail };
}

/** Why the cell cannot become the home of a tenant that it is not home of yet; `standby` is the one it will have, if that is settled. */
export function unfitForHome(
  cell: Cell,
  { residency, homes, standby }: { residency: string; homes: () => number; standby?: Cell | undefined },
): Unfit | undefined {
  const unfit = unfitForAnybody(cell, residency);
  if (unfit !== undefined) return unfit;
  if (homes() >= cell.capacity)
    return { code: 'no_capacity', detail: `${cell.id} has room for ${cell.capacity} tenants, all of it taken` };
  return standby === undefined ? undefined : sharedDomain(cell, standby);
}

/** Why the cell cannot become the standby of a tenant that it is not standby of yet. */
export const unfitForStandby = (
  cell: Cell,
  { residency, home }: { residency: string; home: Cell },
): Unfit | undefined => unfitForAnybody(cell, residency) ?? sharedDomain(cell, home);

/** Of the cells that fit, the cheapest; among those the one with the smallest part of its capacity taken; then the first by id. */
export function chooseHome(
  { cells, loadOf }: Candidates,
  { residency, standby }: { residency: string; standby?: Cell | undefined },
): Choice {
  return choose(
    cells,
    (cell) => unfitForHome(cell, { residency, standby, homes: () => loadOf(cell.id).homes }),
    (cell) => [cell.price, loadOf(cell.id).homes / Math.max(1, cell.capacity)],
  );
}

/** Of the cells that fit, one of another cloud if there is any; then as for a home, but those it stands by for count as well. */
export function chooseStandby(
  { cells, loadOf }: Candidates,
  { residency, home }: { residency: string; home: Cell },
): Choice {
  return choose(
    cells,
    (cell) => unfitForStandby(cell, { residency, home }),
    (cell) => {
      const { homes, standbys } = loadOf(cell.id);
      return [cell.cloud === home.cloud ? 1 : 0, cell.price, (homes + standbys) / Math.max(1, cell.capacity)];
    },
  );
}

function choose(
  cells: readonly Cell[],
  unfit: (cell: Cell) => Unfit | undefined,
  rank: (cell: Cell) => readonly number[],
): Choice {
  let best: { cell: Cell; rank: readonly number[] } | undefined;
  const reasons: string[] = [];
  for (const cell of cells) {
    const reason = unfit(cell);
    if (reason !== undefined) {
      reasons.push(reason.detail);
      continue;
    }
    const candidate = { cell, rank: rank(cell) };
    if (best === undefined || isBefore(candidate, best)) best = candidate;
  }
  if (best !== undefined) return { status: 'chosen', cell: best.cell };
  if (reasons.length === 0) return { status: 'none', detail: 'there are no cells' };
  const told = reasons.slice(0, REASONS_TOLD);
  if (reasons.length > told.length) told.push(`and ${reasons.length - told.length} more`);
  return { status: 'none', detail: told.join('; ') };
}

function isBefore(a: { cell: Cell; rank: readonly number[] }, b: { cell: Cell; rank: readonly number[] }): boolean {
  for (const [index, value] of a.rank.entries()) {
    const other = b.rank[index] ?? 0;
    if (value !== other) return value < other;
  }
  return a.cell.id < b.cell.id;
}
