// Pushes a tenant's log to the other one of its cells, or only compares them, in bounded steps: for seeding, repair and verification.
import { type Assignment, cellIn, peerOf } from '../cell/assignment.ts';
import { statePartition } from '../cell/identity.ts';
import { eventKey, fromStored, type LogDocument } from '../events/cloud-event.ts';
import type { Consumer } from '../pipeline/consumer.ts';
import {
  addCounts,
  type Counts,
  type LogWalkDeps,
  logWalk,
  WALK_LIMITS,
  type WalkPage,
  type WorkDone,
  walkOf,
} from '../pipeline/log-walk.ts';
import { RECEIPT_LIMITS } from '../pipeline/receipts.ts';
import type { Tombstones } from '../pipeline/tombstones.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { StoredDigest, StoredDocument } from '../ports/store.ts';
import { comparison, type Part, recentIds } from './comparison.ts';
import {
  type ComparedBy,
  copiesIn,
  DIGEST_LIMITS,
  type Difference,
  digestIn,
  digestReader,
  type Range,
} from './digests.ts';
import type { ReplicaNotes } from './notes.ts';
import {
  inParts,
  PEER_LIMITS,
  type PeerAddress,
  type PeerAnswer,
  type PeerClient,
  PeerRefusal,
  sizeOnWire,
  toWire,
} from './peer-client.ts';
import { isOwnEvent, RECEIVE_LIMITS, type Received } from './receive.ts';

export const PUSH_LIMITS = {
  /** Subjects whose documents are read at once: of as many, one request compares them where they have few. */
  subjects: DIGEST_LIMITS.ranges,
  /** Documents of all of them that are read at once to be sent: a request takes as much time for a hundred as for a thousand. */
  pageDocuments: 1000,
  /** Digests of all of them that are read at once: as many as one request compares, so that little is read that is not worked on. */
  pageDigests: DIGEST_LIMITS.together,
  /** Events of a range that are only compared: a page of the store. One that differs is compared by its entries. */
  comparedEvents: 1000,
  /** The same where a range that differs is sent as a whole. */
  sentEvents: 100,
} as const;

export interface PushCommand {
  readonly tenant: string;
  /** The newest assignment, as it was signed and as it was read. */
  readonly signed: string;
  readonly assignment: Assignment;
  readonly restart: boolean;
  /** Only compares, and sends no events. */
  readonly verify: boolean;
  /** Compares the events themselves, and not what they were stored with: finds also what was changed in a store itself. */
  readonly contents: boolean;
  /** What differs counts at once: for an estimate, as a second look takes its time. */
  readonly once: boolean;
  /** Says as well which home-only effects have happened here: before the other cell goes on without this one. */
  readonly receipts: boolean;
  /** The step ends once it has worked on so many documents of the log. */
  readonly budget?: number;
  /** The context of the request that asked for it. */
  readonly traceparent: string;
}

/** Events that may be sent. */
interface SentPart extends Part {
  readonly documents: readonly LogDocument[];
}

export interface PushProgress extends Received, Difference {
  readonly subjects: number;
  /** Documents of the log that are no events, and were left out. */
  readonly skipped: number;
  /** Bytes of the requests' bodies, compressed. */
  readonly bytes: number;
  /** Documents that this step has worked on. */
  readonly documents: number;
  /** Those of them that this step has sent. */
  readonly sent: number;
  readonly done: boolean;
  readonly waiting?: string;
  /** See `WalkProgress`. */
  readonly isOther?: true;
}

export interface PushDeps extends LogWalkDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly peer: PeerClient;
  readonly notes: Pick<ReplicaNotes, 'begun' | 'ended'>;
  readonly tombstones: Pick<Tombstones, 'of'>;
  /** Consumers of home-only effects that are claimed. */
  readonly claiming: () => readonly (Required<Pick<Consumer, 'name' | 'claimed'>> & {
    readonly types: readonly string[];
  })[];
}

const COUNTS = [
  ...['stored', 'same', 'kept', 'replaced', 'unproven', 'refused', 'erased', 'skipped', 'bytes'],
  ...['missing', 'different', 'extra'],
] as const;

type CountName = keyof Received | keyof Difference | 'skipped' | 'bytes';

/** Returns the use case, which makes one step of a walk; see `logWalk`. Rejects with `misconfigured` if this cell is none of the tenant's. */
export function push(deps: PushDeps): (command: PushCommand) => Promise<PushProgress> {
  const walkDocuments = logWalk(deps);
  const compared = comparison(deps);
  const { clock } = deps;

  const ask = (
    address: PeerAddress,
    path: 'events' | 'digests' | 'receipts',
    content: object,
    carried: readonly LogDocument[] = [],
  ): Promise<PeerAnswer> => deps.peer(address, path, content, WALK_LIMITS.pageMs, carried);

  const send = async (address: PeerAddress, documents: readonly LogDocument[]) => {
    const { found, bytes } = await ask(address, 'events', { events: documents.map(toWire) }, documents);
    return addCounts(Object.fromEntries(COUNTS.map((name) => [name, Number(found[name] ?? 0)])), { bytes });
  };

  /** Compares parts with what the other cell has. */
  const compare = async (
    address: PeerAddress,
    parts: readonly Part[],
    how: ComparedBy & { readonly once: boolean; readonly until: number },
  ): Promise<WorkDone> => {
    const { states, bytes } = await compared.states(address, parts, how);
    const looked = parts.slice(0, states.length);
    // Where the other cell has nothing, all is missing, unless it is on its way: no entries need to be read for that.
    const recent = recentIds(clock.now());
    const isMissing = (part: Part, index: number): boolean =>
      states[index] === 'empty' && (how.once || part.copies.every(({ id }) => id < recent));
    const differing = looked.filter((part, index) => states[index] !== 'equal' && !isMissing(part, index));
    const found = differing.length === 0 ? NOTHING_DIFFERS : await compared.differences(address, differing, how);
    const known = found.differences.values();
    let counts: Counts = { bytes: bytes + found.bytes };
    for (const [index, part] of looked.entries()) {
      const isKnown = states[index] === 'equal' || isMissing(part, index);
      const difference = isKnown
        ? { ...NO_DIFFERENCE, missing: states[index] === 'equal' ? 0 : part.copies.length }
        : known.next().value;
      if (difference === undefined) return { counts, worked: sizeOf(parts.slice(0, index)) };
      const same = part.copies.length - difference.missing - difference.different;
      counts = addCounts(counts, { skipped: part.skipped, same, ...difference });
    }
    return { counts, worked: sizeOf(looked) };
  };

  /** Sends the parts that the other cell has not just so. Sends nothing more after `until`, but for the first ones. */
  const complete = async (
    address: PeerAddress,
    parts: readonly SentPart[],
    { until, sends }: { readonly until: number; readonly sends: (documents: number) => void },
  ): Promise<WorkDone> => {
    const { states, bytes } = await compared.states(address, parts, { contents: false, until });
    const looked = parts.slice(0, states.length);
    let counts: Counts = { bytes };
    let unsent: readonly LogDocument[] = [];
    let unsentBytes = 0;
    const sendThese = async () => {
      for (const some of inParts(unsent)) {
        counts = addCounts(counts, await send(address, some));
        sends(some.length);
      }
      unsent = [];
      unsentBytes = 0;
    };
    for (const [index, part] of looked.entries()) {
      const isEqual = states[index] === 'equal';
      // What was changed in the store itself may be no event any more, and the other cell would refuse the whole request.
      const more = isEqual ? [] : part.documents.filter((document) => isOwnEvent(address.tenant, document));
      const changed = isEqual ? 0 : part.documents.length - more.length;
      const isFull = unsent.length + more.length > RECEIVE_LIMITS.events || unsentBytes >= PEER_LIMITS.bytes;
      if (isFull) await sendThese();
      if (unsent.length === 0 && index > 0 && clock.now() >= until)
        return { counts, worked: sizeOf(parts.slice(0, index)) };
      unsent = [...unsent, ...more];
      unsentBytes += more.reduce((total, document) => total + sizeOnWire(document), 0);
      counts = addCounts(counts, {
        skipped: part.skipped + changed,
        ...(isEqual && { same: part.copies.length }),
      });
    }
    await sendThese();
    return { counts, worked: sizeOf(looked) };
  };

  /** Reports which effects of these events have happened here; a cell of a release without receipts needs none. */
  const tell = async (address: PeerAddress, documents: readonly LogDocument[]): Promise<number> => {
    const found = documents.map(fromStored);
    const bytes = await Promise.all(
      deps.claiming().map(async ({ name, types, claimed }) => {
        const events = found
          .filter(({ event }) => types.includes(event.type))
          .map(({ tenant, event }) => ({ subject: event.subject, id: eventKey(tenant, event).id }));
        if (events.length === 0) return 0;
        const isClaimed = await claimed(address.tenant, events);
        const happened = events.filter((_, index) => isClaimed[index] === true);
        let sent = 0;
        for (let from = 0; from < happened.length; from += RECEIPT_LIMITS.events) {
          const some = happened.slice(from, from + RECEIPT_LIMITS.events);
          sent += (await ask(address, 'receipts', { consumer: name, events: some, claimed: true })).bytes;
        }
        return sent;
      }),
    ).catch((error: unknown) => {
      if (error instanceof PeerRefusal && error.said === 'not_found') return [];
      throw error;
    });
    return bytes.reduce((total, each) => total + each, 0);
  };

  const erasedOf = (tenant: string, pages: readonly { readonly range: Range }[]) =>
    deps.tombstones.of(
      tenant,
      pages.map(({ range }) => range.subject),
    );

  /** The events of pages that are not erased. */
  const comparedParts = async (tenant: string, pages: readonly WalkPage<StoredDigest>[]): Promise<readonly Part[]> => {
    const erased = await erasedOf(tenant, pages);
    return pages
      .flatMap((page) => [...pieces(page, PUSH_LIMITS.comparedEvents)])
      .map(({ range, documents }) => ({
        ...{ range, size: documents.length },
        ...copiesIn(erased, range.subject, documents),
      }));
  };

  /** The same with their documents. */
  const sentParts = async (tenant: string, pages: readonly WalkPage[]): Promise<readonly SentPart[]> => {
    const erased = await erasedOf(tenant, pages);
    return pages
      .flatMap((page) => [...pieces(page, PUSH_LIMITS.sentEvents)])
      .map(({ range, documents }) => {
        const found = documents.map((document) => ({ id: document.id, digest: digestIn(tenant, document) }));
        const { copies, skipped } = copiesIn(erased, range.subject, found);
        const sent = new Set(copies.map(({ id }) => id));
        return {
          range,
          size: documents.length,
          copies,
          skipped,
          documents: documents.filter(({ id }) => sent.has(id)),
        };
      });
  };

  /** Notes what a walk has shown, and reports to the other cell that it has everything of before, if it has. */
  const conclude = async (address: PeerAddress, { token, startedAt, stamp }: Ended, counts: Counts) => {
    const lacking = LACKING.reduce((total, name) => total + (counts[name] ?? 0), 0);
    const { tenant, to } = address;
    await deps.notes.ended(tenant, to.id, { walk: token, startedAt, epoch: stamp, lacking });
    if (lacking > 0) return;
    try {
      await ask(address, 'digests', { ranges: [], passed: { agoMs: clock.now() - startedAt, epoch: stamp } });
    } catch (error) {
      // It hears of the next one.
      if (!isPortError(error, 'unavailable')) throw error;
    }
  };

  return async (command) => {
    const { tenant, signed, assignment, restart, verify, contents, budget, receipts } = command;
    if (cellIn(assignment, deps.cell) === undefined)
      throw new PortError('misconfigured', `${deps.cell} is no cell of ${tenant}.`);
    const to = peerOf(assignment, deps.cell);
    if (to === undefined) throw new PortError('misconfigured', `${tenant} has no other cell.`);
    const address = { to, tenant, signed, traceparent: command.traceparent };
    let sent = 0;
    const task = {
      ...{ tenant, from: '', restart, stamp: assignment.epoch, subjects: PUSH_LIMITS.subjects },
      ...(budget !== undefined && { budget }),
      started: (token: string) => deps.notes.begun(tenant, to.id, token),
    };
    const keyOf = (walk: string) => ({ partition: statePartition.pushes(tenant), id: walk + to.id });
    const compareAll = () =>
      walkOf(
        deps,
        digestReader(deps.events, tenant, contents),
      )({
        ...{ ...task, key: keyOf(contents ? 'contents!' : 'verify!'), pageDocuments: PUSH_LIMITS.pageDigests },
        work: async (pages, _attempt, until) =>
          compare(address, await comparedParts(tenant, pages), { contents, once: command.once, until }),
      });
    const sendAll = () =>
      walkDocuments({
        ...{ ...task, key: keyOf(receipts ? 'receipts!' : ''), pageDocuments: PUSH_LIMITS.pageDocuments },
        work: async (pages, _attempt, until) => {
          const parts = await sentParts(tenant, pages);
          // Before they are sent: a step that ends here comes again.
          const told = parts.flatMap((part) => part.documents);
          const bytes = receipts ? await tell(address, told) : 0;
          // Also if a later request fails: the source has had the work.
          const sends = (count: number) => {
            sent += count;
          };
          const done = await complete(address, parts, { until, sends });
          return { ...done, counts: addCounts(done.counts, { bytes }) };
        },
      });
    const progress = await (verify ? compareAll() : sendAll());
    const { subjects, counts, documents, done, waiting, isOther, ended } = progress;
    if (ended !== undefined) await conclude(address, ended, counts);
    const all = Object.fromEntries(COUNTS.map((name) => [name, counts[name] ?? 0])) as Record<CountName, number>;
    return {
      subjects,
      ...all,
      documents,
      sent,
      done,
      ...(waiting !== undefined && { waiting }),
      ...(isOther && { isOther }),
    };
  };
}

/** A page by so many documents, each time with their range. */
function* pieces<Found extends StoredDocument | StoredDigest>(
  { range, documents }: WalkPage<Found>,
  size: number,
): Generator<WalkPage<Found>> {
  let { after } = range;
  for (let from = 0; from < documents.length; from += size) {
    const some = documents.slice(from, from + size);
    const last = some.at(-1)?.id;
    const through = from + size < documents.length ? last : range.through;
    const { subject } = range;
    yield {
      range: { subject, ...(after !== undefined && { after }), ...(through !== undefined && { through }) },
      documents: some,
    };
    after = last;
  }
}

const sizeOf = (parts: readonly Part[]): number => parts.reduce((sum, { size }) => sum + size, 0);

const NO_DIFFERENCE: Difference = { missing: 0, different: 0, extra: 0 };

const NOTHING_DIFFERS = { differences: [], bytes: 0 } as const;

/** What is counted of events that the other cell has not, or has otherwise, after a walk. */
const LACKING = ['missing', 'different', 'unproven', 'refused'] as const;

/** A walk that has ended. */
interface Ended {
  readonly token: string;
  readonly startedAt: number;
  readonly stamp: number;
}
