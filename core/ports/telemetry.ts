// The telemetry port: spans and measurements of what happens, for operators of both clouds on one plane.

/** What a span or a measurement is about; names follow OpenTelemetry's semantic conventions where they have one. */
export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Which side of which kind of call a span is. */
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/** What a span may have. */
export const TELEMETRY_LIMITS = {
  /** Links of one span; the count of what it handled is an attribute. */
  links: 64,
} as const;

/** How a span ended, beyond its attributes. */
export interface SpanEnd {
  /** Why it failed. A failed span is exported even if its trace is not sampled. */
  readonly failure?: string | undefined;
  /** Exports it even if its trace is not sampled. */
  readonly keep?: boolean | undefined;
}

/** A piece of work that is under way. */
export interface Span {
  /** The context to hand on, as a W3C `traceparent`. Its flag says whether the trace is sampled. */
  readonly traceparent: string;
  /** Whether the trace is sampled: attributes that cost something are made only then. */
  readonly sampled: boolean;
  /** Samples the trace from here on: contexts handed on from now say so. */
  sample(): void;
  /** Adds what is known of it by now. */
  set(attributes: Attributes): void;
  /** Ends it. Only the first call counts. */
  end(attributes?: Attributes, how?: SpanEnd): void;
}

/** Never fails, never waits: telemetry must not affect behaviour. What it cannot keep it drops, and counts. */
export interface Telemetry {
  /**
   * Starts a span. It continues the trace of `parent`, if that is a readable context, and begins one of its
   * own otherwise. It is sampled if its parent is, or one of `links`, or else by a function of the trace id on which all parts of the system
   * agree.
   * Unreadable links, and those beyond `TELEMETRY_LIMITS.links`, are left out.
   */
  start(name: string, kind: SpanKind, parent?: string | null, links?: readonly string[]): Span;
  /** Adds to a counter. */
  add(name: string, value: number, attributes?: Attributes): void;
  /** Records one value of a distribution, such as a duration in seconds. */
  record(name: string, value: number, attributes?: Attributes): void;
  /** Sets a value that is the newest of its kind. */
  gauge(name: string, value: number, attributes?: Attributes): void;
}
