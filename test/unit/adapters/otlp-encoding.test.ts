// What is exported over OTLP, beside what OpenTelemetry's own SDK exports of the same spans and measurements.
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { JsonMetricsSerializer, JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { otlpTelemetry } from '../../../adapters/otlp/otlp-telemetry.ts';
import type { SpanKind as OwnKind } from '../../../core/ports/telemetry.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = { traceId: TRACE, spanId: '00f067aa0ba902b7', traceFlags: 1, isRemote: true };
const LINK = { traceId: TRACE.replace('4', '5'), spanId: '00f067aa0ba902b8', traceFlags: 0, isRemote: true };
const OWN = 'a1a2a3a4a5a6a7a8';
const ATTRIBUTES = { text: 'ü"\n', whole: 202, part: 1.5, yes: true, many: ['a', 'b'] };
const RESOURCE = { 'service.name': 'polycell-test', 'service.instance.id': OWN.repeat(2) };

const decode = (bytes: Uint8Array | undefined): unknown => JSON.parse(new TextDecoder().decode(bytes));

/** Without counts of what is dropped, empty texts and empty lists, all of which mean in Protobuf's JSON that nothing was said. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  const said = Object.entries(value).filter(
    ([name, given]) => !/^dropped/.test(name) && given !== '' && !(Array.isArray(given) && given.length === 0),
  );
  return Object.fromEntries(said.map(([name, given]) => [name, bare(given)]));
}

function setUp() {
  const clock = new FakeClock();
  const bodies: Record<string, unknown> = {};
  const telemetry = otlpTelemetry({
    post: async (path, body) => {
      bodies[path] = JSON.parse(body);
      return true;
    },
    share: 1,
    resource: { 'service.name': 'polycell-test' },
    clock,
    ids: { next: () => OWN.repeat(2) },
    timeoutMs: 200,
    metricsEveryMs: 0,
  });
  return { clock, bodies, telemetry };
}

test.each([
  ['internal', SpanKind.INTERNAL],
  ['server', SpanKind.SERVER],
  ['client', SpanKind.CLIENT],
  ['producer', SpanKind.PRODUCER],
  ['consumer', SpanKind.CONSUMER],
] as const)('a span, %s', async (own: OwnKind, kind) => {
  const { clock, bodies, telemetry } = setUp();
  const span = telemetry.start('a', own, `00-${TRACE}-${PARENT.spanId}-01`, [`00-${LINK.traceId}-${LINK.spanId}-00`]);
  clock.jump(1234);
  span.end(ATTRIBUTES, { failure: 'it broke' });
  await telemetry.flush();

  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes(RESOURCE),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    idGenerator: { generateTraceId: () => TRACE, generateSpanId: () => OWN },
  });
  const options = { kind, startTime: new Date(START), links: [{ context: LINK }], attributes: ATTRIBUTES };
  const theirs = provider.getTracer('polycell').startSpan('a', options, trace.setSpanContext(ROOT_CONTEXT, PARENT));
  theirs.setStatus({ code: SpanStatusCode.ERROR, message: 'it broke' });
  theirs.end(new Date(START + 1234));
  expect(bare(bodies['/v1/traces'])).toEqual(
    bare(decode(JsonTraceSerializer.serializeRequest(exporter.getFinishedSpans()))),
  );
});

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

test('a counter, a histogram and a gauge', async () => {
  const { bodies, telemetry } = setUp();
  const reader = new Reader({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA });
  const meter = new MeterProvider({ readers: [reader], resource: resourceFromAttributes(RESOURCE) }).getMeter(
    'polycell',
  );
  const counter = meter.createCounter('counted');
  const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
  const histogram = meter.createHistogram('duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: boundaries },
  });
  const gauge = meter.createGauge('newest');
  for (const value of [2, 3]) {
    telemetry.add('counted', value, { of: 'one' });
    counter.add(value, { of: 'one' });
  }
  for (const value of [0, 0.005, 0.0051, 9.99, 10, 11]) {
    telemetry.record('duration', value, { status: 202 });
    histogram.record(value, { status: 202 });
  }
  for (const value of [7, 3.5]) {
    telemetry.gauge('newest', value);
    gauge.record(value);
  }
  await telemetry.flush();
  const { resourceMetrics } = await reader.collect();
  expect(comparable(bodies['/v1/metrics'])).toEqual(
    comparable(decode(JsonMetricsSerializer.serializeRequest(resourceMetrics))),
  );
});

/** Extremes are optional, and instants each one's own. */
const comparable = (body: unknown): unknown =>
  JSON.parse(JSON.stringify(bare(body)), (name, value: unknown) =>
    ['min', 'max', 'startTimeUnixNano', 'timeUnixNano'].includes(name) ? undefined : value,
  );
