// A tenant's log as one sequence with positions that are the same in every cell: what an export goes on from, and compares by.
import { logPartition } from '../events/cloud-event.ts';
import { compareSubjects, type SubjectIndex } from '../pipeline/subject-index.ts';
import { STORE_LIMITS, type Store, type StoreCursor, type StoredDocument } from '../ports/store.ts';

/** Subjects that are listed at once. */
const LISTED = 100;

/** Behind all events of a subject: sorts behind every id, as they begin with a digit. */
const END = '~';

/** Between subject and id; subjects do not contain it. */
const BETWEEN = '/';

/** Comes behind an id and before every longer one: ids have no spaces. */
const BEHIND = ' ';

/** Of subject and id: `pump-1/2026-11-21T07:41:03!…`. Behind the event of this key, whether there is one or not. */
export const POSITION_PATTERN = '^[A-Za-z0-9._:~@+-]{1,128}/[0-9A-Za-z.:_!~-]{1,64}$';

/** Some of a tenant's log. */
export interface LogPart {
  readonly tenant: string;
  /** Positions: behind the first, up to and with the second. */
  readonly after?: string | undefined;
  readonly through?: string | undefined;
  /** Sort keys of times of events: from the first on, before the second. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Documents of one subject, and the position behind all that was read for them. */
export interface LogPiece {
  readonly documents: readonly StoredDocument[];
  readonly behind: string;
}

export const positionOf = (subject: string, id: string): string => subject + BETWEEN + id;

function parse(position: string): { readonly subject: string; readonly id: string } {
  const at = position.indexOf(BETWEEN);
  return { subject: position.slice(0, at), id: position.slice(at + 1) };
}

/**
 * The documents of a part, subject by subject in the order of their index, each once; a piece may be empty. `limit` is asked before each read.
 * What others write meanwhile may be among them or not. Rejects with the store's error.
 */
export async function* piecesOf(
  { events, subjects }: { readonly events: Store; readonly subjects: Pick<SubjectIndex, 'subjects'> },
  { tenant, after, through, from, to }: LogPart,
  limit: () => number,
): AsyncGenerator<LogPiece> {
  const begin = after === undefined ? undefined : parse(after);
  const end = through === undefined ? undefined : parse(through);

  if (begin !== undefined && end !== undefined && compareSubjects(begin.subject, end.subject) > 0) return;
  // Subjects of which nothing is read would be listed to the end, without a piece in between.
  if (from !== undefined && to !== undefined && from >= to) return;

  async function* piecesIn(subject: string): AsyncGenerator<LogPiece> {
    const first = [from, subject === begin?.subject ? begin.id + BEHIND : undefined].filter(isGiven).sort().at(-1);
    const last = [to, subject === end?.subject ? end.id + BEHIND : undefined].filter(isGiven).sort().at(0);
    const bounds = { ...(first !== undefined && { from: first }), ...(last !== undefined && { to: last }) };
    if (first !== undefined && last !== undefined && first >= last) return;
    let cursor: StoreCursor | undefined;
    do {
      const page = await events.query(logPartition(tenant, subject), {
        limit: Math.min(STORE_LIMITS.pageDocuments, limit()),
        ...bounds,
        ...(cursor !== undefined && { cursor }),
      });
      cursor = page.next;
      // Not behind the part: what lies there belongs to the next one.
      const id = cursor !== undefined ? page.items.at(-1)?.id : subject === end?.subject ? end.id : END;
      // A page may be empty and have another one behind it.
      if (id !== undefined) yield { documents: page.items, behind: positionOf(subject, id) };
    } while (cursor !== undefined);
  }

  if (begin !== undefined && begin.id !== END) yield* piecesIn(begin.subject);
  if (begin !== undefined && begin.subject === end?.subject) return;
  let cursor: StoreCursor | undefined;
  do {
    const page = await subjects.subjects(tenant, {
      limit: LISTED,
      ...(begin !== undefined && { after: begin.subject }),
      ...(cursor !== undefined && { cursor }),
    });
    for (const subject of page.items) {
      if (end !== undefined && compareSubjects(subject, end.subject) > 0) return;
      yield* piecesIn(subject);
    }
    cursor = page.next;
  } while (cursor !== undefined);
}

const isGiven = (bound: string | undefined): bound is string => bound !== undefined;
