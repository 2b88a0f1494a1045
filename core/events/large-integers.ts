// Integers in JSON text that a double cannot hold: found in the text, as `JSON.parse` has rounded them before anybody can look.

/** As many digits as the largest integer has up to which doubles are exact. Hardly any request has such a run of digits. */
const LONG_RUN = /\d{16}/;

/** 2^53. */
const LARGEST = '9007199254740992';

/** A number up to its exponent; numbers with an exponent say themselves that they are approximate. */
const NUMBER = /-?(\d+)(?:\.\d+)?([eE][+-]?\d+)?/y;

/** The end of a string, from behind its first quote. */
const STRING = /[^"\\]*(?:\\.[^"\\]*)*"/y;

export type Path = readonly (string | number)[];

/**
 * The paths to integers beyond ±2^53 in `text`, at most one for each member of the outermost value, in order. `text` must be valid JSON.
 * Linear in the length of the text; without a run of 16 digits a single search.
 */
export function largeIntegers(text: string): readonly Path[] {
  if (!LONG_RUN.test(text)) return [];
  const found: Path[] = [];
  const path: (string | number)[] = [];
  let lastMember: string | number | undefined;
  // Of each open value: whether it is an object whose next string is a name.
  const isObject: boolean[] = [];
  let expectsName = false;
  for (let at = 0; at < text.length; ) {
    const character = text.charCodeAt(at);
    if (character === 0x22) {
      const end = endOfString(text, at);
      if (expectsName) path[path.length - 1] = JSON.parse(text.slice(at, end)) as string;
      expectsName = false;
      at = end;
      continue;
    }
    if (character === 0x7b || character === 0x5b) {
      isObject.push(character === 0x7b);
      path.push(character === 0x7b ? '' : 0);
      expectsName = character === 0x7b;
    } else if (character === 0x7d || character === 0x5d) {
      isObject.pop();
      path.pop();
      expectsName = false;
    } else if (character === 0x2c) {
      expectsName = isObject[isObject.length - 1] === true;
      const last = path[path.length - 1];
      if (typeof last === 'number') path[path.length - 1] = last + 1;
    } else if (character === 0x2d || (character >= 0x30 && character <= 0x39)) {
      NUMBER.lastIndex = at;
      const match = NUMBER.exec(text);
      if (match !== null) {
        if (isLarge(match[1] ?? '', match[2]) && (found.length === 0 || path[0] !== lastMember)) {
          lastMember = path[0];
          found.push([...path]);
        }
        at = NUMBER.lastIndex;
        continue;
      }
    }
    at += 1;
  }
  return found;
}

function endOfString(text: string, quote: number): number {
  STRING.lastIndex = quote + 1;
  return STRING.test(text) ? STRING.lastIndex : text.length;
}

/** Digits of JSON have no zeros in front, so longer means larger. */
const isLarge = (digits: string, exponent: string | undefined): boolean =>
  exponent === undefined && (digits.length > LARGEST.length || (digits.length === LARGEST.length && digits > LARGEST));
