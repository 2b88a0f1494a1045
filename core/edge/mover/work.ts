// The pieces of work of a move: each is bounded, may be repeated, and ends with the move as it is then.
import { Refusal, type RefusalCode } from '../../api/refusal.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { PushRequest, ReplicaDeriver, ReplicaPusher } from '../cells/replica-pusher.ts';
import { effectsFrom } from '../directory/leases.ts';
import { chooseStandby } from '../directory/placement.ts';
import type { Fence } from '../monitor/fence-request.ts';
import type { Directory } from '../ports/directory.ts';
import { type Cell, type DirectoryIntent, epochOf, isServing, type Tenant } from '../ports/directory-model.ts';
import type { Move } from '../ports/mover.ts';
import { isBeforeSwitch, MOVE_LIMITS, stepped } from './move.ts';
import type { StepDone, Throttle } from './throttle.ts';

export const WORK_LIMITS = {
  /** The target may be the home once a walk through everything has found no more than this missing: events come as they are accepted by then. */
  behind: 500,
  /** So long after it has heard of another standby may a cell still send to the one before, in milliseconds: a process remembers it for 5 s, and runs for 20 s. */
  rememberedMs: 30_000,
} as const;

/** The target has served again since the source was fenced: its present epoch is a newer one. */
const FENCED_AGAIN = { state: 'switched', walking: false, problem: null } as const;

/** What a move says while its target was a log-only standby, and is not ready for reads yet. */
const DERIVES = 'derives what it has stored';

const otherThanDeriving = (problem: string | null): string | null => (problem?.includes(DERIVES) ? null : problem);

export interface MoveWorkDeps {
  readonly directory: Pick<Directory, 'lookup' | 'cells' | 'change'>;
  readonly push: ReplicaPusher;
  readonly derive: ReplicaDeriver;
  readonly fence: Fence;
  /** Has a cell refuse what was erased of a tenant before it gets a copy; why it does not, or `null`. */
  readonly bring: (tenant: string, cell: string) => Promise<string | null>;
  /** How fast the sources of all moves may be read. */
  readonly throttle: Throttle;
  readonly clock: Clock;
  readonly log: Log;
}

/** The records that a move works on. */
export interface Scene {
  readonly tenant: Tenant;
  readonly source: Cell;
  readonly target: Cell;
}

/** A number that a cell says: what is none must not upset the throttle. */
const countIn = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

/** What a step has done, as a cell answers; one of an earlier release does not say how many of its events it has sent. */
function stepDone({ documents, sent }: Readonly<Record<string, unknown>>, verify: boolean): StepDone {
  const read = countIn(documents) ?? 0;
  return { read, sent: countIn(sent) ?? (verify ? 0 : read) };
}

export const refusal = (code: RefusalCode, detail: string) => new Refusal(code, detail);

/** A piece of work that does not get on now: why, and the move as it is then. */
export class Waiting extends Error {
  readonly move: Move | undefined;

  constructor(message: string, move?: Move) {
    super(message);
    this.move = move;
  }
}

export interface MoveWork {
  /** The records of a move. Throws a refusal without one of them. */
  sceneOf(move: Pick<Move, 'tenant' | 'from' | 'to'>): Promise<Scene>;
  /** Makes the target the tenant's standby, unless it is. What its former standby holds, the home has. */
  placed(move: Pick<Move, 'tenant' | 'to' | 'actor' | 'reason'>, scene: Scene, dryRun: boolean): Promise<number>;
  /** Does one piece of work. Throws a `Waiting` if it does not get on. */
  work(move: Move, isWanted: () => Promise<boolean>): Promise<Move>;
  ended(move: Move, problem: string | null): Move;
  /** Ends a move before the switch: the tenant has its former standby again, once the target holds nothing that the source has not. */
  abort(move: Move): Promise<Move>;
}

/** Returns the pieces of work. */
export function moveWork({ directory, push, derive, fence, bring, throttle, clock, log }: MoveWorkDeps): MoveWork {
  const sceneOf = async ({ tenant: id, from, to }: Pick<Move, 'tenant' | 'from' | 'to'>): Promise<Scene> => {
    const { tenant } = await directory.lookup(id);
    if (tenant === null) throw refusal('unknown_tenant', `There is no tenant ${id}.`);
    const cells = new Map((await directory.cells()).map(({ cell }) => [cell.id, cell]));
    const [source, target] = [cells.get(from), cells.get(to)];
    if (source === undefined || target === undefined)
      throw refusal('unknown_cell', `There is no cell ${source ? to : from}.`);
    return { tenant, source, target };
  };

  /** A cell that gets a copy knows what was erased. */
  const brought = async (tenant: string, cell: string): Promise<void> => {
    const problem = await bring(tenant, cell);
    if (problem !== null) throw new Waiting(problem);
  };

  const intentOf = ({ actor, reason }: Pick<Move, 'actor' | 'reason'>): DirectoryIntent => ({ actor, reason });

  /** Makes the target the tenant's standby, unless it is. What its former standby holds, the home has. */
  const placed = async (
    move: Pick<Move, 'tenant' | 'to' | 'actor' | 'reason'>,
    { tenant, source }: Scene,
    dryRun: boolean,
  ) => {
    const outcome = await directory.change(
      { kind: 'place-tenant', tenant: move.tenant, standby: move.to, ifEpoch: epochOf(tenant, source) },
      { ...intentOf(move), dryRun, ...(tenant.standby !== null && { holdings: { [tenant.standby]: null } }) },
    );
    if (outcome.status === 'refused') throw refusal(outcome.code, outcome.detail);
    const [change] = outcome.changes;
    return change?.kind === 'tenant' && change.after !== null
      ? epochOf(change.after as Tenant, source)
      : epochOf(tenant, source);
  };

  /** One step of the walk of a move, and what it has counted so far: `null` if the source is to be left alone for a while. */
  const walked = async (
    move: Move,
    pair: PushRequest,
    verify = move.walk === 'compare',
  ): Promise<{
    readonly move: Move;
    readonly counts: Readonly<Record<string, unknown>> | null;
    readonly done: boolean;
  }> => {
    const grant = await throttle.take(pair.from, verify ? 'compare' : 'send');
    if (typeof grant === 'number')
      return { move: { ...move, notBefore: clock.now() + grant, problem: null }, counts: null, done: false };
    const counts = await push({ ...pair, restart: !move.walking, verify, budget: grant.budget });
    const isStopped = typeof counts === 'string' || (counts.waiting !== undefined && counts.isOther !== true);
    grant.end(typeof counts === 'string' ? { read: 0, sent: 0 } : stepDone(counts, verify), isStopped);
    if (typeof counts === 'string') throw new Waiting(counts);
    const done = counts.done === true;
    if (!done && counts.waiting !== undefined)
      throw new Waiting(String(counts.waiting), { ...move, walking: move.walking || counts.isOther !== true });
    return { move: { ...move, walking: !done }, counts, done };
  };

  const lackingOf = (counts: Readonly<Record<string, unknown>> | null): number =>
    ['missing', 'different', 'unproven', 'refused'].reduce((total, name) => total + Number(counts?.[name] ?? 0), 0);

  /** Whether the directory is still as this move has left it. */
  const isUndisturbed = ({ from, to, state, formerStandby }: Move, { tenant }: Scene): boolean => {
    if (state === 'planned') return tenant.cell === from && [formerStandby, to].includes(tenant.standby);
    return isBeforeSwitch({ state })
      ? tenant.cell === from && tenant.standby === to
      : tenant.cell === to && tenant.standby === from;
  };

  const aborted = (move: Move, problem: string | null): Move => ({
    ...move,
    state: 'aborted',
    since: clock.now(),
    paused: false,
    problem,
  });

  /** Sends one step of seeding, and no more a second than was asked for. */
  const seeded = async (move: Move, pair: PushRequest): Promise<Move> => {
    const { move: after, counts, done } = await walked(move, pair);
    if (counts === null) return after;
    const there =
      Number(counts.stored ?? 0) + Number(counts.same ?? 0) + Number(counts.kept ?? 0) + Number(counts.replaced ?? 0);
    const brought = Math.max(0, there - (move.walking ? move.there : 0));
    const pauseMs = move.rate === null ? 0 : (1000 * brought) / move.rate;
    const next = { ...after, there, notBefore: clock.now() + pauseMs, problem: null };
    return done ? { ...stepped(next, clock.now()), notBefore: next.notBefore } : next;
  };

  /** Has the target derive what it has left underived, and what comes from now on: `null` once it has; else the move, which says how far it is. */
  const derived = async (move: Move, { tenant, source, target }: Scene): Promise<Move | null> => {
    const found = await derive({ tenant, home: source, standby: target, at: target.id, ahead: true });
    if (typeof found === 'string') throw new Waiting(found);
    if (found.done === true) return null;
    if (typeof found.waiting === 'string') throw new Waiting(`${target.id}: ${found.waiting}`, move);
    return { ...move, problem: `${target.id} ${DERIVES}: ${Number(found.events ?? 0)} events so far` };
  };

  const switched = async (move: Move, { tenant }: Scene): Promise<Move> => {
    const outcome = await directory.change(
      { kind: 'swap-tenant', tenant: move.tenant, ifTenantRevision: tenant.revision },
      intentOf(move),
    );
    if (outcome.status === 'refused') throw new Waiting(`${outcome.code}: ${outcome.detail}`);
    log.info('a tenant was moved to another cell', { tenant: move.tenant, from: move.from, to: move.to });
    return stepped(move, clock.now());
  };

  /** Waits for an operator where the target cannot store something. */
  const refuseLacking = (move: Move, counts: Readonly<Record<string, unknown>> | null): void => {
    const lacking = lackingOf(counts);
    if (lacking > 0) throw new Waiting(`${lacking} events cannot be stored in ${move.to}`, { ...move, walking: false });
  };

  /** Sends and compares in turn, until nothing is missing. */
  const compared = async (
    move: Move,
    pair: PushRequest,
  ): Promise<{ readonly move: Move; readonly isEqual: boolean }> => {
    const { move: after, counts, done } = await walked(move, pair);
    if (!done) return { move: after, isEqual: false };
    if (move.walk === 'compare') return { move: { ...after, walk: 'send' }, isEqual: lackingOf(counts) === 0 };
    refuseLacking(after, counts);
    return { move: { ...after, walk: 'compare' }, isEqual: false };
  };

  /** Gives the tenant another standby, or none if no cell fits: under the epoch of the fence, the target has all that the source holds. */
  const left = async (move: Move, { tenant, source, target }: Scene): Promise<Move> => {
    const counted = (await directory.cells()).filter(({ cell }) => cell.id !== source.id);
    const loads = new Map(counted.map(({ cell, homes, standbys }) => [cell.id, { homes, standbys }]));
    const choice = chooseStandby(
      { cells: counted.map(({ cell }) => cell), loadOf: (id) => loads.get(id) ?? { homes: 0, standbys: 0 } },
      { residency: tenant.residency, home: target },
    );
    const standby = choice.status === 'chosen' ? choice.cell.id : null;
    const outcome = await directory.change(
      { kind: 'place-tenant', tenant: move.tenant, standby, ifEpoch: epochOf(tenant, target) },
      { ...intentOf(move), holdings: { [source.id]: null } },
    );
    if (outcome.status === 'refused') throw new Waiting(`${outcome.code}: ${outcome.detail}`);
    return { ...move, walk: 'compare', walking: false, notBefore: clock.now(), problem: null };
  };

  /**
   * Brings what the tenant has to the standby that it has got, and in a second walk, for which `send` stands, what was sent to the one before
   * meanwhile, as a process of the home goes by what it has read for a while; it is over then.
   */
  const settled = async (move: Move, { tenant, target: home }: Scene): Promise<Move> => {
    const standby = (await directory.cells()).find(({ cell }) => cell.id === tenant.standby)?.cell;
    if (standby === undefined) return stepped(move, clock.now());
    await brought(move.tenant, standby.id);
    const pair = { tenant, home, standby, from: home.id, restart: false, verify: false };
    const { move: after, counts, done } = await walked(move, pair, false);
    if (!done) return { ...after, problem: null };
    if (lackingOf(counts) > 0)
      throw new Waiting(`${lackingOf(counts)} events cannot be stored in ${standby.id}`, after);
    if (move.walk === 'send') return stepped(after, clock.now());
    return { ...after, walk: 'send', notBefore: clock.now() + WORK_LIMITS.rememberedMs, problem: null };
  };

  /** Does one piece of work. Throws a `Waiting` if it does not get on. */
  const work = async (move: Move, isWanted: () => Promise<boolean>): Promise<Move> => {
    const scene = await sceneOf(move);
    const { tenant, source, target } = scene;
    const now = clock.now();
    const isSwitched = tenant.cell === move.to;
    // Another try has switched, and was not noted.
    if (move.state === 'following' && isSwitched && tenant.standby === move.from) return stepped(move, now);
    if (move.state === 'verified' && move.leave === true && isSwitched && tenant.standby !== move.from)
      return settled(move, scene);
    if (!isUndisturbed(move, scene)) {
      const problem = 'The tenant was placed elsewhere meanwhile.';
      if (isBeforeSwitch(move)) return aborted(move, problem);
      throw new Waiting(problem);
    }
    // The target stands in by now, and stays the standby: what it accepts must not be left.
    if (isBeforeSwitch(move) && !isServing(source)) return aborted(move, `${source.id} is ${source.state}.`);
    // The source stands in, and takes events: whatever was fenced and compared before says nothing of these.
    if (isSwitched && !isServing(target))
      throw new Waiting(`${target.id} is ${target.state}, and ${source.id} stands in for it`);
    const isFenced = move.state === 'fenced' || move.state === 'drained' || (move.state === 'verified' && move.leave);
    if (isFenced && move.epoch !== epochOf(tenant, target))
      return { ...move, ...FENCED_AGAIN, since: now, notBefore: now };
    const [home, standby] = isSwitched ? [target, source] : [source, target];
    // Behind the drain no effect of the source is under way, and it says which ones have happened.
    const receipts = move.state === 'drained';
    const pair: PushRequest = { tenant, home, standby, from: move.from, restart: false, verify: false, receipts };
    switch (move.state) {
      case 'planned': {
        if (tenant.standby !== move.to) {
          const epoch = epochOf(tenant, source);
          const { move: after, isDone } = await redundant(
            move,
            scene,
            tenant.standby,
            move.epoch !== epoch || !move.walking,
          );
          if (!isDone || !(await isWanted())) return { ...after, epoch };
          await brought(move.tenant, move.to);
          return { ...after, epoch: await placed(after, scene, false) };
        }
        // An estimate: what is on its way would be looked at again a second later, in each range.
        const { move: after, counts, done } = await walked(move, { ...pair, once: true });
        if (!done || counts === null) return after;
        const total = Number(counts.same ?? 0) + Number(counts.missing ?? 0) + Number(counts.different ?? 0);
        return stepped({ ...after, total, there: Number(counts.same ?? 0) }, clock.now());
      }
      case 'seeding':
        return seeded(move, pair);
      case 'following': {
        // A log-only target would answer reads with a part; and what it has not derived at the end of the walk is awaited, too.
        const unready = move.walking ? null : await derived(move, scene);
        if (unready !== null) return unready;
        const {
          move: after,
          counts,
          done,
        } = await walked({ ...move, walk: 'send', problem: otherThanDeriving(move.problem) }, pair);
        if (!done || counts === null) return after;
        refuseLacking(move, counts);
        if (Number(counts.stored ?? 0) > WORK_LIMITS.behind) return after;
        const late = await derived(after, scene);
        if (late !== null) return late;
        return (await isWanted()) ? switched(after, scene) : after;
      }
      case 'switched': {
        const problem = await fence(source, tenant.id, epochOf(tenant, target), { tenant, home, standby });
        if (problem !== null) throw new Waiting(`${source.id}: ${problem}`);
        return { ...stepped(move, now), epoch: epochOf(tenant, target), notBefore: now + MOVE_LIMITS.drainMs };
      }
      case 'fenced':
        return stepped(move, now);
      case 'drained': {
        // The source is given up at once: what the events were stored with does not show that another hand has changed one.
        const { move: after, isEqual } = await compared(move, { ...pair, contents: move.leave === true });
        if (!isEqual) return after;
        const retentionMs = move.leave === true ? 0 : MOVE_LIMITS.retentionMs;
        return { ...stepped(after, clock.now()), notBefore: clock.now() + retentionMs };
      }
      case 'verified':
        return move.leave === true ? left(move, scene) : stepped(move, now);
      default:
        return move;
    }
  };

  /** A standby is left: what it holds must be in the home, also what it took while it stood in. */
  const redundant = async (move: Move, { tenant, source: home }: Scene, left: string | null, restart: boolean) => {
    const standby = (await directory.cells()).find(({ cell }) => cell.id === left)?.cell;
    if (standby === undefined) return { move, isDone: true };
    const epoch = epochOf(tenant, home);
    // It says which effects have happened there, and none may be under way by then.
    if (clock.now() < effectsFrom(tenant, home))
      throw new Waiting(`effects of ${standby.id} may not be over`, { ...move, epoch, walking: false });
    const progress = await push({ tenant, home, standby, from: standby.id, restart, verify: false, receipts: true });
    if (typeof progress === 'string') throw new Waiting(progress);
    if (progress.done !== true && progress.waiting !== undefined)
      throw new Waiting(String(progress.waiting), { ...move, epoch, walking: !restart || progress.isOther !== true });
    if (progress.done !== true) return { move: { ...move, walking: true }, isDone: false };
    if (lackingOf(progress) > 0)
      throw new Waiting(`${home.id} cannot store ${lackingOf(progress)} events of ${standby.id}`, {
        ...move,
        walking: false,
      });
    return { move: { ...move, walking: false }, isDone: true };
  };

  /** Ends a move before the switch: the tenant has its former standby again, once the target holds nothing that the source has not. */
  const abort = async (move: Move): Promise<Move> => {
    const scene = await sceneOf(move);
    const { tenant, source } = scene;
    if (tenant.cell === move.to && tenant.standby === move.from)
      throw refusal('move_state', `${move.to} is the home already, as the move will show: reverse it then.`);
    const isPlaced = tenant.cell === move.from && tenant.standby === move.to;
    if (!isPlaced || move.formerStandby === move.to) return aborted(move, null);
    if (!isServing(source))
      return aborted(move, `${source.id} is ${source.state}, so that ${move.to} stays the standby.`);
    const epoch = epochOf(tenant, source);
    if (epoch !== move.epoch) {
      const { isDone } = await redundant(move, scene, tenant.standby, false);
      if (!isDone) throw new Waiting(`${move.to} sends what ${source.id} lacks`);
    }
    const outcome = await directory.change(
      { kind: 'place-tenant', tenant: move.tenant, standby: move.formerStandby, ifEpoch: epoch },
      { ...intentOf(move), holdings: { [move.to]: null } },
    );
    if (outcome.status === 'refused') {
      // Its former standby can be none any more.
      if (outcome.code.startsWith('cell_')) return aborted(move, `${move.to} stays the standby: ${outcome.detail}`);
      throw refusal(outcome.code, outcome.detail);
    }
    return aborted(move, null);
  };

  return { sceneOf, placed, work, abort, ended: aborted };
}
