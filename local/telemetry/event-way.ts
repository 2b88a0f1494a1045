// The way of an event through the system: the spans of the request that brought it, and those that link to them, as a tree.
import type { ReceivedSpan } from './otlp-spans.ts';

export interface WayStep extends ReceivedSpan {
  /** It is in the trace of another batch, and links to the one above. */
  readonly linked: boolean;
  readonly next: readonly WayStep[];
}

/** Follows parents and links of the spans that name the event, up to where the request came in and down to what came of it. */
export function wayOf(event: string, spans: Iterable<ReceivedSpan>): readonly WayStep[] {
  const byId = new Map<string, ReceivedSpan>();
  const children = new Map<string, ReceivedSpan[]>();
  const linking = new Map<string, ReceivedSpan[]>();
  const named: ReceivedSpan[] = [];
  for (const span of spans) {
    byId.set(span.spanId, span);
    if (span.parentId !== '') push(children, span.parentId, span);
    for (const { spanId } of span.links) if (spanId !== span.parentId) push(linking, spanId, span);
    if (names(span, event)) named.push(span);
  }
  const seen = new Set<string>();
  const step = (span: ReceivedSpan, linked: boolean): WayStep => {
    seen.add(span.spanId);
    const next = [
      ...(children.get(span.spanId) ?? []).map((each) => [each, false] as const),
      ...(linking.get(span.spanId) ?? []).map((each) => [each, true] as const),
    ].sort(([one], [other]) => one.startedAt - other.startedAt);
    return {
      ...span,
      linked,
      next: next.flatMap(([each, isLinked]) => (seen.has(each.spanId) ? [] : [step(each, isLinked)])),
    };
  };
  // What links lead to is not looked for again: a push names the events that it brings.
  return named
    .map((span) => [span, firstOf(span, byId)] as const)
    .sort(([, one], [, other]) => one.startedAt - other.startedAt)
    .flatMap(([span, root]) => (seen.has(span.spanId) || seen.has(root.spanId) ? [] : [step(root, false)]));
}

const names = ({ attributes }: ReceivedSpan, event: string): boolean => {
  const { 'cloudevents.event_id': id, 'polycell.event.ids': ids } = attributes;
  return id === event || (Array.isArray(ids) && ids.includes(event));
};

/**
 * The span without a known parent above this one; where a batch is of one trace alone, also across its link. What one cell sends to another is
 * the first where it carries events of many: above it is a push with requests for all other events.
 */
function firstOf(span: ReceivedSpan, byId: ReadonlyMap<string, ReceivedSpan>): ReceivedSpan {
  if (span.kind === 'client' && span.links.length > 1) return span;
  const above = new Set<ReceivedSpan>();
  let first = span;
  while (!above.has(first)) {
    above.add(first);
    const { parentId, links } = first;
    const [only] = links.length === 1 ? links : [];
    first = byId.get(parentId) ?? byId.get(only?.spanId ?? '') ?? first;
  }
  return first;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
