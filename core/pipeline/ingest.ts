// Ingest: checks events, stores the new ones in the cell's log, and says of each what became of it.
import { type Acceptance, acceptEvent, identityOf, type Rejection } from '../events/accept.ts';
import { eventKey, toStored } from '../events/cloud-event.ts';
import type { SchemaRegistry } from '../events/registry.ts';
import { continueTrace } from '../events/trace.ts';
import type { Clock } from '../ports/clock.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import type { PortError } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import type { Json } from '../ports/json.ts';
import type { NewDocument, Store } from '../ports/store.ts';

export const INGEST_LIMITS = {
  /** Events in one request. */
  events: 500,
  /** Bytes of a request's body. */
  requestBytes: 1024 * 1024,
} as const;

export interface IngestDeps {
  /** The event log. */
  readonly events: Store;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  readonly ids: Ids;
}

export interface IngestCommand {
  readonly tenant: string;
  /** 1 to `INGEST_LIMITS.events` parsed JSON values, each hoped to be an event. */
  readonly candidates: readonly Json[];
  /** Why some of them are rejected whatever their values say, by index: reading them has shown it. */
  readonly faults?: ReadonlyMap<number, Rejection>;
  /** The trace that events without one of their own continue. */
  readonly traceparent: string;
}

export interface EventResult {
  readonly id: string | null;
  readonly source: string | null;
  readonly status: 'accepted' | 'duplicate' | 'rejected';
  /** Of a duplicate: the event that was stored first says something else, and stands. */
  readonly differs?: true;
  readonly error?: Rejection;
}

export interface IngestSummary {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** One a candidate, in order. */
  readonly results: readonly EventResult[];
}

/**
 * `ingested` once every acceptable event is durable. `unavailable` if the store could not take some of them: nothing is
 * told of any then, and the same request may be repeated, as those already stored come back as duplicates.
 */
export type IngestResult =
  | { readonly status: 'ingested'; readonly summary: IngestSummary }
  | { readonly status: 'unavailable'; readonly error: PortError };

/** A repetition may be traced anew, by its client or by us, come in another mode, and write its instant otherwise: it says the same. */
const COMPARED = { except: ['traceparent', 'tracestate', 'datacontenttype', 'time'] } as const;

/** Returns the use case. */
export function ingest(deps: IngestDeps): (command: IngestCommand) => Promise<IngestResult> {
  return async ({ tenant, candidates, faults, traceparent }) => {
    const context = {
      registry: deps.registry,
      now: deps.clock.now(),
      traceparent: () => continueTrace(traceparent, deps.ids),
    };
    const acceptances = candidates.map((candidate, index): Acceptance => {
      const rejection = faults?.get(index);
      return rejection === undefined ? acceptEvent(candidate, context) : { accepted: false, rejection };
    });
    const documents = acceptances.flatMap((acceptance) =>
      acceptance.accepted ? [logDocument(tenant, acceptance.event)] : [],
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
      if (outcome.status === 'failed') return { status: 'unavailable', error: outcome.error };
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

function logDocument(tenant: string, event: CloudEvent): NewDocument {
  const key = eventKey(tenant, event);
  return { ...key, body: toStored(event, key) };
}
