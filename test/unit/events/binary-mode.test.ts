// Values of `ce-` headers, case by case as the HTTP protocol binding of CloudEvents has them; the cases are in binary-mode.json.
import { attributeValue } from '../../../core/events/binary-mode.ts';
import { isJsonType, isUtf8, parseMediaType } from '../../../core/events/media-type.ts';
import cases from './binary-mode.json' with { type: 'json' };

test.each(cases.decoded)('$name', ({ header, value }) => {
  expect(attributeValue(header)).toBe(value);
});

test.each(cases.refused)('refused: $name', ({ header }) => {
  expect(attributeValue(header)).toBeUndefined();
});

test('any text comes back that is percent-encoded as the binding asks for', () => {
  for (let point = 0; point <= 0x10ffff; point += 97) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const text = `a${String.fromCodePoint(point)}%"b`;
    expect(attributeValue(encodeURIComponent(text))).toBe(text);
  }
});

test.each([
  ['application/json', 'application/json', {}],
  ['Text/JSON ; Charset=UTF-8', 'text/json', { charset: 'UTF-8' }],
  ['a/b;profile="x; charset=latin1";v=1', 'a/b', { profile: 'x; charset=latin1', v: '1' }],
  ['a/b; q="a\\"b\\\\c"', 'a/b', { q: 'a"b\\c' }],
  ['a/b;;  ;v=1;', 'a/b', { v: '1' }],
  ['a/b; v=1; V=2', 'a/b', { v: '1' }],
])('the media type %s', (text, essence, parameters) => {
  const read = parseMediaType(text);
  expect([read?.essence, Object.fromEntries(read?.parameters ?? [])]).toEqual([essence, parameters]);
});

test.each([
  '',
  'json',
  'a/',
  '/b',
  'a/b c',
  'a/b; v',
  'a/b; v=',
  'a/b; v="x',
  'a/b; =1',
  'a/b, c/d',
  `a/${'x'.repeat(1024)}`,
])('no media type: %s', (text) => {
  expect(parseMediaType(text)).toBeUndefined();
});

test.each([
  ['application/json', true],
  ['text/json', true],
  ['application/senml+json', true],
  ['image/x+y+json', true],
  ['application/jsonx', false],
  ['application/x-json', false],
  ['application/xml', false],
])('%s is JSON: %s', (text, expected) => {
  const type = parseMediaType(text);
  expect(type !== undefined && isJsonType(type)).toBe(expected);
});

test.each([
  ['a/b', true],
  ['a/b; charset=UTF8', true],
  ['a/b; charset="utf-8"', true],
  ['a/b; charset=us-ascii', true],
  ['a/b; profile="charset=latin1"', true],
  ['a/b; charset=latin1', false],
  ['a/b; charset=utf-16', false],
  ['a/b; charset=""', false],
])('%s is UTF-8: %s', (text, expected) => {
  const type = parseMediaType(text);
  expect(type !== undefined && isUtf8(type)).toBe(expected);
});
