// Telemetry over OTLP/HTTP JSON: bounded queues, deltas, and drops that are counted and exported with the rest.
import { placeSpan, withSampled } from '../../core/events/trace.ts';
import { type Clock, type EpochMs, epochMs } from '../../core/ports/clock.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { Attributes, Telemetry } from '../../core/ports/telemetry.ts';
import { BOUNDS, encodeRequest, encodeSeries, encodeSpan, type Series } from './encoding.ts';

export const OTLP_LIMITS = {
  /** Spans that wait to be exported; … */
  spans: 1000,
  /** … and characters of their JSON. */
  characters: 512 * 1024,
  /** Metric series between two exports: combinations of names and attributes. */
  series: 500,
  /** Exports at once. */
  exports: 2,
} as const;

/** Sends a body to a path of the collector, and resolves with whether it was taken within the time. Never rejects. */
export type Post = (path: string, body: string, timeoutMs: number) => Promise<boolean>;

export interface OtlpDeps {
  readonly post: Post;
  /** The share of traces that are sampled, 0 to 1. */
  readonly share: number;
  /** What is exported about this process, once per request. */
  readonly resource: Attributes;
  readonly clock: Clock;
  readonly ids: Ids;
  /** How long the collector may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Metrics wait for at least this long after the last ones, in milliseconds; every flush exports them if it is 0. */
  readonly metricsEveryMs: number;
}

/** An implementation of the port, and its way out. */
export interface OtlpTelemetry extends Telemetry {
  /**
   * Exports what waits, and what comes while it does. If as many exports as may be are under way, they take it along. Never rejects. What
   * the collector does not take is dropped: repeating it would only make a bad time worse.
   */
  flush(): Promise<void>;
}

/** What is dropped is counted under this name. */
const DROPPED = 'polycell.telemetry.dropped';

/** Returns the telemetry of one process. A closure, not a class: minified, it is a fifth smaller. */
export function otlpTelemetry(deps: OtlpDeps): OtlpTelemetry {
  const { post, share, clock, ids, timeoutMs, metricsEveryMs } = deps;
  const resource = { ...deps.resource, 'service.instance.id': ids.next() };
  const dropped = { traces: 0, metrics: 0 };
  let spans: string[] = [];
  let characters = 0;
  let series = new Map<string, Series>();
  let since = clock.now();
  /** Until when each export counts as under way if its end is never heard of: a Worker may be ended in between. */
  let underWay: number[] = [];

  const keep = (span: string) => {
    if (spans.length >= OTLP_LIMITS.spans || characters + span.length > OTLP_LIMITS.characters) dropped.traces += 1;
    else {
      spans.push(span);
      characters += span.length;
    }
  };

  const measure = (kind: Series['kind'], name: string, attributes: Attributes, change: (series: Series) => void) => {
    const key = name + JSON.stringify(attributes);
    let found = series.get(key);
    if (found === undefined && series.size < OTLP_LIMITS.series) {
      found = { kind, name, attributes, buckets: new Array(BOUNDS.length + 1).fill(0), sum: 0 };
      series.set(key, found);
    }
    if (found) change(found);
    else dropped.metrics += 1;
  };

  const add = (name: string, value: number, attributes: Attributes = {}) =>
    measure('sum', name, attributes, (found) => {
      found.sum += value;
    });

  const send = async (signal: keyof typeof dropped, of: 'Spans' | 'Metrics', encoded: readonly string[]) => {
    const isTaken = await post(`/v1/${signal}`, encodeRequest(of, resource, encoded), timeoutMs);
    if (!isTaken) dropped[signal] += encoded.length;
    return isTaken;
  };

  const sendMetrics = async (now: EpochMs): Promise<void> => {
    const counted = { ...dropped };
    dropped.traces = 0;
    dropped.metrics = 0;
    const taken = [...series.values()];
    for (const [signal, sum] of Object.entries(counted))
      if (sum > 0) taken.push({ kind: 'sum', name: DROPPED, attributes: { signal }, buckets: [], sum });
    const from = since;
    series = new Map();
    since = now;
    const encoded = taken.map((each) => encodeSeries(each, from, now));
    if (await send('metrics', 'Metrics', encoded)) return;
    // The counts of drops outlive what could not be exported with them.
    dropped.traces += counted.traces;
    dropped.metrics += counted.metrics;
  };

  return {
    start(name, kind, parent, links = []) {
      const place = placeSpan(parent, links, share, ids);
      const from = clock.now();
      let { sampled } = place;
      let isOver = false;
      let known: Attributes = {};
      const context = () => withSampled(place.traceparent, sampled);
      return {
        get traceparent() {
          return context();
        },
        get sampled() {
          return sampled;
        },
        sample() {
          sampled = true;
        },
        set(more) {
          known = { ...known, ...more };
        },
        end(more, { failure, keep: isKept } = {}) {
          const isWanted = sampled || isKept || failure !== undefined;
          if (isOver || !isWanted) return;
          isOver = true;
          // A clock that was set back must not end a span before its beginning.
          const to = epochMs(Math.max(from, clock.now()));
          const attributes = { ...known, ...more };
          keep(encodeSpan({ ...place, traceparent: context(), name, kind, from, to, attributes, failure }));
        },
      };
    },

    add,

    record: (name, value, attributes = {}) =>
      measure('histogram', name, attributes, (found) => {
        const at = BOUNDS.filter((bound) => value > bound).length;
        found.buckets[at] = (found.buckets[at] ?? 0) + 1;
        found.sum += value;
      }),

    gauge: (name, value, attributes = {}) =>
      measure('gauge', name, attributes, (found) => {
        found.sum = value;
      }),

    async flush() {
      for (;;) {
        const now = clock.now();
        underWay = underWay.filter((until) => until > now);
        const isDue = series.size > 0 && now - since >= metricsEveryMs;
        if ((spans.length === 0 && !isDue) || underWay.length >= OTLP_LIMITS.exports) return;
        const until = now + 2 * timeoutMs;
        underWay.push(until);
        const taken = spans;
        spans = [];
        characters = 0;
        await Promise.all([taken.length > 0 && send('traces', 'Spans', taken), isDue && sendMetrics(now)]);
        const at = underWay.indexOf(until);
        if (at !== -1) underWay.splice(at, 1);
      }
    },
  };
}
