// Leaves copies underived where the cell is the log-only standby of their tenant: they are in the log, and a rebuild derives them at a takeover.
import { eventKey } from '../events/cloud-event.ts';
import { parseTime } from '../events/time.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import type { DeliveredMessage, DeliveryHandler, DeliveryOutcome, UnreadableMessage } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
import { forEachTenant, handOn } from './batch-parts.ts';
import { isLeft, mayLeave, UNDERIVED_LIMITS, type UnderivedNote, type UnderivedNotes } from './underived.ts';

const CONCURRENT_TENANTS = 16;

/** Characters of an id up to the hour of its event: a coarse beginning, so that late events seldom change the note. */
const HOUR = '2026-11-21T07'.length;

export interface LeaveCopiesDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly notes: Pick<UnderivedNotes, 'of' | 'leave'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

const DONE: DeliveryOutcome = { status: 'done' };

/**
 * Returns a delivery handler that completes copies unseen where they may be left, which is noted before. What this cell has accepted is handed
 * on always, and so is what is redriven. For a tenant with copies it costs a read of the state in `UNDERIVED_LIMITS.rememberedMs`, and nothing for each event.
 */
export function leavingCopies({ cell, notes, clock, log }: LeaveCopiesDeps, handler: DeliveryHandler): DeliveryHandler {
  const known = new BoundedCache<string, { readonly at: number; readonly note: UnderivedNote }>(
    UNDERIVED_LIMITS.tenants,
  );

  const isCopy = (message: DeliveredMessage | UnreadableMessage): message is DeliveredMessage =>
    !('unreadable' in message) &&
    message.consumer === undefined &&
    message.origin !== undefined &&
    message.origin !== cell &&
    parseTime(message.event.time) !== undefined;

  const remembered = (tenant: string, now: number): UnderivedNote | undefined => {
    const found = known.get(tenant);
    return found !== undefined && Math.abs(now - found.at) < UNDERIVED_LIMITS.rememberedMs ? found.note : undefined;
  };

  /** Whether copies of a tenant are left. A process goes by what it read before it decides: what comes later is not left by it. */
  const leaves = async (tenant: string, copies: readonly DeliveredMessage[]): Promise<boolean> => {
    const beginning = copies
      .map(({ event }) => eventKey(tenant, event).id.slice(0, HOUR))
      .reduce((first, each) => (each < first ? each : first));
    const now = clock.now();
    let note = remembered(tenant, now);
    if (note === undefined) {
      note = await notes.of(tenant);
      known.set(tenant, { at: now, note });
    }
    if (!mayLeave(note, now)) return false;
    if (isLeft(note, beginning)) return true;
    const at = clock.now();
    const after = await notes.leave(tenant, beginning);
    known.set(tenant, { at, note: after });
    return mayLeave(after, at) && isLeft(after, beginning);
  };

  return async (messages, ...more) => {
    const outcomes = new Map<string, DeliveryOutcome>();
    await forEachTenant(messages.filter(isCopy), CONCURRENT_TENANTS, outcomes, async (tenant, copies) => {
      try {
        if (await leaves(tenant, copies)) for (const { deliveryId } of copies) outcomes.set(deliveryId, DONE);
      } catch (error) {
        const { code } = describeError(error);
        log.warn('it is not known whether copies are derived here; they will be delivered again', { tenant, code });
        throw error;
      }
    });
    return handOn(outcomes, handler, [messages, ...more]);
  };
}
