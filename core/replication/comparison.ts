// Compares parts of this cell's log with what the tenant's other cell has of them: by digests, and by entries where these differ.
import { logPartition } from '../events/cloud-event.ts';
import { formatTime } from '../events/time.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { WALK_LIMITS } from '../pipeline/log-walk.ts';
import { type Clock, epochMs } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';
import {
  type ComparedBy,
  type ComparedCopy,
  DIGEST_LIMITS,
  type Difference,
  type Entry,
  entriesOf,
  entryOf,
  type Range,
  type RangeState,
  sumOf,
} from './digests.ts';
import type { PeerAddress, PeerClient } from './peer-client.ts';

export const COMPARISON_LIMITS = {
  /** What differs in a comparison is looked at once more after this time, in milliseconds: events may be on their way. */
  secondLookMs: 1000,
  /** Only where one of them is no older than this, in milliseconds: of those that are, none is on its way as a rule, and a pause takes its time. */
  recentMs: 60_000,
  concurrentReads: 16,
} as const;

/** Some events of one subject, which are all that this cell's log has in the range; at most `DIGEST_LIMITS.events`. */
export interface Part {
  readonly range: Range;
  /** Documents of the log that it was made of. */
  readonly size: number;
  readonly copies: readonly ComparedCopy[];
  /** Documents that are no events, and were left out. */
  readonly skipped: number;
}

/** How the other cell's events of a range differ, and which of this cell's it lacks or has otherwise, if it says so. */
interface Found {
  readonly difference: Difference;
  readonly lacking?: readonly string[];
}

export interface ComparisonDeps {
  /** The event log. */
  readonly events: Store;
  readonly peer: PeerClient;
  readonly clock: Clock;
}

/** All methods reject with the store's error, and with that of the client. Each says how many bytes it has sent. */
export interface Comparison {
  /** How the other cell's events are to these parts: of those that the first request is answered for, and of as many more in their order as there is time for until `until`. */
  states(
    address: PeerAddress,
    parts: readonly Part[],
    how: ComparedBy & { readonly until: number },
  ): Promise<{ readonly states: readonly RangeState[]; readonly bytes: number }>;
  /**
   * How the other cell differs in these parts: in the first one, and in as many more in their order as there is time for until `until`. What is missing counts if it is there again when its identities are read once more, as events may have been on
   * their way; with `once`, it counts at once.
   */
  differences(
    address: PeerAddress,
    parts: readonly Part[],
    how: ComparedBy & { readonly once: boolean; readonly until: number },
  ): Promise<{ readonly differences: readonly Difference[]; readonly bytes: number }>;
}

/** Before the ids of events that may be on their way: ids begin with the event's time. */
export const recentIds = (now: number): string => formatTime(epochMs(now - COMPARISON_LIMITS.recentMs));

/** What is asked about a range: how many entries it has at most, and how they are had. */
interface Question {
  readonly range: Range;
  readonly size: number;
  readonly entries: () => Promise<readonly Entry[]>;
}

/** The first ones, as many as fit into a request: so many events together, but for a single one. */
function inOneRequest<Each>(all: readonly Each[], sizeOf: (each: Each) => number, most: number): readonly Each[] {
  let size = 0;
  const some = all.slice(0, DIGEST_LIMITS.ranges);
  const end = some.findIndex((each, index) => {
    size += sizeOf(each);
    return index > 0 && size > most;
  });
  return end < 0 ? some : some.slice(0, end);
}

export function comparison({ events, peer, clock }: ComparisonDeps): Comparison {
  const ask = (address: PeerAddress, content: JsonObject, { contents }: ComparedBy) =>
    peer(address, 'digests', { ...content, ...(contents && { contents }) }, WALK_LIMITS.pageMs);

  /** A cell of an earlier release answers for the first one alone, and one of this release for as many as it reads at once. */
  const look = async (
    address: PeerAddress,
    questions: readonly Question[],
    how: ComparedBy & { readonly until: number },
  ): Promise<{ readonly found: readonly Found[]; readonly bytes: number }> => {
    const found: Found[] = [];
    let bytes = 0;
    do {
      const lists: JsonObject[] = [];
      const some = inOneRequest(questions.slice(found.length), ({ size }) => size, DIGEST_LIMITS.events);
      for (const { range, entries } of some) {
        if (lists.length > 0 && clock.now() >= how.until) break;
        lists.push({ ...range, entries: (await entries()) as unknown as Json });
      }
      const [list = null, ...further] = lists;
      const answer = await ask(address, { ranges: [], list, further }, how);
      bytes += answer.bytes;
      const more = Array.isArray(answer.found.further) ? answer.found.further : [];
      found.push(...[answer.found, ...more.slice(0, further.length)].map((each) => foundIn(each, address)));
    } while (found.length < questions.length && clock.now() < how.until);
    return { found, bytes };
  };

  return {
    async states(address, parts, how) {
      const states: RangeState[] = [];
      let bytes = 0;
      while (states.length < parts.length) {
        if (states.length > 0 && clock.now() >= how.until) break;
        const some = inOneRequest(parts.slice(states.length), ({ copies }) => copies.length, DIGEST_LIMITS.together);
        const ranges = some.map(({ copies, range }) => ({ ...range, ...sumOf(copies.map(({ digest }) => digest)) }));
        const answer = await ask(address, { ranges }, how);
        const { equal, empty } = answer.found;
        const said = Array.isArray(equal) ? equal.slice(0, some.length) : [];
        const stateAt = (index: number): RangeState => {
          if (said[index] === true) return 'equal';
          return Array.isArray(empty) && empty[index] === true ? 'empty' : 'other';
        };
        // An answer for none of them would be asked for again and again.
        states.push(...(said.length === 0 ? some : said).map((_, index) => stateAt(index)));
        bytes += answer.bytes;
      }
      return { states, bytes };
    },

    async differences(address, parts, how) {
      const questionOf = ({ range, copies }: Part): Question => ({
        range,
        size: copies.length,
        entries: () => entriesOf(events, address.tenant, range, new Set(copies.map(({ id }) => id))),
      });
      const first = await look(address, parts.map(questionOf), how);
      // A cell of an earlier release does not say which ones they are.
      const recent = recentIds(clock.now());
      const isRecent = ({ lacking = [] }: Found): boolean => !how.once && lacking.some((id) => id >= recent);
      const differences = first.found.map(({ difference }) => difference);
      const again = [...first.found.entries()].filter(([, found]) => isRecent(found));
      if (again.length === 0) return { differences, bytes: first.bytes };
      await clock.sleep(COMPARISON_LIMITS.secondLookMs);
      const readAgain = async ({ range }: Part, lacking: readonly string[]): Promise<readonly Entry[]> => {
        const partition = logPartition(address.tenant, range.subject);
        const entries = await mapConcurrently(lacking, COMPARISON_LIMITS.concurrentReads, async (id) => {
          const document = await events.get({ partition, id });
          return document && entryOf(document);
        });
        return entries.filter((entry) => entry !== undefined);
      };
      const questions = again.map(([index, { lacking = [] }]): Question => {
        const part = parts[index] as Part;
        return { range: part.range, size: lacking.length, entries: () => readAgain(part, lacking) };
      });
      const second = await look(address, questions, how);
      // Those that there was no time to look at again are not known.
      const [unknown = differences.length] = again[second.found.length] ?? [];
      for (const [at, { difference }] of second.found.entries()) {
        const [index, { difference: before }] = again[at] as (typeof again)[number];
        differences[index] = { ...before, missing: difference.missing, different: difference.different };
      }
      return { differences: differences.slice(0, unknown), bytes: first.bytes + second.bytes };
    },
  };
}

function foundIn(answer: Json, { to }: PeerAddress): Found {
  const { difference, lacking } = isJsonObject(answer) ? answer : {};
  // An answer that was not read as a whole must not count as one that lacks nothing.
  if (difference === undefined || !isJsonObject(difference))
    throw new PortError('unavailable', `${to.id} does not say how a range differs.`);
  const { missing, different, extra } = difference;
  return {
    difference: { missing: Number(missing ?? 0), different: Number(different ?? 0), extra: Number(extra ?? 0) },
    ...(Array.isArray(lacking) && { lacking: lacking.map(String) }),
  };
}
