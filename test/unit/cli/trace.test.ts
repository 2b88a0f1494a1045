// What `polycell trace` and `polycell parked show` say: why there is no trace, several ways of one id, and where a consumer failed.
import { stackIn } from '../../../cli/commands/parked.ts';
import { noTrace } from '../../../cli/commands/trace.ts';
import { wayLines } from '../../../cli/way-lines.ts';
import type { WayStep } from '../../../local/telemetry/event-way.ts';

test.each([
  [1, 'it was not sent to this stack, or too long ago; the stack keeps the newest 5,000 traces.'],
  [
    0.25,
    'it was not sent to this stack, or its trace is not among the share of 0.25 that OTEL_TRACES_SAMPLER_ARG samples; the stack keeps the newest 5,000 traces.',
  ],
  [0, 'the stack samples none, as OTEL_TRACES_SAMPLER_ARG is 0.'],
])('no trace with a share of %d', (share, why) => {
  expect(noTrace('e', share)).toBe(`There is no trace of the event "e": ${why}`);
});

const step = (startedAt: number): WayStep => ({
  ...{ traceId: 't', spanId: 's', parentId: '', name: 'POST /v1/events', kind: 'server', service: 'polycell-edge' },
  ...{ cell: '', startedAt, milliseconds: 2, attributes: {}, links: [], linked: false, next: [] },
});

test('each of several ways begins at its own time', () => {
  expect(wayLines([step(1000), step(9000)])).toEqual([
    '    began     took',
    '     0 ms      2 ms  edge: POST /v1/events',
    '',
    '     0 ms      2 ms  edge: POST /v1/events',
  ]);
});

const line = (number: number, fields: object, message = 'parked an event') => ({
  ...{ number, time: '2026-11-21T07:41:03.000Z', level: 'error' as const, part: 'a rollups', message },
  fields: { consumer: 'rollups', tenant: 'acme', id: 'e', source: 'urn:a', ...fields },
});

test('where a consumer failed is in the newest line about the event', () => {
  const parked = {
    ...{ id: 'rollups.x', consumer: 'rollups', parkedAt: '', reason: { code: 'Error', message: 'no' } },
    event: { id: 'e', source: 'urn:a', type: 't', subject: 's' },
  };
  const lines = [
    line(1, { stack: 'first' }),
    line(2, { stack: 'second' }),
    line(3, { stack: 'of another tenant', tenant: 'globex' }),
    line(4, { stack: 'of another consumer', consumer: 'device-state' }),
    line(5, { stack: 'of another source', source: 'urn:b' }),
    line(6, { stack: 'of another event', id: 'f' }),
    line(7, { stack: 'of something else' }, 'a request failed'),
  ];
  expect(stackIn(lines, 'acme', parked)).toBe('second');
  expect(stackIn(lines.slice(2), 'acme', parked)).toBeUndefined();
  expect(stackIn([line(1, { stack: undefined })], 'acme', parked)).toBeUndefined();
});
