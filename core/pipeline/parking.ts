// Parking: keeps events that a consumer cannot process in the cell's own store with a reason, until they are redriven or dropped.

import { ANSWER_LIMITS, answerBytes } from '../cell/answer-limits.ts';
import { isName, statePartition } from '../cell/identity.ts';
import { eventKey, fingerprint } from '../events/cloud-event.ts';
import { formatTime } from '../events/time.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import { cutUtf8 } from '../lib/text.ts';
import type { Clock } from '../ports/clock.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import type { Key, Page, Store, StoreCursor, StoredDocument } from '../ports/store.ts';

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
  /** Tenants read at once when a consumer's parked events are counted. */
  tenantsRead: 100,
  /** Tenants whose parked events are counted at most: one that ever had some is read, though they are gone. */
  tenantsCounted: 500,
  /** Tenants of which a process remembers that they are listed as having parked events. */
  tenantsRemembered: 10_000,
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
  /** Present if the content was left out; see `withoutContent`. */
  readonly withheld?: true;
}

/** The same for a caller who may operate, but not read what events say. */
export function withoutContent({ text, event, ...rest }: ParkedEvent): ParkedEvent {
  if (event === undefined) return { ...rest, withheld: true };
  const { data, data_base64, ...attributes } = event;
  return { ...rest, event: attributes, withheld: true };
}

export interface ParkRequest {
  readonly consumer: string;
  readonly tenant: string;
  readonly event: CloudEvent | undefined;
  /** The cell that accepted the event, where it is known: it goes along when the event is redriven. */
  readonly origin?: string | undefined;
  /** When that cell accepted it, in milliseconds, where it is known. */
  readonly acceptedAt?: number | undefined;
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
  /**
   * How many events a consumer has parked, of all tenants, up to `limit`; `more` says that there are more, or more tenants than are
   * counted.
   */
  count(consumer: string, limit: number): Promise<{ parked: number; more: boolean }>;
  /** Removes a parked event permanently, and notes that before, if asked to; false if none has that id. */
  drop(id: string, tenant: string, dropping?: (parked: ParkedEvent) => Promise<void>): Promise<boolean>;
}

export interface ParkingDeps {
  readonly state: Store;
  readonly clock: Clock;
}

/** Returns the parked events of a cell. All methods reject with the store's error when it cannot be reached. */
export function parking({ state, clock }: ParkingDeps): Parking {
  const announced = new BoundedCache<string, true>(PARKING_LIMITS.tenantsRemembered);

  /** Lists a tenant among those that have parked events; once for each process is enough. */
  const announce = async (consumer: string, tenant: string) => {
    const key = `${consumer}|${tenant}`;
    if (announced.get(key)) return;
    await state.put({ partition: statePartition.parkedTenants(consumer), id: TENANT + tenant, body: null }, 'any');
    announced.set(key, true);
  };

  const countIn = async (partition: string, limit: number): Promise<number> => {
    let count = 0;
    let cursor: StoreCursor | undefined;
    do {
      const page: Page = await state.query(partition, { limit: limit - count, ...(cursor && { cursor }) });
      count += page.items.length;
      cursor = page.next;
    } while (cursor !== undefined && count < limit);
    return count;
  };

  return {
    async park({ consumer, tenant, event, origin, acceptedAt, subject, reason }) {
      const key = event && parkedKey(consumer, tenant, eventKey(tenant, event));
      const body: JsonObject = {
        consumer,
        tenant,
        parkedAt: formatTime(clock.now()),
        reason: { code: reason.code, message: cutUtf8(reason.message, PARKING_LIMITS.reasonBytes) },
        ...(event === undefined
          ? { text: cutUtf8(typeof subject === 'string' ? subject : JSON.stringify(subject), PARKING_LIMITS.textBytes) }
          : {
              event: event as unknown as Json,
              ...(origin !== undefined && { origin }),
              ...(acceptedAt !== undefined && { acceptedAt }),
            }),
      };
      const print = key?.id ?? NO_EVENT + fingerprint(JSON.stringify(subject));
      await announce(consumer, tenant);
      await state.put({ partition: statePartition.parked(consumer, tenant), id: print, body }, 'any');
      const earlier = earlierKey(consumer, tenant, print);
      if ((await state.get(earlier)) !== undefined) await state.delete(earlier, 'any');
    },

    async list(consumer, tenant, limit, cursor) {
      const items: ParkedEvent[] = [];
      let next = cursor;
      let bytes = 0;
      do {
        const page = await parkedPage(state, consumer, tenant, {
          limit: Math.min(limit - items.length, PARKING_LIMITS.documentsRead),
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

    async drop(id, tenant, dropping) {
      const keys = parkedKeys(id, tenant);
      const found = await Promise.all(keys.map((key) => state.get(key)));
      const documents = found.filter((document) => document !== undefined);
      for (const document of documents) {
        await dropping?.(toParked(document));
        await state.delete(document, 'any');
      }
      return documents.length > 0;
    },

    async count(consumer, limit) {
      let parked = 0;
      let tenants = 0;
      let cursor: StoreCursor | undefined;
      do {
        const page: Page = await state.query(statePartition.parkedTenants(consumer), {
          limit: PARKING_LIMITS.tenantsRead,
          ...(cursor && { cursor }),
        });
        for (const { id } of page.items) {
          if (parked > limit) break;
          if (!id.startsWith(TENANT)) {
            parked += 1;
            continue;
          }
          if (tenants === PARKING_LIMITS.tenantsCounted) return { parked: Math.min(parked, limit), more: true };
          tenants += 1;
          parked += await countIn(statePartition.parked(consumer, id.slice(TENANT.length)), limit + 1 - parked);
        }
        cursor = page.next;
      } while (cursor !== undefined && parked <= limit);
      return { parked: Math.min(parked, limit), more: parked > limit };
    },
  };
}

/** Where a consumer's parked event lies, by its key in the log. */
export const parkedKey = (consumer: string, tenant: string, { partition, id }: Key): Key => ({
  partition: statePartition.parked(consumer, tenant),
  id: fingerprint(JSON.stringify({ partition, id })),
});

/** Precedes a tenant's name in the list of those that have parked events, and sorts them behind events of an earlier release. */
const TENANT = '~';

/** Where an earlier release kept an event: in one partition for all tenants. */
const earlierKey = (consumer: string, tenant: string, print: string): Key => ({
  partition: statePartition.parkedTenants(consumer),
  id: `${tenant}!${print}`,
});

/**
 * Where a parked event may be. The keys consist of `<consumer>.<fingerprint>` and the caller's tenant, so a caller cannot address
 * another tenant's events. None for what is no id of a parked event.
 */
export function parkedKeys(id: string, tenant: string): readonly Key[] {
  const [, consumer, print] = /^([a-z0-9-]{1,63})\.(~?[\w-]{16})$/.exec(id) ?? [];
  if (consumer === undefined || print === undefined) return [];
  return [{ partition: statePartition.parked(consumer, tenant), id: print }, earlierKey(consumer, tenant, print)];
}

/** Marks a cursor of the events that an earlier release parked; they come behind the others. */
const EARLIER = '!';

/** A page of a tenant's parked events; with `sendable`, without non-events, which cannot be sent. */
export async function parkedPage(
  state: Store,
  consumer: string,
  tenant: string,
  { limit, cursor, sendable = false }: { limit: number; cursor?: StoreCursor; sendable?: boolean },
): Promise<Page> {
  const items: StoredDocument[] = [];
  if (cursor?.startsWith(EARLIER) !== true) {
    const page = await state.query(statePartition.parked(consumer, tenant), {
      limit,
      ...(cursor && { cursor }),
      ...(sendable && { to: NO_EVENT }),
    });
    items.push(...page.items);
    if (page.next !== undefined) return page;
    if (items.length > 0) {
      // What comes behind them is asked for only once: by the next page, if there is anything.
      const more = await state.query(statePartition.parkedTenants(consumer), {
        ...earlierIds(tenant, sendable),
        limit: 1,
      });
      const isMore = more.items.length > 0 || more.next !== undefined;
      return isMore ? { items, next: EARLIER as StoreCursor } : { items };
    }
  }
  const at = cursor?.slice(EARLIER.length) ?? '';
  const page = await state.query(statePartition.parkedTenants(consumer), {
    ...earlierIds(tenant, sendable),
    limit,
    ...(at !== '' && cursor?.startsWith(EARLIER) && { cursor: at as StoreCursor }),
  });
  return { items: page.items, ...(page.next !== undefined && { next: (EARLIER + page.next) as StoreCursor }) };
}

const earlierIds = (tenant: string, sendable: boolean) => ({
  prefix: `${tenant}!`,
  ...(sendable && { to: `${tenant}!${NO_EVENT}` }),
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
