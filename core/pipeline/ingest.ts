// Ingest: validates events, stores the new ones in the cell's log, and returns a result for each.
import { type Acceptance, acceptEvent, identityOf, type Rejection } from '../events/accept.ts';
import { logPartition, toLogDocument } from '../events/cloud-event.ts';
import type { SchemaRegistry } from '../events/registry.ts';
import type { Clock } from '../ports/clock.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import type { PortError } from '../ports/errors.ts';
import type { Json } from '../ports/json.ts';
import type { AppendOutcome, Store } from '../ports/store.ts';
import { isRefusedForGood } from '../store/refusal-for-good.ts';
import type { SubjectIndex } from './subject-index.ts';
import { isErased, type Tombstones } from './tombstones.ts';

export const INGEST_LIMITS = {
  /** Maximum events in one request. */
  events: 500,
  /** Maximum bytes of a request's body. */
  requestBytes: 1024 * 1024,
} as const;

export interface IngestDeps {
  /** The id of this cell. */
  readonly cell: string;
  /** The event log. */
  readonly events: Store;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  readonly subjects: Pick<SubjectIndex, 'unlisted' | 'add'>;
  readonly tombstones: Pick<Tombstones, 'of'>;
}

export interface IngestCommand {
  readonly tenant: string;
  /** The epoch under which the request was sent here. */
  readonly epoch: number;
  /** 1 to `INGEST_LIMITS.events` parsed JSON values, not yet validated. */
  readonly candidates: readonly Json[];
  /** Faults found while reading the body, which reject an event regardless of its value; by index. */
  readonly faults?: ReadonlyMap<number, Rejection>;
  /** The context of the request: what all of its events lead back to. */
  readonly traceparent: string;
  /** Nothing is written before it resolves; if it rejects, so does the call, whatever else is wrong. At once without it. */
  readonly permitted?: Promise<unknown>;
}

export interface EventResult {
  readonly id: string | null;
  readonly source: string | null;
  readonly status: 'accepted' | 'duplicate' | 'rejected';
  /** For a duplicate: the event stored first has different content, and is kept. */
  readonly differs?: true;
  readonly error?: Rejection;
}

export interface IngestSummary {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** One per candidate, in order. */
  readonly results: readonly EventResult[];
}

/**
 * `ingested` once every event that can be stored is durable. `unavailable` if the store could not accept some of them: then there are no
 * results, and the same request may be repeated, as events already stored are reported as duplicates.
 */
export type IngestResult =
  | { readonly status: 'ingested'; readonly summary: IngestSummary }
  | { readonly status: 'unavailable'; readonly error: PortError };

/** Attributes in which a repeated event may differ without saying anything else: a new trace, another content mode, or another notation of the same instant. */
export const COMPARED = { except: ['traceparent', 'tracestate', 'datacontenttype', 'time'] } as const;

/** Of a repeat, perhaps, of an event that was erased: it will never be taken again. */
const ERASED: Acceptance = {
  accepted: false,
  rejection: {
    code: 'erased',
    detail: 'The events of the subject up to a time that is not before this one were erased.',
  },
};

/** Returns the use case. The subjects of new events are listed before the events are stored. */
export function ingest(deps: IngestDeps): (command: IngestCommand) => Promise<IngestResult> {
  /** What is erased of these subjects, and which of them may not be listed yet. */
  const listing = async (tenant: string, subjects: readonly string[]) => {
    const erased = await deps.tombstones.of(tenant, subjects);
    return { erased, unlisted: await deps.subjects.unlisted(tenant, subjects, erased) };
  };

  return async ({ tenant, epoch, candidates, faults, traceparent, permitted }) => {
    const context = { registry: deps.registry, now: deps.clock.now() };
    const logDocument = (event: CloudEvent) =>
      toLogDocument(tenant, event, { origin: deps.cell, epoch, traceparent, at: context.now });
    const sound = candidates.map((candidate, index): Acceptance => {
      const rejection = faults?.get(index);
      return rejection === undefined ? acceptEvent(candidate, context) : { accepted: false, rejection };
    });
    const subjects = sound.flatMap((acceptance) => (acceptance.accepted ? [acceptance.event.subject] : []));
    // Read while the epoch is, so that known subjects cost no time.
    const reading = listing(tenant, subjects);
    reading.catch(() => undefined);
    await permitted;
    const { erased, unlisted } = await reading;
    const acceptances = sound.map(
      (acceptance): Acceptance =>
        acceptance.accepted && isErased(erased, tenant, acceptance.event) ? ERASED : acceptance,
    );
    const documents = acceptances.flatMap((acceptance) => (acceptance.accepted ? [logDocument(acceptance.event)] : []));
    const stored = new Set(documents.map(({ partition }) => partition));
    await deps.subjects.add(
      tenant,
      unlisted.filter((subject) => stored.has(logPartition(tenant, subject))),
      erased,
    );
    const outcomes = documents.length === 0 ? [] : await deps.events.append(documents, COMPARED);

    const results: EventResult[] = [];
    let next = 0;
    for (const [index, acceptance] of acceptances.entries()) {
      const identity = identityOf(candidates[index] ?? null);
      if (!acceptance.accepted) {
        results.push({ ...identity, status: 'rejected', error: acceptance.rejection });
        continue;
      }
      const outcome = outcomes[next++];
      if (outcome === undefined) throw new TypeError('The store returned fewer outcomes than it was given documents.');
      if (outcome.status === 'failed') {
        const error = refusedAlone(outcome.error, outcomes);
        if (error === undefined) return { status: 'unavailable', error: outcome.error };
        results.push({ ...identity, status: 'rejected', error });
        continue;
      }
      const status = outcome.status === 'stored' ? 'accepted' : 'duplicate';
      results.push({ ...identity, status, ...('differs' in outcome && { differs: true }) });
    }
    const count = (status: EventResult['status']) => results.filter((result) => result.status === status).length;
    return {
      status: 'ingested',
      summary: { accepted: count('accepted'), duplicates: count('duplicate'), rejected: count('rejected'), results },
    };
  };
}

/**
 * The rejection of an event that the store refuses although it takes others, and would refuse again: the events beside it must not wait
 * for it. `undefined` for a fault of the store, which may take the same event later.
 */
function refusedAlone(error: PortError, outcomes: readonly AppendOutcome[]): Rejection | undefined {
  if (error.partitionFull)
    return { code: 'subject_full', detail: 'The subject holds as much as its cell can store for one subject.' };
  if (isRefusedForGood(error, outcomes))
    return { code: 'event_not_storable', detail: `The cell's store refuses the event: ${error.code}.` };
  return undefined;
}
