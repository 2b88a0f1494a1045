// Refuses reads of state that a log-only standby has not derived yet after it took over: a part of it would look like all of it.
import { Refusal } from '../api/refusal.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import { mayLeave, UNDERIVED_LIMITS, type UnderivedNotes } from '../pipeline/underived.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';

/** Retry-After while the state is derived, in seconds: a step of the rebuild takes some. */
const RETRY_SECONDS = 5;

export interface DerivedStateDeps {
  readonly notes: Pick<UnderivedNotes, 'of'>;
  readonly state: Store;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Returns a function that gives the state for a request of a tenant: what reads it is refused with `state_incomplete` while copies are not derived that
 * the cell has stored. What answers from the log alone is not. It costs a read of the state in `UNDERIVED_LIMITS.rememberedMs`, tenant and
 * process; another epoch is another cell that served meanwhile, and asks anew.
 */
export function derivedState({ notes, state, clock }: DerivedStateDeps): (tenant: string, epoch: number) => Store {
  const complete = new BoundedCache<string, { readonly at: number; readonly epoch: number }>(UNDERIVED_LIMITS.tenants);

  const check = async (tenant: string, epoch: number): Promise<void> => {
    const now = clock.now();
    const known = complete.get(tenant);
    if (known?.epoch === epoch && Math.abs(now - known.at) < UNDERIVED_LIMITS.rememberedMs) return;
    const note = await notes.of(tenant);
    const { underivedSince, events } = note;
    if (underivedSince === null) {
      // A cell that has not heard yet that it serves may still leave what comes.
      if (!mayLeave(note, now)) complete.set(tenant, { at: now, epoch });
      return;
    }
    const soFar = events === null ? 'it has not begun yet' : `${events} events so far`;
    throw new Refusal(
      'state_incomplete',
      `This cell was the tenant’s log-only standby, and derives now what it has stored (${soFar}). Events are accepted, and GET /v1/log has all of them: repeat the request.`,
      { retryAfterSeconds: RETRY_SECONDS },
    );
  };

  return (tenant, epoch) => {
    let checked: Promise<void> | undefined;
    const once = () => (checked ??= check(tenant, epoch));
    return {
      get: async (...call) => {
        await once();
        return state.get(...call);
      },
      query: async (...call) => {
        await once();
        return state.query(...call);
      },
      digests: async (...call) => {
        await once();
        return state.digests(...call);
      },
      partitions: async (...call) => {
        await once();
        return state.partitions(...call);
      },
      put: (...call) => state.put(...call),
      append: (...call) => state.append(...call),
      transact: (...call) => state.transact(...call),
      delete: (...call) => state.delete(...call),
    };
  };
}
