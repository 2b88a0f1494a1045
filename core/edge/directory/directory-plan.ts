// What a command would change: the parts that the plans for cells, tenants and failovers have in common.

import type { Cell, DirectoryChange, Refusal, Tenant } from '../ports/directory-model.ts';
import type { DirectoryStorage } from '../ports/directory-storage.ts';
import type { Candidates, Load } from './placement.ts';

/** A change that has been thought through and not been made. Without changes everything is so already. */
export interface Plan {
  readonly changes: readonly DirectoryChange[];
  /** Tenants whose requests go to another cell, or to none, by it. */
  readonly moved: number;
  readonly notes: readonly string[];
}

/** What plans read, and the revision that they write. */
export interface PlanContext {
  readonly storage: DirectoryStorage;
  readonly revision: number;
}

/** Why a command is not carried out. Thrown by plans, turned into an outcome in one place. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: Refusal;

  constructor(code: Refusal, detail: string) {
    super(detail);
    this.code = code;
  }
}

export const NOTHING: Plan = { changes: [], moved: 0, notes: [] };

/** A cell that has to be there. */
export function cellOf({ storage }: PlanContext, id: string): Cell {
  const cell = storage.cell(id);
  if (cell === undefined) throw new Refused('unknown_cell', `There is no cell ${id}.`);
  return cell;
}

/** A tenant that has to be there. */
export function tenantOf({ storage }: PlanContext, id: string): Tenant {
  const tenant = storage.tenant(id);
  if (tenant === undefined) throw new Refused('unknown_tenant', `There is no tenant ${id}.`);
  return tenant;
}

/** A cell that has to be there and still to be used. */
export function livingCell(context: PlanContext, id: string): Cell {
  const cell = cellOf(context, id);
  if (cell.state === 'retired') throw new Refused('cell_retired', `${id} is retired, and that is final.`);
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
