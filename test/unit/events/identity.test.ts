// Which events are the same one, where an event is stored, and that its stored form gives it back.
import fc from 'fast-check';
import {
  eventKey,
  fingerprint,
  fromStored,
  type LogDocument,
  logPartition,
  tenantOf,
  toLogDocument,
} from '../../../core/events/cloud-event.ts';
import type { CloudEvent } from '../../../core/ports/cloud-event.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import { STORE_LIMITS } from '../../../core/ports/store.ts';
import { candidate, reading, TRACEPARENT } from '../../support/events.ts';
import { property } from '../../support/properties.ts';

test('fingerprints are the base64url of SHA-256', () => {
  expect(fingerprint('', 43)).toBe('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU');
  expect(fingerprint('abc')).toBe('ungWv48Bz-pBQUDe');
});

test('an event lies in the partition of its tenant and subject, by time and identity', () => {
  const key = eventKey('acme', reading({ id: 'a', source: 'b', time: '2026-11-21T08:41:00.50+01:00' }));
  expect(key.partition).toBe('acme|pump-1');
  expect(key.id).toMatch(/^2026-11-21T07:41:00\.5![\w-]{16}$/);
  expect(logPartition('acme', 'pump-1')).toBe('acme|pump-1');
  expect(tenantOf(key)).toBe('acme');
});

test.each([
  ['another id', { id: 'r-2' }],
  ['another source', { source: 'urn:gateway:8' }],
  ['another subject', { subject: 'pump-2' }],
  ['another instant', { time: '2026-11-21T07:41:00.000000001Z' }],
])('%s is another event', (_case, change) => {
  expect(eventKey('acme', reading(change))).not.toEqual(eventKey('acme', reading()));
});

test('another tenant is another event', () => {
  expect(eventKey('acme', reading())).not.toEqual(eventKey('acme2', reading()));
});

test('source and id stay distinct, wherever the border between them lies', () => {
  expect(eventKey('acme', reading({ source: 'a', id: 'bc' }))).not.toEqual(
    eventKey('acme', reading({ source: 'ab', id: 'c' })),
  );
  expect(eventKey('acme', reading({ source: 'a","b', id: 'c' }))).not.toEqual(
    eventKey('acme', reading({ source: 'a', id: 'b","c' })),
  );
});

test('type, data and extensions do not belong to the identity', () => {
  expect(eventKey('acme', reading({ type: 'other', data: null, color: 'red' }))).toEqual(eventKey('acme', reading()));
});

test('a time that is none is a programming error', () => {
  expect(() => eventKey('acme', reading({ time: 'yesterday' }))).toThrow(TypeError);
});

test('what the key says is not stored again', () => {
  const event = reading({ time: '2026-11-21T07:41:00.000Z' });
  expect(Object.keys(toLogDocument('acme', event).body as JsonObject).sort()).toEqual([
    'data',
    'id',
    'source',
    'traceparent',
    'type',
  ]);
});

test('a time that is written as short as it can be takes one character', () => {
  const event = reading({ time: '2026-11-21T07:41:00Z' });
  expect((toLogDocument('acme', event).body as JsonObject).time).toBe('Z');
});

test.each([
  '2026-11-21T07:41:00Z',
  '2026-11-21T07:41:00.000Z',
  '2026-11-21T07:41:00.5Z',
  '2026-11-21T07:41:00.50Z',
  '2026-11-21T07:41:00.500Z',
  '2026-11-21T07:41:00.5000Z',
  '2026-11-21T07:41:00.123456Z',
  '2026-11-21T08:41:00+01:00',
  '2026-11-21t07:41:00z',
  '2026-11-20T23:59:60Z',
])('the time %s comes back as it was sent', (time) => {
  const event = reading({ time });
  expect(fromStored(toLogDocument('acme', event))).toEqual({ tenant: 'acme', event });
});

test('a generated traceparent lies beside the body: the same event has one body, whichever cell accepts it', () => {
  const event = candidate() as unknown as CloudEvent;
  const here = toLogDocument('acme', event, { origin: 'a', epoch: 1, traceparent: TRACEPARENT });
  const other = TRACEPARENT.replace('4b', '11');
  const there = toLogDocument('acme', event, { origin: 'b', epoch: 2, traceparent: other });
  expect(here.body).toEqual(there.body);
  expect(here.beside).toEqual({ origin: 'a', epoch: 1, traceparent: TRACEPARENT });
  expect(fromStored(here)).toEqual({ tenant: 'acme', origin: 'a', event: { ...event, traceparent: TRACEPARENT } });
});

test('a client’s own traceparent is part of the body, and what an earlier release stored there is read', () => {
  const stored = toLogDocument('acme', reading({ traceparent: TRACEPARENT }));
  expect(stored).toMatchObject({ body: { traceparent: TRACEPARENT } });
  expect(stored.beside).toBeUndefined();
  expect(fromStored(stored).event.traceparent).toBe(TRACEPARENT);
});

const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
const time = fc.constantFrom(
  '2026-11-21T07:41:00Z',
  '2026-11-21T07:41:00.250Z',
  '2026-11-21T07:41:00.25Z',
  '2026-11-21T09:41:00.2500+02:00',
  '2026-11-21T07:41:00.123456789Z',
);

const anyEvent = fc
  .record({
    id: anyText,
    source: anyText,
    subject: fc.stringMatching(/^[A-Za-z0-9._:~@+-]{1,128}$/),
    time,
    data: fc.jsonValue({ depthSize: 'small' }),
    extensions: fc.dictionary(
      fc.stringMatching(/^x[a-z0-9]{0,10}$/),
      fc.oneof(fc.string(), fc.integer(), fc.boolean()),
    ),
  })
  .map(({ extensions, data, ...rest }) => reading({ ...rest, data: data as JsonObject, ...extensions }));

property('the stored form gives back the event, also as JSON text', anyEvent, (event) => {
  const stored = JSON.parse(JSON.stringify(toLogDocument('acme', event))) as LogDocument;
  expect(fromStored(stored)).toEqual({ tenant: 'acme', event: JSON.parse(JSON.stringify(event)) });
});

property('a key is one that every store takes', anyEvent, (event) => {
  const { partition, id } = eventKey('a'.repeat(63), event);
  for (const part of [partition, id]) {
    expect(part).toMatch(/^[\x20-\x7e]+$/);
    expect(part).not.toMatch(/[/\\#?]/);
    expect(part.length).toBeLessThanOrEqual(STORE_LIMITS.keyBytes);
  }
});

property(
  'the spellings of one instant are one event, those of two are two',
  fc.record({ second: fc.integer({ min: 0, max: 59 }), other: fc.integer({ min: 0, max: 59 }) }),
  ({ second, other }) => {
    const two = (value: number) => String(value).padStart(2, '0');
    const spellings = [
      `2026-11-21T07:41:${two(second)}Z`,
      `2026-11-21t07:41:${two(second)}.000z`,
      `2026-11-21T07:41:${two(second)}.0-00:00`,
      `2026-11-21T18:11:${two(second)}+10:30`,
      `2026-11-20T23:41:${two(second)}.000000-08:00`,
    ];
    const keys = new Set(spellings.map((spelling) => eventKey('acme', reading({ time: spelling })).id));
    expect(keys.size).toBe(1);
    const different = eventKey('acme', reading({ time: `2026-11-21T07:41:${two(other)}Z` })).id;
    expect(keys.has(different)).toBe(other === second);
  },
);

property(
  'two pairs of source and id have one identity exactly when they are equal',
  fc.tuple(fc.record({ source: anyText, id: anyText }), fc.record({ source: anyText, id: anyText }), fc.boolean()),
  ([a, b, same]) => {
    const other = same ? { ...a } : b;
    const equal = a.source === other.source && a.id === other.id;
    expect(eventKey('acme', reading(a)).id === eventKey('acme', reading(other)).id).toBe(equal);
  },
);
