// Parking: what a consumer cannot process is kept in the cell's own store with its reason, listed, redriven or dropped.

import { ANSWER_LIMITS, answerBytes } from '../cell/answer-limits.ts';
import { isName, statePartition } from '../cell/identity.ts';
import { eventKey, fingerprint } from '../events/cloud-event.ts';
import { formatTime } from '../events/time.ts';
import { cutUtf8 } from '../lib/text.ts';
import type { Clock } from '../ports/clock.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import type { Key, Store, StoreCursor, StoredDocument } from '../ports/store.ts';

/** Stands before the fingerprint of what is no event, and sorts it behind all events: a redrive that takes all passes it by. */
const NO_EVENT = '~';

/** The name under which the relay parks; what it parked has not reached any consumer yet. */
export const RELAY = 'relay';

/** Under this name lies what belongs to no tenant that could be told. It is no tenant's name, so no token shows it to anybody. */
const NOBODY = '_';

/** The tenant to park under: what is no tenant's name could not be part of a key. */
export const tenantForParking = (tenant: string | undefined): string => (isName(tenant) ? tenant : NOBODY);

export const PARKING_LIMITS = {
  /**
   * Parked documents that are read at once. A page ends once it has `ANSWER_LIMITS.pageBytes`; the largest four more, of 256 KiB
   * that escaping may double, still fit into an answer.
   */
  documentsRead: 4,
  /** Bytes kept of a reason's text. */
  reasonBytes: 2048,
  /** Bytes kept of a message that could not be read; JSON writes a control character in six, and all of it must fit a document. */
  textBytes: 32 * 1024,
  /** Parked events that one redrive takes in hand; the answer says whether more are left. */
  redriveEvents: 100,
} as const;

/** An event that waits for somebody to look at it. */
export interface ParkedEvent {
  /** `<consumer>.<fingerprint>`, with a `~` before the fingerprint of what is no event; names it in the API. */
  readonly id: string;
  readonly consumer: string;
  readonly tenant: string;
  readonly parkedAt: string;
  readonly reason: { readonly code: string; readonly message: string };
  /** Absent for a message that could not be read; its text is in `text`. */
  readonly event?: CloudEvent;
  readonly text?: string;
}

export interface ParkRequest {
  readonly consumer: string;
  readonly tenant: string;
  readonly event: CloudEvent | undefined;
  /** What identifies it when there is no event: a key of the log, or a message's text. */
  readonly subject?: Key | string;
  readonly reason: { readonly code: string; readonly message: string };
}

export interface Parking {
  /** Keeps an event. Parking it again replaces its reason: an event is parked once per consumer. */
  park(request: ParkRequest): Promise<void>;
  /** A tenant's parked events of a consumer, in the order of their ids. */
  list(
    consumer: string,
    tenant: string,
    limit: number,
    cursor?: StoreCursor,
  ): Promise<{ items: ParkedEvent[]; next?: StoreCursor }>;
  /** Removes a parked event for good; false if there is none of that id. */
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

/** `<consumer>.<fingerprint>` and the caller's tenant make the key: nobody can name another tenant's. */
export function parkedKey(id: string, tenant: string): Key | undefined {
  const match = /^([a-z0-9-]{1,63})\.(~?[\w-]{16})$/.exec(id);
  return match?.[1] === undefined
    ? undefined
    : { partition: statePartition.parked(match[1]), id: `${tenant}!${match[2]}` };
}

/** Where a tenant's parked events lie within a consumer's partition, without what is no event and cannot be sent. */
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
