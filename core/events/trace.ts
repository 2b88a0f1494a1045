// W3C trace context: reading, continuing and starting a `traceparent`.
import type { Ids } from '../ports/ids.ts';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Whether the text is a version 00 `traceparent` (https://www.w3.org/TR/trace-context/#traceparent-header). */
export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/** A span of its own in the caller's trace; a new, sampled trace if the caller sent none that can be read. */
export function continueTrace(incoming: string | null | undefined, ids: Ids): string {
  const span = ids.next().slice(0, 16);
  if (incoming && isTraceparent(incoming)) return `${incoming.slice(0, 36)}${span}${incoming.slice(52)}`;
  return `00-${ids.next()}-${span}-01`;
}
