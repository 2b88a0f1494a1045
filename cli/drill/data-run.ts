// One drill about copies of data, from its tenants to its report: load, what its kind does, and the comparison of both cells afterwards.
import { type Cell, failureDomain } from '../../core/edge/ports/directory-model.ts';
import { sleep } from '../../hosts/processes/wait.ts';
import { UserError } from '../command.ts';
import type { StackClient } from '../stack-client.ts';
import { EdgeControl } from './control.ts';
import { COPY_LIMITS, differingDocuments, type Pair, seenThroughEdge, untilEqual } from './copies.ts';
import { asking, countEvents } from './count.ts';
import { failbackUnion } from './data-failback.ts';
import type { DataDrillOptions, Kind } from './data-kind.ts';
import { moveUnderLoad } from './data-move.ts';
import { longOutage, standbyLoss } from './data-outages.ts';
import { type DataDrill, type DataMeasured, judgeData, type Stage } from './data-verdict.ts';
import { hostileAdministrator } from './hostile.ts';
import type { DataReport } from './report.ts';
import { beforeTheFault, InconclusiveError } from './run.ts';
import { loadedScene } from './scene.ts';
import type { Phase } from './service.ts';
import { BYSTANDERS, type DrillTenant, DrillTenants } from './tenants.ts';
import { outcomeOf } from './verdict.ts';
import { untilAssigned } from './watch.ts';

/** Load before and after, in milliseconds. */
const BEFORE_MS = 3000;
const AFTER_MS = 2000;

/** Time for everything besides the fault, in seconds: moves with their drains, returns of cells, and reserves for slow machines. */
export const DATA_RESERVE_SECONDS = 1500;

const KINDS: Readonly<Record<Exclude<DataDrill, 'hostile-administrator'>, Kind>> = {
  'move-under-load': moveUnderLoad,
  'failback-union': failbackUnion,
  'standby-loss': standbyLoss,
  'long-outage': longOutage,
};

/**
 * Runs the drill, and removes its tenants from the directory however it ends. Rejects when it cannot be run; a missed target is in the
 * report.
 */
export async function runDataDrill(stack: StackClient, options: DataDrillOptions): Promise<DataReport> {
  const { edge } = await stack.info();
  if (edge === null) throw new UserError('The stack runs without an edge, so there is nothing to drill.');
  const control = new EdgeControl(stack, edge.url);
  const { cell, other, third } = chosenCells(await control.cells(), options);
  const drillTenants = new DrillTenants(control, options.say);
  const { kind } = options;
  try {
    if (kind === 'hostile-administrator')
      return await hostileAdministrator(
        { stack, edge: edge.url, control, tenants: drillTenants, cell, other },
        options,
      );
    return await carryOut({ stack, edge: edge.url, control, drillTenants, cell, other, third }, options, KINDS[kind]);
  } finally {
    await drillTenants.remove();
  }
}

interface Place {
  readonly stack: StackClient;
  readonly edge: string;
  readonly control: EdgeControl;
  readonly drillTenants: DrillTenants;
  readonly cell: Cell;
  readonly other: Cell;
  /** Active cells besides these two. */
  readonly third: readonly Cell[];
}

async function carryOut(place: Place, options: DataDrillOptions, kind: Kind): Promise<DataReport> {
  const { stack, edge, control, drillTenants, cell, other, third } = place;
  const { rate, batch, seconds, say, signal } = options;
  const [home, standby] = kind.isHome ? [cell, other] : [other, cell];
  const stamp = Date.now().toString(36);
  const named = (id: string, index: number) => `drill-${id}-${stamp}-${index}`;
  // A name of its own each time: what an earlier drill has left in the cells must not count as missing in one of them.
  const own = Array.from({ length: options.tenants }, (_, index): DrillTenant => {
    const first = third.find(({ id }) => id !== home.id);
    return { id: named(home.id, index + 1), home: home.id, standby: kind.isPaired ? standby.id : first?.id };
  });
  const without = { cell, other, none: undefined }[kind.without(options) ?? 'none'];
  const neighbours = [cell, other, ...third].flatMap(({ id }) =>
    id === without?.id
      ? []
      : Array.from({ length: Math.min(BYSTANDERS, options.tenants) }, (_, index): DrillTenant => {
          return { id: `${named(id, index + 1)}-near`, home: id, standby: undefined };
        }),
  );
  const all = [...own, ...neighbours];
  await drillTenants.make(all);
  await untilAssigned(stack, own, signal);

  const tenants = own.map(({ id }) => id);
  const isStruck = (tenant: string) => tenants.includes(tenant);
  const homes = new Map(all.map(({ id, home: of }) => [id, of]));
  const mayServe = (tenant: string, by: string) =>
    by === homes.get(tenant) || (isStruck(tenant) && (by === cell.id || by === other.id));
  const withinMs = 1000 * (seconds + DATA_RESERVE_SECONDS);
  const scene = await loadedScene({ stack, edge, homes, isStruck, mayServe, rate, batch, withinMs, say });
  const { domain, run, load, ledger, record, baseline, note } = scene;
  const reading = asking({ stack, run, tally: domain.tally, progress: note, signal });
  const stages: Stage[] = [];
  const facts: { what: string; value: string }[] = [];
  const undone: (() => Promise<void>)[] = [];
  let done: Partial<DataMeasured>;
  const look = async (name: string) => {
    const stage = await seenThroughEdge(reading, { name, tenants: [...homes.keys()], ledger });
    stages.push(stage);
    note(`${name}: clients see ${stage.acknowledged - stage.missing} of ${stage.acknowledged} events`);
  };
  try {
    load.start();
    note(`load: ${rate} events a second in requests of ${batch}, from ${homes.size} tenants`);
    await sleep(BEFORE_MS, signal);
    signal.throwIfAborted();
    if ((await control.cells()).some(({ id, state }) => [cell.id, other.id].includes(id) && state !== 'active'))
      throw new InconclusiveError(
        `Inconclusive: ${cell.id} or ${other.id} was failed over before the drill began, so nothing can be measured: give a lower --load, or end what else keeps this machine busy.`,
      );
    baseline.unsent = load.unsent;
    done = await kind.carryOut({
      ...{ stack, control, scene, options, cell, other, tenants, signal, note, look },
      phase: (phase) => {
        load.phase = phase;
      },
      fact: (what, value) => facts.push({ what, value }),
      finally: (undo) => undone.unshift(undo),
    });
    await sleep(AFTER_MS, signal);
    signal.throwIfAborted();
  } catch (error) {
    throw load.phase === 'before' ? beforeTheFault(error) : error;
  } finally {
    await load.stop();
    for (const undo of undone) await undo().catch((error: Error) => say(error.message));
  }
  note(`the load has ended: ${load.sent} events sent`);

  stack.forgetTokens();
  await look('at the end');
  const pairs: Pair[] = [];
  for (const tenant of tenants) {
    const record = await control.tenant(tenant);
    if (record.standby !== null) pairs.push({ tenant, home: record.cell, standby: record.standby });
  }
  const events = await untilEqual(control, pairs, COPY_LIMITS.equalWithinMs, signal);
  note(events === 0 ? 'both cells of each tenant have the same events' : `${events} events differ between the cells`);
  const { cells } = await stack.info();
  const counted = {
    stack,
    cells,
    tenants: [...homes.keys()],
    run,
    tally: domain.tally,
    ledger,
    progress: note,
    signal,
  };
  const effects = await countEvents(counted);
  const differing = { events, ...(await differingDocuments(reading, pairs)) };
  const of = (phase: Phase, isOf: (tenant: string) => boolean) => record.phaseOf(phase, isOf);
  const later = record.phasesOf(['fault', 'after'], () => true);
  const measured: DataMeasured = {
    ...done,
    kind: options.kind,
    baseline,
    ledger: ledger.summary(),
    effects,
    wrongCell: record.wrong,
    unsent: load.unsent,
    requests: { sent: later.requests, failed: later.requests - later.succeeded, byStatus: later.byStatus },
    stages,
    differing,
    facts,
  };
  const targets = judgeData(measured);
  const outcome = outcomeOf(targets, baseline);
  const isNear = (tenant: string) => !isStruck(tenant);
  return {
    ...{ drill: options.kind, cell: cell.id, startedAt: scene.startedAt, rate, seconds, tenants: homes.size },
    ...{ outcome, passed: outcome === 'passed', targets, timeline: scene.timeline, measured },
    lines: scene.perSecond.lines(),
    phases: Object.fromEntries(
      (['before', 'fault', 'after'] as const).flatMap((phase) => [
        [`${kind.phases[phase]}, tenants of the drill`, of(phase, isStruck)],
        [`${kind.phases[phase]}, their neighbours`, of(phase, isNear)],
      ]),
    ),
  };
}

/** The cell that the drill is about, the tenants' other one, and the active ones besides. */
export function chosenCells(
  known: readonly Cell[],
  { kind, cell: named, other: wanted }: Pick<DataDrillOptions, 'kind' | 'cell' | 'other'>,
): { readonly cell: Cell; readonly other: Cell; readonly third: readonly Cell[] } {
  const find = (id: string) => {
    const found = known.find((each) => each.id === id);
    if (found === undefined)
      throw new UserError(`The directory knows no cell ${id}; there are ${known.map((each) => each.id).join(', ')}.`);
    if (found.state !== 'active')
      throw new UserError(`${found.id} is ${found.state}; a drill begins with cells that are active.`);
    if (found.keys === undefined)
      throw new UserError(`${found.id} is declared without keys, so no cell would believe its copies.`);
    return found;
  };
  const isUsable = ({ state, keys }: Cell) => state === 'active' && keys !== undefined;
  const cell = named === undefined ? known.find(isUsable) : find(named);
  if (cell === undefined) throw new UserError('There is no active cell that has keys.');
  const isOutside = (each: Cell) => each.id !== cell.id && failureDomain(each) !== failureDomain(cell);
  const other = wanted === undefined ? known.find((each) => isUsable(each) && isOutside(each)) : find(wanted);
  if (other === undefined)
    throw new UserError(
      `There is no other active cell outside of the region of ${cell.id}: ${kind} takes two, in two regions or clouds.`,
    );
  if (!isOutside(other))
    throw new UserError(
      `${other.id} lies in the region of ${cell.id}: the two cells of a tenant lie in different regions or clouds.`,
    );
  const third = known.filter((each) => each.state === 'active' && each.id !== cell.id && each.id !== other.id);
  return { cell, other, third };
}
