// The way back of a cell that is failed over: once it has what its standbys have accepted, or without if that takes too long.
import { sleep } from '../../hosts/processes/wait.ts';
import { UserError } from '../command.ts';
import { type EdgeControl, NoAnswerError } from './control.ts';
import type { Mark } from './report.ts';
import { standbysKnow, until } from './watch.ts';

/** A lost cell that is revived answers within this, and the monitor and the fences have done their part, in milliseconds. */
export const RETURN_WITHIN_MS = 60_000;

/**
 * What the standbys have accepted is in a revived cell within this, in milliseconds, or it goes back without: a drill counts what all cells
 * hold. How often it is asked: the comparison goes on in between.
 */
export const CAUGHT_UP_WITHIN_MS = 60_000;
const CAUGHT_UP_EVERY_MS = 1000;

/** Fails the cell back if it is failed over, and waits until its standbys are notified; with force where it does not catch up in time. */
export async function goHome(
  control: EdgeControl,
  cell: string,
  note: (what: string, mark?: Mark) => void,
  signal: AbortSignal,
  withinMs: number = CAUGHT_UP_WITHIN_MS,
): Promise<'back' | 'forced' | 'was home'> {
  let revision: number | undefined;
  let outcome: 'back' | 'forced' = 'back';
  let lacking = '';
  const goBack = async (force: boolean) => {
    try {
      if ((await control.cells()).find(({ id }) => id === cell)?.state !== 'down') return true;
      const answer = await control.failBack(cell, force);
      if (typeof answer === 'number') revision = answer;
      else lacking = answer;
    } catch (error) {
      // Whether it went back is seen the next time.
      if (!(error instanceof NoAnswerError)) throw error;
      lacking = error.message;
    }
    if (revision === undefined) await sleep(CAUGHT_UP_EVERY_MS, signal);
    return revision !== undefined;
  };
  if (!(await until(() => goBack(false), withinMs, signal))) {
    outcome = 'forced';
    note(`${cell} is failed back all the same: ${lacking}`);
    if (!(await until(() => goBack(true), RETURN_WITHIN_MS, signal)))
      throw new UserError(`${cell} is not failed back.`);
  }
  if (revision === undefined) return 'was home';
  const since = revision;
  note(`${cell} is failed back`, { text: 'failback' });
  const known = await until(() => standbysKnow(control, cell, since), RETURN_WITHIN_MS, signal);
  note(known ? 'every standby has heard of it' : 'some standbys have not heard of it');
  return outcome;
}
