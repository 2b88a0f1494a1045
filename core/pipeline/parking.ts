// Parking: keeps events that a consumer cannot process in the cell's own store with a reason, until they are redriven or dropped.

import { ANSWER_LIMITS, answerBytes } from '../cell/answer-limits.ts';
import { isName, statePartition } from '../cell/identity.ts';
import { eventKey, fingerprint } from '../events/cloud-event.ts';
import { formatTime } from '../events/time.ts';
import { cutUtf8 } from '../lib/text.ts';
import type { Clock } from '../ports/clock.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import type { Key, Store, StoreCursor, StoredDocument } from '../ports/store.ts';

/** Precedes the fingerprint of a non-event, and sorts it after all events, so that a redrive of everything skips it. */
const NO_EVENT = '~';

/** The name under which the relay parks; its events have not reached any consumer yet. */
export const RELAY = 'relay';

/** Stands in for an unknown tenant. It is not a valid tenant name, so no token gives access to it. */
const UNKNOWN_TENANT = '_';

/** The tenant to park under: an invalid tenant name cannot be part of a key. */
export const tenantForParking = (tenant: string | undefined): string => (isName(tenant) ? tenant : UNKNOWN_TENANT);

export const PARKING_LIMITS = {
  /**
   * Parked documents read at once. A page ends once it has `ANSWER_LIMITS.pageBytes`; four more of the largest, 256 KiB that escaping
   * may double, still fit into an answer.
   */
  documentsRead: 4,
  /** Bytes kept of a reason's text. */
  reasonBytes: 2048,
  /** Bytes kept of an unreadable message; JSON escapes a control character to six bytes, and the result must fit into a document. */
  textBytes: 32 * 1024,
  /** Maximum parked events handled by one redrive; its answer says whether more are left. */
  redriveEvents: 100,
} as const;

/** An event set aside for an operator. */
export interface ParkedEvent {
  /** `<consumer>.<fingerprint>`, with a `~` before the fingerprint of a non-event; the id in the API. */
  readonly id: string;
  readonly consumer: string;
  readonly tenant: string;
  readonly parkedAt: string;
  readonly reason: { readonly code: string; readonly message: string };
  /** Absent for an unreadable message, whose text is in `text`. */
  readonly event?: CloudEvent;
  readonly text?: string;
}

export interface ParkRequest {
  readonly consumer: string;
  readonly tenant: string;
  readonly event: CloudEvent | undefined;
  /** Identifies it when there is no event: a key of the log, or the text of a message. */
  readonly subject?: Key | string;
  readonly reason: { readonly code: string; readonly message: string };
}

export interface Parking {
  /** Parks an event. Parking it again replaces its reason: an event is parked once per consumer. */
  park(request: ParkRequest): Promise<void>;
  /** A tenant's parked events of a consumer, in the order of their ids. */
  list(
    consumer: string,
    tenant: string,
    limit: number,
    cursor?: StoreCursor,
  ): Promise<{ items: ParkedEvent[]; next?: StoreCursor }>;
  /** Removes a parked event permanently; false if none has that id. */
  drop(id: string, tenant: string): Promise<boolean>;
}

export interface ParkingDeps {
  readonly state: Store;
  readonly clock: Clock;
}

/** Returns the parked events of a cell. All methods reject with the store's error when it cannot be reached. */
export function parking({ state, clock }: ParkingDeps): Parking {
  return {
    async park({ consumer, tenant, event, subject, reason }) {
      const identity = event === undefined ? JSON.stringify(subject) : JSON.stringify(eventKey(tenant, event));
      const body: JsonObject = {
        consumer,
        tenant,
        parkedAt: formatTime(clock.now()),
        reason: { code: reason.code, message: cutUtf8(reason.message, PARKING_LIMITS.reasonBytes) },
        ...(event === undefined
          ? { text: cutUtf8(typeof subject === 'string' ? subject : JSON.stringify(subject), PARKING_LIMITS.textBytes) }
          : { event: event as unknown as Json }),
      };
      const id = `${tenant}!${event === undefined ? NO_EVENT : ''}${fingerprint(identity)}`;
      await state.put({ partition: statePartition.parked(consumer), id, body }, 'any');
    },

    async list(consumer, tenant, limit, cursor) {
      const items: ParkedEvent[] = [];
      let next = cursor;
      let bytes = 0;
      do {
        const part = Math.min(limit - items.length, PARKING_LIMITS.documentsRead);
        const page = await state.query(statePartition.parked(consumer), {
          prefix: `${tenant}!`,
          limit: part,
          ...(next && { cursor: next }),
        });
        for (const document of page.items) {
          items.push(toParked(document));
          bytes += answerBytes(document.body);
        }
        next = page.next;
      } while (next !== undefined && items.length < limit && bytes < ANSWER_LIMITS.pageBytes);
      return { items, ...(next && { next }) };
    },

    async drop(id, tenant) {
      const key = parkedKey(id, tenant);
      if (key === undefined || (await state.get(key)) === undefined) return false;
      await state.delete(key, 'any');
      return true;
    },
  };
}

/** The key consists of `<consumer>.<fingerprint>` and the caller's tenant, so a caller cannot address another tenant's events. */
export function parkedKey(id: string, tenant: string): Key | undefined {
  const match = /^([a-z0-9-]{1,63})\.(~?[\w-]{16})$/.exec(id);
  return match?.[1] === undefined
    ? undefined
    : { partition: statePartition.parked(match[1]), id: `${tenant}!${match[2]}` };
}

/** The id range of a tenant's parked events within a consumer's partition, without non-events, which cannot be sent. */
export const sendableIds = (tenant: string): { from: string; to: string } => ({
  from: `${tenant}!`,
  to: `${tenant}!${NO_EVENT}`,
});

/** A parked document as the API shows it. */
export function toParked(document: StoredDocument): ParkedEvent {
  const body = document.body;
  if (!isJsonObject(body)) throw new TypeError(`The parked document ${document.id} is not one.`);
  const { consumer, tenant, parkedAt, reason, event, text } = body as unknown as ParkedEvent;
  const print = document.id.slice(document.id.indexOf('!') + 1);
  return {
    id: `${consumer}.${print}`,
    consumer,
    tenant,
    parkedAt,
    reason,
    ...(event && { event }),
    ...(text !== undefined && { text }),
  };
}
