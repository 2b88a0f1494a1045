// What becomes of a cell: added, drained, retired, failed over and back.
import { MAXIMUM_CELLS } from '../ports/directory.ts';
import { type Cell, type CellDefinition, EPOCH_STRIDE, isServing } from '../ports/directory-model.ts';
import {
  cellChange,
  countTenants,
  livingCell,
  loadOf,
  NOTHING,
  type Plan,
  type PlanContext,
  Refused,
} from './directory-plan.ts';

/** What a cell is for good: tenants have been placed by it. */
const FIXED = ['cloud', 'region', 'jurisdiction'] as const;

/** What an operator may change of a cell. */
const ADJUSTABLE = ['endpoint', 'capacity', 'price', 'failover'] as const;

const written = (cell: Cell, context: PlanContext, more: Partial<Cell>): Plan => ({
  ...NOTHING,
  changes: [cellChange(cell, { ...cell, ...more, revision: context.revision })],
});

export function addCell(context: PlanContext, definition: CellDefinition): Plan {
  const { id, cloud, region, jurisdiction, endpoint, capacity, price, failover } = definition;
  const known = context.storage.cell(id);
  if (known === undefined) {
    if (context.storage.cells().length >= MAXIMUM_CELLS)
      throw new Refused('no_capacity', `A directory holds ${MAXIMUM_CELLS} cells.`);
    const given = { id, cloud, region, jurisdiction, endpoint, capacity, price, failover };
    const added: Cell = { ...given, state: 'active', switches: 0, revision: context.revision };
    return { ...NOTHING, changes: [cellChange(null, added)] };
  }
  livingCell(context, id);
  const different = FIXED.filter((field) => known[field] !== definition[field]);
  if (different.length > 0) {
    const were = different.map((field) => `${field} ${known[field]}`).join(', ');
    throw new Refused('cell_exists', `There is a cell ${id} with ${were}; tenants have been placed by that.`);
  }
  if (ADJUSTABLE.every((field) => known[field] === definition[field])) return NOTHING;
  const homes = context.storage.homes(id);
  return {
    ...written(known, context, { endpoint, capacity, price, failover }),
    notes: homes > capacity ? [`${id} has ${countTenants(homes)} already, more than its capacity of ${capacity}.`] : [],
  };
}

export function drainCell(context: PlanContext, id: string): Plan {
  const cell = livingCell(context, id);
  if (cell.state === 'draining') return NOTHING;
  refuseDown(cell, 'It takes no new tenants while it is down; drain it once it is failed back.');
  return written(cell, context, { state: 'draining' });
}

export function resumeCell(context: PlanContext, id: string): Plan {
  const cell = livingCell(context, id);
  if (cell.state === 'active') return NOTHING;
  refuseDown(cell, 'A failover is undone by failing back.');
  return written(cell, context, { state: 'active' });
}

function refuseDown(cell: Cell, instead: string): void {
  if (cell.state === 'down') throw new Refused('cell_down', `${cell.id} is down. ${instead}`);
}

export function retireCell(context: PlanContext, id: string): Plan {
  const cell = context.storage.cell(id);
  if (cell?.state === 'retired') return NOTHING;
  const living = livingCell(context, id);
  const { homes, standbys } = loadOf(context.storage, id);
  if (homes + standbys > 0)
    throw new Refused(
      'cell_not_empty',
      `${id} is home of ${countTenants(homes)} and standby of ${countTenants(standbys)}.`,
    );
  const { returnsTo: _, ...rest } = living;
  return written(rest, context, { state: 'retired' });
}

/** Who depends on a cell being up: its own tenants by who would take them, and those that it stands in for now. */
function dependents({ storage }: PlanContext, id: string) {
  const own = storage.homesByStandby(id).map(({ standby, tenants }) => ({
    tenants,
    standby,
    standbyCell: standby === null ? undefined : storage.cell(standby),
  }));
  const guests = storage.standbysByHome(id).filter(({ home }) => storage.cell(home)?.state === 'down');
  const sum = (groups: readonly { readonly tenants: number }[]) =>
    groups.reduce((total, each) => total + each.tenants, 0);
  return { own, guests, sum };
}

export function failOver(context: PlanContext, id: string, partial: boolean): Plan {
  const cell = livingCell(context, id);
  if (cell.state === 'down') return NOTHING;
  // The way back is a switch as well.
  if (cell.switches + 2 >= EPOCH_STRIDE)
    throw new Refused(
      'no_capacity',
      `${id} has been switched more often than epochs can tell: let another cell replace it.`,
    );
  const { own, guests, sum } = dependents(context, id);
  const taken = own.filter(({ standbyCell }) => standbyCell !== undefined && isServing(standbyCell));
  const stranded = own.filter((group) => !taken.includes(group));
  const losses = [
    ...stranded.map(({ tenants, standby, standbyCell }) =>
      standby === null
        ? `${countTenants(tenants)} of ${id} without a standby`
        : `${countTenants(tenants)} of ${id} whose standby ${standby} is ${standbyCell?.state ?? 'not known'}`,
    ),
    ...guests.map(({ home, tenants }) => `${countTenants(tenants)} of ${home}, which is down and has ${id} stand in`),
  ];
  if (losses.length > 0 && (!partial || taken.length === 0)) {
    const nobody = partial ? ' No other tenants depend on it.' : '';
    throw new Refused('standby_unavailable', `Unserved would be: ${losses.join('; ')}.${nobody}`);
  }
  return {
    ...written(cell, context, {
      state: 'down',
      switches: cell.switches + 1,
      ...(cell.state === 'draining' && { returnsTo: 'draining' }),
    }),
    moved: sum(own) + sum(guests),
    notes: losses.map((loss) => `Unserved: ${loss}.`),
  };
}

export function failBack(context: PlanContext, id: string): Plan {
  const cell = livingCell(context, id);
  if (cell.state !== 'down') return NOTHING;
  const { own, guests, sum } = dependents(context, id);
  const { returnsTo = 'active', ...rest } = cell;
  const after: Cell = { ...rest, state: returnsTo, switches: cell.switches + 1, revision: context.revision };
  return {
    changes: [cellChange(cell, after)],
    moved: sum(own) + sum(guests),
    notes: guests.map(({ home, tenants }) => `${id} serves ${countTenants(tenants)} of ${home}, which is down.`),
  };
}
