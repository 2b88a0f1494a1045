// W3C trace context: reading, continuing and starting a `traceparent`.
import type { Ids } from '../ports/ids.ts';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** What later versions have in common with version 00; more may follow behind a dash. There is no version ff. */
const LATER = /^(?!00|ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Flags that version 00 and its second edition know: sampled, and random trace id. Others must not be handed on. */
const KNOWN_FLAGS = 0x03;

/** Whether the text is a version 00 `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header). */
export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/**
 * The version 00 form of a `traceparent`, or `undefined` if the value is none. A later version is read as far as version 00 goes
 * (https://www.w3.org/TR/trace-context/#versioning-of-traceparent), so that its trace goes on.
 */
export function readTraceparent(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (isTraceparent(value)) return value;
  const [, ids, flags] = LATER.exec(value) ?? [];
  if (ids === undefined || flags === undefined) return undefined;
  return `00-${ids}-0${Number.parseInt(flags, 16) & KNOWN_FLAGS}`;
}

/** A span of its own in the caller's trace; a new, sampled trace if the caller sent none that can be read. */
export function continueTrace(incoming: string | null | undefined, ids: Ids): string {
  const span = ids.next().slice(0, 16);
  const known = readTraceparent(incoming);
  if (known !== undefined) return `${known.slice(0, 36)}${span}${known.slice(52)}`;
  return `00-${ids.next()}-${span}-01`;
}
