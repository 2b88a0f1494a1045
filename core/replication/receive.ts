// Receives copies of events from another cell of the tenant: the union of both logs, and of two copies of one event the one that stands.
import { statePartition } from '../cell/identity.ts';
import { RESERVED_PREFIX } from '../events/accept.ts';
import { eventKey, fromStored, type LogDocument } from '../events/cloud-event.ts';
import { bodyHash, type Copy, epochOfCopy, stands, withDigest } from '../events/copies.ts';
import { isSubject } from '../events/subject.ts';
import { formatTime, parseTime } from '../events/time.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { COMPARED } from '../pipeline/ingest.ts';
import type { SubjectIndex } from '../pipeline/subject-index.ts';
import type { Tombstones } from '../pipeline/tombstones.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { Json } from '../ports/json.ts';
import type { Log } from '../ports/log.ts';
import type { Key, NewDocument, Store } from '../ports/store.ts';
import { isRefusedForGood } from '../store/refusal-for-good.ts';
import { sameBody } from '../store/same-body.ts';

export const RECEIVE_LIMITS = {
  /** Events of one request. */
  events: 500,
  /** Bytes of its body. */
  requestBytes: 1024 * 1024,
  /** Copies that are compared at the same time. */
  concurrent: 16,
  /** Attempts at one copy that others keep replacing. */
  attempts: 10,
} as const;

/** What became of the copies; each is counted once. */
export type Received = {
  readonly stored: number;
  /** Was there, and says the same. */
  readonly same: number;
  /** Was there and says something else; the one that was there stands. */
  readonly kept: number;
  /** Stands in place of the one that was there, which may say the same. */
  readonly replaced: number;
  /**
   * Would stand in its place, but the sender has not accepted it, has sent another before, or no assignment shows that it served under the copy's epoch.
   */
  readonly unproven: number;
  /** Cannot be stored here, now or later: its subject is full, or the store refuses just this one. */
  readonly refused: number;
  /** Are erased here, and will not be taken again. */
  readonly erased: number;
};

export interface ReceiveCommand {
  readonly tenant: string;
  /** The cell that sends them, and has proved it. */
  readonly sender: string;
  /** Documents of the sender's log; each is one of the tenant's events (`isOwnEvent`). */
  readonly documents: readonly LogDocument[];
}

export interface ReceiveDeps {
  /** The event log. */
  readonly events: Store;
  readonly state: Store;
  readonly subjects: Pick<SubjectIndex, 'unlisted' | 'add'>;
  readonly tombstones: Pick<Tombstones, 'of'>;
  /** See `HeldAssignments.served`. */
  readonly served: (tenant: string, epoch: number, cell: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Whether a document is an event of the tenant under the very key that such an event has. */
export function isOwnEvent(tenant: string, document: LogDocument): boolean {
  const { tenant: of, event } = fromStored(document);
  const isEvent = [event.id, event.source, event.type, event.time].every((attribute) => typeof attribute === 'string');
  // What the bus carries beside an event is no attribute of it.
  if (Object.keys(event).some((name) => name.startsWith(RESERVED_PREFIX))) return false;
  if (!isEvent || of !== tenant || !isSubject(event.subject) || parseTime(event.time) === undefined) return false;
  const key = eventKey(tenant, event);
  return key.partition === document.partition && key.id === document.id;
}

/**
 * Returns the use case. It takes events of any epoch, and changes none. Repeating it changes nothing. What loses against a copy that says
 * something else is kept under `conflicts|<tenant>`. What the store refuses for good is counted, and the others do not wait for it. Rejects with the store's error; the same request may be repeated then.
 */
export function receive(deps: ReceiveDeps): (command: ReceiveCommand) => Promise<Received> {
  const { events, state, clock, log } = deps;

  /** Keeps what has lost, if it says something else. */
  const keepLoser = async (tenant: string, loser: LogDocument, winner: Copy): Promise<boolean> => {
    if (sameBody(loser.body, winner.body, COMPARED.except)) return false;
    const hash = bodyHash(loser);
    const { event } = fromStored(loser);
    const id = `${event.subject}!${loser.id}!${hash.slice(0, 16)}`;
    const body = {
      event: event as unknown as Json,
      epoch: epochOfCopy(loser),
      origin: loser.beside?.origin ?? null,
      standsEpoch: epochOfCopy(winner),
      standsHash: bodyHash(winner),
      foundAt: formatTime(clock.now()),
    };
    await state.put({ partition: statePartition.conflicts(tenant), id, body }, 'any');
    return true;
  };

  /**
   * Whether a copy may take the place of another one. What says the same rewrites nothing. Else a sender's word counts for what it has accepted
   * itself, as it could rewrite what this cell has accepted by naming this cell; and it counts once, as a cell takes an event once: another copy
   * from it would be made up.
   */
  const isProven = async ({ tenant, sender }: ReceiveCommand, copy: Copy, own: Copy): Promise<boolean> => {
    const { origin } = copy.beside ?? {};
    if (typeof origin !== 'string') return false;
    const isOther = bodyHash(copy) !== bodyHash(own);
    if (isOther && (origin !== sender || own.beside?.origin === sender)) return false;
    return deps.served(tenant, epochOfCopy(copy), origin);
  };

  const refused = (
    { tenant, sender }: ReceiveCommand,
    { partition, id }: Key,
    { code, message }: PortError,
  ): 'refused' => {
    log.warn('a copy of an event cannot be stored', { tenant, sender, partition, id, code, reason: message });
    return 'refused';
  };

  /** Settles one event that is there already. */
  const settle = async (command: ReceiveCommand, given: NewDocument): Promise<keyof Received> => {
    const { tenant, sender } = command;
    for (let attempt = 0; attempt < RECEIVE_LIMITS.attempts; attempt += 1) {
      const own = await events.get(given);
      if (own !== undefined && !stands(given, own)) return (await keepLoser(tenant, given, own)) ? 'kept' : 'same';
      if (own !== undefined && !(await isProven(command, given, own))) {
        log.warn(
          'a copy of an event is not taken: its sender has sent another before, or nothing shows that it accepted it while it served',
          {
            tenant,
            sender,
            id: given.id,
            epoch: epochOfCopy(given),
            origin: String(given.beside?.origin ?? ''),
          },
        );
        return 'unproven';
      }
      try {
        // The loser is kept first: a crash in between leaves a note of a conflict that is settled the next time.
        const differs = own !== undefined && (await keepLoser(tenant, own, given));
        await events.put(given, own?.version ?? 'absent');
        if (own === undefined) return 'stored';
        if (!differs) return 'replaced';
      } catch (error) {
        if (isPortError(error) && isRefusedForGood(error, [])) return refused(command, given, error);
        if (!isPortError(error, 'conflict')) throw error;
        continue;
      }
      log.warn('an event was replaced by the copy of another cell', {
        tenant,
        id: given.id,
        epoch: epochOfCopy(given),
        before: own === undefined ? 0 : epochOfCopy(own),
      });
      return 'replaced';
    }
    throw new PortError('unavailable', `${given.id} is being replaced by too many others.`);
  };

  return async (command) => {
    const { tenant, sender } = command;
    const counts = { stored: 0, same: 0, kept: 0, replaced: 0, unproven: 0, refused: 0, erased: 0 };
    const subjectOf = (document: LogDocument): string => fromStored(document).event.subject;
    const erased = await deps.tombstones.of(tenant, command.documents.map(subjectOf));
    const documents = command.documents
      .filter((document) => !erased.covers(subjectOf(document), document.id))
      .map((document) => withDigest(withOrigin(document, sender)));
    counts.erased = command.documents.length - documents.length;
    if (documents.length === 0) return counts;
    await deps.subjects.add(tenant, await deps.subjects.unlisted(tenant, documents.map(subjectOf), erased), erased);
    const outcomes = await events.append(documents);
    const there: LogDocument[] = [];
    for (const [index, document] of documents.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status === 'duplicate') there.push(document);
      else if (outcome?.status !== 'failed') counts.stored += 1;
      else if (!isRefusedForGood(outcome.error, outcomes)) throw outcome.error;
      else counts[refused(command, document, outcome.error)] += 1;
    }
    for (const found of await mapConcurrently(there, RECEIVE_LIMITS.concurrent, (each) => settle(command, each)))
      counts[found] += 1;
    return counts;
  };
}

/**
 * An earlier release noted no origin: the sender is it, as copies came with the notes. Without one the event would count as this cell's own,
 * and its effects would happen here again.
 */
const withOrigin = (document: LogDocument, sender: string): LogDocument =>
  typeof document.beside?.origin === 'string'
    ? document
    : { ...document, beside: { ...document.beside, origin: sender } };
