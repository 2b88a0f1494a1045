// A move of a tenant to another cell: its steps, in the one order in which nothing that was acknowledged is lost, and what each waits for.
import { type Move, STEPS, type Step } from '../ports/mover.ts';

export const MOVE_LIMITS = {
  /**
   * After the fence: no platform lets a request run for longer, so that what checked its epoch before has been stored, or never will be;
   * and the clocks of the mover and of a platform may differ a little. In milliseconds.
   */
  drainMs: 125_000,
  /** After this long a verified move is sealed, in milliseconds; an operator may do so before. */
  retentionMs: 7 * 24 * 3_600_000,
  /** Bytes kept of a problem. */
  problemBytes: 300,
} as const;

/** Whether nothing is left to do. */
export const isOver = ({ state }: Pick<Move, 'state'>): boolean => state === 'sealed' || state === 'aborted';

/** Whether the directory is still as it was, but for the standby. */
export const isBeforeSwitch = ({ state }: Pick<Move, 'state'>): boolean =>
  state === 'planned' || state === 'seeding' || state === 'following';

/** Why copies of a tenant are being made or given up by its latest move; `null` if they are not. Of one that is verified both cells are known. */
export function hinderingMove(move: Pick<Move, 'tenant' | 'to' | 'state' | 'leave'> | null): string | null {
  if (move === null || isOver(move) || (move.state === 'verified' && move.leave !== true)) return null;
  return `${move.tenant} is being moved to ${move.to}, and is at the step ${move.state}: wait until that is verified, or end it.`;
}

/** The move at its next step; it pauses first if it was to. */
export function stepped(move: Move, now: number): Move {
  const next = STEPS[STEPS.indexOf(move.state as Step) + 1];
  if (next === undefined) throw new TypeError(`A move that is ${move.state} has no next step.`);
  // Behind the drain, what the source has let in last is sent first.
  const walk = next === 'seeding' || next === 'drained' ? 'send' : 'compare';
  return { ...move, state: next, since: now, walk, walking: false, notBefore: now, problem: null };
}

/** Whether the move has to pause before its next step, which it does once. */
export const pausesBefore = ({ state, pauseBefore }: Move): boolean =>
  pauseBefore !== null && STEPS.indexOf(pauseBefore) === STEPS.indexOf(state as Step) + 1;

/** Milliseconds that seeding will still take, by what it has taken so far; `null` while that says little. */
export function remainingMs({ state, total, there, since }: Move, now: number): number | null {
  if (state !== 'seeding' || total === null || there < total / 10) return null;
  return Math.round(((now - since) * Math.max(0, total - there)) / Math.max(1, there));
}
