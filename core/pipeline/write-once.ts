// Accepts the event of a write, once for each idempotency key: a repeat leads to the same event, which the log knows.
import { statePartition } from '../cell/identity.ts';
import { fingerprint, fromStored, logPartition } from '../events/cloud-event.ts';
import { formatTime } from '../events/time.ts';
import { type Clock, epochMs } from '../ports/clock.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import { isJsonObject, type JsonObject } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';
import type { IngestCommand, IngestResult, IngestSummary } from './ingest.ts';

export const WRITE_LIMITS = {
  /** How long a repeat with the same key is recognised, in milliseconds. */
  rememberedMs: 24 * 60 * 60 * 1000,
  /** Of the newest events of the subject, so many are searched for one that another cell has accepted under the key. */
  searchedEvents: 100,
} as const;

/** The event of a write, without its identity and subject. */
export type OnceEvent = Omit<CloudEvent, 'specversion' | 'id' | 'source' | 'subject'> & {
  readonly type: string;
  readonly time: string;
};

export interface WriteCommand {
  readonly tenant: string;
  readonly epoch: number;
  readonly traceparent: string;
  /** The name of the write. */
  readonly write: string;
  readonly subject: string;
  /** What the client sent beside the key, as text: the same key with another request is refused. */
  readonly request: string;
  /** Absent for a request without a key, of which each repeat is an event of its own. */
  readonly key?: string | undefined;
  /** Makes the event; not called for a repeat that is recognised. `undefined` if the request concerns nothing that exists. */
  readonly make: () => Promise<OnceEvent | undefined>;
}

/** `missing` if there is no event to be made, `reused` if the key was used for another request. */
export type WriteResult =
  | { readonly status: 'missing' }
  | { readonly status: 'reused' }
  | { readonly status: 'accepted'; readonly event: CloudEvent; readonly summary: IngestSummary };

export interface WriteOnceDeps {
  /** The event log. */
  readonly events: Store;
  readonly state: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly ingest: (command: IngestCommand) => Promise<IngestResult>;
}

/** The source of the events of a write. */
export const sourceOf = (write: string): string => `urn:polycell:write:${write}`;

/** 132 bits: nothing that is chosen to collide does. */
const KEY_CHARACTERS = 22;

/** Between what the key and what the request say in an event's id; fingerprints do not have it. */
const BETWEEN = '.';

/**
 * Returns the use case. With a key, the event is noted before it is accepted, so that of several requests at once, and of a repeat after a crash,
 * all lead to one event. A cell that has no note looks into the log, where an event that came by replication is. Rejects with the store's
 * error; the same request may be repeated then.
 */
export function writeOnce(deps: WriteOnceDeps): (command: WriteCommand) => Promise<WriteResult> {
  const { events, state, clock, ids } = deps;

  const accept = async ({ tenant, epoch, traceparent }: WriteCommand, event: CloudEvent): Promise<WriteResult> => {
    const result = await deps.ingest({ tenant, epoch, traceparent, candidates: [event as unknown as JsonObject] });
    if (result.status === 'unavailable') throw result.error;
    return { status: 'accepted', event, summary: result.summary };
  };

  const made = async ({ write, subject, make }: WriteCommand, id: string): Promise<CloudEvent | undefined> => {
    const event = await make();
    return event && { ...event, specversion: '1.0', id, source: sourceOf(write), subject };
  };

  /** The event under this key that is in the log already, as one of another cell of the tenant is. */
  const inLog = async ({ tenant, write, subject }: WriteCommand, prefix: string): Promise<CloudEvent | undefined> => {
    const { items } = await events.query(logPartition(tenant, subject), {
      from: formatTime(epochMs(clock.now() - WRITE_LIMITS.rememberedMs)),
      limit: WRITE_LIMITS.searchedEvents,
      order: 'descending',
    });
    return items
      .map((document) => fromStored(document).event)
      .find((event) => event.source === sourceOf(write) && String(event.id).startsWith(prefix));
  };

  return async (command) => {
    const { tenant, write, subject, request, key } = command;
    if (key === undefined) {
      const event = await made(command, ids.next());
      return event === undefined ? { status: 'missing' } : accept(command, event);
    }
    const named = fingerprint(JSON.stringify([write, subject, key]), KEY_CHARACTERS);
    const id = named + BETWEEN + fingerprint(request, KEY_CHARACTERS);
    const note = { partition: statePartition.writes(tenant), id: named };
    const noted = async () => {
      const body = (await state.get(note))?.body;
      return body !== undefined && isJsonObject(body) ? (body as unknown as CloudEvent) : undefined;
    };
    const known = (await noted()) ?? (await inLog(command, named + BETWEEN));
    if (known !== undefined) return known.id === id ? accept(command, known) : { status: 'reused' };
    const event = await made(command, id);
    if (event === undefined) return { status: 'missing' };
    const expiresAt = epochMs(clock.now() + WRITE_LIMITS.rememberedMs);
    try {
      await state.put({ ...note, body: event as unknown as JsonObject, expiresAt }, 'absent');
    } catch (error) {
      if (!isPortError(error, 'conflict')) throw error;
      const other = await noted();
      if (other === undefined) throw new PortError('unavailable', `${note.id} has expired meanwhile.`);
      return other.id === id ? accept(command, other) : { status: 'reused' };
    }
    return accept(command, event);
  };
}
