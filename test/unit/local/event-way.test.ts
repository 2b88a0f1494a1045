// The way of an event, from the spans that a receiver has: parents up and down, links both ways, within limits.
import { wayLines } from '../../../cli/way-lines.ts';
import { type WayStep, wayOf } from '../../../local/telemetry/event-way.ts';
import { LineRing } from '../../../local/telemetry/line-ring.ts';
import type { ReceivedSpan } from '../../../local/telemetry/otlp-spans.ts';
import { readSpans } from '../../../local/telemetry/otlp-spans.ts';
import { TraceRing } from '../../../local/telemetry/trace-ring.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const span = (spanId: string, more: Partial<ReceivedSpan> = {}): ReceivedSpan => ({
  traceId: 't',
  spanId,
  parentId: '',
  name: spanId,
  kind: 'server',
  service: 'polycell-http',
  cell: 'alpha',
  startedAt: 1000,
  milliseconds: 1,
  attributes: {},
  links: [],
  ...more,
});

const links = (...ids: readonly string[]) => ids.map((spanId) => ({ traceId: 't', spanId }));

/** A tree as text: linked steps in brackets. */
const shape = (way: readonly WayStep[]): string =>
  way
    .map(({ name, linked, next }) => `${linked ? `[${name}]` : name}${next.length > 0 ? `(${shape(next)})` : ''}`)
    .join(' ');

const EVENT = { 'polycell.event.ids': ['x', 'e'] };

test('from the request that names the event: up to the edge, over a failed attempt, and down to relay and consumers', () => {
  const spans = [
    span('process', { kind: 'consumer', traceId: 'u', links: links('cell', 'other'), startedAt: 1300 }),
    span('publish', { kind: 'client', traceId: 'v', links: links('other', 'cell'), startedAt: 1200 }),
    span('cell', { parentId: 'second', attributes: EVENT, startedAt: 1100 }),
    span('first', { kind: 'client', parentId: 'edge', startedAt: 1010, failure: 'unreachable' }),
    span('second', { kind: 'client', parentId: 'edge', startedAt: 1050 }),
    span('edge', { parentId: 'of-the-client', cell: '', service: 'polycell-edge' }),
    span('other', { attributes: { 'polycell.event.ids': ['y'] } }),
    span('replicated', { parentId: 'push', links: links('cell'), startedAt: 1400 }),
    span('received', { parentId: 'replicated', cell: 'beta', startedAt: 1410 }),
  ];
  expect(shape(wayOf('e', spans))).toBe('edge(first second(cell([publish] [process] [replicated](received))))');
  expect(wayOf('z', spans)).toEqual([]);
});

test('from a consumer that names the event: its link leads back to the request', () => {
  const spans = [
    span('cell', { parentId: 'edge' }),
    span('edge'),
    span('process', { traceId: 'u', links: links('cell'), attributes: { 'cloudevents.event_id': 'e' } }),
    span('publish', { traceId: 'v', links: links('cell') }),
  ];
  expect(shape(wayOf('e', spans))).toBe('edge(cell([process] [publish]))');
});

test('a batch of one is under its parent, once; an event that came twice has two ways', () => {
  const spans = [
    span('one', { attributes: EVENT }),
    span('process', { parentId: 'one', links: links('one'), attributes: { 'cloudevents.event_id': 'e' } }),
    span('two', { attributes: EVENT, startedAt: 2000 }),
  ];
  expect(shape(wayOf('e', spans))).toBe('one(process) two');
});

test('a push of more events than it links to is found by the id, without the rest of the push, and shown once where a link leads to it', () => {
  const spans = [
    span('cell', { parentId: 'edge', attributes: EVENT }),
    span('edge'),
    span('order', { cell: 'alpha', startedAt: 1500, traceId: 'p' }),
    span('first page', { kind: 'client', traceId: 'p', parentId: 'order', links: links('x', 'y'), startedAt: 1501 }),
    span('page', {
      kind: 'client',
      traceId: 'p',
      parentId: 'order',
      links: links('x', 'z'),
      attributes: EVENT,
      startedAt: 1510,
    }),
    span('received', { traceId: 'p', parentId: 'page', cell: 'beta', startedAt: 1511 }),
  ];
  expect(shape(wayOf('e', spans))).toBe('edge(cell) page(received)');
  const linked = spans.map((each) => (each.name === 'page' ? { ...each, links: links('x', 'cell') } : each));
  expect(shape(wayOf('e', linked))).toBe('edge(cell([page](received)))');
});

test('spans that lead in a circle are shown once', () => {
  const spans = [span('a', { links: links('b'), attributes: EVENT }), span('b', { links: links('a') })];
  expect(shape(wayOf('e', spans))).toMatch(/^(a\(\[b\]\)|b\(\[a\]\))$/);
});

test('lines have times after the first step, what happened, and what failed', () => {
  const spans = [
    span('POST /v1/events', { spanId: 'edge', cell: '', service: 'polycell-edge', milliseconds: 1234.5 }),
    span('POST', {
      spanId: 'f',
      parentId: 'edge',
      cell: '',
      service: 'polycell-edge',
      startedAt: 1002,
      failure: 'unreachable',
      attributes: { 'polycell.peer': 'alpha', 'error.type': 'unreachable' },
    }),
    span('POST', {
      spanId: 'g',
      parentId: 'edge',
      cell: '',
      service: 'polycell-edge',
      startedAt: 1003,
      attributes: { 'polycell.peer': 'beta', 'http.response.status_code': 202 },
    }),
    span('POST /v1/events', { spanId: 'cell', cell: 'beta', parentId: 'g', startedAt: 1004, attributes: EVENT }),
    span('process rollups', {
      spanId: 'p',
      cell: 'beta',
      service: 'polycell-worker',
      links: links('cell'),
      startedAt: 1500,
      attributes: { 'messaging.batch.message_count': 2 },
    }),
  ];
  expect(wayLines(wayOf('e', spans))).toEqual([
    '    began     took',
    '     0 ms   1235 ms  edge: POST /v1/events',
    '     2 ms      1 ms  ├─ edge: POST, to alpha, failed: unreachable',
    '     3 ms      1 ms  └─ edge: POST, to beta, 202',
    '     4 ms      1 ms     └─ beta http: POST /v1/events',
    '   500 ms      1 ms        └╌ beta worker: process rollups, 2 events',
  ]);
});

test('the ring keeps the newest traces, by their number and by their bytes', () => {
  const kept = (ring: TraceRing) => [...ring.spans()].map(({ spanId }) => spanId).join('');
  const byNumber = new TraceRing({ traces: 2, bytes: 1e6 });
  for (const id of 'abac') byNumber.keep([span(id, { traceId: id })]);
  expect([kept(byNumber), byNumber.size.traces]).toEqual(['bc', 2]);
  const one = new TraceRing();
  one.keep([span('a')]);
  const byBytes = new TraceRing({ traces: 9, bytes: 2 * one.size.bytes });
  for (const id of 'abc') byBytes.keep([span(id, { traceId: id })]);
  expect([kept(byBytes), byBytes.size]).toEqual(['bc', { traces: 2, bytes: 2 * one.size.bytes }]);
  // One that is too large alone is not kept either.
  byBytes.keep([span('d', { traceId: 'd', name: 'x'.repeat(1000) })]);
  expect([kept(byBytes), byBytes.size]).toEqual(['', { traces: 0, bytes: 0 }]);
});

test('what is no export request is refused', () => {
  for (const body of [null, 1, {}, { resourceSpans: {} }]) expect(() => readSpans(body)).toThrow(TypeError);
  expect(readSpans({ resourceSpans: [{}, { scopeSpans: [{ spans: [] }] }] })).toEqual([]);
});

test('the newest lines are kept, numbered, and who waits for more gets them', async () => {
  const ring = new LineRing(new FakeClock(), { lines: 2, characters: 1e6 });
  const said = (message: string) => ring.keep({ level: 'info', part: 'edge', message });
  for (const message of ['a', 'b', 'c']) said(message);
  expect(ring.after(0)).toMatchObject({
    last: 3,
    lines: [
      { number: 2, message: 'b' },
      { number: 3, message: 'c' },
    ],
  });
  expect(ring.after(2).lines.map(({ message }) => message)).toEqual(['c']);
  await ring.grownBeyond(2);
  let grown = false;
  void ring.grownBeyond(3).then(() => {
    grown = true;
  });
  await settle();
  expect(grown).toBe(false);
  said('d');
  await settle();
  expect(grown).toBe(true);
  const small = new LineRing(new FakeClock(), { lines: 9, characters: 200 });
  for (const message of ['a'.repeat(90), 'b'.repeat(90)]) small.keep({ level: 'info', part: 'edge', message });
  expect(small.after(0).lines.map(({ message }) => message[0])).toEqual(['b']);
});
