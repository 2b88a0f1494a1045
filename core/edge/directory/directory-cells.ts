// Plans changes to cells: add, drain, retire, fail over and fail back.
import type { PublicKey } from '../../ports/keys.ts';
import { MAXIMUM_CELLS } from '../ports/directory.ts';
import {
  type Cell,
  type CellDefinition,
  type DirectoryCommand,
  type DirectoryIntent,
  type EndpointProof,
  EPOCH_STRIDE,
  isServing,
} from '../ports/directory-model.ts';
import {
  cellChange,
  countTenants,
  leftIn,
  livingCell,
  loadOf,
  NOTHING,
  type Plan,
  type PlanContext,
  refused,
} from './directory-plan.ts';

/** Properties of a cell that never change: tenants have been placed by them. */
const FIXED = ['cloud', 'region', 'jurisdiction'] as const;

/** Properties of a cell that an operator may change. */
const ADJUSTABLE = ['capacity', 'price', 'failover'] as const;

const written = (cell: Cell, context: PlanContext, more: Partial<Cell>): Plan => ({
  ...NOTHING,
  changes: [cellChange(cell, { ...cell, ...more, revision: context.revision })],
});

/** The definition with the cell's known keys, if it names none: keys can be replaced, and not be taken away. */
export const withKnownKeys = (definition: CellDefinition, known: Cell | undefined): CellDefinition =>
  definition.keys === undefined && known?.keys !== undefined ? { ...definition, keys: known.keys } : definition;

export function addCell(context: PlanContext, given: CellDefinition, proof?: EndpointProof): Plan {
  const known = context.storage.cell(given.id);
  const definition = withKnownKeys(given, known);
  const { id, cloud, region, jurisdiction, endpoint, capacity, price, failover, keys } = definition;
  const trusted = keys === undefined ? {} : { keys, provedEndpoint: endpoint };
  if (known === undefined) {
    if (context.storage.cells().length >= MAXIMUM_CELLS)
      throw refused('no_capacity', `A directory holds ${MAXIMUM_CELLS} cells.`);
    requireProof(definition, proof);
    const fields = { id, cloud, region, jurisdiction, endpoint, capacity, price, failover };
    const added: Cell = { ...fields, ...trusted, state: 'active', switches: 0, revision: context.revision };
    return { ...NOTHING, changes: [cellChange(null, added)] };
  }
  livingCell(context, id);
  const different = FIXED.filter((field) => known[field] !== definition[field]);
  if (different.length > 0) {
    const were = different.map((field) => `${field} ${known[field]}`).join(', ');
    throw refused('cell_exists', `There is a cell ${id} with ${were}; tenants have been placed by that.`);
  }
  const isMoved = movesTrust(known, definition);
  if (isMoved) requireProof(definition, proof);
  else if (ADJUSTABLE.every((field) => known[field] === definition[field])) return NOTHING;
  const homes = context.storage.homes(id);
  return {
    ...written(known, context, { endpoint, capacity, price, failover, ...trusted }),
    notes: homes > capacity ? [`${id} has ${countTenants(homes)} already, more than its capacity of ${capacity}.`] : [],
  };
}

/** Whether the definition sends requests to another place than the record, or believes other keys. */
export const movesTrust = (known: Cell | undefined, { endpoint, keys }: CellDefinition): boolean =>
  known === undefined || known.endpoint !== endpoint || !sameKeys(known.keys, keys);

const sameKeys = (some: readonly PublicKey[] = [], others: readonly PublicKey[] = []): boolean =>
  some.length === others.length &&
  some.every(({ kid, x }) => others.some((other) => other.kid === kid && other.x === x));

/** A cell with keys must have proved its endpoint; whether one without keys is let in is for the caller. */
function requireProof({ id, endpoint, keys }: CellDefinition, proof: EndpointProof | undefined): void {
  if (keys === undefined) return;
  if (proof?.cell === id && proof.endpoint === endpoint && sameKeys(proof.keys, keys)) return;
  throw refused('endpoint_unproved', `${endpoint} has not proved that it is ${id}.`);
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
  if (cell.state === 'down') throw refused('cell_down', `${cell.id} is down. ${instead}`);
}

export function retireCell(
  context: PlanContext,
  { cell: id, leaveData }: Extract<DirectoryCommand, { readonly kind: 'retire-cell' }>,
  holdings: DirectoryIntent['holdings'],
): Plan {
  const cell = context.storage.cell(id);
  if (cell?.state === 'retired') return NOTHING;
  const living = livingCell(context, id);
  const { homes, standbys } = loadOf(context.storage, id);
  if (homes + standbys > 0)
    throw refused(
      'cell_not_empty',
      `${id} is home of ${countTenants(homes)} and standby of ${countTenants(standbys)}.`,
    );
  const left = leftIn(id, holdings);
  if (left !== undefined && leaveData !== true)
    throw refused('cell_has_data', `What it holds would be out of reach. ${left}. To leave it there, say leaveData.`);
  const { returnsTo: _, ...rest } = living;
  const notes = left === undefined ? [] : [`What is left is out of reach from now on. ${left}.`];
  return { ...written(rest, context, { state: 'retired' }), notes };
}

/** Tenants that depend on a cell: its own, by standby, and those that it serves now as a standby. */
function dependents({ storage }: PlanContext, id: string, cellAfter = (other: string) => storage.cell(other)) {
  const own = storage.homesByStandby(id).map(({ standby, tenants }) => ({
    tenants,
    standby,
    standbyCell: standby === null ? undefined : cellAfter(standby),
  }));
  const guests = storage.standbysByHome(id).filter(({ home }) => cellAfter(home)?.state === 'down');
  const sum = (groups: readonly { readonly tenants: number }[]) =>
    groups.reduce((total, each) => total + each.tenants, 0);
  return { own, guests, sum };
}

type FailOver = Extract<DirectoryCommand, { readonly kind: 'fail-over' }>;

/** A cell that is down, as it will be after its failback. */
function restoredCell(cell: Cell, revision: number): Cell {
  const { returnsTo = 'active', ...rest } = cell;
  return { ...rest, state: returnsTo, switches: cell.switches + 1, revision };
}

/** Cells that are down, answer, and could serve tenants that the failover would otherwise leave unserved. */
function rescuers(context: PlanContext, id: string, answering: readonly string[]): readonly Cell[] {
  const { own, guests } = dependents(context, id);
  const needed = new Set([...own.map(({ standby }) => standby), ...guests.map(({ home }) => home)]);
  return [...new Set(answering)].flatMap((other) => {
    const cell = context.storage.cell(other);
    const isUsable = cell?.state === 'down' && other !== id && cell.switches + 2 < EPOCH_STRIDE;
    return cell !== undefined && isUsable && needed.has(other) ? [cell] : [];
  });
}

/** The remedy for a standby that is down. */
const FAIL_BACK = (cell: string) => `if ${cell} answers again, fail it back first (npx polycell failover back ${cell})`;

export function failOver(
  context: PlanContext,
  { cell: id, partial = false, answering = [], silent = [] }: FailOver,
): Plan {
  const cell = livingCell(context, id);
  if (cell.state === 'down') return NOTHING;
  // The failback counts as a switch, too.
  if (cell.switches + 2 >= EPOCH_STRIDE)
    throw refused('no_capacity', `${id} has reached the maximum number of switches: replace it with another cell.`);
  const rescued = rescuers(context, id, answering);
  const restored = new Map(rescued.map((each) => [each.id, restoredCell(each, context.revision)]));
  const { own, guests, sum } = dependents(context, id, (other) => restored.get(other) ?? context.storage.cell(other));
  const isUsable = (standby: Cell | undefined) =>
    standby !== undefined && isServing(standby) && !silent.includes(standby.id);
  const taken = own.filter(({ standbyCell }) => isUsable(standbyCell));
  const stranded = own.filter((group) => !taken.includes(group));
  const losses = [
    ...stranded.map(({ tenants, standby, standbyCell }) =>
      standby === null
        ? `${countTenants(tenants)} of ${id} without a standby`
        : `${countTenants(tenants)} of ${id} whose standby ${standby} ${standbyCell !== undefined && isServing(standbyCell) ? 'does not answer' : `is ${standbyCell?.state ?? 'not known'}`}`,
    ),
    ...guests.map(({ home, tenants }) => `${countTenants(tenants)} of ${home}, which is down and has ${id} stand in`),
  ];
  // Tenants of a home that is failed back are served again, too.
  const isHelped =
    taken.length > 0 ||
    rescued.some(({ id: home }) => context.storage.standbysByHome(id).some((each) => each.home === home));
  if (losses.length > 0 && (!partial || !isHelped)) {
    const noOthers = partial ? ' No other tenants depend on it.' : '';
    throw refused(
      'standby_unavailable',
      `Unserved would be: ${losses.join('; ')}.${noOthers}${waysOut(stranded, guests, partial)}`,
    );
  }
  const down = cellChange(cell, {
    ...cell,
    state: 'down',
    switches: cell.switches + 1,
    revision: context.revision,
    ...(cell.state === 'draining' && { returnsTo: 'draining' }),
  });
  return {
    changes: [...rescued.map((each) => cellChange(each, restored.get(each.id) ?? each)), down],
    moved: sum(own) + sum(guests) + sum(rescued.map((each) => ({ tenants: context.storage.homes(each.id) }))),
    notes: [
      ...rescued.map((each) => `${each.id} answers and is failed back, as tenants would be unserved without it.`),
      ...losses.map((loss) => `Unserved: ${loss}.`),
    ],
  };
}

/** The remedies for a refusal, in one sentence as short as the situation allows. */
function waysOut(
  stranded: readonly { readonly standby: string | null; readonly standbyCell: Cell | undefined }[],
  guests: readonly { readonly home: string }[],
  partial: boolean,
): string {
  const down = [
    ...stranded.flatMap(({ standbyCell }) => (standbyCell?.state === 'down' ? [standbyCell.id] : [])),
    ...guests.map(({ home }) => home),
  ];
  const ways = [
    ...[...new Set(down)].map(FAIL_BACK),
    ...(stranded.length > 0 ? ['give them another standby (npx polycell tenants place TENANT --standby CELL)'] : []),
    ...(partial ? [] : ['let them go unserved with --partial']),
  ];
  return ` Ways out: ${ways.join('; or ')}.`;
}

type FailBack = Extract<DirectoryCommand, { readonly kind: 'fail-back' }>;

export function failBack(
  context: PlanContext,
  { cell: id, rescue = false, silent = [], force }: FailBack,
  behind: DirectoryIntent['behind'] = null,
): Plan {
  const cell = livingCell(context, id);
  if (cell.state !== 'down') return NOTHING;
  const { own, guests, sum } = dependents(context, id);
  const isLeft = ({ standbyCell }: (typeof own)[number]) =>
    standbyCell !== undefined && (!isServing(standbyCell) || silent.includes(standbyCell.id));
  // Tenants without a standby were left unserved deliberately, and those served by their standby are fine where they are.
  if (rescue && !(own.length > 0 && own.every(isLeft))) return NOTHING;
  if (behind !== null && force !== true)
    throw refused(
      'not_caught_up',
      `${id} would serve without events, or leave some behind: ${behind}. They come with npx polycell replicas sync; to fail back before, use --force.`,
    );
  return {
    changes: [cellChange(cell, restoredCell(cell, context.revision))],
    moved: sum(own) + sum(guests),
    notes: [
      ...guests.map(({ home, tenants }) => `${id} serves ${countTenants(tenants)} of ${home}, which is down.`),
      ...(behind === null ? [] : [`Missing until they come: ${behind}.`]),
    ],
  };
}
