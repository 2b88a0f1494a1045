// Moves tenants to other cells: one bounded piece of work at a time, kept before the next, so that any of them may be repeated.
import { Refusal, type RefusalCode } from '../../api/refusal.ts';
import { mapConcurrently } from '../../lib/concurrently.ts';
import { cutUtf8 } from '../../lib/text.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { Json } from '../../ports/json.ts';
import type { MonitorStorage } from '../monitor/monitor-storage.ts';
import { isServing, type Tenant } from '../ports/directory-model.ts';
import type { Move, MoveOrder, Mover, MoverAnswer, MoveView } from '../ports/mover.ts';
import { isBeforeSwitch, isOver, MOVE_LIMITS, pausesBefore, remainingMs, stepped } from './move.ts';
import { moveThrottle, type ThrottleDeps } from './throttle.ts';
import { type MoveWorkDeps, moveWork, refusal, Waiting } from './work.ts';

export const MOVER_LIMITS = {
  /** Moves that are kept, those that are over among them: the oldest of these go first. */
  moves: 1000,
  /** Moves that are not over. */
  active: 100,
  /** The pause after a piece of work that did not get on, in milliseconds. */
  pauseMs: 2000,
  /** Moves that are worked on at the same time. */
  concurrent: 4,
} as const;

/** A mover, and the work that its orders cause. */
export interface WorkingMover extends Mover {
  /** Does one piece of work of every move that is due. Never rejects. Resolves with when there is more to do; `null` if no move is under way. */
  round(): Promise<number | null>;
}

export interface MoverDeps extends Omit<MoveWorkDeps, 'throttle'>, Pick<ThrottleDeps, 'ingestTimes'> {
  readonly storage: MonitorStorage;
  /** Whether events of a tenant are being erased: a move waits for that. */
  readonly isErasing: (tenant: string) => Promise<boolean>;
}

const KEY = 'move/';

/** Where an order has a tenant go from: from its home, or only from its standby, which is as if it had been switched already. */
const wayOf = ({ id, cell, standby }: Tenant, { to, leave }: MoveOrder) => {
  if (cell !== to) return { from: cell, isMoved: true };
  if (leave === true && standby !== null) return { from: standby, isMoved: false };
  throw refusal('invalid_command', `${to} is the home of ${id} already.`);
};

/** What only notes an order does not wait for work under way. */
const now = <T>(_tenant: string, work: () => Promise<T>): Promise<T> => work();

/** Returns a mover; rounds must not overlap. */
export function createMover(deps: MoverDeps): WorkingMover {
  const { directory, storage, clock, log } = deps;
  const { sceneOf, placed, work, abort, ended } = moveWork({ ...deps, throttle: moveThrottle(deps) });
  let moves: Map<string, Move> | undefined;

  const all = async (): Promise<Map<string, Move>> => {
    if (moves !== undefined) return moves;
    const kept = await storage.list<Json>({ prefix: KEY, limit: MOVER_LIMITS.moves });
    moves = new Map([...kept.values()].map((each) => each as unknown as Move).map((move) => [move.tenant, move]));
    return moves;
  };

  const keep = async (move: Move): Promise<Move> => {
    await storage.put(KEY + move.tenant, move as unknown as Json);
    (await all()).set(move.tenant, move);
    return move;
  };

  const turns = new Map<string, Promise<unknown>>();

  /** Work on a tenant's move, and orders that read the directory for it, one after the other. */
  const inTurn = <T>(tenant: string, turn: () => Promise<T>): Promise<T> => {
    const mine = (turns.get(tenant) ?? Promise.resolve()).then(turn);
    const settled = mine
      .catch(() => undefined)
      .finally(() => {
        if (turns.get(tenant) === settled) turns.delete(tenant);
      });
    turns.set(tenant, settled);
    return mine;
  };

  const viewOf = (move: Move): MoveView => {
    const { walk: _, walking: __, epoch: ___, ...shown } = move;
    return { ...shown, remainingMs: remainingMs(move, clock.now()) };
  };

  /** One piece of work, and what came of it, kept. */
  const advance = async (move: Move): Promise<void> => {
    /** What an operator has ordered meanwhile stands: the work is repeated if it is still wanted. */
    const isCurrent = async () => (await all()).get(move.tenant) === move;
    try {
      const after = await work(move, isCurrent);
      if (!(await isCurrent())) return;
      const pauses = after.state !== move.state && pausesBefore(after);
      await keep(pauses ? { ...after, paused: true, pauseBefore: null } : after);
    } catch (error) {
      if (!(error instanceof Waiting || error instanceof Refusal || isPortError(error))) throw error;
      if (!(await isCurrent())) return;
      const problem = cutUtf8(error.message, MOVE_LIMITS.problemBytes);
      if (error instanceof Refusal && error.code === 'unknown_tenant') return void (await keep(ended(move, problem)));
      const after = error instanceof Waiting ? (error.move ?? move) : move;
      await keep({ ...after, problem, notBefore: clock.now() + MOVER_LIMITS.pauseMs });
    }
  };

  const due = async (): Promise<Move[]> =>
    [...(await all()).values()].filter((move) => !isOver(move) && !move.paused && move.notBefore <= clock.now());

  const answered = async <T>(work: () => Promise<T>): Promise<MoverAnswer<T>> => {
    try {
      return { value: await work() };
    } catch (error) {
      if (error instanceof Waiting) return { refused: 'cell_unavailable', detail: `${error.message}.` };
      if (!(error instanceof Refusal)) throw error;
      return { refused: error.code as RefusalCode, detail: error.message };
    }
  };

  const forget = async (): Promise<void> => {
    const known = await all();
    if ([...known.values()].filter((move) => !isOver(move)).length >= MOVER_LIMITS.active)
      throw refusal('no_capacity', `${MOVER_LIMITS.active} moves are under way.`);
    if (known.size < MOVER_LIMITS.moves) return;
    const oldest = [...known.values()].filter(isOver).sort((a, b) => a.since - b.since)[0];
    if (oldest === undefined) return;
    await storage.delete(KEY + oldest.tenant);
    known.delete(oldest.tenant);
  };

  return {
    start: (order, dryRun) =>
      answered(() =>
        inTurn(order.tenant, async () => {
          const { tenant: id, to } = order;
          const known = (await all()).get(id);
          const { tenant } = await directory.lookup(id);
          if (tenant === null) throw refusal('unknown_tenant', `There is no tenant ${id}.`);
          if (known !== undefined && !isOver(known)) {
            if (known.to === to) {
              if (order.leave !== true || known.leave === true || dryRun) return viewOf(known);
              return viewOf(
                await keep({ ...known, leave: true, ...(known.state === 'verified' && { notBefore: clock.now() }) }),
              );
            }
            throw refusal('move_under_way', `${id} is being moved to ${known.to}: abort, reverse or seal that first.`);
          }
          if (await deps.isErasing(id))
            throw refusal(
              'erasure_under_way',
              `Events of ${id} are being erased, which takes some minutes: move it then.`,
            );
          const { from, isMoved } = wayOf(tenant, order);
          if (isMoved && tenant.pinned) throw refusal('tenant_pinned', `${id} is pinned to ${tenant.cell}.`);
          const scene = await sceneOf({ tenant: id, from, to });
          const { source, target } = scene;
          for (const cell of [source, target])
            if (cell.keys === undefined)
              throw refusal('endpoint_unproved', `${cell.id} is declared without keys, so no cell would believe it.`);
          for (const cell of isMoved ? [source] : [source, target])
            if (!isServing(cell)) throw refusal('cell_down', `${cell.id} is ${cell.state}.`);
          if (isMoved) {
            const homes = (await directory.cells()).find(({ cell }) => cell.id === to)?.homes ?? 0;
            if (homes >= target.capacity)
              throw refusal('no_capacity', `${to} has room for ${target.capacity} tenants, all of it taken.`);
            await placed(order, scene, true);
          }
          const move: Move = {
            ...{ tenant: id, from, to, formerStandby: tenant.standby, state: isMoved ? 'planned' : 'switched' },
            ...{ actor: order.actor, reason: order.reason, startedAt: clock.now(), since: clock.now() },
            ...{ paused: false, pauseBefore: order.pauseBefore, rate: order.rate, reversed: false },
            ...{ total: null, there: 0, walk: 'compare', walking: false, epoch: null },
            ...{ notBefore: clock.now(), problem: null, ...(order.leave && { leave: order.leave }) },
          };
          if (dryRun) return viewOf(move);
          await forget();
          return viewOf(await keep(pausesBefore(move) ? { ...move, paused: true, pauseBefore: null } : move));
        }),
      ),

    show: async (id) => {
      const move = (await all()).get(id);
      return move === undefined ? null : viewOf(move);
    },

    list: async () => [...(await all()).values()].sort((a, b) => b.startedAt - a.startedAt).map(viewOf),

    change: (id, action, actor, reason) =>
      answered(() =>
        (action === 'pause' || action === 'resume' ? now : inTurn)(id, async () => {
          const move = (await all()).get(id);
          if (move === undefined) throw refusal('unknown_move', `${id} has not been moved.`);
          const { state } = move;
          switch (action) {
            case 'pause':
              if (isOver(move)) throw refusal('move_state', `The move is ${state}.`);
              return viewOf(await keep({ ...move, paused: true }));
            case 'resume':
              if (isOver(move)) throw refusal('move_state', `The move is ${state}.`);
              return viewOf(await keep({ ...move, paused: false }));
            case 'abort':
              if (state === 'aborted') return viewOf(move);
              if (!isBeforeSwitch(move))
                throw refusal('move_state', `The move is ${state}: ${move.to} is the home. To go back, reverse it.`);
              return viewOf(await keep(await abort({ ...move, actor, reason })));
            case 'reverse': {
              if (isOver(move) || isBeforeSwitch(move))
                throw refusal('move_state', `The move is ${state}${isOver(move) ? '' : ': abort it'}.`);
              if (move.formerStandby === move.from)
                throw refusal('move_state', `${move.to} was the home before: the tenant only leaves its standby.`);
              const at = clock.now();
              const { leave: _, ...kept } = move;
              const back = { from: move.to, to: move.from, formerStandby: move.from, reversed: !move.reversed };
              const fresh = {
                ...({ paused: false, pauseBefore: null, walk: 'compare', walking: false, epoch: null } as const),
                ...{ notBefore: at, problem: null, total: null, there: 0 },
              };
              return viewOf(
                await keep({ ...kept, ...back, ...fresh, actor, reason, state: 'planned', startedAt: at, since: at }),
              );
            }
            case 'seal':
              if (state === 'sealed') return viewOf(move);
              if (state !== 'verified')
                throw refusal('move_state', `The move is ${state}: it can be sealed once it is verified.`);
              return viewOf(await keep({ ...stepped(move, clock.now()), paused: false }));
          }
        }),
      ),

    async round() {
      try {
        await mapConcurrently(await due(), MOVER_LIMITS.concurrent, async (move) => {
          await inTurn(move.tenant, async () => {
            if ((await all()).get(move.tenant) === move) await advance(move);
          });
        });
        const waiting = [...(await all()).values()].filter((move) => !isOver(move) && !move.paused);
        return waiting.length === 0 ? null : Math.min(...waiting.map(({ notBefore }) => notBefore));
      } catch (error) {
        log.error('the mover cannot do its work', describeError(error));
        // What is kept is read again.
        moves = undefined;
        return clock.now() + MOVER_LIMITS.pauseMs;
      }
    },
  };
}
