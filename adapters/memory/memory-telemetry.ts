// Telemetry in memory, for tests: what has ended and what was measured, in order.
import { placeSpan, traceIds, withSampled } from '../../core/events/trace.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { Attributes, Span, SpanKind, Telemetry } from '../../core/ports/telemetry.ts';

export interface EndedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly links: readonly string[];
  readonly attributes: Attributes;
  readonly failure: string | undefined;
}

export interface Measured {
  readonly kind: 'add' | 'record' | 'gauge';
  readonly name: string;
  readonly value: number;
  readonly attributes: Attributes;
}

export interface MemoryTelemetryDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  /** The share of traces that are sampled; all unless given. */
  readonly share?: number;
}

export class MemoryTelemetry implements Telemetry {
  /** The spans that would be exported. */
  readonly spans: EndedSpan[] = [];
  readonly measured: Measured[] = [];
  readonly #deps: MemoryTelemetryDeps;

  constructor(deps: MemoryTelemetryDeps) {
    this.#deps = deps;
  }

  start(name: string, kind: SpanKind, parent?: string | null, links: readonly string[] = []): Span {
    const place = placeSpan(parent, links, this.#deps.share ?? 1, this.#deps.ids);
    const { spans } = this;
    let { sampled } = place;
    let isOver = false;
    let known: Attributes = {};
    return {
      get traceparent() {
        return withSampled(place.traceparent, sampled);
      },
      get sampled() {
        return sampled;
      },
      sample() {
        sampled = true;
      },
      set(attributes) {
        known = { ...known, ...attributes };
      },
      end(attributes = {}, { failure, keep } = {}) {
        if (isOver) return;
        isOver = true;
        if (!sampled && failure === undefined && keep !== true) return;
        const { parentId, links: linked } = place;
        spans.push({
          name,
          kind,
          ...traceIds(place.traceparent),
          parentId,
          links: linked,
          attributes: { ...known, ...attributes },
          failure,
        });
      },
    };
  }

  add(name: string, value: number, attributes: Attributes = {}): void {
    this.measured.push({ kind: 'add', name, value, attributes });
  }

  record(name: string, value: number, attributes: Attributes = {}): void {
    this.measured.push({ kind: 'record', name, value, attributes });
  }

  gauge(name: string, value: number, attributes: Attributes = {}): void {
    this.measured.push({ kind: 'gauge', name, value, attributes });
  }
}
