// What is accepted as an event, and the exact code and pointer of each refusal.

import { registryOf } from '../../../core/domain/application.ts';
import { type Acceptance, acceptEvent, identityOf } from '../../../core/events/accept.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import type { Json } from '../../../core/ports/json.ts';
import { candidate, measured, TRACEPARENT, without } from '../../support/events.ts';
import { START } from '../../support/fake-clock.ts';
import { METERS } from '../../support/meters.ts';

const accept = (event: Json): Acceptance => acceptEvent(event, { registry: registryOf(METERS), now: epochMs(START) });

/** Code and pointer of a refusal, or `accepted`. */
function verdict(event: Json): string {
  const result = accept(event);
  return result.accepted ? 'accepted' : `${result.rejection.code} ${result.rejection.pointer ?? 'nowhere'}`;
}

/** The same, for an event as it comes over the wire. */
const verdictOfText = (text: string): string => verdict(JSON.parse(text) as Json);

test('a valid event is accepted as it is', () => {
  expect(accept(candidate())).toEqual({ accepted: true, event: candidate() });
});

test.each([
  ['null', null],
  ['a text', 'event'],
  ['a number', 1],
  ['a list', [candidate()]],
])('%s is no event', (_case, event) => {
  expect(verdict(event)).toBe('invalid_event nowhere');
});

describe('required attributes', () => {
  test.each(['specversion', 'id', 'source', 'type', 'subject', 'time'])('without %s', (name) => {
    expect(verdict(without(name))).toBe(`missing_attribute /${name}`);
    expect(verdict(candidate({ [name]: null }))).toBe(`missing_attribute /${name}`);
    for (const value of [1, true, {}, ['a']]) {
      expect(verdict(candidate({ [name]: value }))).toBe(`invalid_attribute /${name}`);
    }
    expect(verdict(candidate({ [name]: '' }))).toBe(
      name === 'type' ? 'unknown_type /type' : `invalid_attribute /${name}`,
    );
  });

  test('the first fault in the order of the attributes is reported', () => {
    expect(verdict({})).toBe('missing_attribute /specversion');
    expect(verdict({ specversion: '1.0' })).toBe('missing_attribute /id');
  });

  test.each(['0.3', '1', '1.0.0', '1.1', ' 1.0'])('specversion %s', (specversion) => {
    expect(verdict(candidate({ specversion }))).toBe('invalid_attribute /specversion');
  });

  test.each([
    ['a path upwards', '../../etc/passwd'],
    ['characters that no key may hold', '/ \\ # ? | !'],
    ['an emoji', '🚰'],
    ['white space only', ' '],
    ['256 bytes', 'x'.repeat(256)],
    ['256 bytes of emoji', '🚰'.repeat(64)],
    ['a name of Object.prototype', '__proto__'],
  ])('id and source may be %s', (_case, text) => {
    expect(verdict(candidate({ id: text, source: text }))).toBe('accepted');
  });

  test.each([
    ['257 bytes', 'x'.repeat(257)],
    ['257 bytes in 129 characters', `${'é'.repeat(128)}x`],
    ['nothing', ''],
    ['NUL', 'a\u0000b'],
    ['line breaks', 'a\r\nb'],
    ['a control character of Latin-1', 'a\u0085b'],
    ['half a surrogate pair', '\ud83d'],
    ['its other half', 'x\udca7'],
    ['a noncharacter', '\ufdd0'],
    ['a noncharacter beyond the first plane', '\u{1ffff}'],
  ])('id and source may not be %s', (_case, text) => {
    expect(verdict(candidate({ id: text }))).toBe('invalid_attribute /id');
    expect(verdict(candidate({ source: text }))).toBe('invalid_attribute /source');
  });

  test.each([
    'io.polycell.reading.v2',
    'IO.POLYCELL.READING.V1',
    'io.polycell.reading.v1 ',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
  ])('the type %s is not known', (type) => {
    expect(verdict(candidate({ type }))).toBe('unknown_type /type');
  });

  test('a subject of every allowed character, up to 128 of them', () => {
    expect(verdict(candidate({ subject: 'AZaz09._:~@+-' }))).toBe('accepted');
    expect(verdict(candidate({ subject: 'd'.repeat(128) }))).toBe('accepted');
  });

  test.each(['...', '.a', 'a.', '..a', '-'])('the subject %j is accepted', (subject) => {
    expect(verdict(candidate({ subject }))).toBe('accepted');
  });

  // A URL's path cannot hold these two as segments, so such a device could never be read.
  test.each([
    '.',
    '..',
    'd'.repeat(129),
    'a/b',
    '../x',
    'a b',
    'a|b',
    'a!b',
    'a#b',
    'a?b',
    'é',
    'a\n',
    'a\u0000',
    '🚰',
  ])('the subject %j is refused', (subject) => {
    expect(verdict(candidate({ subject }))).toBe('invalid_attribute /subject');
  });

  test('a time that is none', () => {
    expect(verdict(candidate({ time: '2026-02-30T00:00:00Z' }))).toBe('invalid_attribute /time');
    expect(verdict(candidate({ time: 'now' }))).toBe('invalid_attribute /time');
  });

  test.each([
    ['exactly 5 minutes ahead', '2026-11-21T07:46:03Z', 'accepted'],
    ['exactly 5 minutes ahead, elsewhere', '2026-11-21T08:46:03.000+01:00', 'accepted'],
    ['a millisecond more', '2026-11-21T07:46:03.001Z', 'time_in_future /time'],
    ['a year ahead', '2027-11-21T07:41:03Z', 'time_in_future /time'],
    ['decades ago', '1970-01-01T00:00:00Z', 'accepted'],
  ])('a time %s', (_case, time, expected) => {
    expect(verdict(candidate({ time }))).toBe(expected);
  });
});

describe('extension attributes', () => {
  test('texts, numbers and booleans of unknown names are kept', () => {
    const extensions = { color: 'red', level: 3, urgent: false, constructor: 'x', tostring: 'y', partitionkey: '7' };
    const result = accept(candidate(extensions));
    expect(result).toEqual({ accepted: true, event: candidate(extensions) });
  });

  test('a member that is null is an attribute that is not set', () => {
    expect(accept(candidate({ color: null, datacontenttype: null }))).toEqual({
      accepted: true,
      event: candidate(),
    });
  });

  test.each([
    ['Color', '/Color'],
    ['my_ext', '/my_ext'],
    ['a-b', '/a-b'],
    ['', '/'],
    ['a/b', '/a~1b'],
    ['a~b', '/a~0b'],
    ['a~1b', '/a~01b'],
    ['ключ', '/ключ'],
    ['toString', '/toString'],
    ['hasOwnProperty', '/hasOwnProperty'],
  ])('the name %j is refused', (name, pointer) => {
    expect(verdict(candidate({ [name]: 'x' }))).toBe(`invalid_attribute ${pointer}`);
  });

  test('a name has at most 64 characters, and the pointer to a longer one is cut', () => {
    expect(verdict(candidate({ ['x'.repeat(64)]: 1 }))).toBe('accepted');
    expect(verdict(candidate({ ['x'.repeat(65)]: 1 }))).toBe(`invalid_attribute /${'x'.repeat(64)}`);
  });

  test.each(['polycelltenant', 'polycell', 'polycellx'])('the reserved name %s is refused', (name) => {
    expect(verdict(candidate({ [name]: 'other-tenant' }))).toBe(`invalid_attribute /${name}`);
  });

  test('members named like parts of prototypes are refused and change nothing', () => {
    const text = JSON.stringify(candidate()).replace('{', '{"__proto__":{"admin":true},');
    expect(verdictOfText(text)).toBe('invalid_attribute /__proto__');
    expect(verdictOfText(text.replace('{', '{"color":null,'))).toBe('invalid_attribute /__proto__');
    expect(verdictOfText(JSON.stringify(candidate()).replace('{', '{"constructor":{"prototype":{}},'))).toBe(
      'invalid_attribute /constructor',
    );
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  test('required attributes are not found on a prototype', () => {
    const text = `{"__proto__":${JSON.stringify(candidate())}}`;
    expect(verdictOfText(text)).toBe('missing_attribute /specversion');
  });

  test.each([
    ['an object', {}],
    ['a list', []],
  ])('a value that is %s is refused', (_case, value) => {
    expect(verdict(candidate({ color: value }))).toBe('invalid_attribute /color');
  });

  test('a number beyond the range of a double is refused', () => {
    const text = JSON.stringify(candidate({ level: 7 })).replace('"level":7', '"level":1e400');
    expect(verdictOfText(text)).toBe('invalid_attribute /level');
  });

  test('binary data is refused', () => {
    expect(verdict(without('data', { data_base64: 'AAAA' }))).toBe('unsupported_data_base64 /data_base64');
    expect(verdict(candidate({ data_base64: 'AAAA' }))).toBe('unsupported_data_base64 /data_base64');
    expect(verdict(candidate({ data_base64: null }))).toBe('accepted');
  });
});

describe('data', () => {
  test.each([
    ['none', without('data'), 'invalid_data /data'],
    ['null', candidate({ data: null }), 'invalid_data /data'],
    ['a text', candidate({ data: '{"metric":"t","value":1}' }), 'invalid_data /data'],
    ['a list', candidate({ data: [] }), 'invalid_data /data'],
    ['no metric', candidate({ data: { value: 1 } }), 'invalid_data /data'],
    ['no value', candidate({ data: { metric: 't' } }), 'invalid_data /data'],
    ['an empty metric', candidate({ data: measured('', 1) }), 'invalid_data /data/metric'],
    ['a metric of 129 characters', candidate({ data: measured('m'.repeat(129), 1) }), 'invalid_data /data/metric'],
    ['a metric of 128 emoji', candidate({ data: measured('🚰'.repeat(128), 1) }), 'accepted'],
    ['a value in quotes', candidate({ data: { metric: 't', value: '1' } }), 'invalid_data /data/value'],
    ['a value of null', candidate({ data: { metric: 't', value: null } }), 'invalid_data /data/value'],
    ['a unit of null', candidate({ data: { metric: 't', value: 1, unit: null } }), 'invalid_data /data/unit'],
    [
      'a unit of 49 characters',
      candidate({ data: measured('t', 1, { unit: 'u'.repeat(49) }) }),
      'invalid_data /data/unit',
    ],
    ['a member more', candidate({ data: measured('t', 1, { quality: { good: true } }) }), 'accepted'],
    ['the metric __proto__', candidate({ data: measured('__proto__', 1) }), 'accepted'],
    ['minus zero', candidate({ data: measured('t', -0) }), 'accepted'],
    ['the largest double', candidate({ data: measured('t', Number.MAX_VALUE) }), 'accepted'],
    ['the smallest double', candidate({ data: measured('t', 5e-324) }), 'accepted'],
    ['NaN', candidate({ data: measured('t', Number.NaN) }), 'invalid_data /data/value'],
    ['infinity', candidate({ data: measured('t', Number.POSITIVE_INFINITY) }), 'invalid_data /data/value'],
  ])('%s', (_case, event, expected) => {
    expect(verdict(event)).toBe(expected);
  });

  test('a number beyond the range of a double is refused wherever it is: it could not be stored as it was sent', () => {
    const text = (data: string) => JSON.stringify(candidate({ data: 'DATA' })).replace('"DATA"', data);
    expect(verdictOfText(text('{"metric":"t","value":1e400}'))).toBe('invalid_data /data/value');
    expect(verdictOfText(text('{"metric":"t","value":1,"limits":{"a/b":[1,-1e400]}}'))).toBe(
      'invalid_data /data/limits/a~1b/1',
    );
  });

  test('data named like parts of prototypes is data', () => {
    const text = JSON.stringify(candidate({ data: 'DATA' })).replace(
      '"DATA"',
      '{"metric":"t","value":1,"__proto__":{"value":"x"},"constructor":1}',
    );
    const result = accept(JSON.parse(text) as Json);
    expect(result.accepted && JSON.stringify(result.event.data)).toBe(
      '{"metric":"t","value":1,"__proto__":{"value":"x"},"constructor":1}',
    );
  });

  test('members of data are not found on a prototype', () => {
    const text = JSON.stringify(candidate({ data: 'DATA' })).replace(
      '"DATA"',
      '{"__proto__":{"metric":"t","value":1}}',
    );
    expect(verdictOfText(text)).toBe('invalid_data /data');
  });

  test('data nested as deep as a body may be is accepted', () => {
    let nested: Json = 1;
    for (let level = 0; level < 97; level += 1) nested = [nested];
    expect(verdict(candidate({ data: measured('t', 1, { nested }) }))).toBe('accepted');
  });

  test.each([
    ['application/json', 'accepted'],
    ['application/json; charset=utf-8', 'accepted'],
    ['application/vnd.acme+json', 'accepted'],
    ['text/json', 'accepted'],
    ['APPLICATION/JSON', 'accepted'],
    ['application/xml', 'invalid_attribute /datacontenttype'],
    ['application/jsonx', 'invalid_attribute /datacontenttype'],
    ['json', 'invalid_attribute /datacontenttype'],
    ['', 'invalid_attribute /datacontenttype'],
    [1, 'invalid_attribute /datacontenttype'],
  ])('datacontenttype %j', (datacontenttype, expected) => {
    expect(verdict(candidate({ datacontenttype }))).toBe(expected);
  });
});

describe('size', () => {
  /** An event whose JSON has exactly that many bytes. */
  const ofBytes = (bytes: number) => {
    const rest = JSON.stringify(candidate({ padding: '' })).length;
    return candidate({ padding: 'x'.repeat(bytes - rest) });
  };

  test('204,800 bytes are accepted, one more is not', () => {
    expect(verdict(ofBytes(204_800))).toBe('accepted');
    expect(verdict(ofBytes(204_801))).toBe('event_too_large nowhere');
  });

  test('bytes count, not characters', () => {
    expect(verdict(candidate({ padding: '🚰'.repeat(51_200) }))).toBe('event_too_large nowhere');
  });

  test('what the bus has to escape counts as it is sent: three bytes in UTF-8, six on the bus', () => {
    const data = (text: string) => candidate({ data: { metric: 'm', value: 1, unit: text } });
    expect(verdict(data('\ufffe'.repeat(34_000)))).not.toBe('event_too_large nowhere');
    expect(verdict(data('\ufffe'.repeat(34_200)))).toBe('event_too_large nowhere');
    expect(verdict(data('\uffff'.repeat(34_200)))).toBe('event_too_large nowhere');
  });
});

describe('traceparent', () => {
  test('one of its own is kept', () => {
    const result = accept(candidate({ traceparent: TRACEPARENT }));
    expect(result.accepted && result.event.traceparent).toBe(TRACEPARENT);
  });

  test.each([
    ['none', undefined],
    ['null', null],
    ['a number', 1],
    ['upper-case digits', TRACEPARENT.toUpperCase()],
    ['an all-zero trace', '00-00000000000000000000000000000000-00f067aa0ba902b7-01'],
    ['an all-zero span', '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01'],
    ['another version', TRACEPARENT.replace('00-', 'ff-')],
    ['too short', TRACEPARENT.slice(1)],
    ['more after it', `${TRACEPARENT}-x`],
  ])('%s is left out', (_case, traceparent) => {
    const result = accept(traceparent === undefined ? candidate() : candidate({ traceparent }));
    expect(result).toEqual({ accepted: true, event: candidate() });
  });
});

describe('identityOf', () => {
  test.each([
    ['texts', candidate({ id: 'a', source: 'b' }), { id: 'a', source: 'b' }],
    ['nothing', {}, { id: null, source: null }],
    ['other types', candidate({ id: 1, source: {} }), { id: null, source: null }],
    ['no object', 'x', { id: null, source: null }],
    ['257 bytes', candidate({ id: `${'x'.repeat(254)}é!` }), { id: `${'x'.repeat(254)}é`, source: 'urn:gateway:7' }],
    [
      'an emoji on the edge',
      candidate({ id: `${'x'.repeat(254)}🚰` }),
      { id: 'x'.repeat(254), source: 'urn:gateway:7' },
    ],
  ])('%s', (_case, event, expected) => {
    expect(identityOf(event)).toEqual(expected);
  });
});
