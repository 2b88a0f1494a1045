// Pushes a tenant's log to the other one of its cells, or only compares them, in bounded steps: for seeding, repair and verification.
import { type Assignment, cellIn, peerOf } from '../cell/assignment.ts';
import { statePartition } from '../cell/identity.ts';
import { eventKey, fromStored, type LogDocument, logPartition } from '../events/cloud-event.ts';
import { formatTime } from '../events/time.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { Consumer } from '../pipeline/consumer.ts';
import {
  type Counts,
  type LogWalkDeps,
  logWalk,
  type PageDone,
  WALK_LIMITS,
  type WalkRange,
} from '../pipeline/log-walk.ts';
import { RECEIPT_LIMITS } from '../pipeline/receipts.ts';
import type { Tombstones } from '../pipeline/tombstones.ts';
import { epochMs } from '../ports/clock.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import { isJsonObject } from '../ports/json.ts';
import { type Difference, digestOf, type Entry, entryOf, type Range } from './digests.ts';
import type { ReplicaNotes } from './notes.ts';
import { inParts, type PeerAddress, type PeerAnswer, type PeerClient, PeerRefusal, toWire } from './peer-client.ts';
import { isOwnEvent, RECEIVE_LIMITS, type Received } from './receive.ts';

export const PUSH_LIMITS = {
  /** What differs in a comparison is looked at once more after this time, in milliseconds: events may be on their way. */
  secondLookMs: 1000,
  /** Only where one of them is no older than this, in milliseconds: of those that are, none is on its way as a rule, and a pause takes its time. */
  recentMs: 60_000,
  concurrentReads: 16,
  /** Documents that are read at once: a request takes as much time for a hundred as for a thousand. */
  pageDocuments: 1000,
  /** Events of a range whose digests are compared; one that differs is compared by its entries. */
  comparedEvents: 500,
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
  /** What differs counts at once: for an estimate, as a second look takes its time. */
  readonly once: boolean;
  /** Says as well which home-only effects have happened here: before the other cell goes on without this one. */
  readonly receipts: boolean;
  /** The step ends once it has worked on so many documents of the log. */
  readonly budget?: number;
  /** The context of the request that asked for it. */
  readonly traceparent: string;
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
  const walk = logWalk(deps);
  const { clock, events } = deps;

  const ask = (
    address: PeerAddress,
    path: 'events' | 'digests' | 'receipts',
    content: object,
    carried: readonly LogDocument[] = [],
  ): Promise<PeerAnswer> => deps.peer(address, path, content, WALK_LIMITS.pageMs, carried);

  const send = async (address: PeerAddress, documents: readonly LogDocument[]) => {
    const { found, bytes } = await ask(address, 'events', { events: documents.map(toWire) }, documents);
    return add(Object.fromEntries(COUNTS.map((name) => [name, Number(found[name] ?? 0)])), {
      bytes,
      sent: documents.length,
    });
  };

  /** How the other cell's events of a range differ, and which of these entries it lacks or has otherwise. */
  const differing = async (address: PeerAddress, range: Range, entries: readonly Entry[]) => {
    const { found, bytes } = await ask(address, 'digests', { ranges: [], list: { ...range, entries } });
    // An answer that was not read as a whole must not count as one that lacks nothing.
    if (!isJsonObject(found.difference))
      throw new PortError('unavailable', `${address.to.id} does not say how a range differs.`);
    const { missing, different, extra } = found.difference;
    const difference = { missing: Number(missing ?? 0), different: Number(different ?? 0), extra: Number(extra ?? 0) };
    return { difference, bytes, lacking: Array.isArray(found.lacking) ? found.lacking.map(String) : undefined };
  };

  /** A difference counts if it is there again when its identities are read once more: events may have been on their way. */
  const settled = async (address: PeerAddress, { entries, range }: Part, once: boolean) => {
    const first = await differing(address, range, entries);
    // A cell of an earlier release does not say which ones they are. Ids begin with the event's time.
    const recent = formatTime(epochMs(clock.now() - PUSH_LIMITS.recentMs));
    if (once || first.lacking === undefined || !first.lacking.some((id) => id >= recent)) return first;
    await clock.sleep(PUSH_LIMITS.secondLookMs);
    const partition = logPartition(address.tenant, range.subject);
    const again = await mapConcurrently(first.lacking, PUSH_LIMITS.concurrentReads, (id) =>
      events.get({ partition, id }),
    );
    const second = await differing(address, range, again.filter((document) => document !== undefined).map(entryOf));
    const { missing, different } = second.difference;
    return { difference: { ...first.difference, missing, different }, bytes: first.bytes + second.bytes };
  };

  /** Which parts of a page the other cell has just so, by their digests. */
  const equalParts = async (address: PeerAddress, parts: readonly Part[]) => {
    const ranges = parts.map(({ entries, range }) => ({ ...range, ...digestOf(entries) }));
    const { found, bytes } = await ask(address, 'digests', { ranges });
    return { equal: parts.map((_, index) => Array.isArray(found.equal) && found.equal[index] === true), bytes };
  };

  /** Works on a page, part by part: what is not equal is compared by its entries, or sent. Sends nothing more after `until`, but for the first part. */
  const pass = async (
    address: PeerAddress,
    parts: readonly Part[],
    { verify, once }: Pick<PushCommand, 'verify' | 'once'>,
    until: number,
  ): Promise<PageDone> => {
    const { equal, bytes } = await equalParts(address, parts);
    let counts: Counts = { bytes };
    let unsent: readonly LogDocument[] = [];
    for (const [index, part] of parts.entries()) {
      if (unsent.length === 0 && index > 0 && clock.now() >= until)
        return { counts, through: parts[index - 1]?.last ?? '' };
      counts = add(counts, { skipped: part.skipped });
      if (equal[index]) counts = add(counts, { same: part.entries.length });
      else if (verify) {
        const { difference, bytes: more } = await settled(address, part, once);
        const same = part.entries.length - difference.missing - difference.different;
        counts = add(counts, { same, ...difference, bytes: more });
      } else unsent = [...unsent, ...part.documents];
      const isFull = unsent.length + PUSH_LIMITS.sentEvents > RECEIVE_LIMITS.events;
      if (unsent.length === 0 || (!isFull && equal[index + 1] === false)) continue;
      for (const some of inParts(unsent)) counts = add(counts, await send(address, some));
      unsent = [];
    }
    return { counts };
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
    const { tenant, signed, assignment, restart, verify, budget, receipts } = command;
    if (cellIn(assignment, deps.cell) === undefined)
      throw new PortError('misconfigured', `${deps.cell} is no cell of ${tenant}.`);
    const to = peerOf(assignment, deps.cell);
    if (to === undefined) throw new PortError('misconfigured', `${tenant} has no other cell.`);
    const address = { to, tenant, signed, traceparent: command.traceparent };
    let sent = 0;
    const progress = await walk({
      key: { partition: statePartition.pushes(tenant), id: (verify ? 'verify!' : receipts ? 'receipts!' : '') + to.id },
      tenant,
      from: '',
      restart,
      stamp: assignment.epoch,
      pageDocuments: PUSH_LIMITS.pageDocuments,
      ...(budget !== undefined && { budget }),
      started: (token) => deps.notes.begun(tenant, to.id, token),
      page: async (documents, _attempt, range, until) => {
        const erased = await deps.tombstones.of(tenant, [range.subject]);
        const isThere = (document: LogDocument) => !erased.covers(range.subject, document.id);
        const parts = partsOf(documents, range, verify ? PUSH_LIMITS.comparedEvents : PUSH_LIMITS.sentEvents).map(
          ({ documents: all, ...part }): Part => {
            const there = all.filter(isThere);
            const own = there.filter((document) => isOwnEvent(tenant, document));
            return { ...part, documents: own, entries: own.map(entryOf), skipped: there.length - own.length };
          },
        );
        // Before they are sent: a step that ends here comes again.
        const told =
          receipts && !verify
            ? await tell(
                address,
                parts.flatMap(({ documents: own }) => own),
              )
            : 0;
        const done = await pass(address, parts, command, until);
        sent += done.counts.sent ?? 0;
        return { ...done, counts: add(done.counts, { bytes: told }) };
      },
    });
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

/** Some of a page's events, which are all that this cell's log has in the range. */
interface Part {
  readonly range: Range;
  /** The id of the last document. */
  readonly last: string;
  readonly documents: readonly LogDocument[];
  readonly entries: readonly Entry[];
  readonly skipped: number;
}

/** A page's documents by so many, each part with its range. */
function partsOf(documents: readonly LogDocument[], range: WalkRange, size: number) {
  const parts: Pick<Part, 'range' | 'last' | 'documents'>[] = [];
  let { after } = range;
  for (let from = 0; from < documents.length; from += size) {
    const some = documents.slice(from, from + size);
    const last = some.at(-1)?.id ?? '';
    const through = from + size < documents.length ? last : range.through;
    const { subject } = range;
    parts.push({
      range: { subject, ...(after !== undefined && { after }), ...(through !== undefined && { through }) },
      ...{ last, documents: some },
    });
    after = last;
  }
  return parts;
}

/** What is counted of events that the other cell has not, or has otherwise, after a walk. */
const LACKING = ['missing', 'different', 'unproven', 'refused'] as const;

/** A walk that has ended. */
interface Ended {
  readonly token: string;
  readonly startedAt: number;
  readonly stamp: number;
}

const add = (some: Counts, more: Counts): Counts =>
  Object.fromEntries(COUNTS.map((name) => [name, (some[name] ?? 0) + (more[name] ?? 0)]));
