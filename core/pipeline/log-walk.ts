// Walks the log of a tenant, some subjects at a time, in bounded steps that any process can go on with.
import { logPartition } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { utf8Length } from '../lib/text.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError, PERMANENT } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import type { JsonObject } from '../ports/json.ts';
import {
  type Key,
  type Query,
  STORE_LIMITS,
  type Store,
  type StoreCursor,
  type StoredDigest,
  type StoredDocument,
  type Version,
} from '../ports/store.ts';
import type { SubjectIndex } from './subject-index.ts';
import { type Counts, type KeptWalk, keptWalk, type Place } from './walk-kept.ts';

export type { Counts } from './walk-kept.ts';

export const WALK_LIMITS = {
  /** Documents that are read and worked on at once, of all subjects in progress together. */
  pageDocuments: 100,
  /**
   * Subjects whose pages are read at the same time. No further ones are read once there are `STORE_LIMITS.pageBytes`, so a walk holds less than
   * one page and so many ones more.
   */
  concurrentReads: 4,
  /** A step begins no page after this time, in milliseconds. */
  stepMs: 3000,
  /** Time for a page, in milliseconds; a function has 15 s for all. */
  pageMs: 8000,
  /** So long after its beginning a step that has not ended is taken for one that was killed, in milliseconds: no platform lets one live as long. */
  abandonedMs: 30_000,
} as const;

/** What a walk reads: documents, or their digests alone. */
type Read = StoredDocument | StoredDigest;

/** Some documents of one subject, which are all that its log has in the range; at least one. */
export interface WalkPage<Found extends Read = StoredDocument> {
  readonly range: WalkRange;
  readonly documents: readonly Found[];
}

/** Reads a page of the log; see `Store.query` and `Store.digests`. */
export type ReadPage<Found extends Read> = (
  partition: string,
  query: Query,
) => Promise<{ readonly items: readonly Found[]; readonly next?: StoreCursor }>;

/** What became of some pages. */
export interface WorkDone {
  readonly counts: Counts;
  /** How many documents were worked on, at least one, in the order of the pages; all of them without it. The others come again. */
  readonly worked?: number;
}

export interface WalkProgress {
  /** Subjects that are done. */
  readonly subjects: number;
  readonly counts: Counts;
  readonly done: boolean;
  /** Documents that this step has worked on. */
  readonly documents: number;
  /** Why the step ended early: it is to be repeated a little later. */
  readonly waiting?: string;
  /** Nothing was begun or gone on with: what is counted is another step's, and a restart that was asked for has not happened. */
  readonly isOther?: true;
  /** Of a walk that has ended with this step; absent if a step of an earlier release began it. */
  readonly ended?: {
    readonly token: string;
    /** When it began, before it read anything. */
    readonly startedAt: number;
    readonly stamp: number;
  };
}

/** Documents of one subject: behind `after`, up to and with `through`; from the first, or to the last one, without them. */
export interface WalkRange {
  readonly subject: string;
  readonly after?: string;
  readonly through?: string;
}

export interface WalkTask<Found extends Read = StoredDocument> {
  /** The document in the state that the progress is kept in. */
  readonly key: Key;
  readonly tenant: string;
  /** The beginning of the ids of events to begin with; all of them with an empty text. */
  readonly from: string;
  /** Begins again, even if a walk is under way. */
  readonly restart: boolean;
  /** A number that is kept with a walk from its beginning. */
  readonly stamp?: number;
  /** Called once a walk has begun and before it reads anything; not again if the process ends meanwhile. */
  started?(token: string): Promise<void>;
  /** Called before the first page of a subject, at least once. `token` is one for the whole walk. */
  begin?(subject: string, token: string): Promise<void>;
  /**
   * Works on pages of some subjects, at least once, and on those of one subject in their order. `attempt` is above 1 if an earlier step may have ended with its process.
   * A port error that may go away ends the step, and the same documents come again. It begins nothing that can wait after `until`.
   */
  work(pages: readonly WalkPage<Found>[], attempt: number, until: number): Promise<WorkDone>;
  /** Pages of as many subjects are worked on at once; one without it. */
  readonly subjects?: number;
  /** Documents that are worked on at once; `WALK_LIMITS.pageDocuments` without it. */
  readonly pageDocuments?: number;
  /** The step ends once it has worked on so many documents; without it, when its time is over. */
  readonly budget?: number;
}

export interface LogWalkDeps {
  /** The event log. */
  readonly events: Store;
  readonly state: Store;
  readonly subjects: Pick<SubjectIndex, 'subjects' | 'complete'>;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** What a step may still do, and has done. */
interface Step {
  readonly until: number;
  left: number;
  documents: number;
}

/** What was read of a subject. */
interface LookedAt<Found extends Read> {
  readonly place: Place;
  readonly documents: readonly Found[];
  readonly next: StoreCursor | undefined;
}

/** Comes behind an id and before every longer one: ids have no spaces. */
const BEHIND = ' ';

/**
 * Returns a function that makes one step of a walk. A walk that is not done goes on, unless it began elsewhere; of steps at the same time
 * one works. Rejects with the store's error if the step cannot be begun, and with what `work` cannot do at all.
 */
export function logWalk(deps: LogWalkDeps): (task: WalkTask) => Promise<WalkProgress> {
  return walkOf(deps, (partition, query) => deps.events.query(partition, query));
}

/** The same where pages are read in another way, or from elsewhere. */
export function walkOf<Found extends Read>(
  deps: Omit<LogWalkDeps, 'events'>,
  read: ReadPage<Found>,
): (task: WalkTask<Found>) => Promise<WalkProgress> {
  const { state, subjects, clock } = deps;
  type Task = WalkTask<Found>;
  type Looked = LookedAt<Found>;

  /** The walk with this step begun; without a version if another step is under way. */
  const opened = async ({
    key,
    from,
    restart,
    stamp = 0,
  }: Task): Promise<{ readonly walk: KeptWalk; readonly version?: Version; readonly isNew?: boolean }> => {
    const stored = await state.get(key);
    const known = keptWalk(stored?.body);
    const isBusy = known !== undefined && known.open > 0 && clock.now() < known.openedAt + WALK_LIMITS.abandonedMs;
    if (isBusy) return { walk: known };
    const goesOn = known !== undefined && !known.done && known.begins === from && !restart;
    const walk: KeptWalk = goesOn
      ? known
      : {
          ...{ begins: from, token: deps.ids.next(), startedAt: clock.now(), stamp },
          ...{ index: '', places: [], open: 0, openedAt: 0, subjects: 0, counts: {}, done: false },
        };
    const open = { ...walk, open: walk.open + 1, openedAt: clock.now() };
    try {
      const version = await state.put({ ...key, body: open as JsonObject }, stored?.version ?? 'absent');
      return { walk: open, version, isNew: !goesOn };
    } catch (error) {
      if (!isPortError(error, 'conflict')) throw error;
      return { walk };
    }
  };

  /** Takes subjects from the index, as many as there is room for. */
  const withSubjects = async (walk: KeptWalk, tenant: string, room: number): Promise<KeptWalk> => {
    const { items, next = null } = await subjects.subjects(tenant, {
      limit: room,
      ...(walk.index !== null && walk.index !== '' && { cursor: walk.index as StoreCursor }),
    });
    return { ...walk, index: next, places: [...walk.places, ...items.map((subject) => ({ subject }))] };
  };

  const begun = async (walk: KeptWalk, begin: NonNullable<Task['begin']>): Promise<KeptWalk> => {
    for (const { subject, begun: isBegun } of walk.places) if (!isBegun) await begin(subject, walk.token);
    return { ...walk, places: walk.places.map((place) => ({ ...place, begun: true })) };
  };

  const pageAt = async (tenant: string, begins: string, place: Place, limit: number): Promise<Looked> => {
    const from = place.behind === undefined ? begins : place.behind + BEHIND;
    const { items, next } = await read(logPartition(tenant, place.subject), {
      limit,
      ...(from !== '' && { from }),
      ...(place.at !== undefined && { cursor: place.at as StoreCursor }),
    });
    return { place, documents: items, next };
  };

  /**
   * The next pages of subjects in progress, in their order: of as many as together have what one page may have. So pages of large subjects are read
   * some at a time, which spreads them over the store's partitions, and those of many small ones together.
   */
  const pagesOf = async ({ places, begins }: KeptWalk, task: Task, step: Step): Promise<readonly Looked[]> => {
    const found: Looked[] = [];
    let left = Math.min(task.pageDocuments ?? WALK_LIMITS.pageDocuments, step.left);
    let bytes = 0;
    do {
      const some = places.slice(found.length, found.length + Math.min(WALK_LIMITS.concurrentReads, left));
      const limit = Math.min(Math.floor(left / some.length), STORE_LIMITS.pageDocuments);
      found.push(...(await mapConcurrently(some, some.length, (place) => pageAt(task.tenant, begins, place, limit))));
      const documents = found.slice(-some.length).flatMap((page) => page.documents);
      left -= documents.length;
      if (found.length < places.length) bytes += sizeOf(documents);
    } while (found.length < places.length && left > 0 && bytes < STORE_LIMITS.pageBytes && clock.now() < step.until);
    return found;
  };

  /** Works on the next pages. */
  const round = async (walk: KeptWalk, task: Task, step: Step): Promise<KeptWalk> => {
    const found = await pagesOf(walk, task, step);
    const pages = found.filter(({ documents }) => documents.length > 0).map(pageOf);
    const isEmpty = pages.length === 0;
    const done: WorkDone = isEmpty ? { counts: {} } : await task.work(pages, walk.open, step.until);
    let left = done.worked ?? found.reduce((total, { documents }) => total + documents.length, 0);
    step.left -= left;
    step.documents += left;
    const moved = found.map((page) => {
      const count = Math.min(left, page.documents.length);
      left -= count;
      return placeBehind(page, count);
    });
    const ended = moved.filter((place) => place === undefined).length;
    return {
      ...walk,
      counts: addCounts(walk.counts, done.counts),
      open: isEmpty ? walk.open : 1,
      places: [...moved.filter((place) => place !== undefined), ...walk.places.slice(found.length)],
      subjects: walk.subjects + ended,
    };
  };

  const advanced = (walk: KeptWalk, task: Task, step: Step): KeptWalk | Promise<KeptWalk> => {
    const room = (task.subjects ?? 1) - walk.places.length;
    if (walk.index !== null && room > 0) return withSubjects(walk, task.tenant, room);
    if (walk.places.length === 0) return { ...walk, done: true };
    if (task.begin !== undefined && walk.places.some(({ begun: isBegun }) => !isBegun)) return begun(walk, task.begin);
    return round(walk, task, step);
  };

  return async (task) => {
    // Subjects that an earlier release has stored are not listed before.
    if (!(await subjects.complete()).done)
      return {
        subjects: 0,
        counts: {},
        documents: 0,
        done: false,
        isOther: true,
        waiting: 'the index of subjects is not complete yet',
      };
    const { walk: first, version: openedVersion, isNew = false } = await opened(task);
    if (openedVersion === undefined)
      return { ...progressOf(first), documents: 0, done: false, isOther: true, waiting: 'another step is under way' };
    let walk = first;
    let version = openedVersion;
    const step: Step = {
      ...{ until: clock.now() + WALK_LIMITS.stepMs, left: task.budget ?? Number.POSITIVE_INFINITY },
      documents: 0,
    };
    let waiting: string | undefined;
    try {
      if (isNew) await task.started?.(first.token);
      while (!walk.done && clock.now() < step.until && step.left > 0) {
        const before = step.documents;
        walk = await advanced(walk, task, step);
        // So that a process that ends repeats no more than what it has worked on last, and only that counts as what may have ended it.
        if (step.documents > before) version = await state.put({ ...task.key, body: walk as JsonObject }, version);
      }
    } catch (error) {
      if (!isPortError(error) || PERMANENT[error.code]) throw error;
      const { code, message } = describeError(error);
      waiting = `${code}: ${message}`;
    }
    // This step has not ended its process. Steps before may have, until the pages that come next were worked on.
    const ended = { ...walk, open: walk.open - 1, openedAt: 0 };
    await state.put({ ...task.key, body: ended as JsonObject }, version);
    const { done, token, startedAt, stamp = 0 } = walk;
    return {
      ...progressOf(walk),
      documents: step.documents,
      ...(waiting !== undefined && { waiting }),
      ...(done && startedAt !== undefined && { ended: { token, startedAt, stamp } }),
    };
  };
}

const progressOf = ({ subjects, counts, done }: KeptWalk) => ({ subjects, counts, done });

const pageOf = <Found extends Read>({
  place: { subject, last },
  documents,
  next,
}: LookedAt<Found>): WalkPage<Found> => {
  const through = next === undefined ? undefined : documents.at(-1)?.id;
  return {
    range: { subject, ...(last !== undefined && { after: last }), ...(through !== undefined && { through }) },
    documents,
  };
};

/** The place behind so many documents of a page; `undefined` behind the last one of the subject. */
function placeBehind({ place, documents, next }: LookedAt<Read>, count: number): Place | undefined {
  const last = documents[count - 1]?.id ?? place.last;
  const { at: _, ...rest } = place;
  if (count === documents.length)
    return next === undefined ? undefined : { ...place, at: next, ...(last !== undefined && { last }) };
  return count === 0 || last === undefined ? place : { ...rest, last, behind: last };
}

/** Digests are so small that their number bounds them. */
const sizeOf = (documents: readonly Read[]): number =>
  documents.reduce((bytes, each) => bytes + ('body' in each ? utf8Length(JSON.stringify(each.body)) : 0), 0);

/** What two pieces of work have counted together. */
export const addCounts = (counts: Counts, more: Counts): Counts =>
  Object.fromEntries(
    [...new Set([...Object.keys(counts), ...Object.keys(more)])].map((name) => [
      name,
      (counts[name] ?? 0) + (more[name] ?? 0),
    ]),
  );
