// The JSON of OTLP: spans and metrics as every collector takes them (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
import { traceIds } from '../../core/events/trace.ts';
import type { EpochMs } from '../../core/ports/clock.ts';
import type { Attributes, SpanKind } from '../../core/ports/telemetry.ts';

/** The upper bounds of a histogram's buckets in seconds, as the semantic conventions advise. */
export const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The numbers of the kinds begin at 1. */
const KINDS: readonly SpanKind[] = ['internal', 'server', 'client', 'producer', 'consumer'];

/** A series has what happened since the last export. */
const DELTA = 1;

/** The status of a failed span. */
const ERROR = 2;

/** Flags of a context beside those of its trace: it is known whether it came from elsewhere, and it did. */
const IS_KNOWN = 0x100;
const IS_REMOTE = 0x300;

const encodeValue = (given: unknown): object => {
  if (Array.isArray(given)) return { arrayValue: { values: given.map(encodeValue) } };
  if (typeof given === 'number') return Number.isInteger(given) ? { intValue: given } : { doubleValue: given };
  return typeof given === 'string' ? { stringValue: given } : { boolValue: given };
};

const keyValues = (attributes: Attributes): object[] =>
  Object.entries(attributes).flatMap(([key, given]) => (given === undefined ? [] : { key, value: encodeValue(given) }));

const nanoseconds = (instant: EpochMs): string => `${Math.round(instant)}000000`;

const flagged = (traceparent: string, flags: number): object => ({
  ...traceIds(traceparent),
  flags: flags | Number.parseInt(traceparent.slice(53), 16),
});

export interface FinishedSpan {
  readonly traceparent: string;
  readonly parentId: string;
  readonly links: readonly string[];
  readonly name: string;
  readonly kind: SpanKind;
  readonly from: EpochMs;
  readonly to: EpochMs;
  readonly attributes: Attributes;
  readonly failure: string | undefined;
}

/** One span. A parent always comes from elsewhere: work within a process has no spans. */
export const encodeSpan = ({ traceparent, parentId, links, name, kind, from, to, attributes, failure }: FinishedSpan) =>
  JSON.stringify({
    ...flagged(traceparent, parentId ? IS_REMOTE : IS_KNOWN),
    ...(parentId && { parentSpanId: parentId }),
    name,
    kind: KINDS.indexOf(kind) + 1,
    startTimeUnixNano: nanoseconds(from),
    endTimeUnixNano: nanoseconds(to),
    attributes: keyValues(attributes),
    links: links.map((link) => flagged(link, IS_REMOTE)),
    status: failure === undefined ? {} : { code: ERROR, message: failure },
  });

/** The series of one name and one set of attributes. */
export interface Series {
  readonly kind: 'sum' | 'histogram' | 'gauge';
  readonly name: string;
  readonly attributes: Attributes;
  /** Of a histogram: values in each bucket. */
  readonly buckets: number[];
  /** The sum, or the newest value of a gauge. */
  sum: number;
}

/** One series, with the delta between two instants. */
export const encodeSeries = ({ kind, name, attributes, buckets, sum }: Series, from: EpochMs, to: EpochMs) =>
  JSON.stringify({
    name,
    ...(kind === 'histogram' && { unit: 's' }),
    [kind]: {
      ...(kind !== 'gauge' && { aggregationTemporality: DELTA }),
      ...(kind === 'sum' && { isMonotonic: true }),
      dataPoints: [
        {
          attributes: keyValues(attributes),
          startTimeUnixNano: nanoseconds(from),
          timeUnixNano: nanoseconds(to),
          ...(kind === 'histogram'
            ? { count: buckets.reduce((all, each) => all + each), sum, bucketCounts: buckets, explicitBounds: BOUNDS }
            : { asDouble: sum }),
        },
      ],
    },
  });

/** The body of a request: spans or metrics, of one process. */
export const encodeRequest = (of: 'Spans' | 'Metrics', resource: Attributes, encoded: readonly string[]): string =>
  `{"resource${of}":[{"resource":${JSON.stringify({ attributes: keyValues(resource) })},"scope${of}":[{"scope":{"name":"polycell"},"${of.toLowerCase()}":[${encoded}]}]}]}`;
