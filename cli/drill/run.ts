// One drill from its beginning to its report: load, fault, healing, failback, and the count afterwards.

import { type Cell, failureDomain } from '../../core/edge/ports/directory-model.ts';
import { sleep } from '../../hosts/processes/wait.ts';
import { UserError } from '../command.ts';
import type { StackClient } from '../stack-client.ts';
import { EdgeControl } from './control.ts';
import { countEvents } from './count.ts';
import { breakIt, type FaultOptions, healIt } from './faults.ts';
import { CAUGHT_UP_WITHIN_MS, goHome, RETURN_WITHIN_MS } from './go-home.ts';
import type { FaultReport } from './report.ts';
import { loadedScene } from './scene.ts';
import type { Phase } from './service.ts';
import { DrillTenants } from './tenants.ts';
import { type DrillKind, isLoss, judge, type Measured, outcomeOf } from './verdict.ts';
import { answersEach, cellAnswers, fencedWithin, oldTokens, until, watchFailover } from './watch.ts';

export interface DrillOptions {
  readonly kind: DrillKind;
  /** The cell that gets the fault; for the loss of the map, the first one. */
  readonly cell: string | undefined;
  /** Events a second. */
  readonly rate: number;
  /** Events in a request. */
  readonly batch: number;
  /** How long the fault lasts, in seconds. */
  readonly seconds: number;
  /** Tenants of the cell; every other cell has a few as well. */
  readonly tenants: number;
  readonly delayMs: number;
  readonly say: (what: string) => void;
  /** Aborts the drill: it heals what it has broken, and rejects. */
  readonly signal: AbortSignal;
}

/** Load before the fault and after the failback, in milliseconds. */
const BEFORE_MS = 3000;
const AFTER_MS = 3000;

/**
 * A fault is extended by up to this, in milliseconds, while the tenants of the lost cells are not served elsewhere: a late recovery misses
 * its target, but is more informative than none.
 */
const EXTENDED_BY_MS = 60_000;

/** A cell that starts cold under load may take this long until it answers every probe, in milliseconds. */
const CALM_WITHIN_MS = 20_000;

/** The time before the fault cannot be a baseline, so nothing was measured. */
export class InconclusiveError extends UserError {}

/** An edge that does not answer before the fault is too busy for the load. */
export const beforeTheFault = (error: unknown): unknown =>
  error instanceof UserError && !(error instanceof InconclusiveError)
    ? new InconclusiveError(
        `Inconclusive, as it happened before the fault: ${error.message} Give a lower --load, or end what else keeps this machine busy.`,
      )
    : error;

/**
 * Runs the drill, and removes its tenants from the directory however it ends. Rejects when it cannot be run; a missed target is in
 * the report.
 */
export async function runDrill(stack: StackClient, options: DrillOptions): Promise<FaultReport> {
  const { edge } = await stack.info();
  if (edge === null) throw new UserError('The stack runs without an edge, so there is nothing to drill.');
  const control = new EdgeControl(stack, edge.url);
  const tenants = new DrillTenants(control, options.say);
  try {
    return await carryOut({ stack, edge: edge.url, control, tenants }, options);
  } finally {
    await tenants.remove();
  }
}

interface Place {
  readonly stack: StackClient;
  /** Address of the edge. */
  readonly edge: string;
  readonly control: EdgeControl;
  readonly tenants: DrillTenants;
}

async function carryOut(
  { stack, edge, control, tenants: drillTenants }: Place,
  options: DrillOptions,
): Promise<FaultReport> {
  const { kind, rate, batch, seconds, say, signal } = options;
  const { cells } = await stack.info();
  const address = cells.find(({ id }) => id === options.cell) ?? cells[0];
  if (address === undefined || (options.cell !== undefined && address.id !== options.cell))
    throw new UserError(
      `No cell ${JSON.stringify(options.cell ?? '')} runs; there are ${cells.map(({ id }) => id).join(', ')}.`,
    );
  const known = await control.cells();
  const lost = struckCells(known, address.id, kind);
  const struck = cells.filter(({ id }) => lost.has(id));
  refuseUnready(known, lost, kind);

  const homes = await drillTenants.prepare(known, lost, options);
  const standbys = new Map<string, string | null>();
  for (const id of homes.keys()) standbys.set(id, (await control.tenant(id)).standby);
  const isStruck = (tenant: string) => lost.has(homes.get(tenant) ?? '');
  const mayServe = (tenant: string, cell: string) =>
    cell === homes.get(tenant) || (kind !== 'map-loss' && isStruck(tenant) && cell === standbys.get(tenant));

  // The fault, the failback, and a reserve for slow machines.
  const reserveMs = CALM_WITHIN_MS + EXTENDED_BY_MS + 2 * RETURN_WITHIN_MS + CAUGHT_UP_WITHIN_MS;
  const withinMs = BEFORE_MS + AFTER_MS + reserveMs + 1000 * seconds;
  const scene = await loadedScene({ stack, edge, homes, isStruck, mayServe, rate, batch, withinMs, say });
  const { domain, run, startedAt, ledger, record, load, baseline, timeline, note } = scene;
  const fault: FaultOptions = { cells: struck, delayMs: options.delayMs };
  const moves = isLoss(kind) || kind === 'partition';
  const names = [...lost].join(', ');
  const every = async (isSo: (cell: string) => Promise<boolean>) =>
    (await Promise.all([...lost].map(isSo))).every((each) => each);
  // Only for the cells with the fault, and only until they are failed over: on a busy machine the monitor must not move other tenants.
  const proposing = moves ? known.filter(({ id, failover }) => lost.has(id) && failover === 'approve') : [];
  const propose = async () => {
    for (const cell of proposing) await control.setPolicy(cell, 'approve');
  };
  let measured: Partial<Measured> = {};
  let times: Pick<FaultReport, 'detectedMs' | 'switchedMs'> = {};
  let healed = true;
  let complete = false;
  try {
    load.start();
    note(`load: ${rate} events a second in requests of ${batch}, from ${homes.size} tenants`);
    await sleep(BEFORE_MS, signal);
    signal.throwIfAborted();
    // Failures from before the fault would count towards its detection, and make it look faster than it is.
    if (moves && !(await until(() => every((cell) => answersEach(control, cell)), CALM_WITHIN_MS, signal))) {
      baseline.missedProbes = [...lost];
      note(`${names} misses probes under this load before the fault: it will be found failing too soon`);
    }
    if (moves && (await control.cells()).some(({ id, state }) => lost.has(id) && state !== 'active'))
      throw new InconclusiveError(
        `Inconclusive: ${names} was failed over before the fault, so nothing can be measured: give a lower --load, or end what else keeps this machine busy.`,
      );

    const tokens = kind === 'partition' ? await oldTokens(stack, address, homes) : [];
    healed = false;
    for (const cell of proposing) await control.setPolicy(cell, 'automatic');
    if (proposing.length > 0) note(`the monitor fails ${names} over automatically during the fault`);
    baseline.unsent = load.unsent;
    load.phase = 'fault';
    const askedAt = load.elapsed;
    await breakIt(stack, kind, fault);
    record.faulted(askedAt, load.elapsed);
    note(`fault: ${kind}${kind === 'map-loss' ? '' : ` of ${names}`}`, { text: 'fault', edge: 'begin' });
    const faultEnd = askedAt + seconds * 1000;
    if (moves) {
      const watched = await Promise.all(
        [...lost].map((cell) =>
          watchFailover({ control, load, cell, faultEnd, extendedByMs: EXTENDED_BY_MS, note, signal }),
        ),
      );
      const latest = (moments: readonly (number | null)[]) =>
        moments.includes(null) ? null : Math.round(Math.max(...moments.map(Number)) - askedAt);
      times = {
        detectedMs: latest(watched.map(({ detectedAt }) => detectedAt)),
        switchedMs: latest(watched.map(({ switchedAt }) => switchedAt)),
      };
      await propose();
      if (times.switchedMs !== null) await until(async () => record.isRecovered(lost), EXTENDED_BY_MS, signal);
    }
    await sleep(Math.max(0, faultEnd - load.elapsed), signal);
    signal.throwIfAborted();

    await healIt(stack, kind, fault);
    healed = true;
    note(isLoss(kind) ? `${names} is revived` : 'the fault is healed', { text: 'healed', edge: 'end' });
    if (moves) {
      const healedAt = load.elapsed;
      await until(() => every((cell) => cellAnswers(control, cell)), RETURN_WITHIN_MS, signal);
      note(`${names} answers its probes again`);
      if (kind === 'partition') {
        const fenced = await fencedWithin(address.url, tokens, RETURN_WITHIN_MS, signal);
        measured = { ...measured, fencedMs: fenced ? Math.round(load.elapsed - healedAt) : null };
        note(fenced ? `${address.id} refuses the older epoch of each tenant` : `${address.id} was never fenced`);
      }
      for (const cell of lost) await goHome(control, cell, note, signal);
      const isHome = await until(async () => record.isAtHome(lost), RETURN_WITHIN_MS, signal);
      note(isHome ? 'every tenant is served at home again' : 'some tenants are not served at home');
    }
    load.phase = 'after';
    await sleep(AFTER_MS, signal);
    signal.throwIfAborted();
    complete = true;
  } catch (error) {
    throw load.phase === 'before' ? beforeTheFault(error) : error;
  } finally {
    if (!healed) await healIt(stack, kind, fault).catch((error: Error) => say(`Healing failed: ${error.message}`));
    await load.stop();
    // A drill that ends early leaves the cell as it was.
    if (!complete && moves)
      for (const cell of lost) await control.failBack(cell, true).catch((error: Error) => say(error.message));
    await propose().catch((error: Error) => say(error.message));
  }
  note(`the load has ended: ${load.sent} events sent`);

  stack.forgetTokens();
  const effects = await countEvents({
    stack,
    cells,
    tenants: [...homes.keys()],
    run,
    tally: domain.tally,
    ledger,
    progress: note,
    signal,
  });
  const of = (phase: Phase, which: (home: string) => boolean) => record.phase(phase, which);
  const isThere = (home: string) => lost.has(home);
  const isElsewhere = (home: string) => kind === 'map-loss' || !lost.has(home);
  const after = of('after', isThere);
  const all: Measured = {
    ...measured,
    kind,
    baseline,
    ledger: ledger.summary(),
    effects,
    wrongCell: record.wrong,
    unsent: load.unsent,
    ...(moves && {
      recovery: [...lost].flatMap((cell) => record.recovery(cell)),
      home: { requests: after.requests, atHome: [...lost].reduce((sum, cell) => sum + record.atHome(cell), 0) },
    }),
    ...([...homes.values()].some(isElsewhere) && {
      bystanders: { before: of('before', isElsewhere), fault: of('fault', isElsewhere) },
    }),
  };
  const targets = judge(all);
  const outcome = outcomeOf(targets, baseline);
  return {
    drill: kind,
    cell: kind === 'map-loss' ? null : names,
    startedAt,
    rate,
    seconds,
    tenants: homes.size,
    outcome,
    passed: outcome === 'passed',
    targets,
    timeline,
    lines: scene.perSecond.lines(),
    ...times,
    phases: {
      'before, tenants of the cell': of('before', isThere),
      'fault, tenants of the cell': of('fault', isThere),
      'after, tenants of the cell': after,
      'before, other tenants': of('before', (home) => !isThere(home)),
      'fault, other tenants': of('fault', (home) => !isThere(home)),
      'after, other tenants': of('after', (home) => !isThere(home)),
    },
    measured: all,
  };
}

/** The cells with the fault: one, all of its region or all of its cloud. For the loss of the map, the named one. */
function struckCells(cells: readonly Cell[], id: string, kind: DrillKind): ReadonlySet<string> {
  const cell = cells.find((each) => each.id === id);
  if (cell === undefined) throw new UserError(`The directory does not know ${id}.`);
  const isStruck = (other: Cell) =>
    other.id === id ||
    (kind === 'cloud-loss' && other.cloud === cell.cloud) ||
    (kind === 'region-loss' && failureDomain(other) === failureDomain(cell));
  return new Set(cells.filter((other) => other.state !== 'retired' && isStruck(other)).map((each) => each.id));
}

function refuseUnready(cells: readonly Cell[], struck: ReadonlySet<string>, kind: DrillKind): void {
  const unready = cells.find(({ id, state }) => struck.has(id) && state !== 'active');
  if (unready !== undefined)
    throw new UserError(`${unready.id} is ${unready.state}; a drill begins with cells that are active.`);
  const others = cells.filter(({ id, state }) => !struck.has(id) && state === 'active');
  if (others.length === 0 && kind !== 'map-loss')
    throw new UserError(`There is no active cell outside of ${[...struck].join(', ')}, so no cell can be a standby.`);
}
