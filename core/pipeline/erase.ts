// Erases the events of a subject, or of all of a tenant, and what was made of them in this cell: in bounded steps, again and again if need be.
import { type StatePartition, statePartition } from '../cell/identity.ts';
import { eventKey, fingerprint, fromStored, logPartition } from '../events/cloud-event.ts';
import { parseTime } from '../events/time.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { DeliveredMessage } from '../ports/bus.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { describeError, isPortError, PERMANENT, PortError } from '../ports/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import { STORE_LIMITS, type Store, type StoreCursor, type StoredDocument } from '../ports/store.ts';
import { CLAIM } from './claiming-consumer.ts';
import { type LogWalkDeps, logWalk, WALK_LIMITS, type WalkPage, type WalkProgress } from './log-walk.ts';
import { RELAY } from './parking.ts';
import type { RebuiltConsumer } from './rebuild.ts';
import { redrivePartition } from './redrive.ts';
import type { SubjectIndex } from './subject-index.ts';
import { behind, type Scope, type Tombstones } from './tombstones.ts';
import { isWalkIn } from './walk-kept.ts';

export const ERASE_LIMITS = {
  /** A step begins no page after this time, in milliseconds; a function has 15 s for all. */
  stepMs: WALK_LIMITS.stepMs,
  /** Documents that are looked at together. */
  pageDocuments: 200,
  concurrentDeletions: 16,
} as const;

export interface EraseCommand extends Scope {
  /** The id of the erasure. */
  readonly erasure: string;
  /** `mark`: refuse the events from now on. `sweep`: remove what is there. `close`: the erasure is over, and the events stay refused. */
  readonly phase: 'mark' | 'sweep' | 'close';
  /** Which sweep it is, from 1; what was under way before the one before has ended. */
  readonly pass: number;
}

export interface EraseProgress {
  readonly done: boolean;
  /** Documents of erased events that were removed in this pass, at least: a pass that finds none is the last one. */
  readonly removed: number;
  /** Consumers whose documents of several subjects lie together and cannot be separated: these are still there. */
  readonly kept: readonly string[];
  /** Why the step ended early: it is to be repeated a little later. */
  readonly waiting?: string;
}

export interface EraseDeps extends LogWalkDeps {
  readonly subjects: Pick<SubjectIndex, 'subjects' | 'complete' | 'leave'>;
  readonly tombstones: Tombstones;
  /** All consumers of the domains, by name. */
  readonly consumers: () => ReadonlyMap<string, RebuiltConsumer>;
  /** The partitions of the domains: in those of a tenant, documents of several subjects lie. */
  readonly listings: readonly StatePartition[];
}

/** Documents among which some are to be removed. */
interface Source {
  readonly store: Store;
  readonly partition: string;
  readonly prefix?: string;
  readonly isOf: (document: StoredDocument) => boolean;
}

/** How far a pass is: the stage, and where in it. */
interface Sweep {
  readonly pass: number;
  readonly stage: number;
  readonly cursor: string | null;
  readonly removed: number;
}

/** Returns the use case. Rejects with the store's error if a step cannot be begun. */
export function erase(deps: EraseDeps): (command: EraseCommand) => Promise<EraseProgress> {
  const { events, state, subjects, clock } = deps;

  const remove = async (store: Store, keys: readonly { readonly partition: string; readonly id: string }[]) => {
    await mapConcurrently(keys, ERASE_LIMITS.concurrentDeletions, ({ partition, id }) =>
      store.delete({ partition, id }, 'any'),
    );
    return keys.length;
  };

  /** Removes what is to go of one page of a source. */
  const purgePage = async ({ store, partition, prefix, isOf }: Source, cursor: string | null) => {
    const page = await store.query(partition, {
      limit: ERASE_LIMITS.pageDocuments,
      ...(prefix !== undefined && { prefix }),
      ...(cursor !== null && { cursor: cursor as StoreCursor }),
    });
    return { removed: await remove(store, page.items.filter(isOf)), cursor: page.next ?? null };
  };

  /** Removes all that is to go of a source; `unavailable` if that takes too long, to be repeated. */
  const purge = async (source: Source): Promise<void> => {
    const until = clock.now() + WALK_LIMITS.pageMs;
    let cursor: string | null = null;
    do {
      if (clock.now() > until)
        throw new PortError('unavailable', `${source.partition} has more documents than can be removed at once.`);
      ({ cursor } = await purgePage(source, cursor));
    } while (cursor !== null);
  };

  /** Crash markers and claims of erased events, which are named after these. */
  const removeTraces = async (tenant: string, subject: string, documents: readonly StoredDocument[]) => {
    const markers = new Set(documents.map(({ partition, id }) => fingerprint(JSON.stringify({ partition, id }))));
    for (const [name, { types, consumer }] of deps.consumers()) {
      const partition = statePartition.trials(name, tenant);
      const { items } = await state.query(partition, { limit: STORE_LIMITS.pageDocuments });
      await remove(
        state,
        items.filter(({ id }) => markers.has(id)),
      );
      const kept = consumer.keeps?.(tenant, subject);
      if (kept === undefined) continue;
      const claimed = documents.filter((document) => types.includes(fromStored(document).event.type));
      await remove(
        state,
        claimed.map(({ id }) => ({ partition: kept.partition, id: CLAIM + id })),
      );
    }
  };

  const walkOf = (subject: string | null) =>
    logWalk(
      subject === null
        ? deps
        : { ...deps, subjects: { subjects: async () => ({ items: [subject] }), complete: () => subjects.complete() } },
    );

  const walkKey = ({ tenant, erasure }: EraseCommand, what: string) => ({
    partition: statePartition.erased(tenant),
    id: `walk!${erasure}!${what}`,
  });

  /** Removes what consumers keep of a subject that is no function of the log. */
  const purgeKept = async (tenant: string, subject: string): Promise<void> => {
    for (const { consumer } of deps.consumers().values()) {
      const { partition, isOf } = consumer.keeps?.(tenant, subject) ?? {};
      if (partition === undefined || isOf === undefined) continue;
      await purge({ store: state, partition, isOf: (each) => !each.id.startsWith(CLAIM) && isOf(each) });
    }
  };

  /** Whether all that the log has of a subject is later; not of one without events, of which something else may be left. */
  const isLater = async (tenant: string, subject: string, end: string): Promise<boolean> => {
    const { items } = await events.query(logPartition(tenant, subject), { limit: 1 });
    return items[0] !== undefined && items[0].id >= end;
  };

  /** One step through the log, which removes the events. */
  const eraseLog = (command: EraseCommand): Promise<WalkProgress> => {
    const { tenant, subject: scope, until } = command;
    const end = behind(until);
    const task = {
      // Before the events, which say that there was something of the subject.
      begin: async (subject: string) => {
        if (scope !== null || !(await isLater(tenant, subject, end))) await purgeKept(tenant, subject);
      },
      work: async (pages: readonly WalkPage[]) => {
        let removed = 0;
        for (const { range, documents } of pages) {
          const erased = documents.filter(({ id }) => id < end);
          if (erased.length === 0) continue;
          await removeTraces(tenant, range.subject, erased);
          removed += await remove(events, erased);
        }
        return { counts: { removed } };
      },
    };
    return walkOf(scope)({ key: walkKey(command, 'log'), tenant, from: '', restart: false, ...task });
  };

  /** One step through what is left of the log: what was derived is removed, and derived anew. */
  const deriveAnew = (command: EraseCommand): Promise<WalkProgress> => {
    const { tenant, subject: scope } = command;
    return walkOf(scope)({
      key: walkKey(command, 'derive'),
      tenant,
      from: '',
      restart: false,
      begin: async (subject, token) => {
        for (const { consumer } of deps.consumers().values()) {
          await consumer.forget?.(tenant, subject, token);
        }
      },
      work: async (pages, attempt) => {
        const messages = pages
          .flatMap(({ documents }) => documents)
          .map((document): DeliveredMessage => ({ ...fromStored(document), deliveryId: document.id, attempt }));
        for (const { types, consumer, deliver } of deps.consumers().values()) {
          const some = messages.filter(({ event }) => types.includes(event.type));
          if (consumer.forget === undefined || some.length === 0) continue;
          for (const outcome of await deliver(some, clock.now() + WALK_LIMITS.pageMs))
            if (outcome.status === 'retry') throw new PortError('unavailable', outcome.reason);
        }
        return { counts: {} };
      },
    });
  };

  /** What lies of erased events elsewhere than in the log and in what is derived. */
  const sourcesOf = ({ tenant, subject, until }: EraseCommand): readonly Source[] => {
    const isOfEvent = (value: Json | undefined): boolean => {
      if (value === undefined || !isJsonObject(value)) return false;
      const event = value as unknown as CloudEvent;
      return (
        (subject === null || event.subject === subject) &&
        parseTime(event.time) !== undefined &&
        eventKey(tenant, event).id < behind(until)
      );
    };
    const inBody = ({ body }: StoredDocument, member = 'event'): boolean =>
      isJsonObject(body) && isOfEvent(body[member]);
    /** What is no event belongs to no subject; it goes with the tenant, if it was parked by then. */
    const isParked = (document: StoredDocument): boolean => {
      const { event, parkedAt } = isJsonObject(document.body) ? document.body : {};
      if (event !== undefined || subject !== null) return inBody(document);
      return (parseTime(String(parkedAt))?.sortKey ?? '') <= until;
    };
    const names = [...deps.consumers().keys(), RELAY];
    const isPending = ({ body }: StoredDocument): boolean =>
      isJsonObject(body) && (subject === null || body.subject === subject) && String(body.id) < behind(until);
    return [
      { store: events, partition: redrivePartition(tenant), isOf: (each) => inBody(each) },
      ...names.flatMap((name) => [
        { store: state, partition: statePartition.parked(name, tenant), isOf: isParked },
        { store: state, partition: statePartition.parkedTenants(name), prefix: `${tenant}!`, isOf: isParked },
        { store: state, partition: statePartition.pending(name, tenant), isOf: isPending },
      ]),
      {
        store: state,
        partition: statePartition.conflicts(tenant),
        isOf: (each) => inBody(each) || inBody(each, 'stands'),
      },
      { store: state, partition: statePartition.writes(tenant), isOf: ({ body }) => isOfEvent(body) },
    ];
  };

  /** What is made again and again as long as there are later events: how far walks are, and crash markers. */
  const progressOf = ({ tenant, subject }: EraseCommand): readonly Source[] => {
    const isProgress = ({ body }: StoredDocument): boolean => subject === null || isWalkIn(body, subject);
    // Of a subject they are removed with its events; they have no names in them, and expire within a day.
    const marked = subject === null ? [...deps.consumers().keys(), RELAY] : [];
    return [
      ...marked.map((name) => ({ store: state, partition: statePartition.trials(name, tenant), isOf: () => true })),
      { store: state, partition: statePartition.rebuild(tenant), isOf: isProgress },
      { store: state, partition: statePartition.pushes(tenant), isOf: isProgress },
    ];
  };

  /** What is listed of the tenant, and derived anew with the rest. */
  const listingsOf = ({ tenant, subject, until }: EraseCommand): readonly Source[] => {
    // Claims of later events stay, so that none of these is applied again.
    const ofSubject =
      ({ subjectOf }: StatePartition) =>
      ({ id }: StoredDocument): boolean =>
        subject === null ? !id.startsWith(CLAIM) || id < CLAIM + behind(until) : subjectOf(id) === subject;
    return deps.listings.map((each) => ({ store: state, partition: each.of(tenant), isOf: ofSubject(each) }));
  };

  /** Takes subjects without events out of the index: some of them, and where to go on. */
  const leaveIndex = async ({ tenant, subject, erasure, pass }: EraseCommand, cursor: string | null) => {
    const page =
      subject === null
        ? await subjects.subjects(tenant, {
            limit: ERASE_LIMITS.pageDocuments,
            ...(cursor !== null && { cursor: cursor as StoreCursor }),
          })
        : { items: [subject] };
    await mapConcurrently(page.items, ERASE_LIMITS.concurrentDeletions, async (each) => {
      const { items, next } = await events.query(logPartition(tenant, each), { limit: 1 });
      if (items.length === 0 && next === undefined) await subjects.leave(tenant, each, erasure, pass);
    });
    const next = 'next' in page ? page.next : undefined;
    if (next === undefined && subject === null) {
      const left = await subjects.subjects(tenant, { limit: 1 });
      if (left.items.length === 0 && left.next === undefined) await subjects.leave(tenant, null, erasure, pass);
    }
    return { removed: 0, cursor: next ?? null };
  };

  const keptBy = ({ tenant, subject }: EraseCommand): readonly string[] =>
    subject === null
      ? []
      : [...deps.consumers()].flatMap(([name, { consumer }]) => {
          const kept = consumer.keeps?.(tenant, subject);
          return kept !== undefined && kept.isOf === undefined ? [name] : [];
        });

  /** Works on a stage for as long as the step may last: what it has removed, and where to go on; at its end with `null`. */
  type Stage = (
    cursor: string | null,
  ) => Promise<{ readonly removed: number; readonly cursor: string | null; readonly waiting?: string }>;

  const walking =
    (walk: () => Promise<WalkProgress>): Stage =>
    async () => {
      const { counts, done, waiting } = await walk();
      const removed = done ? (counts.removed ?? 0) : 0;
      return { removed, cursor: done ? null : 'under way', ...(waiting !== undefined && { waiting }) };
    };

  const counted =
    (source: Source): Stage =>
    (cursor) =>
      purgePage(source, cursor);

  /** Not counted: that there was something does not mean that there may be more of the erased events. */
  const uncounted =
    (source: Source): Stage =>
    async (cursor) => ({ ...(await purgePage(source, cursor)), removed: 0 });

  /** What is removed is counted by the stages before those that depend on it. */
  const stagesOf = (command: EraseCommand, { removed }: Sweep): readonly Stage[] => [
    walking(() => eraseLog(command)),
    ...sourcesOf(command).map(counted),
    ...progressOf(command).map(uncounted),
    ...(command.pass <= 2 || removed > 0
      ? [...listingsOf(command).map(uncounted), walking(() => deriveAnew(command))]
      : []),
    (cursor) => leaveIndex(command, cursor),
  ];

  const sweep = async (command: EraseCommand): Promise<EraseProgress> => {
    const kept = keptBy(command);
    const key = { partition: statePartition.erased(command.tenant), id: `sweep!${command.erasure}` };
    const stored = await state.get(key);
    const known = stored?.body as unknown as Sweep | undefined;
    let at: Sweep = known?.pass === command.pass ? known : { pass: command.pass, stage: 0, cursor: null, removed: 0 };
    let waiting: string | undefined;
    let done = false;
    try {
      for (const until = clock.now() + ERASE_LIMITS.stepMs; !done && clock.now() < until && waiting === undefined; ) {
        const stage = stagesOf(command, at)[at.stage];
        if (stage === undefined) done = true;
        else {
          const step = await stage(at.cursor);
          const next = step.cursor === null ? { stage: at.stage + 1, cursor: null } : { cursor: step.cursor };
          at = { ...at, ...next, removed: at.removed + step.removed };
          ({ waiting } = step);
        }
      }
    } catch (error) {
      if (!isPortError(error) || PERMANENT[error.code]) throw error;
      const { code, message } = describeError(error);
      waiting = `${code}: ${message}`;
    }
    try {
      await state.put({ ...key, body: at as unknown as JsonObject }, stored?.version ?? 'absent');
    } catch (error) {
      if (!isPortError(error, 'conflict')) throw error;
      return { done: false, removed: at.removed, kept, waiting: 'another step is under way' };
    }
    return { done, removed: at.removed, kept, ...(waiting !== undefined && { waiting }) };
  };

  const close = async (command: EraseCommand): Promise<void> => {
    const { partition } = walkKey(command, 'log');
    const ids = [walkKey(command, 'log').id, walkKey(command, 'derive').id, `sweep!${command.erasure}`];
    await remove(
      state,
      ids.map((id) => ({ partition, id })),
    );
    await deps.tombstones.close(command, command.erasure);
  };

  return async (command) => {
    if (command.phase === 'sweep') return sweep(command);
    if (command.phase === 'mark') await deps.tombstones.mark(command, command.erasure);
    else await close(command);
    return { done: true, removed: 0, kept: [] };
  };
}
