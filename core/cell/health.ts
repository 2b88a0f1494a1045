// A cell's health: whether its store answers, checked at most once a second however often health is requested.
import { type Clock, type EpochMs, epochMs } from '../ports/clock.ts';
import { isPortError } from '../ports/errors.ts';
import type { Store } from '../ports/store.ts';
import { statePartition } from './identity.ts';

export type HealthStatus = 'ok' | 'degraded' | 'down';

/** Health needs no credential, so the store is not checked for each request. */
const REMEMBERED_MS = 1000;

/** Lifetime of the document that a deep check writes. */
const NOTE_LIFE_MS = 60_000;

/** How far the clocks of two processes of a cell may differ. */
const SKEW_MS = 5000;

export interface Health {
  /** `degraded` while the store throttles, `down` when it cannot be used. A deep check writes a document and reads it back. */
  check(deep: boolean): Promise<HealthStatus>;
}

/** Returns the health check of a cell. It never rejects: a check that fails means `down`. */
export function cellHealth({ state, clock, cell }: { state: Store; clock: Clock; cell: string }): Health {
  let last: { readonly at: EpochMs; readonly status: Promise<HealthStatus> } | undefined;
  const key = { partition: statePartition.health(cell), id: 'check' };

  const judge = async (work: () => Promise<boolean>): Promise<HealthStatus> => {
    try {
      return (await work()) ? 'ok' : 'down';
    } catch (error) {
      return isPortError(error, 'throttled') ? 'degraded' : 'down';
    }
  };

  const shallow = () =>
    judge(async () => {
      await state.get(key);
      return true;
    });

  const deepCheck = () =>
    judge(async () => {
      const now = clock.now();
      const version = await state.put({ ...key, body: { at: now }, expiresAt: epochMs(now + NOTE_LIFE_MS) }, 'any');
      const found = await state.get(key);
      // Another check, with another clock, may have written in between: the stored document must be recent, not necessarily ours.
      return (
        found !== undefined && (found.version === version || Number((found.body as { at: number }).at) >= now - SKEW_MS)
      );
    });

  return {
    async check(deep) {
      if (deep) return deepCheck();
      const now = clock.now();
      // A clock that was set back must not keep a cached answer until it has caught up.
      if (last === undefined || Math.abs(now - last.at) >= REMEMBERED_MS) last = { at: now, status: shallow() };
      return last.status;
    },
  };
}
