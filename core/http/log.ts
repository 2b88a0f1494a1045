// Reads of a tenant's log itself: pages of events for an export, and digests to compare it with.
import { Refusal } from '../api/refusal.ts';
import { ANSWER_LIMITS, answerBytes } from '../cell/answer-limits.ts';
import { fromStored, type LogDocument } from '../events/cloud-event.ts';
import type { SubjectIndex } from '../pipeline/subject-index.ts';
import type { Tombstones } from '../pipeline/tombstones.ts';
import type { Clock } from '../ports/clock.ts';
import { ANYWHERE } from '../ports/residency.ts';
import { STORE_LIMITS, type Store } from '../ports/store.ts';
import { addDigests, type Digest, digestOf, entryOf, NO_EVENTS } from '../replication/digests.ts';
import type { HeldAssignments } from '../replication/held-assignments.ts';
import { piecesOf, positionOf } from '../replication/log-order.ts';
import { isOwnEvent } from '../replication/receive.ts';
import { json, type RouteHandler } from './call.ts';
import { readParameters } from './parameters.ts';
import { routes } from './routes.ts';

export const LOG_LIMITS = {
  /** A request begins no further read after this time, in milliseconds; a function has 15 s for all. */
  stepMs: 3000,
  /** Documents that one digest adds up, but for the last read: hashing them takes about a second. */
  digestDocuments: 20_000,
} as const;

/** Retry-After while the index of subjects is not complete, in seconds. */
const INDEX_RETRY_SECONDS = 2;

export interface LogReadDeps {
  /** The event log. */
  readonly events: Store;
  readonly subjects: Pick<SubjectIndex, 'subjects' | 'complete'>;
  readonly assignments: Pick<HeldAssignments, 'newest'>;
  readonly tombstones: Pick<Tombstones, 'of'>;
  readonly clock: Clock;
}

/** Returns the handlers. */
export function logReads(deps: LogReadDeps): Record<'log' | 'logDigest', RouteHandler> {
  const { clock } = deps;

  /** The events among the documents of a subject, without those that are erased and not removed yet. */
  const ownOf = async (tenant: string, documents: readonly LogDocument[]): Promise<readonly LogDocument[]> => {
    const own = documents.filter((document) => isOwnEvent(tenant, document));
    const subjectOf = (document: LogDocument): string => fromStored(document).event.subject;
    const erased = await deps.tombstones.of(tenant, own.map(subjectOf));
    return own.filter((document) => !erased.covers(subjectOf(document), document.id));
  };

  /** Subjects that an earlier release has stored are not listed before. */
  const requireIndex = async (): Promise<void> => {
    if ((await deps.subjects.complete()).done) return;
    throw new Refusal('store_unavailable', 'The index of subjects is not complete yet.', {
      retryAfterSeconds: INDEX_RETRY_SECONDS,
    });
  };

  /** The residency is part of the assignment; a cell without one has not been given any rule. */
  const requireResidency = async (tenant: string, jurisdiction: string | undefined): Promise<void> => {
    const { residency = ANYWHERE } = (await deps.assignments.newest(tenant))?.assignment ?? {};
    if (residency === ANYWHERE || residency === jurisdiction) return;
    const where =
      jurisdiction === undefined ? 'the request does not say where the copy will lie' : `not in ${jurisdiction}`;
    throw new Refusal('outside_residency', `The data of ${tenant} must stay in ${residency}, and ${where}.`);
  };

  return {
    log: async ({ tenant, query }) => {
      const { limit, jurisdiction, ...part } = readParameters(routes.log.parameters, query);
      await requireResidency(tenant, jurisdiction);
      await requireIndex();
      const until = clock.now() + LOG_LIMITS.stepMs;
      const items: unknown[] = [];
      let bytes = 0;
      let next: string | null = part.after ?? null;
      for await (const { documents, behind } of piecesOf(deps, { tenant, ...part }, () => limit - items.length)) {
        for (const document of await ownOf(tenant, documents)) {
          const item = itemOf(document);
          const size = answerBytes(item);
          if (bytes + size > ANSWER_LIMITS.pageBytes && items.length > 0) return json(200, { items, next });
          items.push(item);
          bytes += size;
          next = positionOf(item.subject, item.key);
        }
        next = behind;
        if (items.length === limit || clock.now() >= until) return json(200, { items, next });
      }
      return json(200, { items, next: null });
    },

    logDigest: async ({ tenant, query }) => {
      const part = readParameters(routes.logDigest.parameters, query);
      await requireIndex();
      const until = clock.now() + LOG_LIMITS.stepMs;
      let digest: Digest = NO_EVENTS;
      for await (const { documents, behind } of piecesOf(deps, { tenant, ...part }, () => STORE_LIMITS.pageDocuments)) {
        const own = await ownOf(tenant, documents);
        digest = addDigests(digest, digestOf(own.map(entryOf)));
        if (digest.count >= LOG_LIMITS.digestDocuments || clock.now() >= until)
          return json(200, { ...digest, next: behind });
      }
      return json(200, { ...digest, next: null });
    },
  };
}

function itemOf(document: LogDocument) {
  const { event, origin = null } = fromStored(document);
  const [key, epoch, hash] = entryOf(document);
  return { subject: event.subject, key, epoch, origin, hash, event };
}
