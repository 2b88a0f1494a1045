// Replica requests: takes the copies that another cell of a tenant sends, and pushes this cell's own to it.
import { listing } from '../api/listing.ts';
import { Refusal } from '../api/refusal.ts';
import { type Assignment, cellIn } from '../cell/assignment.ts';
import { statePartition } from '../cell/identity.ts';
import type { LogDocument } from '../events/cloud-event.ts';
import { isSubject } from '../events/subject.ts';
import type { EventIdentity } from '../pipeline/consumer.ts';
import type { DeriveLeftCommand } from '../pipeline/derive-left.ts';
import type { RebuildProgress } from '../pipeline/rebuild.ts';
import type { HeardFrom, ReceiptStates } from '../pipeline/receipt-states.ts';
import { RECEIPT_LIMITS } from '../pipeline/receipts.ts';
import type { Tombstones } from '../pipeline/tombstones.ts';
import type { Clock } from '../ports/clock.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import { STORE_LIMITS, type Store, type StoreCursor } from '../ports/store.ts';
import {
  type ComparedBy,
  DIGEST_LIMITS,
  type Digest,
  differencesIn,
  type Entry,
  type Range,
  rangeStates,
} from '../replication/digests.ts';
import type { HearProgress } from '../replication/hear.ts';
import type { HeldAssignments } from '../replication/held-assignments.ts';
import type { ReplicaNotes } from '../replication/notes.ts';
import type { PushCommand, PushProgress } from '../replication/push.ts';
import { isOwnEvent, RECEIVE_LIMITS, type ReceiveCommand, type Received } from '../replication/receive.ts';
import { ASSIGNMENT_HEADER, claimedSender, REPLICA_HEADER, replicaFault } from '../replication/replica-proof.ts';
import { parseJson, readBody } from './body.ts';
import { type ApiRequest, json, noContent, type RouteHandler } from './call.ts';
import { readParameters } from './parameters.ts';
import { pageResponse } from './reads.ts';
import { routes } from './routes.ts';

/** Bytes of a body that has little more than an assignment. */
const ASSIGNMENT_BODY_BYTES = 16 * 1024;

export interface ReplicaDeps {
  /** The id of this cell, and its own endpoints. */
  readonly cell: string;
  readonly endpoints: readonly string[];
  readonly assignments: HeldAssignments;
  /** The event log. */
  readonly events: Store;
  readonly tombstones: Pick<Tombstones, 'of'>;
  readonly receive: (command: ReceiveCommand) => Promise<Received>;
  readonly receipts: ReceiptStates;
  /** Notes that effects have happened, as the sender says. */
  readonly claim: HeardFrom;
  readonly hear: (cursor: StoreCursor | undefined) => Promise<HearProgress>;
  readonly push: (command: PushCommand) => Promise<PushProgress>;
  /** See `copiesPart`. */
  readonly copies: (newest: Assignment) => Promise<void>;
  readonly derive: (command: DeriveLeftCommand) => Promise<RebuildProgress>;
  readonly notes: Pick<ReplicaNotes, 'heard' | 'list'>;
  readonly clock: Clock;
}

/** Returns the handlers. */
export function replica(
  deps: ReplicaDeps,
  state: Store,
): Record<
  | 'fence'
  | 'replicas'
  | 'replicaEvents'
  | 'replicaDigests'
  | 'replicaReceipts'
  | 'replicaPush'
  | 'replicaHear'
  | 'replicaDerive'
  | 'conflicts',
  RouteHandler
> {
  const { cell, endpoints, assignments, clock } = deps;

  const adopt = async (text: unknown) => {
    const newest = await assignments.adopt(text);
    if (typeof newest === 'string') throw new Refusal('invalid_assignment', `The assignment is refused: ${newest}.`);
    await deps.copies(newest);
    return newest;
  };

  const adopted = async (text: unknown) => {
    const newest = await adopt(text);
    if (cellIn(newest, cell) === undefined)
      throw new Refusal('misdirected', `${newest.tenant} has no copy in ${cell}, as far as is known here.`);
    return newest;
  };

  const adoptedOf = async (tenant: string, text: unknown) => {
    const newest = await adopted(text);
    if (newest.tenant === tenant) return newest;
    throw new Refusal('invalid_assignment', `It is an assignment of ${newest.tenant}, not of ${tenant}.`);
  };

  /** The tenant and the body of a request by another one of its cells, which has proved who it is. */
  const fromPeer = async (
    request: ApiRequest,
  ): Promise<{ readonly tenant: string; readonly sender: string; readonly body: JsonObject }> => {
    const proof = request.headers.get(REPLICA_HEADER);
    const newest = await adopted(request.headers.get(ASSIGNMENT_HEADER) ?? undefined);
    const { tenant } = newest;
    const sender = cellIn(newest, claimedSender(proof) ?? '');
    if (proof === null || sender === undefined || sender.id === cell)
      throw new Refusal('invalid_peer', `The sender is no other cell of ${tenant}.`);
    const bytes = await readBody(request, RECEIVE_LIMITS.requestBytes);
    const fault = await replicaFault(proof, sender, { tenant, body: bytes, cell, endpoints }, clock);
    if (fault !== undefined) throw new Refusal('invalid_peer', `The proof of ${sender.id} is refused: ${fault}.`);
    const body = parseJson(bytes);
    if (!isJsonObject(body) || body.tenant !== tenant)
      throw new Refusal('invalid_body', 'Send an object with the tenant of the assignment.');
    return { tenant, sender: sender.id, body };
  };

  return {
    // The token's epoch has been adopted before a handler is called. An edge of an earlier release sends no assignment.
    fence: async ({ request, query, tenant }) => {
      readParameters(routes.fence.parameters, query);
      const bytes = await readBody(request, ASSIGNMENT_BODY_BYTES);
      if (bytes.length === 0) return noContent();
      const body = parseJson(bytes);
      const newest = await adopt(isJsonObject(body) ? body.assignment : undefined);
      if (newest.tenant !== tenant)
        throw new Refusal('invalid_assignment', `It is an assignment of ${newest.tenant}, not of ${tenant}.`);
      return noContent();
    },

    conflicts: async (call) => {
      const values = readParameters(routes.conflicts.parameters, call.query);
      const partition = statePartition.conflicts(call.tenant);
      return pageResponse(call, 'conflicts', values, (page) =>
        listing(state, partition, {}, page, ({ body }) => [body]),
      );
    },

    replicas: async (call) => {
      const values = readParameters(routes.replicas.parameters, call.query);
      return pageResponse(call, 'replicas', values, (page) => deps.notes.list(page));
    },

    replicaEvents: async ({ request, query }) => {
      readParameters(routes.replicaEvents.parameters, query);
      const { tenant, sender, body } = await fromPeer(request);
      return json(200, await deps.receive({ tenant, sender, documents: documentsOf(body, tenant) }));
    },

    replicaDigests: async ({ request, query }) => {
      readParameters(routes.replicaDigests.parameters, query);
      const { tenant, sender, body } = await fromPeer(request);
      const { ranges, lists, passed, by } = digestsOf(body);
      const states = await rangeStates(deps, tenant, ranges, by);
      // A sender of an earlier release knows nothing of empty ones.
      const compared = {
        equal: states.map((each) => each === 'equal'),
        ...(states.includes('empty') && { empty: states.map((each) => each === 'empty') }),
      };
      if (passed !== undefined) await deps.notes.heard(tenant, sender, passed);
      if (lists.length === 0) return json(200, compared);
      const found = await differencesIn(deps, tenant, lists, by);
      if (found === undefined)
        throw new Refusal('invalid_body', `The range has more than ${DIGEST_LIMITS.compared} events; ask for less.`);
      const [first, ...further] = found;
      return json(200, { ...compared, ...first, ...(further.length > 0 && { further }) });
    },

    replicaReceipts: async ({ request, query }) => {
      readParameters(routes.replicaReceipts.parameters, query);
      const { tenant, sender, body } = await fromPeer(request);
      const { consumer, events } = identitiesOf(body);
      const states =
        body.claimed === true
          ? await deps.claim(tenant, consumer, events, sender)
          : await deps.receipts(tenant, consumer, events);
      return json(200, { states });
    },

    replicaPush: async ({ request, query, tenant, span }) => {
      readParameters(routes.replicaPush.parameters, query);
      const body = parseJson(await readBody(request, ASSIGNMENT_BODY_BYTES));
      const { assignment: signed, restart, verify, contents, once, budget, receipts } = isJsonObject(body) ? body : {};
      const newest = await adoptedOf(tenant, signed);
      if (budget !== undefined && !(Number.isInteger(budget) && Number(budget) > 0))
        throw new Refusal(
          'invalid_body',
          'budget must be a whole number from 1: the events of the log that the step may look at.',
        );
      const how = {
        ...{ restart: restart === true, verify: verify === true, contents: contents === true },
        ...{ once: once === true, receipts: receipts === true },
        ...(budget !== undefined && { budget: Number(budget) }),
        traceparent: span.traceparent,
      };
      return json(200, await deps.push({ tenant, signed: String(signed), assignment: newest, ...how }));
    },

    replicaHear: async ({ query }) => {
      const { cursor } = readParameters(routes.replicaHear.parameters, query);
      return json(200, await deps.hear(cursor as StoreCursor | undefined));
    },

    replicaDerive: async ({ request, query, tenant }) => {
      readParameters(routes.replicaDerive.parameters, query);
      const body = parseJson(await readBody(request, ASSIGNMENT_BODY_BYTES));
      const { assignment, ahead } = isJsonObject(body) ? body : {};
      await adoptedOf(tenant, assignment);
      return json(200, await deps.derive({ tenant, ahead: ahead === true }));
    },
  };
}

/** The documents of a request; refused as a whole if one of them is no event of the tenant, as no sound cell sends such. */
function documentsOf({ events }: JsonObject, tenant: string): LogDocument[] {
  if (!Array.isArray(events)) throw new Refusal('invalid_body', 'Send {"tenant": "…", "events": […]}.');
  if (events.length > RECEIVE_LIMITS.events)
    throw new Refusal('invalid_body', `A request has at most ${RECEIVE_LIMITS.events} events.`);
  return events.map((each: Json, index): LogDocument => {
    const document = documentOf(each);
    if (document === undefined || !isOwnEvent(tenant, document))
      throw new Refusal('invalid_body', `The event ${index} is none of ${tenant} under the key that it is sent with.`);
    return document;
  });
}

function documentOf(value: Json): LogDocument | undefined {
  if (!isJsonObject(value)) return undefined;
  const { partition, id, body, beside } = value;
  if (typeof partition !== 'string' || typeof id !== 'string' || !isJsonObject(body)) return undefined;
  if (beside === undefined) return { partition, id, body };
  if (!isJsonObject(beside)) return undefined;
  // JSON knows no infinite number, and yet a text of one can be too large for any other.
  const isNote = Object.values(beside).every((each) => typeof each === 'string' || Number.isFinite(each));
  return isNote ? { partition, id, body, beside: beside as NonNullable<LogDocument['beside']> } : undefined;
}

/** The events of a question for receipts; every fault is refused. */
function identitiesOf({ consumer, events }: JsonObject): { consumer: string; events: readonly EventIdentity[] } {
  if (typeof consumer !== 'string' || !Array.isArray(events))
    throw new Refusal(
      'invalid_body',
      'Send {"tenant": "…", "consumer": "…", "events": [{"subject": "…", "id": "…"}]}.',
    );
  if (events.length > RECEIPT_LIMITS.events)
    throw new Refusal('invalid_body', `A request has at most ${RECEIPT_LIMITS.events} events.`);
  const identities = events.map((each: Json, index): EventIdentity => {
    const { subject, id } = isJsonObject(each) ? each : {};
    if (!isSubject(subject) || typeof id !== 'string' || !DOCUMENT_ID.test(id))
      throw new Refusal(
        'invalid_body',
        `The event ${index} is none: it must have a subject, and the id of its document.`,
      );
    return { subject: String(subject), id };
  });
  return { consumer, events: identities };
}

/** The id of an event's document in the log, with room for other forms. */
const DOCUMENT_ID = /^[0-9A-Za-z.:_!~-]{1,64}$/;

/** What a request for digests asks; every fault is refused. A sender of an earlier release asks for one list alone. */
function digestsOf({ ranges, list, further = [], passed, contents }: JsonObject): {
  readonly ranges: readonly (Range & Digest)[];
  readonly lists: readonly (Range & { readonly entries: readonly Entry[] })[];
  readonly passed: { readonly agoMs: number; readonly epoch: number } | undefined;
  readonly by: ComparedBy;
} {
  const refused = () =>
    new Refusal('invalid_body', 'Send {"tenant": "…", "ranges": [{"subject": "…", "count": 0, "sum": "…"}]}.');
  if (!Array.isArray(ranges) || ranges.length > DIGEST_LIMITS.ranges || !ranges.every(isRange)) throw refused();
  const digests = ranges as unknown as readonly (Range & Digest)[];
  if (!digests.every(({ count, sum }) => Number.isInteger(count) && typeof sum === 'string')) throw refused();
  const told = isJsonObject(passed) ? { agoMs: Number(passed.agoMs), epoch: Number(passed.epoch) } : undefined;
  if (told !== undefined && !(told.agoMs >= 0 && Number.isSafeInteger(told.epoch))) throw refused();
  const by = { contents: contents === true };
  if (list === undefined) return { ranges: digests, lists: [], passed: told, by };
  const lists = [list, ...(Array.isArray(further) ? further : [null])];
  if (lists.length > DIGEST_LIMITS.ranges || !lists.every(isList)) throw refused();
  const entries = lists.reduce((sum, each) => sum + (each.entries as readonly Json[]).length, 0);
  if (entries > DIGEST_LIMITS.events) throw refused();
  return { ranges: digests, lists: lists as unknown as ReturnType<typeof digestsOf>['lists'], passed: told, by };
}

/** Ids of a bound are no longer than keys may be. */
const isBound = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && value !== '' && value.length < STORE_LIMITS.keyBytes / 4);

const isRange = (value: Json): boolean =>
  isJsonObject(value) && isSubject(value.subject) && isBound(value.after) && isBound(value.through);

const isList = (value: Json): value is JsonObject =>
  isRange(value) &&
  Array.isArray((value as JsonObject).entries) &&
  ((value as JsonObject).entries as Json[]).every(isEntry);

const isEntry = (value: Json): boolean =>
  Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number' && typeof value[2] === 'string';
