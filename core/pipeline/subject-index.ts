// The index of what a cell's log holds: the tenants of the cell, and the subjects of each tenant.
import { isName, statePartition } from '../cell/identity.ts';
import { logPartition, tenantOf } from '../events/cloud-event.ts';
import { isSubject } from '../events/subject.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { isPortError } from '../ports/errors.ts';
import { isJsonObject, type JsonObject } from '../ports/json.ts';
import { type Key, type NewDocument, STORE_LIMITS, type Store, type StoreCursor } from '../ports/store.ts';
import { digitOf, PART_DIGITS, PARTS, partOf, queryParts } from './parts.ts';
import { type Erased, NOTHING_ERASED } from './tombstones.ts';

export const INDEX_LIMITS = {
  /** Partitions of a tenant's subjects. */
  buckets: PARTS,
  /** Subjects and tenants that a process knows to be listed. A name has up to 192 characters, so they take 15 MB at most. */
  remembered: 50_000,
  concurrentReads: 16,
  /** Documents of the log that one step of a completion looks at. */
  stepDocuments: 5000,
} as const;

/** How far the index has come with what an earlier release stored. */
export interface IndexProgress {
  /** Documents of the log that have been looked at. */
  readonly documents: number;
  /** Subjects of them that were not listed. */
  readonly subjects: number;
  /** Whether the index is complete. */
  readonly done: boolean;
}

/** A page of names. */
export interface NamePage {
  readonly items: readonly string[];
  readonly next?: StoreCursor;
}

/** All methods reject with the store's error. */
export interface SubjectIndex {
  /** Which of these subjects may not be listed yet. Reads those that this process does not know, or that may have been erased since. */
  unlisted(tenant: string, subjects: Iterable<string>, erased?: Pick<Erased, 'generation'>): Promise<readonly string[]>;
  /** Lists subjects. Must be done before the first event of any of them is stored. */
  add(tenant: string, subjects: readonly string[], erased?: Pick<Erased, 'generation'>): Promise<void>;
  /**
   * Takes a subject out that has no events any more, or the tenant (`null`) that has no subjects: by a call in one pass of an erasure, and one
   * in a later pass, behind a drain. What is added meanwhile stays, as `add` writes it anew while `Erased.generation` says nothing.
   */
  leave(tenant: string, subject: string | null, erasure: string, pass: number): Promise<void>;
  /**
   * The subjects of a tenant, each once, in the order of their buckets; without a cursor from the first one behind `after`, whether that is
   * listed or not. `invalid` for a cursor of another listing.
   */
  subjects(
    tenant: string,
    query: { readonly limit: number; readonly cursor?: StoreCursor; readonly after?: string },
  ): Promise<NamePage>;
  /** The tenants that have events here. */
  tenants(query: { readonly limit: number; readonly cursor?: StoreCursor }): Promise<NamePage>;
  /** Whether what an earlier release stored is listed, too. */
  progress(): Promise<IndexProgress>;
  /** Lists what an earlier release stored: a bounded step, to be repeated until it is done. Steps at the same time do no harm. */
  complete(): Promise<IndexProgress>;
}

export interface SubjectIndexDeps {
  /** The event log. */
  readonly events: Store;
  readonly state: Store;
}

const PROGRESS = { partition: statePartition.subjectProgress, id: 'index' } as const;

const NOTHING: IndexProgress = { documents: 0, subjects: 0, done: false };

/** The order of a listing: that of the buckets, and within one that of the names. */
export const compareSubjects = (one: string, other: string): number =>
  partOf(one) - partOf(other) || (one < other ? -1 : one > other ? 1 : 0);

/** Comes behind a subject and before every longer one: subjects have no spaces. */
const BEHIND = ' ';

const subjectKey = (tenant: string, subject: string): Key => ({
  partition: statePartition.subjects(tenant, digitOf(partOf(subject))),
  id: subject,
});

const tenantKey = (tenant: string): Key => ({ partition: statePartition.subjectTenants, id: tenant });

/** Returns the index. Costs a read for each subject and process, and a write for each subject and cell: none for an event. */
export function subjectIndex({ events, state }: SubjectIndexDeps): SubjectIndex {
  /** Under which generation of erasures each was listed. */
  const known = new BoundedCache<string, number>(INDEX_LIMITS.remembered);

  const remember = (name: string, generation: number | undefined): void => {
    if (generation === undefined) known.delete(name);
    else known.set(name, generation);
  };

  const list = async (keys: readonly Key[]): Promise<void> => {
    const documents = keys.map((key): NewDocument => ({ ...key, body: null }));
    for (const outcome of await state.append(documents)) if (outcome.status === 'failed') throw outcome.error;
  };

  const index: SubjectIndex = {
    async unlisted(tenant, subjects, erased = NOTHING_ERASED) {
      const named = [...new Set(subjects)];
      const leaving = named.filter((subject) => erased.generation(subject) === undefined);
      const unknown = named.filter(
        (subject) =>
          !leaving.includes(subject) && known.get(logPartition(tenant, subject)) !== erased.generation(subject),
      );
      const found = await mapConcurrently(unknown, INDEX_LIMITS.concurrentReads, (subject) =>
        state.get(subjectKey(tenant, subject)),
      );
      const missing = unknown.filter((subject, at) => {
        if (found[at] === undefined) return true;
        remember(logPartition(tenant, subject), erased.generation(subject));
        return false;
      });
      return [...missing, ...leaving];
    },

    async add(tenant, subjects, erased = NOTHING_ERASED) {
      const [first] = subjects;
      if (first === undefined) return;
      const isStable = (subject: string) => erased.generation(subject) !== undefined;
      const generation = erased.generation(first);
      if (generation === undefined) await state.put({ ...tenantKey(tenant), body: null }, 'any');
      else if (known.get(tenant) !== generation) await list([tenantKey(tenant)]);
      remember(tenant, generation);
      await list(subjects.filter(isStable).map((subject) => subjectKey(tenant, subject)));
      const leaving = subjects.filter((subject) => !isStable(subject));
      await mapConcurrently(leaving, INDEX_LIMITS.concurrentReads, (subject) =>
        state.put({ ...subjectKey(tenant, subject), body: null }, 'any'),
      );
      for (const subject of subjects) remember(logPartition(tenant, subject), erased.generation(subject));
    },

    async leave(tenant, subject, erasure, pass) {
      const key = subject === null ? tenantKey(tenant) : subjectKey(tenant, subject);
      const stored = await state.get(key);
      if (stored === undefined) return;
      const { leaving, since } = isJsonObject(stored.body) ? stored.body : {};
      try {
        if (leaving === erasure && Number(since) < pass) await state.delete(key, stored.version);
        else await state.put({ ...key, body: { leaving: erasure, since: pass } }, stored.version);
      } catch (error) {
        // It was added meanwhile.
        if (!isPortError(error, 'conflict')) throw error;
      }
    },

    async subjects(tenant, { after, ...query }) {
      const partitions = PART_DIGITS.map((digit) => statePartition.subjects(tenant, digit));
      const first = after === undefined ? undefined : { part: partOf(after), from: after + BEHIND };
      const { items, next } = await queryParts(state, partitions, { ...query, first });
      return { items: items.map(([{ id }]) => id), ...(next !== undefined && { next }) };
    },

    async tenants(query) {
      const { items, next } = await state.query(statePartition.subjectTenants, query);
      return { items: items.map(({ id }) => id), ...(next !== undefined && { next }) };
    },

    async progress() {
      const stored = await state.get(PROGRESS);
      return stored === undefined ? NOTHING : progressOf(stored.body as JsonObject);
    },

    async complete() {
      const stored = await state.get(PROGRESS);
      const before = (stored?.body ?? {}) as JsonObject;
      let { documents, subjects, done } = progressOf(before);
      let cursor = before.cursor as StoreCursor | undefined;
      for (const until = documents + INDEX_LIMITS.stepDocuments; !done && documents < until; ) {
        const page = await events.partitions({
          limit: STORE_LIMITS.pageDocuments,
          ...(cursor !== undefined && { cursor }),
        });
        for (const [tenant, some] of subjectsIn(page.partitions)) {
          const missing = await index.unlisted(tenant, some);
          await index.add(tenant, missing);
          subjects += missing.length;
        }
        documents += page.documents;
        cursor = page.next;
        done = cursor === undefined;
      }
      const progress = { documents, subjects, done };
      try {
        const body = { ...progress, ...(cursor !== undefined && { cursor }) };
        if (before.done !== true) await state.put({ ...PROGRESS, body }, stored?.version ?? 'absent');
      } catch (error) {
        // Another step was faster; what this one has listed stays listed.
        if (!isPortError(error, 'conflict')) throw error;
        return index.progress();
      }
      return progress;
    },
  };
  return index;
}

const progressOf = ({ documents, subjects, done }: JsonObject): IndexProgress => ({
  documents: Number(documents ?? 0),
  subjects: Number(subjects ?? 0),
  done: done === true,
});

/** The subjects that partitions of the log are of, by tenant; other partitions hold no events. */
function subjectsIn(partitions: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const partition of partitions) {
    const tenant = tenantOf({ partition });
    const subject = partition.slice(tenant.length + 1);
    if (isName(tenant) && isSubject(subject)) found.set(tenant, [...(found.get(tenant) ?? []), subject]);
  }
  return found;
}
