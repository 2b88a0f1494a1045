// A collector that hangs, refuses or is slow: nothing waits for it, queues are bounded, and what is dropped is counted.
import { afterBatch, BATCHING, exporter } from '../../../adapters/otlp/exporter.ts';
import { OTLP_LIMITS, type OtlpTelemetry, otlpTelemetry, type Post } from '../../../adapters/otlp/otlp-telemetry.ts';
import { readSpans } from '../../../local/telemetry/otlp-spans.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { countingIds } from '../../support/ids.ts';

interface Sent {
  readonly path: string;
  readonly body: string;
  readonly answer: (isTaken: boolean) => void;
}

/** A collector whose answers the test gives. */
function setUp({ metricsEveryMs = 0 } = {}) {
  const clock = new FakeClock();
  const sent: Sent[] = [];
  const post: Post = (path, body) => new Promise((answer) => sent.push({ path, body, answer }));
  const deps = { post, share: 1, resource: {}, clock, ids: countingIds(), timeoutMs: 200, metricsEveryMs };
  return { clock, sent, telemetry: otlpTelemetry(deps) };
}

const spansOf = ({ body }: Sent): string[] => readSpans(JSON.parse(body)).map(({ name }) => name);

const end = (telemetry: OtlpTelemetry, ...names: readonly string[]) => {
  for (const name of names) telemetry.start(name, 'client').end();
};

/** The sums of a counter in a request, by the given attribute. */
function countsOf({ body }: Sent, name: string): Record<string, number> {
  const { resourceMetrics } = JSON.parse(body) as {
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: {
              name: string;
              sum: { dataPoints: [{ asDouble: number; attributes: { value: { stringValue: string } }[] }] };
            }[];
          },
        ];
      },
    ];
  };
  const found = resourceMetrics[0].scopeMetrics[0].metrics.filter((metric) => metric.name === name);
  return Object.fromEntries(
    found.map(({ sum: { dataPoints } }) => [
      dataPoints[0].attributes[0]?.value.stringValue ?? '',
      dataPoints[0].asDouble,
    ]),
  );
}

test('a collector that hangs gets two exports at most, and what is ended meanwhile waits within the limits', async () => {
  const { sent, telemetry } = setUp();
  for (let request = 0; request < OTLP_LIMITS.spans + 50; request += 1) {
    end(telemetry, `${request}`);
    void telemetry.flush();
  }
  await settle();
  expect(sent.map(spansOf)).toEqual([['0'], ['1']]);
  for (const { answer } of sent) answer(true);
  await settle();
  // Both exports take along what waits; the first of them everything.
  expect(sent.length).toBe(3);
  expect(sent[2] && spansOf(sent[2])).toEqual(Array.from({ length: OTLP_LIMITS.spans }, (_, index) => `${index + 2}`));
  telemetry.add('after', 1);
  sent[2]?.answer(true);
  await settle();
  expect(sent[3] && countsOf(sent[3], 'polycell.telemetry.dropped')).toEqual({ traces: 48 });
});

test('spans are limited in bytes, too', async () => {
  const { sent, telemetry } = setUp();
  const text = 'x'.repeat(OTLP_LIMITS.characters / 8);
  for (let count = 0; count < 10; count += 1) telemetry.start(String(count), 'client').end({ text });
  void telemetry.flush();
  await settle();
  expect(sent[0] && spansOf(sent[0])).toEqual(['0', '1', '2', '3', '4', '5', '6']);
});

test('series are limited: what would be one more is dropped, and those that are known go on', async () => {
  const { sent, telemetry } = setUp();
  for (let count = 0; count < OTLP_LIMITS.series; count += 1) telemetry.add('known', 1, { count: `${count}` });
  for (let time = 0; time < 3; time += 1) telemetry.add('more', 1);
  telemetry.add('known', 1, { count: '0' });
  const first = telemetry.flush();
  await settle();
  const [request] = sent;
  expect(Object.keys(request ? countsOf(request, 'known') : {}).length).toBe(OTLP_LIMITS.series);
  expect(request && countsOf(request, 'known')['0']).toBe(2);
  expect(request && countsOf(request, 'more')).toEqual({});
  expect(request && countsOf(request, 'polycell.telemetry.dropped')).toEqual({ metrics: 3 });
  request?.answer(true);
  await first;
});

test('what a collector refuses is dropped, not repeated, and its count outlives the refusal', async () => {
  const { sent, telemetry } = setUp();
  const flushed = async (isTaken: boolean) => {
    const before = sent.length;
    const flush = telemetry.flush();
    await settle();
    for (const { answer } of sent.slice(before)) answer(isTaken);
    await flush;
    return sent.slice(before);
  };
  end(telemetry, 'a', 'b');
  telemetry.add('counted', 1);
  await flushed(false);
  end(telemetry, 'c');
  telemetry.add('counted', 1);
  await flushed(false);
  telemetry.add('counted', 1);
  const [last, ...others] = await flushed(true);
  expect(others).toEqual([]);
  expect(last && countsOf(last, 'polycell.telemetry.dropped')).toMatchObject({ traces: 3 });
  telemetry.add('counted', 1);
  const [next] = await flushed(true);
  expect(next && countsOf(next, 'polycell.telemetry.dropped')).toEqual({});
});

test('an export whose end is never heard of counts as over after twice its time', async () => {
  const { clock, sent, telemetry } = setUp();
  for (const name of ['a', 'b', 'c']) {
    end(telemetry, name);
    void telemetry.flush();
  }
  await settle();
  expect(sent.map(spansOf)).toEqual([['a'], ['b']]);
  clock.jump(400);
  void telemetry.flush();
  await settle();
  expect(sent.map(spansOf)).toEqual([['a'], ['b'], ['c']]);
});

test('metrics of requests wait until they are due', async () => {
  const { clock, sent, telemetry } = setUp({ metricsEveryMs: 10_000 });
  telemetry.add('counted', 1);
  clock.jump(9_999);
  await telemetry.flush();
  expect(sent).toEqual([]);
  telemetry.add('counted', 1);
  clock.jump(1);
  void telemetry.flush();
  await settle();
  expect(sent.map(({ path }) => path)).toEqual(['/v1/metrics']);
  expect(sent[0] && countsOf(sent[0], 'counted')).toEqual({ '': 2 });
});

test('a batch waits for the export, for its time at most, also when it fails', async () => {
  const { clock, sent, telemetry } = setUp();
  const outcomes: unknown[] = [];
  const work = async (name: string) => {
    end(telemetry, name);
    if (name === 'bad') throw new Error('bad');
    return name;
  };
  const wrapped = afterBatch(telemetry, clock, work);
  void wrapped('quick').then((outcome) => outcomes.push(outcome));
  await settle();
  expect(outcomes).toEqual([]);
  sent[0]?.answer(true);
  await settle();
  expect(outcomes).toEqual(['quick']);
  wrapped('bad').catch((error: Error) => outcomes.push(error.message));
  await clock.advance(BATCHING.timeoutMs - 1);
  expect(outcomes).toEqual(['quick']);
  await clock.advance(1);
  expect(outcomes).toEqual(['quick', 'bad']);
});

test('without a collector nothing is sent, and nothing waits', async () => {
  const post = () => {
    throw new TypeError('There is none.');
  };
  const deps = { settings: undefined, post, resource: {}, clock: new FakeClock(), ids: countingIds() };
  const telemetry = exporter(deps, BATCHING);
  end(telemetry, 'a');
  await telemetry.flush();
  expect(telemetry.start('a', 'client').sampled).toBe(false);
});

test('a span that begins before the clock is set back ends when it began', async () => {
  const { clock, sent, telemetry } = setUp();
  const span = telemetry.start('a', 'client');
  clock.jump(-5000);
  span.end();
  void telemetry.flush();
  await settle();
  expect(readSpans(JSON.parse(sent[0]?.body ?? '')).map(({ milliseconds }) => milliseconds)).toEqual([0]);
});
