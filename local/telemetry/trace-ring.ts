// The newest traces of the local stack, in memory and within limits.
import type { ReceivedSpan } from './otlp-spans.ts';

export const RING_LIMITS = {
  traces: 5000,
  /** Bytes of the spans as JSON. */
  bytes: 64 * 1024 * 1024,
} as const;

/** Spans as JSON: objects would take several times as much memory as is counted. */
interface Kept {
  readonly spans: string[];
  bytes: number;
}

export class TraceRing {
  readonly #traces = new Map<string, Kept>();
  readonly #limits: { readonly traces: number; readonly bytes: number };
  #bytes = 0;

  constructor(limits: { readonly traces: number; readonly bytes: number } = RING_LIMITS) {
    this.#limits = limits;
  }

  /** Keeps spans. Those of the oldest traces make room for them. */
  keep(spans: readonly ReceivedSpan[]): void {
    for (const span of spans) {
      const text = JSON.stringify(span);
      const bytes = Buffer.byteLength(text);
      const trace = this.#traces.get(span.traceId) ?? { spans: [], bytes: 0 };
      trace.spans.push(text);
      trace.bytes += bytes;
      this.#bytes += bytes;
      this.#traces.set(span.traceId, trace);
      this.#makeRoom();
    }
  }

  get size(): { readonly traces: number; readonly bytes: number } {
    return { traces: this.#traces.size, bytes: this.#bytes };
  }

  *spans(): Generator<ReceivedSpan> {
    for (const { spans } of this.#traces.values()) for (const text of spans) yield JSON.parse(text) as ReceivedSpan;
  }

  #makeRoom(): void {
    for (const [id, { bytes }] of this.#traces) {
      if (this.#traces.size <= this.#limits.traces && this.#bytes <= this.#limits.bytes) return;
      this.#traces.delete(id);
      this.#bytes -= bytes;
    }
  }
}
