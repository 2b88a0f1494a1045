// Built-in string functions, as in https://learn.microsoft.com/cosmos-db/query/string-functions.
import type { Json, Value } from '../../json.ts';
import { regexMatch } from '../regular-expression.ts';
import { indexIn, lastIndexIn, pieces } from '../text-search.ts';
import { type BuiltIn, type BuiltIns, building, type FunctionContext, fixed, ofString } from './types.ts';

/** A test of two strings with an optional flag for ignoring case. */
const comparison = (test: (text: string, part: string, context: FunctionContext) => boolean): BuiltIn => ({
  min: 2,
  max: 3,
  call: ([text, part, ignoreCase], context) => {
    if (typeof text !== 'string' || typeof part !== 'string') return undefined;
    if (ignoreCase !== undefined && typeof ignoreCase !== 'boolean') return undefined;
    return ignoreCase === true ? test(text.toLowerCase(), part.toLowerCase(), context) : test(text, part, context);
  },
});

/** Cuts `length` characters from a string; negative lengths are nothing. */
const substring = (text: Value, start: Value, length: Value): Value => {
  if (typeof text !== 'string' || typeof start !== 'number' || typeof length !== 'number') return undefined;
  if (start < 0 || length <= 0) return '';
  return text.substring(start, start + length);
};

const parsed = (text: string, accept: (value: Json) => boolean): Value => {
  try {
    const value = JSON.parse(text) as Json;
    return accept(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const trim = (leading: boolean, trailing: boolean): BuiltIn => ({
  min: 1,
  max: 2,
  call: ([text, characters]) => {
    if (typeof text !== 'string') return undefined;
    if (characters === undefined) return leading ? (trailing ? text.trim() : text.trimStart()) : text.trimEnd();
    if (typeof characters !== 'string') return undefined;
    const trimmed = new Set(characters.split(''));
    let start = 0;
    let end = text.length;
    while (leading && start < end && trimmed.has(text.charAt(start))) start += 1;
    while (trailing && end > start && trimmed.has(text.charAt(end - 1))) end -= 1;
    return text.slice(start, end);
  },
});

/** Texts with a separator between them; `undefined` when one of them is no text. */
function joined(parts: readonly Value[], separator: string, context: FunctionContext): Value {
  let length = separator.length * Math.max(0, parts.length - 1);
  for (const part of parts) {
    if (typeof part !== 'string') return undefined;
    length += part.length;
  }
  building(length, context);
  return parts.join(separator);
}

/** Longest string REPLICATE may build. */
const MAX_REPLICATE = 10_000;

export const STRING_FUNCTIONS: BuiltIns = {
  CONCAT: {
    min: 2,
    max: 200,
    call: (args, context) => joined(args, '', context),
  },
  CONTAINS: comparison((text, part, { meter }) => indexIn(text, part, 0, meter) >= 0),
  STARTSWITH: comparison((text, part) => text.startsWith(part)),
  ENDSWITH: comparison((text, part) => text.endsWith(part)),
  STRINGEQUALS: comparison((text, part) => text === part),
  INDEX_OF: {
    min: 2,
    max: 3,
    call: ([text, part, start], { meter }) => {
      if (typeof text !== 'string' || typeof part !== 'string') return undefined;
      if (start !== undefined && typeof start !== 'number') return undefined;
      return indexIn(text, part, start ?? 0, meter);
    },
  },
  LAST_INDEX_OF: fixed(2, ([text, part], { meter }) =>
    typeof text === 'string' && typeof part === 'string' ? lastIndexIn(text, part, meter) : undefined,
  ),
  LEFT: fixed(2, ([text, length]) => substring(text, 0, length)),
  RIGHT: fixed(2, ([text, length]) => {
    if (typeof text !== 'string' || typeof length !== 'number') return undefined;
    return length <= 0 ? '' : text.slice(-length);
  }),
  SUBSTRING: {
    min: 2,
    max: 3,
    call: ([text, start, length]) => substring(text, start, length === undefined ? Number.MAX_SAFE_INTEGER : length),
  },
  LENGTH: ofString((text) => text.length),
  LOWER: ofString((text) => text.toLowerCase()),
  UPPER: ofString((text) => text.toUpperCase()),
  REVERSE: ofString((text) => Array.from(text).reverse().join('')),
  TRIM: trim(true, true),
  LTRIM: trim(true, false),
  RTRIM: trim(false, true),
  REPLACE: fixed(3, ([text, find, by], context) => {
    if (typeof text !== 'string' || typeof find !== 'string' || typeof by !== 'string') return undefined;
    return find === '' ? text : joined(pieces(text, find, context.meter), by, context);
  }),
  REPLICATE: fixed(2, ([text, times]) => {
    if (typeof text !== 'string' || typeof times !== 'number' || times < 0) return undefined;
    const count = Math.trunc(times);
    return text.length * count > MAX_REPLICATE ? undefined : text.repeat(count);
  }),
  REGEXMATCH: {
    min: 2,
    max: 3,
    call: ([text, source, flags], { meter }) => {
      if (typeof text !== 'string' || typeof source !== 'string') return undefined;
      if (flags !== undefined && (typeof flags !== 'string' || !/^[imsx]*$/.test(flags))) return undefined;
      return regexMatch(text, source, flags ?? '', meter);
    },
  },
  STRINGJOIN: fixed(2, ([parts, separator], context) => {
    if (!Array.isArray(parts) || typeof separator !== 'string') return undefined;
    return joined(parts, separator, context);
  }),
  STRINGSPLIT: fixed(2, ([text, separator], { meter }) => {
    if (typeof text !== 'string' || typeof separator !== 'string' || separator === '') return undefined;
    const parts = pieces(text, separator, meter);
    meter.spend(parts.length);
    return parts;
  }),
  STRINGTOARRAY: ofString((text) => parsed(text, Array.isArray)),
  STRINGTOBOOLEAN: ofString((text) => parsed(text.trim(), (value) => typeof value === 'boolean')),
  STRINGTONULL: ofString((text) => parsed(text.trim(), (value) => value === null)),
  STRINGTONUMBER: ofString((text) => parsed(text.trim(), (value) => typeof value === 'number')),
  STRINGTOOBJECT: ofString((text) =>
    parsed(text, (value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  ),
  TOSTRING: fixed(1, ([value], { meter }) => {
    if (value === undefined || typeof value === 'string') return value;
    const text = JSON.stringify(value);
    meter.spendOn(text);
    return text;
  }),
};
