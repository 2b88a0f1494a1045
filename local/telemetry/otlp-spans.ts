// Reads the spans of an OTLP/HTTP request in JSON, as the receiver keeps and the command line shows them.

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: string;
  readonly service: string;
  /** Empty for the edge. */
  readonly cell: string;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  readonly milliseconds: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** Why it failed; absent if it has not. */
  readonly failure?: string;
}

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const FAILED = 2;

type Loose = Readonly<Record<string, unknown>>;

const list = (value: unknown): readonly Loose[] => (Array.isArray(value) ? (value as Loose[]) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const loose = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {});

/** @throws TypeError if it is no such request */
export function readSpans(body: unknown): ReceivedSpan[] {
  const { resourceSpans } = loose(body);
  if (!Array.isArray(resourceSpans)) throw new TypeError('The body is no ExportTraceServiceRequest.');
  return list(resourceSpans).flatMap(({ resource, scopeSpans }) => {
    const about = attributesOf(loose(resource).attributes);
    return list(scopeSpans).flatMap(({ spans }) => list(spans).map((span) => readSpan(span, about)));
  });
}

function readSpan(span: Loose, about: Loose): ReceivedSpan {
  const [from, to] = [nanoseconds(span.startTimeUnixNano), nanoseconds(span.endTimeUnixNano)];
  const { code, message } = loose(span.status);
  return {
    traceId: text(span.traceId),
    spanId: text(span.spanId),
    parentId: text(span.parentSpanId),
    name: text(span.name),
    kind: KINDS[Number(span.kind)] ?? '',
    service: text(about['service.name']),
    cell: text(about['polycell.cell']),
    startedAt: from,
    milliseconds: to - from,
    attributes: attributesOf(span.attributes),
    links: list(span.links).map((link) => ({ traceId: text(link.traceId), spanId: text(link.spanId) })),
    ...(code === FAILED && { failure: text(message) }),
  };
}

/** As a number of milliseconds; whole ones are exact. */
const nanoseconds = (value: unknown): number => Number(BigInt(String(value ?? 0)) / 1000n) / 1000;

const attributesOf = (value: unknown): Loose =>
  Object.fromEntries(list(value).map(({ key, value: given }) => [text(key), plain(loose(given))]));

function plain(value: Loose): unknown {
  if (value.arrayValue !== undefined) return list(loose(value.arrayValue).values).map(plain);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue;
}
