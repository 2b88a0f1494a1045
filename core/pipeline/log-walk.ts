// Walks the log of a tenant, subject by subject, in bounded steps that any process can go on with.
import { logPartition } from '../events/cloud-event.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError, PERMANENT } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import { isJsonObject, type JsonObject } from '../ports/json.ts';
import type { Key, Store, StoreCursor, StoredDocument, Version } from '../ports/store.ts';
import type { SubjectIndex } from './subject-index.ts';

export const WALK_LIMITS = {
  /** Documents that are read and worked on at once. */
  pageDocuments: 100,
  /** A step begins no page after this time, in milliseconds. */
  stepMs: 3000,
  /** Time for a page, in milliseconds; a function has 15 s for all. */
  pageMs: 8000,
  /** So long after its beginning a step that has not ended is taken for one that was killed, in milliseconds: no platform lets one live as long. */
  abandonedMs: 30_000,
} as const;

/** What was counted: of pages, by the name of what they count. */
export type Counts = Readonly<Record<string, number>>;

/** What became of a page. */
export interface PageDone {
  readonly counts: Counts;
  /** The last document that was worked on; all of them without it. The others come again. */
  readonly through?: string;
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

export interface WalkTask {
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
   * Works on some documents of one subject, which are all that its log has in the range, at least once. `attempt` is above 1 if an earlier step may have ended with its process. A
   * port error that may go away ends the step, and the same documents come again. It begins nothing that can wait after `until`.
   */
  page(documents: readonly StoredDocument[], attempt: number, range: WalkRange, until: number): Promise<PageDone>;
  /** Documents of a page; `WALK_LIMITS.pageDocuments` without it. */
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

/** A walk as it is kept between steps. */
interface Walk {
  readonly [member: string]: string | number | boolean | null | undefined | Counts;
  readonly from: string;
  readonly token: string;
  /** Absent in walks of earlier releases. */
  readonly startedAt?: number;
  readonly stamp?: number;
  /** Behind the subject in progress, in the index of subjects. `null` behind the last one. */
  readonly index: string | null;
  readonly subject: string | null;
  /** Whether the subject in progress was begun. */
  readonly begun: boolean;
  /** Behind the last page of the subject in progress. */
  readonly at: string | null;
  /** The last document of the subject in progress that was worked on. */
  readonly last: string | null;
  /** The one behind which the pages in progress begin, if a page before was not worked on to its end; absent in walks of earlier releases. */
  readonly behind?: string | null;
  /** Steps since the last one that has ended: with one, a process may have ended because of an event. */
  readonly open: number;
  readonly openedAt: number;
  readonly subjects: number;
  readonly counts: Counts;
  readonly done: boolean;
}

/** What a step may still do, and has done. */
interface Step {
  readonly until: number;
  left: number;
  documents: number;
}

/** A subject of which nothing was worked on. */
const UNBEGUN = { begun: false, at: null, last: null, behind: null } as const;

/** The index is walked from its beginning. */
const BEGINNING = '';

/** Comes behind an id and before every longer one: ids have no spaces. */
const BEHIND = ' ';

/**
 * Returns a function that makes one step of a walk. A walk that is not done goes on, unless it began elsewhere; of steps at the same time
 * one works. Rejects with the store's error if the step cannot be begun, and with what `page` cannot do at all.
 */
export function logWalk(deps: LogWalkDeps): (task: WalkTask) => Promise<WalkProgress> {
  const { events, state, subjects, clock } = deps;

  /** The walk with this step begun; without a version if another step is under way. */
  const opened = async ({
    key,
    from,
    restart,
    stamp = 0,
  }: WalkTask): Promise<{ readonly walk: Walk; readonly version?: Version; readonly isNew?: boolean }> => {
    const stored = await state.get(key);
    const known = stored !== undefined && isJsonObject(stored.body) ? (stored.body as unknown as Walk) : undefined;
    const isBusy = known !== undefined && known.open > 0 && clock.now() < known.openedAt + WALK_LIMITS.abandonedMs;
    if (isBusy) return { walk: known };
    const goesOn = known !== undefined && !known.done && known.from === from && !restart;
    const fresh = {
      index: BEGINNING,
      subject: null,
      begun: false,
      at: null,
      last: null,
      behind: null,
      open: 0,
      openedAt: 0,
    } as const;
    const walk: Walk = goesOn
      ? known
      : { from, token: deps.ids.next(), startedAt: clock.now(), stamp, ...fresh, subjects: 0, counts: {}, done: false };
    const open = { ...walk, open: walk.open + 1, openedAt: clock.now() };
    try {
      const version = await state.put({ ...key, body: open as JsonObject }, stored?.version ?? 'absent');
      return { walk: open, version, isNew: !goesOn };
    } catch (error) {
      if (!isPortError(error, 'conflict')) throw error;
      return { walk };
    }
  };

  const nextSubject = async (walk: Walk, tenant: string): Promise<Walk> => {
    if (walk.index === null) return { ...walk, done: true };
    const page = await subjects.subjects(tenant, {
      limit: 1,
      ...(walk.index !== BEGINNING && { cursor: walk.index as StoreCursor }),
    });
    return { ...walk, index: page.next ?? null, subject: page.items[0] ?? null, ...UNBEGUN };
  };

  const advanced = async (walk: Walk, task: WalkTask, step: Step): Promise<Walk> => {
    const { subject, behind = null } = walk;
    if (subject === null) return nextSubject(walk, task.tenant);
    if (!walk.begun) {
      await task.begin?.(subject, walk.token);
      return { ...walk, begun: true };
    }
    const from = behind === null ? walk.from : behind + BEHIND;
    const { pageDocuments = WALK_LIMITS.pageDocuments } = task;
    const page = await events.query(logPartition(task.tenant, subject), {
      limit: Math.max(1, Math.min(pageDocuments, step.left)),
      ...(from !== '' && { from }),
      ...(walk.at !== null && { cursor: walk.at as StoreCursor }),
    });
    const last = page.items.at(-1)?.id;
    const range = {
      subject,
      ...(walk.last !== null && { after: walk.last }),
      ...(page.next !== undefined && last !== undefined && { through: last }),
    };
    const { counts, through }: PageDone =
      page.items.length === 0 ? { counts: {} } : await task.page(page.items, walk.open, range, step.until);
    const done = { ...walk, counts: sum(walk.counts, counts), open: 1, last: through ?? last ?? walk.last };
    const rest = through === undefined ? 0 : page.items.length - 1 - page.items.findIndex(({ id }) => id === through);
    step.left -= page.items.length - rest;
    step.documents += page.items.length - rest;
    if (rest > 0) return { ...done, at: null, behind: done.last };
    if (page.next !== undefined) return { ...done, at: page.next };
    return { ...done, subject: null, at: null, behind: null, subjects: walk.subjects + 1 };
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
    const { walk: first, version, isNew = false } = await opened(task);
    if (version === undefined)
      return { ...progressOf(first), documents: 0, done: false, isOther: true, waiting: 'another step is under way' };
    let walk = first;
    const step: Step = {
      ...{ until: clock.now() + WALK_LIMITS.stepMs, left: task.budget ?? Number.POSITIVE_INFINITY },
      documents: 0,
    };
    let waiting: string | undefined;
    try {
      if (isNew) await task.started?.(first.token);
      while (!walk.done && clock.now() < step.until && step.left > 0) walk = await advanced(walk, task, step);
    } catch (error) {
      if (!isPortError(error) || PERMANENT[error.code]) throw error;
      const { code, message } = describeError(error);
      waiting = `${code}: ${message}`;
    }
    await state.put({ ...task.key, body: { ...walk, open: 0 } as JsonObject }, version);
    const { done, token, startedAt, stamp = 0 } = walk;
    return {
      ...progressOf(walk),
      documents: step.documents,
      ...(waiting !== undefined && { waiting }),
      ...(done && startedAt !== undefined && { ended: { token, startedAt, stamp } }),
    };
  };
}

const progressOf = ({ subjects, counts, done }: Walk) => ({ subjects, counts, done });

const sum = (counts: Counts, more: Counts): Counts =>
  Object.fromEntries(
    [...new Set([...Object.keys(counts), ...Object.keys(more)])].map((name) => [
      name,
      (counts[name] ?? 0) + (more[name] ?? 0),
    ]),
  );
