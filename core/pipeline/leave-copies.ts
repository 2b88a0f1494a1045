// Leaves copies underived where the cell is the log-only standby of their tenant: they are in the log, and a rebuild derives them at a takeover.
import { eventKey } from '../events/cloud-event.ts';
import { parseTime } from '../events/time.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { DeliveredMessage, DeliveryHandler, DeliveryOutcome, UnreadableMessage } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
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
    const byTenant = new Map<string, DeliveredMessage[]>();
    for (const message of messages) {
      if (!isCopy(message)) continue;
      const some = byTenant.get(message.tenant);
      if (some === undefined) byTenant.set(message.tenant, [message]);
      else some.push(message);
    }
    await mapConcurrently([...byTenant], CONCURRENT_TENANTS, async ([tenant, copies]) => {
      let outcome: DeliveryOutcome | undefined;
      try {
        if (await leaves(tenant, copies)) outcome = DONE;
      } catch (error) {
        if (!isPortError(error)) throw error;
        const { code, message, timedOut } = describeError(error);
        outcome = { status: 'retry', reason: `${code}: ${message}`, ...(timedOut && { timedOut }) };
        log.warn('it is not known whether copies are derived here; they will be delivered again', { tenant, code });
      }
      if (outcome !== undefined) for (const { deliveryId } of copies) outcomes.set(deliveryId, outcome);
    });
    const rest = messages.filter(({ deliveryId }) => !outcomes.has(deliveryId));
    const others = rest.length === 0 ? [] : await handler(rest, ...more);
    for (const [index, { deliveryId }] of rest.entries()) {
      const outcome = others[index];
      if (outcome !== undefined) outcomes.set(deliveryId, outcome);
    }
    return messages.map(({ deliveryId }): DeliveryOutcome => {
      const outcome = outcomes.get(deliveryId);
      if (outcome === undefined) throw new TypeError('The handler returned fewer outcomes than it was given messages.');
      return outcome;
    });
  };
}
