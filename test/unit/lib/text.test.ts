// Lengths, order and bounds of text in UTF-8, against Node.js's own buffers.
import fc from 'fast-check';
import { afterPrefix, compareUtf8, cutUtf8, jsonBytesAtMost, toWireJson, utf8Length } from '../../../core/lib/text.ts';
import { property } from '../../support/properties.ts';

const text = fc.string({ unit: 'binary', maxLength: 12 });
/** Characters on both sides of every border between lengths, and of the surrogates. */
const tricky = fc
  .array(
    fc.constantFrom(
      '\u0000',
      'a',
      'b',
      '\u007f',
      '\u0080',
      '\u07ff',
      '\u0800',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '😀',
      '\u{10ffff}',
    ),
    {
      maxLength: 6,
    },
  )
  .map((parts) => parts.join(''));
const any = fc.oneof(text, tricky);

property(
  'texts are ordered as their bytes are',
  fc.tuple(any, any),
  ([a, b]) => {
    expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
  },
  1000,
);

property('lengths are those of the bytes', any, (value) => {
  expect(utf8Length(value)).toBe(Buffer.byteLength(value));
});

property('so are those of long texts, with halves of pairs anywhere', any, (value) => {
  const long = `${value}\ud800${value.repeat(60)}\udc00`;
  expect(utf8Length(long)).toBe(Buffer.byteLength(long));
  expect(utf8Length(`\ud83d${value}`)).toBe(Buffer.byteLength(`\ud83d${value}`));
});

property('no JSON is longer than its bound', fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 }), (value) => {
  expect(Buffer.byteLength(toWireJson(value))).toBeLessThanOrEqual(jsonBytesAtMost(value));
});

test.each([
  ['the longest number', -1.234567890123456e-300],
  ['the longest whole number', -123_456_789_012_345_680_000],
  ['characters that are escaped', '\u0000\uffff\ud800'],
  ['an empty object', {}],
  ['a name without characters', { '': [] }],
])('nor is that of %s', (_case, value) => {
  expect(Buffer.byteLength(toWireJson(value))).toBeLessThanOrEqual(jsonBytesAtMost(value));
});

test('what is no JSON, too deep, or says itself what its JSON is, has no bound', () => {
  const circle: Record<string, unknown> = {};
  circle.self = [circle];
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  for (const value of [
    circle,
    deep,
    undefined,
    [undefined],
    1n,
    Symbol('s'),
    () => 1,
    new Date(0),
    { toJSON: () => 1 },
  ])
    expect(jsonBytesAtMost(value)).toBe(Number.POSITIVE_INFINITY);
});

property(
  'the bound of a prefix lies behind all that starts with it, and before everything else that does',
  fc.tuple(any, any, any),
  ([prefix, rest, other]) => {
    const bound = afterPrefix(prefix);
    if (bound === undefined) {
      expect(prefix.replaceAll('\u{10ffff}', '')).toBe('');
      return;
    }
    expect(compareUtf8(prefix + rest, bound)).toBeLessThan(0);
    const inside = compareUtf8(other, prefix) >= 0 && compareUtf8(other, bound) < 0;
    expect(inside).toBe(other.startsWith(prefix));
  },
  1000,
);

test.each([
  ['a', 'b'],
  ['ab!', 'ab"'],
  ['\ud7ff', '\ue000'],
  ['a\u{10ffff}', 'b'],
  ['\uffff', '\u{10000}'],
  ['', undefined],
  ['\u{10ffff}', undefined],
])('after the prefix %j comes %j', (prefix, bound) => {
  expect(afterPrefix(prefix)).toBe(bound);
});

property('a cut text has at most so many bytes, and all that fit', fc.tuple(any, fc.nat(20)), ([value, bytes]) => {
  const cut = cutUtf8(value, bytes);
  expect(value.startsWith(cut)).toBe(true);
  expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes);
  const next = [...value.slice(cut.length)][0];
  if (next !== undefined) expect(Buffer.byteLength(cut + next)).toBeGreaterThan(bytes);
});
