// Plans of changes to the directory: the parts that commands for cells, tenants and failovers share.

import { type DirectoryRefusal, Refusal } from '../../api/refusal.ts';
import type { Cell, DirectoryChange, DirectoryIntent, Tenant } from '../ports/directory-model.ts';
import type { DirectoryStorage } from '../ports/directory-storage.ts';
import type { Candidates, Load } from './placement.ts';

/** A planned change that has not been applied. Without changes, there is nothing to do. */
export interface Plan {
  readonly changes: readonly DirectoryChange[];
  /** Tenants whose requests it sends to another cell, or to none. */
  readonly moved: number;
  readonly notes: readonly string[];
}

/** The storage that plans read, and the revision that they write. */
export interface PlanContext {
  readonly storage: DirectoryStorage;
  readonly revision: number;
}

/** A refusal of the command. Thrown by plans, turned into an outcome in one place. */
export const refused = (code: DirectoryRefusal, detail: string) => new Refusal(code, detail);

export const NOTHING: Plan = { changes: [], moved: 0, notes: [] };

/** A cell that must exist. */
export function cellOf({ storage }: PlanContext, id: string): Cell {
  const cell = storage.cell(id);
  if (cell === undefined) throw refused('unknown_cell', `There is no cell ${id}.`);
  return cell;
}

/** A tenant that must exist. */
export function tenantOf({ storage }: PlanContext, id: string): Tenant {
  const tenant = storage.tenant(id);
  if (tenant === undefined) throw refused('unknown_tenant', `There is no tenant ${id}.`);
  return tenant;
}

/** A cell that must exist and not be retired. */
export function livingCell(context: PlanContext, id: string): Cell {
  const cell = cellOf(context, id);
  if (cell.state === 'retired') throw refused('cell_retired', `${id} is retired, and that is final.`);
  return cell;
}

/** How many tenants depend on a cell. */
export const loadOf = (storage: DirectoryStorage, cell: string): Load => ({
  homes: storage.homes(cell),
  standbys: storage.standbysByHome(cell).reduce((sum, { tenants }) => sum + tenants, 0),
});

/** All cells, to choose from. */
export const candidates = ({ storage }: PlanContext): Candidates => ({
  cells: storage.cells(),
  loadOf: (cell) => loadOf(storage, cell),
});

/** In which cell data would be left, and why it seems so; `undefined` if the cell has said that there are none. */
export function leftIn(cell: string, holdings: DirectoryIntent['holdings']): string | undefined {
  const held = holdings?.[cell];
  return held === null ? undefined : held === undefined ? cell : `${cell}: ${held}`;
}

/** A cell before and after, as a change. */
export const cellChange = (before: Cell | null, after: Cell): DirectoryChange => ({
  kind: 'cell',
  id: after.id,
  before,
  after,
});

/** A tenant before and after, as a change. */
export const tenantChange = (before: Tenant | null, after: Tenant): DirectoryChange => ({
  kind: 'tenant',
  id: after.id,
  before,
  after,
});

/** `1 tenant`, `2 tenants`. */
export const countTenants = (count: number): string => `${count} ${count === 1 ? 'tenant' : 'tenants'}`;
