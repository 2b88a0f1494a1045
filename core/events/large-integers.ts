// Finds integers in JSON text that a double cannot represent, in the text itself because `JSON.parse` rounds them.

/** A run of as many digits as 2^53, up to which doubles are exact. Hardly any request has one. */
const LONG_RUN = /\d{16}/;

/** 2^53. */
const LARGEST = '9007199254740992';

/** A number with its exponent; numbers with an exponent are approximate by intent. */
const NUMBER = /-?(\d+)(?:\.\d+)?([eE][+-]?\d+)?/y;

/** The rest of a string, after its opening quote. */
const STRING = /[^"\\]*(?:\\.[^"\\]*)*"/y;

export type Path = readonly (string | number)[];

/**
 * The paths to integers beyond ±2^53 in `text`, at most one for each member of the outermost value, in order. `text` must be valid
 * JSON. Takes linear time; without a run of 16 digits, a single search.
 */
export function largeIntegers(text: string): readonly Path[] {
  if (!LONG_RUN.test(text)) return [];
  const found: Path[] = [];
  const path: (string | number)[] = [];
  let lastMember: string | number | undefined;
  // For each open value: whether it is an object whose next string is a name.
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

/** Numbers in JSON have no leading zeros, so longer means larger. */
const isLarge = (digits: string, exponent: string | undefined): boolean =>
  exponent === undefined && (digits.length > LARGEST.length || (digits.length === LARGEST.length && digits > LARGEST));
