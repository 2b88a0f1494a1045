// The telemetry contract, kept in memory, over OTLP, and where nothing is exported.
import { MemoryTelemetry } from '../../adapters/memory/memory-telemetry.ts';
import { noTelemetry } from '../../adapters/otlp/no-telemetry.ts';
import { otlpTelemetry } from '../../adapters/otlp/otlp-telemetry.ts';
import { readSpans } from '../../local/telemetry/otlp-spans.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { countingIds } from '../support/ids.ts';
import { type Exemption, exemptFrom } from './contract.ts';
import { type Exported, exportClauses, type TelemetryHarness, telemetryContract } from './telemetry.contract.ts';

const close = async () => undefined;

telemetryContract('memory', () => {
  const deps = { clock: new FakeClock(), ids: countingIds() };
  const all = new MemoryTelemetry(deps);
  const none = new MemoryTelemetry({ ...deps, share: 0 });
  return { all, none, exported: async () => [...all.spans, ...none.spans], close };
});

telemetryContract('OTLP', () => {
  const sent: Exported[] = [];
  const post = async (path: string, body: string) => {
    if (path === '/v1/traces')
      for (const span of readSpans(JSON.parse(body))) {
        const flags = new Map(linksIn(body).map(({ spanId, flags: all }) => [spanId, all & 0xff]));
        const links = span.links.map((link) => `00-${link.traceId}-${link.spanId}-0${flags.get(link.spanId)}`);
        sent.push({ ...span, links, failure: span.failure });
      }
    return true;
  };
  const deps = { post, resource: {}, clock: new FakeClock(), ids: countingIds(), timeoutMs: 200, metricsEveryMs: 0 };
  const all = otlpTelemetry({ ...deps, share: 1 });
  const none = otlpTelemetry({ ...deps, share: 0 });
  const exported = async () => {
    await all.flush();
    await none.flush();
    return sent;
  };
  return { all, none, exported, close };
});

const linksIn = (body: string): { spanId: string; flags: number }[] =>
  (
    JSON.parse(body) as {
      resourceSpans: { scopeSpans: { spans: { links: { spanId: string; flags: number }[] }[] }[] }[];
    }
  ).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.flatMap(({ links }) => links)));

const nowhere: Exemption<TelemetryHarness> = {
  reason: 'it exports nothing',
  instead: async ({ all }) => {
    const span = all.start('a', 'client');
    span.end({}, { failure: 'it broke', keep: true });
    expect(span.sampled).toBe(false);
  },
};

telemetryContract(
  'none',
  () => {
    const telemetry = noTelemetry(countingIds());
    return { all: telemetry, none: telemetry, exported: async () => [], close };
  },
  exemptFrom(exportClauses, nowhere),
);
