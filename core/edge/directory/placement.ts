// Placement: chooses a tenant's home and standby, or says why no cell fits.
import type { DirectoryRefusal } from '../../api/refusal.ts';
import { type Cell, failureDomain, mayHold } from '../ports/directory-model.ts';

/** Maximum number of cells that a refusal lists with their reasons; a directory may hold thousands. */
export const REASONS_LISTED = 20;

/** How many tenants depend on a cell. */
export interface Load {
  readonly homes: number;
  readonly standbys: number;
}

/** Why a cell cannot be a tenant's home or standby. */
export interface Unfit {
  readonly code: DirectoryRefusal;
  readonly detail: string;
}

/** The cells to choose from; a cell's load is read only if everything else fits. */
export interface Candidates {
  readonly cells: readonly Cell[];
  readonly loadOf: (cell: string) => Load;
}

export type Choice =
  | { readonly status: 'chosen'; readonly cell: Cell }
  | { readonly status: 'none'; readonly detail: string };

/** Why a cell accepts no new tenants of this residency, as a home or as a standby. */
function unfitForAny(cell: Cell, residency: string): Unfit | undefined {
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

/** Why the cell cannot become the tenant's home; `standby` is the standby that the tenant will have, if already decided. */
export function unfitForHome(
  cell: Cell,
  { residency, homes, standby }: { residency: string; homes: () => number; standby?: Cell | undefined },
): Unfit | undefined {
  const unfit = unfitForAny(cell, residency);
  if (unfit !== undefined) return unfit;
  if (homes() >= cell.capacity)
    return { code: 'no_capacity', detail: `${cell.id} has room for ${cell.capacity} tenants, all of it taken` };
  return standby === undefined ? undefined : sharedDomain(cell, standby);
}

/** Why the cell cannot become the tenant's standby. */
export const unfitForStandby = (
  cell: Cell,
  { residency, home }: { residency: string; home: Cell },
): Unfit | undefined => unfitForAny(cell, residency) ?? sharedDomain(cell, home);

/** Chooses the cheapest fitting cell; among equals, the one with the smallest share of its capacity in use, then the first by id. */
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

/** Prefers a fitting cell of another cloud; then as for a home, but tenants with this standby count as well. */
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
  const listed = reasons.slice(0, REASONS_LISTED);
  if (reasons.length > listed.length) listed.push(`and ${reasons.length - listed.length} more`);
  return { status: 'none', detail: listed.join('; ') };
}

function isBefore(a: { cell: Cell; rank: readonly number[] }, b: { cell: Cell; rank: readonly number[] }): boolean {
  for (const [index, value] of a.rank.entries()) {
    const other = b.rank[index] ?? 0;
    if (value !== other) return value < other;
  }
  return a.cell.id < b.cell.id;
}
