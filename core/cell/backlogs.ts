// How far the consumers of a cell are behind what its relay has published, as an age, made from what the cell's processes have noted.
import { isJsonObject } from '../ports/json.ts';
import { DELAY_LIMITS, type DelayNotes, type PublishedSpan } from './delays.ts';
import type { ConsumerDeclaration } from './topology.ts';

/** How far a consumer is behind. The field names are part of the API. */
export interface ConsumerBacklog {
  readonly consumer: string;
  /** In milliseconds; `null` if it is not known, as while the relay publishes nothing that the consumer takes. */
  readonly backlogMs: number | null;
  /** Whether the consumer has noted nothing for as long as notes count: then it is behind by `backlogMs` at least. */
  readonly silent: boolean;
}

/** What the notes say of a consumer. */
interface Progress {
  /** When it last noted to be done with something; `undefined` if that was longer ago than notes count. */
  readonly at: number | undefined;
  /** When the newest that it is done with was accepted, and when that was noted; `undefined` in notes of an earlier release. */
  readonly newest: { readonly acceptedAt: number; readonly at: number } | undefined;
}

/**
 * Returns the backlog of each consumer. A consumer that was done with an event notes it, unless it has noted another one less than
 * `DELAY_LIMITS.noteMs` before. So what was accepted later than its latest note and that time is certainly not done: the age of the oldest such event
 * is one bound. The other is how old the newest event was with which it was done at its latest note, if the relay has published later ones.
 */
export function backlogsIn(
  notes: DelayNotes,
  consumers: readonly Pick<ConsumerDeclaration, 'name' | 'types' | 'effects'>[],
  now: number,
): readonly ConsumerBacklog[] {
  const spans = notes.items.flatMap(({ kind, body }) => (kind === 'published' ? spansOf(body.types) : []));
  // In a cell with more notes than are read, a consumer may have one among the others.
  const isWhole = now - notes.since >= DELAY_LIMITS.lifeMs - 1;
  return consumers.map(({ name: consumer, types, effects }) => {
    const taken = spans.filter(([type]) => types.includes(type)).map(([, span]) => span);
    const progress = progressOf(notes, consumer, effects);
    return {
      consumer,
      backlogMs: backlogOf(taken, progress, notes.since, now),
      silent: isWhole && progress.at === undefined,
    };
  });
}

function backlogOf(
  spans: readonly PublishedSpan[],
  { at, newest }: Progress,
  since: number,
  now: number,
): number | null {
  if (spans.length === 0) return null;
  const explained = (at ?? since) + DELAY_LIMITS.noteMs;
  // Of a span that begins before, only its newest event is known to come after.
  const undone = spans.flatMap(([oldest, latest]) =>
    oldest > explained ? [oldest] : latest > explained ? [latest] : [],
  );
  const waitedMs = undone.length === 0 ? null : Math.max(0, now - Math.min(...undone));
  if (newest === undefined) return waitedMs;
  const published = Math.max(...spans.map(([, latest]) => latest));
  return Math.max(waitedMs ?? 0, Math.min(newest.at, published) - newest.acceptedAt, 0);
}

function progressOf({ items }: DelayNotes, consumer: string, effects: ConsumerDeclaration['effects']): Progress {
  const own = items.filter(({ kind, name }) =>
    // What sends copies notes each of the other cells, or that nothing had to be sent.
    effects === 'copies' ? kind === 'copy' || kind === 'passed' : kind === 'state' && name === consumer,
  );
  let progress: Progress = { at: undefined, newest: undefined };
  for (const { at, body } of own) {
    const acceptedAt = typeof body.newest === 'number' ? body.newest : undefined;
    const isNewest =
      acceptedAt !== undefined && (progress.newest === undefined || acceptedAt > progress.newest.acceptedAt);
    progress = {
      at: Math.max(progress.at ?? at, at),
      newest: isNewest ? { acceptedAt, at } : progress.newest,
    };
  }
  return progress;
}

/** The spans by type in a relay's note. */
function spansOf(types: unknown): readonly (readonly [type: string, span: PublishedSpan])[] {
  if (!isJsonObject(types)) return [];
  return Object.entries(types).flatMap(([type, span]) => {
    const [oldest, newest] = Array.isArray(span) ? span : [];
    return typeof oldest === 'number' && typeof newest === 'number' ? [[type, [oldest, newest]] as const] : [];
  });
}
