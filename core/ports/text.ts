// Lengths, order and bounds of text as the services count them: in the bytes of UTF-8.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of `text` in UTF-8. */
export const utf8Length = (text: string): number => encoder.encode(text).length;

/** Not characters to XML 1.0, and so to SNS and SQS; in JSON they can be escaped. */
const NO_CHARACTERS = /[\ufffe\uffff]/g;

/** A value as JSON text of characters that every bus takes. */
export const toWireJson = (value: unknown): string =>
  JSON.stringify(value).replace(NO_CHARACTERS, (character) => `\\u${character.charCodeAt(0).toString(16)}`);

/** Orders two texts as their UTF-8 bytes are ordered (which UTF-16 code units are not, beyond U+FFFF). */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return fixSurrogate(left) - fixSurrogate(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others, yet their code units lie below U+E000 to U+FFFF: shift them up. */
function fixSurrogate(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/**
 * The smallest text that sorts after every text starting with `prefix`, or `undefined` when there is none.
 * Prefixes end in ASCII in practice; the last character below U+10FFFF is raised by one, skipping the surrogates.
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
  const encoded = encoder.encode(text);
  if (encoded.length <= bytes) return text;
  let end = bytes;
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return decoder.decode(encoded.subarray(0, end));
}
