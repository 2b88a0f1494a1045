// Derives what a log-only standby has left underived, in bounded steps: once the cell serves, is to serve, or is to be warm.
import { statePartition } from '../cell/identity.ts';
import type { Clock } from '../ports/clock.ts';
import { type LogWalkDeps, logWalk } from './log-walk.ts';
import { applyAgain, type RebuildProgress, type RebuiltConsumer } from './rebuild.ts';
import { mayLeave, UNDERIVED_LIMITS, type UnderivedNotes } from './underived.ts';

export interface DeriveLeftCommand {
  readonly tenant: string;
  /** Copies are derived from now on for a while, although the cell does not serve yet. */
  readonly ahead: boolean;
}

export interface DeriveLeftDeps extends LogWalkDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly notes: Pick<UnderivedNotes, 'of' | 'ahead' | 'advanced' | 'derived'>;
  /** The consumers that leave copies, by name. */
  readonly consumers: () => ReadonlyMap<string, RebuiltConsumer>;
  readonly clock: Clock;
}

/**
 * Returns the use case, which makes one step of a walk; see `logWalk`. It applies the copies from the hour of the earliest one that was left, to all
 * consumers at once; nothing is removed, as what is kept is right as far as it goes. Repeating it once all is derived costs one read.
 */
export function deriveLeft(deps: DeriveLeftDeps): (command: DeriveLeftCommand) => Promise<RebuildProgress> {
  const { cell, notes, clock, state } = deps;
  const walk = logWalk(deps);
  return async ({ tenant, ahead }) => {
    if (ahead) await notes.ahead(tenant);
    const note = await notes.of(tenant);
    const { underivedSince, derivesSince, from } = note;
    if (underivedSince === null) return { subjects: 0, events: 0, done: true };
    const soFar = { subjects: note.subjects ?? 0, events: note.events ?? 0, done: false };
    if (derivesSince === null || mayLeave(note, clock.now()))
      return { ...soFar, waiting: 'the cell is the log-only standby, and leaves what comes underived' };
    if (clock.now() < derivesSince + UNDERIVED_LIMITS.settleMs)
      return { ...soFar, waiting: 'processes of the cell may still leave what comes underived' };
    // A key for each takeover: a walk that an earlier one has begun may be behind what was left since.
    const key = { partition: statePartition.rebuild(tenant), id: `left!${derivesSince}` };
    const { counts, ended, isOther, ...progress } = await walk({
      key,
      tenant,
      from: from ?? '',
      restart: false,
      stamp: derivesSince,
      work: async (pages, attempt) => ({
        counts: await applyAgain(deps.consumers().values(), pages, { attempt, clock }, ({ origin }) => origin !== cell),
      }),
    });
    const { subjects, done, waiting } = progress;
    const events = counts.events ?? 0;
    if (isOther === undefined) await notes.advanced(tenant, derivesSince, { subjects, events });
    if (ended !== undefined) {
      await notes.derived(tenant, derivesSince);
      await state.delete(key, 'any');
    }
    return { subjects, events, done, ...(waiting !== undefined && { waiting }) };
  };
}
