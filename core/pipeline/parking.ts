// Parking: what a consumer cannot process is kept in the cell's own store with its reason, listed, redriven or dropped.

import { statePartition } from '../cell/identity.ts';
import { type CloudEvent, eventKey, fingerprint } from '../events/cloud-event.ts';
import { formatTime } from '../events/time.ts';
import type { Bus } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError, type PortError } from '../ports/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import type { Key, Store, StoreCursor, StoredDocument } from '../ports/store.ts';
import { cutUtf8 } from '../ports/text.ts';

/** The name under which the relay parks; what it parked has not reached any consumer yet. */
export const RELAY = 'relay';

export const PARKING_LIMITS = {
  /** Bytes kept of a reason's text. */
  reasonBytes: 2048,
  /** Bytes kept of a message that could not be read. */
  textBytes: 64 * 1024,
  /** Parked events that one redrive takes in hand; the answer says whether more are left. */
  redriveEvents: 100,
} as const;

/** An event that waits for somebody to look at it. */
export interface ParkedEvent {
  /** `<consumer>.<fingerprint>`; names it in the API. */
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

export interface RedriveSummary {
  readonly redriven: number;
  readonly failed: number;
  /** Whether there are parked events that this call did not reach. */
  readonly more: boolean;
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
  /** Sends parked events to their consumer again and removes each once the bus has it. Without ids, the first ones found. */
  redrive(consumer: string, tenant: string, ids?: readonly string[]): Promise<RedriveSummary>;
  /** Removes a parked event for good; false if there is none of that id. */
  drop(id: string, tenant: string): Promise<boolean>;
}

export interface ParkingDeps {
  readonly state: Store;
  readonly bus: Bus;
  readonly clock: Clock;
}

/** Returns the use cases of parking. All reject with the port's error when store or bus cannot be reached. */
export function parking({ state, bus, clock }: ParkingDeps): Parking {
  const find = async (id: string, tenant: string): Promise<StoredDocument | undefined> => {
    const key = keyOf(id, tenant);
    return key && state.get(key);
  };

  /** Publishes one parked event, then removes it, unless it has been parked anew meanwhile: that state is kept. */
  const redriveOne = async (document: StoredDocument): Promise<boolean> => {
    const { consumer, tenant, event } = document.body as JsonObject as {
      consumer: string;
      tenant: string;
      event?: CloudEvent;
    };
    if (event === undefined) return false;
    const [outcome] = await bus.publish([consumer === RELAY ? { event, tenant } : { event, tenant, consumer }]);
    if (outcome?.status !== 'published') return false;
    await state.delete(document, document.version).catch(unlessMovedOn);
    return true;
  };

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
      const id = `${tenant}!${fingerprint(identity)}`;
      await state.put({ partition: statePartition.parked(consumer), id, body }, 'any');
    },

    async list(consumer, tenant, limit, cursor) {
      const page = await state.query(statePartition.parked(consumer), {
        prefix: `${tenant}!`,
        limit,
        ...(cursor && { cursor }),
      });
      return { items: page.items.map(toParked), ...(page.next && { next: page.next }) };
    },

    async redrive(consumer, tenant, ids) {
      const found =
        ids === undefined
          ? await state.query(statePartition.parked(consumer), {
              prefix: `${tenant}!`,
              limit: PARKING_LIMITS.redriveEvents,
            })
          : {
              items: (await Promise.all(ids.map((id) => find(id, tenant)))).filter(
                (document) => document !== undefined,
              ),
              next: undefined,
            };
      let redriven = 0;
      for (const document of found.items) {
        if ((document.body as JsonObject).consumer === consumer && (await redriveOne(document))) redriven += 1;
      }
      const asked = ids?.length ?? found.items.length;
      return { redriven, failed: asked - redriven, more: found.next !== undefined };
    },

    async drop(id, tenant) {
      const document = await find(id, tenant);
      if (document === undefined) return false;
      await state.delete(document, 'any');
      return true;
    },
  };
}

function unlessMovedOn(error: PortError): void {
  if (!isPortError(error, 'conflict')) throw error;
}

/** `<consumer>.<fingerprint>` and the caller's tenant make the key: nobody can name another tenant's. */
function keyOf(id: string, tenant: string): Key | undefined {
  const match = /^([a-z0-9-]{1,63})\.([\w-]{16})$/.exec(id);
  return match?.[1] === undefined
    ? undefined
    : { partition: statePartition.parked(match[1]), id: `${tenant}!${match[2]}` };
}

function toParked(document: StoredDocument): ParkedEvent {
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
