// Telemetry for one process: over OTLP where there is a collector, nowhere otherwise, and when it is exported.
import type { TelemetrySettings } from '../../core/cell/telemetry-settings.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { Attributes } from '../../core/ports/telemetry.ts';
import { noTelemetry } from './no-telemetry.ts';
import { type OtlpTelemetry, otlpTelemetry, type Post } from './otlp-telemetry.ts';

/** For what answers requests: no answer waits, so a slow collector may take its time. Both in milliseconds. */
export const ANSWERING = { timeoutMs: 3000, metricsEveryMs: 10_000 } as const;

/** For what takes batches, which wait for the export: a batch takes longer by `timeoutMs` at most. */
export const BATCHING = { timeoutMs: 200, metricsEveryMs: 0 } as const;

export interface ExporterDeps {
  /** Without them, nothing is exported. */
  readonly settings: TelemetrySettings | undefined;
  /** Makes what sends to the collector; called only where there is one. */
  readonly post: (settings: TelemetrySettings) => Post;
  readonly resource: Attributes;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Returns the telemetry of a process. */
export function exporter(
  { settings, post, ...deps }: ExporterDeps,
  when: typeof ANSWERING | typeof BATCHING,
): OtlpTelemetry {
  if (settings === undefined) return { ...noTelemetry(deps.ids), flush: () => Promise.resolve() };
  return otlpTelemetry({ ...deps, ...when, post: post(settings), share: settings.share });
}

/** Exports once after each batch, for `BATCHING.timeoutMs` at most: the platform may stop the process then. */
export const afterBatch =
  <A extends readonly unknown[], R>(
    { flush }: Pick<OtlpTelemetry, 'flush'>,
    clock: Clock,
    work: (...batch: A) => Promise<R>,
  ): ((...batch: A) => Promise<R>) =>
  async (...batch) => {
    try {
      return await work(...batch);
    } finally {
      await Promise.race([flush(), clock.sleep(BATCHING.timeoutMs)]);
    }
  };
