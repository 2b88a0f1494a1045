// W3C trace context: reads, continues and starts a `traceparent`.
import type { Ids } from '../ports/ids.ts';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The part that later versions share with version 00; more may follow after a dash. Version ff is invalid. */
const LATER = /^(?!00|ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Flags of version 00 and its second edition: sampled, and random trace id. Others must not be propagated. */
const KNOWN_FLAGS = 0x03;

/** Whether the text is a version 00 `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header). */
export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/**
 * The version 00 form of a `traceparent`, or `undefined` if the value is not one. A later version is read as version 00
 * (https://www.w3.org/TR/trace-context/#versioning-of-traceparent), so that its trace continues.
 */
export function readTraceparent(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (isTraceparent(value)) return value;
  const [, ids, flags] = LATER.exec(value) ?? [];
  if (ids === undefined || flags === undefined) return undefined;
  return `00-${ids}-0${Number.parseInt(flags, 16) & KNOWN_FLAGS}`;
}

/** Starts a span in the caller's trace, or a new, sampled trace if the caller sent no readable one. */
export function continueTrace(incoming: string | null | undefined, ids: Ids): string {
  const span = ids.next().slice(0, 16);
  const known = readTraceparent(incoming);
  if (known !== undefined) return `${known.slice(0, 36)}${span}${known.slice(52)}`;
  return `00-${ids.next()}-${span}-01`;
}
