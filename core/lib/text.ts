// Lengths, order and limits of text as the services measure them: in bytes of UTF-8.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Up to this many characters, counting is faster than encoding, which must allocate first; longer than any name or id. */
const COUNTED_CHARACTERS = 300;

/** Bytes of `text` in UTF-8; a lone surrogate counts as the replacement character that an encoder writes for it. */
export function utf8Length(text: string): number {
  if (text.length > COUNTED_CHARACTERS) return encoder.encode(text).length;
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // The two halves of a pair are four bytes together.
    if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(index + 1))) index += 1;
  }
  return bytes;
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** Maximum bytes of a character in JSON: as `\u0000`. */
const ESCAPED_BYTES = 6;

/** Maximum bytes of a number: `-1.2345678901234567e-300`. */
const NUMBER_BYTES = 24;

/** Deeper values, and values that JSON does not have, count as unbounded; so the recursion ends, even for circular values. */
const BOUNDED_LEVELS = 100;

/**
 * An upper bound of the bytes of a value's JSON, however it is escaped; much faster to compute than the JSON itself. Infinite where
 * only serializing the value would show it.
 */
export function jsonBytesAtMost(value: unknown, levels: number = BOUNDED_LEVELS): number {
  if (typeof value === 'string') return value.length * ESCAPED_BYTES + 2;
  if (typeof value === 'number') return NUMBER_BYTES;
  if (typeof value === 'boolean' || value === null) return 5;
  if (typeof value !== 'object' || levels === 0) return Number.POSITIVE_INFINITY;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const child of value) bytes += jsonBytesAtMost(child, levels - 1) + 1;
    return bytes;
  }
  // Other classes may define their own JSON.
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return Number.POSITIVE_INFINITY;
  for (const name of Object.keys(value))
    bytes += name.length * ESCAPED_BYTES + jsonBytesAtMost((value as Record<string, unknown>)[name], levels - 1) + 4;
  return bytes;
}

/** Not valid characters in XML 1.0, and so in SNS and SQS; in JSON they can be escaped. */
const NO_CHARACTERS = /[\ufffe\uffff]/g;

/** A value as JSON text of characters that every bus accepts. */
export const toWireJson = (value: unknown): string =>
  JSON.stringify(value).replace(NO_CHARACTERS, (character) => `\\u${character.charCodeAt(0).toString(16)}`);

/** Compares two texts by their UTF-8 bytes (the order of UTF-16 code units differs beyond U+FFFF). */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return fixSurrogate(left) - fixSurrogate(right);
  }
  return a.length - b.length;
}

/** Surrogates encode the highest code points, yet their code units are below U+E000 to U+FFFF: shift them up. */
function fixSurrogate(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/**
 * The smallest text that sorts after every text starting with `prefix`, or `undefined` when there is none.
 * Prefixes end in ASCII in practice; the last character below U+10FFFF is incremented, skipping the surrogates.
 */
export function afterPrefix(prefix: string): string | undefined {
  const points = [...prefix];
  while (points.length > 0) {
    const last = points.pop()?.codePointAt(0) ?? 0;
    if (last < 0x10ffff) {
      const next = last + 1;
      return points.join('') + String.fromCodePoint(next === 0xd800 ? 0xe000 : next);
    }
  }
  return undefined;
}

/** `text` cut to at most `bytes` bytes of UTF-8, on a character boundary. */
export function cutUtf8(text: string, bytes: number): string {
  // No character of UTF-16 takes more than three bytes.
  if (text.length * 3 <= bytes || utf8Length(text) <= bytes) return text;
  const encoded = encoder.encode(text);
  let end = bytes;
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return decoder.decode(encoded.subarray(0, end));
}
