// Lengths, order and bounds of text in UTF-8, against Node.js's own buffers.
import fc from 'fast-check';
import { afterPrefix, compareUtf8, cutUtf8, utf8Length } from '../../../core/ports/text.ts';
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
