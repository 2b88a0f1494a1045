// What the day's devices send: single events, batches, binary mode; twice, out of order, and late.
import { reading, type TestReading } from '../support/readings.ts';
import { ask, type Caller, chance, event, post, type Step, settle, TYPES } from './recording.ts';

const acme: Caller = { tenant: 'acme', scopes: ['ingest'] };
const globex: Caller = { tenant: 'globex', scopes: ['ingest'] };

/** The day begins here. */
const START = Date.UTC(2024, 1, 29);

/** Readings over the whole day, in the order in which they arrive: nearly sorted, a few of them hours late. */
export function dayReadings(count: number, seed: number): TestReading[] {
  const next = chance(seed);
  const metrics = ['temperature', 'humidity', 'rpm'];
  return Array.from({ length: count }, (_, index) => {
    const late = next() < 0.05 ? next() * 6 * 3_600_000 : next() * 90_000;
    const at = START + (index / count) * 86_400_000 - late;
    return reading({
      id: `day-${index}`,
      device: `pump-${Math.floor(next() * 6)}`,
      time: new Date(Math.round(at)).toISOString(),
      // Decimal fractions: their sums tell whether both clouds add up alike.
      value: Math.round((next() * 200 - 60) * 100) / 100,
      metric: metrics[Math.floor(next() * metrics.length)] ?? 'temperature',
    });
  });
}

const binary = (id: string, headers: Readonly<Record<string, string>>, body: string, name: string) =>
  ask('ingest, binary', acme, 'POST', '/v1/events', {
    name,
    headers: {
      'content-type': TYPES.binary,
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-source': 'urn:test',
      'ce-type': 'io.polycell.reading.v1',
      'ce-subject': 'pump-binary',
      'ce-time': '2024-02-29T08:00:00Z',
      ...headers,
    },
    body,
  });

export function ingestSteps(): Step[] {
  const readings = dayReadings(60, 20240229);
  const first = event(readings[0] as TestReading);
  const at = (id: string, time: string, more: Readonly<Record<string, unknown>> = {}) =>
    event(reading({ id, device: 'clock', time, value: 1 }), more);
  const steps: Step[] = [
    post('ingest, single', acme, first, { name: 'one event' }),
    post('ingest, single', acme, first, { name: 'the same event again' }),
    post('ingest, single', acme, { ...first, data: { metric: 'temperature', value: 99 } }, { name: 'other data' }),
    post('ingest, single', acme, at('no-fraction', '2024-02-29T12:00:00Z'), { name: 'a time without a fraction' }),
    post('ingest, single', acme, at('offset', '2024-02-29T13:00:00.5+01:00'), { name: 'a time with an offset' }),
    post('ingest, single', acme, at('nanos', '2024-02-29T12:00:00.123456789Z'), { name: 'nanoseconds' }),
    post('ingest, single', acme, at('year-one', '1970-01-01T00:00:00Z'), { name: 'half a century late' }),
    post('ingest, single', acme, at('no-trace', '2024-02-29T12:00:01Z', { traceparent: undefined }), {
      name: 'untraced',
    }),
    post('ingest, single', acme, at('traced', '2024-02-29T12:00:02Z', { traceparent: undefined }), {
      name: 'traced by the request',
      headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' },
    }),
    post('ingest, single', acme, at('extended', '2024-02-29T12:00:03Z', { site: 'north', floor: 3, open: null }), {
      name: 'extension attributes',
    }),
    post('ingest, single', acme, at('../\u0000 😀|/?#%', '2024-02-29T12:00:04Z'), { name: 'an id of odd characters' }),
    post('ingest, single', acme, JSON.stringify(at('charset', '2024-02-29T12:00:05Z')), {
      name: 'a charset',
      headers: { 'content-type': `${TYPES.one}; charset=UTF-8` },
    }),
    post('ingest, single', acme, at('zero', '2024-02-29T12:00:06Z', { data: { metric: 'edge', value: -0 } })),
    post('ingest, single', acme, at('tiny', '2024-02-29T12:00:07Z', { data: { metric: 'edge', value: 5e-324 } })),
    post('ingest, single', acme, at('huge', '2024-02-29T12:00:08Z', { data: { metric: 'edge', value: 1.7e308 } })),
    post('ingest, single', acme, at('more', '2024-02-29T12:00:09Z', { data: { metric: 'edge', value: 1.7e308 } })),
    binary('b-1', {}, '{"metric":"humidity","value":40}', 'binary'),
    binary('b-1', {}, '{"metric":"humidity","value":41}', 'binary, again'),
    binary(
      'b%202',
      { 'ce-room': 'K%C3%BCche' },
      '{"metric":"humidity","value":42,"unit":"%"}',
      'binary, percent-encoded',
    ),
    binary('b-3', { 'CE-Floor': '3' }, '{"metric":"humidity","value":43}', 'binary, capitals'),
    binary('b-4%zz', {}, '{"metric":"humidity","value":44}', 'binary, a stray percent sign'),
    binary('b-5', { 'ce-room': 'K\u00fcche' }, '{"metric":"humidity","value":45}', 'binary, Latin-1 in a header'),
  ];
  for (let from = 0; from < readings.length; from += 20)
    steps.push(
      post(
        'ingest, batch',
        acme,
        readings.slice(from, from + 20).map((each) => event(each)),
      ),
    );
  // Everything arrives once more, backwards, and partly under another tenant.
  steps.push(
    post(
      'ingest, batch',
      acme,
      readings
        .slice(0, 60)
        .reverse()
        .map((each) => event(each)),
      { name: 'all again' },
    ),
    post(
      'ingest, batch',
      globex,
      readings
        .slice(0, 30)
        .reverse()
        .map((each) => event(each)),
      { name: 'backwards' },
    ),
    post('ingest, batch', globex, [first, first, first], { name: 'three of a kind' }),
    settle('acme', 60 + 16),
    settle('globex', 30),
  );
  return steps;
}
