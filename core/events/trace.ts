// W3C trace context: reads, continues and starts a `traceparent`, and decides which traces are sampled.
import type { Ids } from '../ports/ids.ts';
import { TELEMETRY_LIMITS } from '../ports/telemetry.ts';

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

/** Where a new span lies: see `Telemetry.start`. */
export interface SpanPlace {
  readonly traceparent: string;
  /** The id of the parent span; empty for the first span of a trace. */
  readonly parentId: string;
  readonly sampled: boolean;
  readonly links: readonly string[];
}

/** Whether a context says that its trace is sampled. */
export const isSampled = (traceparent: string): boolean => (Number.parseInt(traceparent.slice(53), 16) & 1) === 1;

/** The context with another decision about sampling. */
export const withSampled = (traceparent: string, sampled: boolean): string => {
  const flags = Number.parseInt(traceparent.slice(53), 16) & ~1;
  return `${traceparent.slice(0, 53)}${(sampled ? flags | 1 : flags).toString(16).padStart(2, '0')}`;
};

/** The ids of a context, as logs and spans name them. */
export const traceIds = (traceparent: string): { readonly traceId: string; readonly spanId: string } => ({
  traceId: traceparent.slice(3, 35),
  spanId: traceparent.slice(36, 52),
});

/** The last 56 bits of a trace id are random (https://www.w3.org/TR/trace-context-2/#random-trace-id-flag). */
const inShare = (traceparent: string, share: number): boolean =>
  Number.parseInt(traceparent.slice(21, 35), 16) < share * 2 ** 56;

/** Places a new span. `share` of the traces about which no parent or link decides are sampled. */
export function placeSpan(
  parent: string | null | undefined,
  links: readonly string[],
  share: number,
  ids: Ids,
): SpanPlace {
  const known = readTraceparent(parent);
  const read = new Set<string>();
  for (const link of links) {
    const context = readTraceparent(link);
    if (context !== undefined) read.add(context);
    if (read.size === TELEMETRY_LIMITS.links) break;
  }
  const linked = [...read];
  const traceparent = continueTrace(known, ids);
  const sampled = [...linked, ...(known === undefined ? [] : [known])].some(isSampled) || inShare(traceparent, share);
  return {
    traceparent: withSampled(traceparent, sampled),
    parentId: known === undefined ? '' : traceIds(known).spanId,
    sampled,
    links: linked,
  };
}
