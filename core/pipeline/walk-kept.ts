// A walk of a log as it is kept between steps, also by the release before.
import { isJsonObject, type Json } from '../ports/json.ts';

/** What was counted: of pages, by the name of what they count. */
export type Counts = Readonly<Record<string, number>>;

/** A subject in progress, and how far its log was worked on. */
export interface Place {
  readonly [member: string]: string | true | undefined;
  readonly subject: string;
  readonly begun?: true;
  /** Behind the last page. */
  readonly at?: string;
  /** The last document that was worked on. */
  readonly last?: string;
  /** The one behind which the pages in progress begin, if a page before was not worked on to its end. */
  readonly behind?: string;
}

export interface KeptWalk {
  readonly [member: string]: string | number | boolean | null | undefined | Counts | readonly Place[];
  /**
   * The beginning of the ids of events to begin with. The release before calls it `from`, and knows one subject in progress: for want of that name it begins
   * anew, and skips none.
   */
  readonly begins: string;
  readonly token: string;
  /** Absent in walks of earlier releases. */
  readonly startedAt?: number;
  readonly stamp?: number;
  /** Behind the subjects in progress, in the index of subjects; empty at its beginning, `null` at its end. */
  readonly index: string | null;
  /** The subjects in progress, in the order in which they are worked on. */
  readonly places: readonly Place[];
  /** Steps since the last pages that were worked on: with one, a process may have ended because of an event. */
  readonly open: number;
  readonly openedAt: number;
  /** Those that are done. */
  readonly subjects: number;
  readonly counts: Counts;
  readonly done: boolean;
}

/** A walk as a document holds it; `undefined` if it holds none. */
export function keptWalk(body: Json | undefined): KeptWalk | undefined {
  if (body === undefined || !isJsonObject(body)) return undefined;
  if (Array.isArray(body.places)) return body as unknown as KeptWalk;
  const { from, subject, begun, at, last, behind, ...walk } = body;
  const place = { subject, at, last, behind, begun: begun === true ? true : null };
  const known = Object.entries(place).filter(([, value]) => value !== null && value !== undefined);
  const places = typeof subject === 'string' ? [Object.fromEntries(known)] : [];
  return { ...walk, begins: from, places } as unknown as KeptWalk;
}

/** Whether the document of a walk names a subject: as one in progress, or, behind the digit of its part, in the position in the index. */
export function isWalkIn(body: Json, subject: string): boolean {
  const walk = keptWalk(body);
  return walk?.places.some((place) => place.subject === subject) === true || walk?.index?.slice(1) === subject;
}
