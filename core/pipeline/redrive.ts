// Redrive: sends parked events to their consumer again through the event log, once the cause is fixed.
import { fingerprint, tenantOf } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { BusMessage } from '../ports/bus.ts';
import type { ChangeRecord } from '../ports/change-stream.ts';
import { type Clock, epochMs } from '../ports/clock.ts';
import { isPortError, PERMANENT, type PortError } from '../ports/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import type { NewDocument, Store, StoredDocument } from '../ports/store.ts';
import { PARKING_LIMITS, parkedKeys, parkedPage, RELAY, toParked } from './parking.ts';
import { isErased, type Tombstones } from './tombstones.ts';

export interface RedriveSummary {
  readonly redriven: number;
  readonly failed: number;
  /** Whether there are parked events that this call did not reach. */
  readonly more: boolean;
}

export interface RedriveCommand {
  readonly consumer: string;
  readonly tenant: string;
  /**
   * Ids of parked events; by default the first `PARKING_LIMITS.redriveEvents`. Unreadable messages are skipped then: they cannot be
   * sent, and would be found first every time.
   */
  readonly ids?: readonly string[] | undefined;
}

export interface RedriveDeps {
  /** The id of this cell. */
  readonly cell: string;
  /** The event log: its stream carries the request to the relay, the only component that publishes to the bus. */
  readonly events: Store;
  readonly state: Store;
  readonly tombstones: Pick<Tombstones, 'of'>;
  readonly clock: Clock;
}

/** Suffix of the partition of a tenant's redrive requests in the log. Subjects cannot contain an exclamation mark. */
const REQUESTS = '|!redrive';

/** Where a tenant's requests lie in the log. */
export const redrivePartition = (tenant: string): string => tenant + REQUESTS;

/** A request expires long after it has been relayed, even after a day of outage. */
const REQUEST_LIFE_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * The message that a redrive request in the log asks to send, or `undefined` for any other document. Only its partition decides:
 * the body may come from a client, whose events keep all of their attributes.
 */
export function toRedriven({ partition, body }: Pick<ChangeRecord, 'partition' | 'body'>): BusMessage | undefined {
  if (!partition.endsWith(REQUESTS) || !isJsonObject(body)) return undefined;
  const { redrive: consumer, event: parked, origin, acceptedAt } = body;
  if (typeof consumer !== 'string' || !isJsonObject(parked)) return undefined;
  const event = parked as unknown as BusMessage['event'];
  const message = {
    event,
    tenant: tenantOf({ partition }),
    ...(typeof origin === 'string' && { origin }),
    ...(typeof acceptedAt === 'number' && { acceptedAt }),
  };
  // Events that the relay itself parked have reached no consumer yet.
  return consumer === RELAY ? message : { ...message, consumer };
}

/** The document of the log that asks for an event to be sent to one consumer again; `id` identifies the request within its tenant. */
export const redriveRequest = (
  { tenant, consumer, event, origin, acceptedAt }: Omit<BusMessage, 'consumer'> & { readonly consumer: string },
  id: string,
  now: number,
): NewDocument => ({
  partition: redrivePartition(tenant),
  id,
  body: {
    redrive: consumer,
    event: event as unknown as Json,
    ...(origin !== undefined && { origin }),
    ...(acceptedAt !== undefined && { acceptedAt }),
  },
  expiresAt: epochMs(now + REQUEST_LIFE_MS),
});

/**
 * Returns the use case. The request is durable before the parked event is removed, so a crash in between sends the event twice, which
 * consumers tolerate. A non-event requested by its id stays parked and counts as failed, as does an erased event, which is removed. Rejects with the store's error.
 */
export function redrive({
  cell,
  events,
  state,
  tombstones,
  clock,
}: RedriveDeps): (command: RedriveCommand) => Promise<RedriveSummary> {
  const find = async ({
    consumer,
    tenant,
    ids,
  }: RedriveCommand): Promise<{ documents: StoredDocument[]; more: boolean }> => {
    if (ids === undefined) {
      const limit = PARKING_LIMITS.redriveEvents;
      const page = await parkedPage(state, consumer, tenant, { limit, sendable: true });
      return { documents: [...page.items], more: page.next !== undefined };
    }
    const wanted = [...new Set(ids)].filter((id) => id.startsWith(`${consumer}.`));
    const found = await mapConcurrently(wanted, PARKING_LIMITS.documentsRead, async (id) => {
      for (const key of parkedKeys(id, tenant)) {
        const document = await state.get(key);
        if (document !== undefined) return document;
      }
      return undefined;
    });
    return { documents: found.filter((document) => document !== undefined), more: false };
  };

  const send = async (document: StoredDocument): Promise<boolean> => {
    const { id, consumer, tenant, event } = toParked(document);
    if (event === undefined) return false;
    if (isErased(await tombstones.of(tenant, [event.subject]), tenant, event)) {
      await state.delete(document, document.version).catch(unlessParkedAnew);
      return false;
    }
    // If it is parked again after this, it has another version and gets another request.
    const { origin, acceptedAt } = document.body as JsonObject;
    // What the relay of this very cell parked goes to all consumers, and its wait would be a lag of theirs. Without an origin an event is
    // this cell's own, and counts for no lag (`ownAcceptance`).
    const isRelayed = consumer === RELAY && origin === cell;
    const message = {
      ...{ tenant, consumer, event },
      ...(typeof origin === 'string' && !isRelayed && { origin }),
      ...(typeof acceptedAt === 'number' && { acceptedAt }),
    };
    const request = redriveRequest(message, `${id}!${fingerprint(document.version)}`, clock.now());
    const [outcome] = await events.append([request]);
    if (outcome?.status === 'failed') {
      // An event that the log will never accept must not hold up the others.
      if (PERMANENT[outcome.error.code]) return false;
      throw outcome.error;
    }
    await state.delete(document, document.version).catch(unlessParkedAnew);
    return true;
  };

  return async (command) => {
    const { documents, more } = await find(command);
    const wanted = command.ids === undefined ? documents.length : new Set(command.ids).size;
    let redriven = 0;
    for (const document of documents) if (await send(document)) redriven += 1;
    return { redriven, failed: wanted - redriven, more };
  };
}

function unlessParkedAnew(error: PortError): void {
  if (!isPortError(error, 'conflict')) throw error;
}
