// The drill `move-under-load`: tenants are moved to another cell while they send, and nothing of it may be noticed.
import { type MoveView, STEPS, type Step } from '../../core/edge/ports/mover.ts';
import { UserError } from '../command.ts';
import { NoAnswerError } from './control.ts';
import type { Act, Kind } from './data-kind.ts';
import { seconds } from './verdict.ts';
import { until } from './watch.ts';

/** Moves come to the step that is waited for within this, in milliseconds: four are worked on at a time, and a drain takes 125 s. */
const MOVED_WITHIN_MS = 600_000;

/** A killed cell is found to be away, and a revived one answers, within this, in milliseconds. */
const KILLED_WITHIN_MS = 60_000;

const placeOf = ({ state }: MoveView): number => (state === 'aborted' ? -1 : STEPS.indexOf(state));

/** The moves of the drill's tenants; `undefined` where the edge does not answer. */
async function shown({ control, tenants }: Act): Promise<readonly MoveView[] | undefined> {
  try {
    return (await control.moves()).filter(({ tenant }) => tenants.includes(tenant));
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    return undefined;
  }
}

/** Waits until all moves to a cell are at a step, or over; notes each step behind `before` that all have come to. Resolves with how many are there. */
async function watched(act: Act, to: string, step: Step, before?: Step): Promise<number> {
  const { note, tenants, scene, signal } = act;
  const wanted = STEPS.indexOf(step);
  const begun = scene.load.elapsed;
  let noted = before === undefined ? -1 : STEPS.indexOf(before);
  let latest: readonly MoveView[] = [];
  await until(
    async () => {
      latest = ((await shown(act)) ?? latest).filter((move) => move.to === to);
      if (latest.length < tenants.length) return false;
      for (const aborted of latest.filter(({ state }) => state === 'aborted'))
        throw new UserError(`The move of ${aborted.tenant} has ended: ${aborted.problem ?? 'it was aborted'}.`);
      const slowest = Math.min(...latest.map(placeOf));
      for (; noted < Math.min(slowest, wanted); noted += 1) {
        const name = STEPS[noted + 1] ?? '';
        const isSwitch = name === 'switched';
        note(`every move is ${name}`, ...(isSwitch ? [{ text: `switched to ${to}`, edge: 'end' } as const] : []));
        if (isSwitch) act.fact(`until every tenant was switched to ${to}`, seconds(scene.load.elapsed - begun));
      }
      return slowest >= wanted;
    },
    MOVED_WITHIN_MS,
    signal,
  );
  for (const { tenant, problem } of latest.filter((move) => placeOf(move) < wanted))
    note(`${tenant} does not get on: ${problem ?? 'no reason is known'}`);
  return latest.filter((move) => placeOf(move) >= wanted).length;
}

/** Kills the target in the middle of the moves, and brings it back once a move has found it away. */
async function killTarget(act: Act): Promise<void> {
  const { stack, control, other, tenants, note, signal } = act;
  const all = async (isSo: (move: MoveView) => boolean) => {
    const moves = await shown(act);
    return moves !== undefined && moves.length === tenants.length && moves.every(isSo);
  };
  if (!(await until(() => all(({ paused }) => paused), MOVED_WITHIN_MS, signal)))
    throw new UserError('The moves have not come to their seeding.');
  act.finally(() => stack.order(`/revive?cell=${other.id}`));
  await stack.order(`/crash?cell=${other.id}`);
  note(`kill -9 of every process of ${other.id}, to which they are moved`, { text: 'kill -9' });
  for (const tenant of tenants) await control.changeMove(tenant, 'resume');
  const isNoticed = await until(
    async () => (await shown(act))?.some(({ problem }) => problem !== null) === true,
    KILLED_WITHIN_MS,
    signal,
  );
  note(isNoticed ? 'a move has found it away, and waits' : 'no move has found it away');
  await stack.order(`/revive?cell=${other.id}`);
  note(`${other.id} is revived`, { text: 'revived' });
}

export const moveUnderLoad: Kind = {
  isHome: true,
  isPaired: false,
  without: ({ kill }) => (kill ? 'other' : undefined),
  phases: { before: 'before', fault: 'while they are moved', after: 'after the switch' },

  async carryOut(act) {
    const { control, scene, options, cell, other, tenants, note } = act;
    await act.look('before the move');
    const isNeighbour = (tenant: string) => !tenants.includes(tenant);
    act.phase('fault');
    note(`${tenants.length} tenants are moved from ${cell.id} to ${other.id}`, { text: 'move', edge: 'begin' });
    for (const tenant of tenants) await control.move(tenant, other.id, options.kill ? 'seeding' : undefined);
    if (options.kill) await killTarget(act);
    const ordered = tenants.length;
    let arrived = await watched(act, other.id, 'switched');
    // Neighbours are compared while tenants are seeded; how they fare later is in the phases.
    act.phase('after');
    if (arrived === ordered) arrived = await watched(act, other.id, options.until, 'switched');
    await act.look(`at ${other.id}`);
    if (options.reverse && arrived === ordered) {
      note(`they are moved back to ${cell.id}`, { text: 'reverse', edge: 'begin' });
      for (const tenant of tenants) await control.changeMove(tenant, 'reverse');
      arrived = await watched(act, cell.id, options.until);
      await act.look(`back at ${cell.id}`);
    }
    const neighbours = {
      before: scene.record.phaseOf('before', isNeighbour),
      during: scene.record.phaseOf('fault', isNeighbour),
    };
    return { moves: { step: options.until, ordered, arrived }, ...(neighbours.during.requests > 0 && { neighbours }) };
  },
};
