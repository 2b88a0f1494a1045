// Built-in string functions, as in https://learn.microsoft.com/cosmos-db/query/string-functions.
import type { Json, Value } from '../../json.ts';
import { type BuiltIn, type BuiltIns, fixed, ofString } from './types.ts';

/** A test of two strings with an optional flag for ignoring case. */
const comparison = (test: (text: string, part: string) => boolean): BuiltIn => ({
  min: 2,
  max: 3,
  call: ([text, part, ignoreCase]) => {
    if (typeof text !== 'string' || typeof part !== 'string') return undefined;
    if (ignoreCase !== undefined && typeof ignoreCase !== 'boolean') return undefined;
    return ignoreCase === true ? test(text.toLowerCase(), part.toLowerCase()) : test(text, part);
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

const patterns = new Map<string, RegExp | undefined>();
const PATTERN_CACHE = 200;

/** Compiled regular expressions, kept because a query tests every document with the same one. */
function pattern(source: string, flags: string): RegExp | undefined {
  const key = `${flags}/${source}`;
  if (patterns.has(key)) return patterns.get(key);
  let compiled: RegExp | undefined;
  try {
    compiled = new RegExp(flags.includes('x') ? source.replace(/\s+/g, '') : source, flags.replace('x', ''));
  } catch {
    compiled = undefined;
  }
  if (patterns.size >= PATTERN_CACHE) patterns.clear();
  patterns.set(key, compiled);
  return compiled;
}

const trim = (leading: boolean, trailing: boolean): BuiltIn => ({
  min: 1,
  max: 2,
  call: ([text, characters]) => {
    if (typeof text !== 'string') return undefined;
    if (characters === undefined) return leading ? (trailing ? text.trim() : text.trimStart()) : text.trimEnd();
    if (typeof characters !== 'string') return undefined;
    let start = 0;
    let end = text.length;
    while (leading && start < end && characters.includes(text.charAt(start))) start += 1;
    while (trailing && end > start && characters.includes(text.charAt(end - 1))) end -= 1;
    return text.slice(start, end);
  },
});

/** Longest string REPLICATE may build. */
const MAX_REPLICATE = 10_000;

export const STRING_FUNCTIONS: BuiltIns = {
  CONCAT: {
    min: 2,
    max: 200,
    call: (args) => (args.every((part) => typeof part === 'string') ? args.join('') : undefined),
  },
  CONTAINS: comparison((text, part) => text.includes(part)),
  STARTSWITH: comparison((text, part) => text.startsWith(part)),
  ENDSWITH: comparison((text, part) => text.endsWith(part)),
  STRINGEQUALS: comparison((text, part) => text === part),
  INDEX_OF: {
    min: 2,
    max: 3,
    call: ([text, part, start]) => {
      if (typeof text !== 'string' || typeof part !== 'string') return undefined;
      if (start !== undefined && typeof start !== 'number') return undefined;
      return text.indexOf(part, start ?? 0);
    },
  },
  LAST_INDEX_OF: fixed(2, ([text, part]) =>
    typeof text === 'string' && typeof part === 'string' ? text.lastIndexOf(part) : undefined,
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
  REPLACE: fixed(3, ([text, find, by]) => {
    if (typeof text !== 'string' || typeof find !== 'string' || typeof by !== 'string') return undefined;
    return find === '' ? text : text.replaceAll(find, () => by);
  }),
  REPLICATE: fixed(2, ([text, times]) => {
    if (typeof text !== 'string' || typeof times !== 'number' || times < 0) return undefined;
    const count = Math.trunc(times);
    return text.length * count > MAX_REPLICATE ? undefined : text.repeat(count);
  }),
  REGEXMATCH: {
    min: 2,
    max: 3,
    call: ([text, source, flags]) => {
      if (typeof text !== 'string' || typeof source !== 'string') return undefined;
      if (flags !== undefined && (typeof flags !== 'string' || !/^[imsx]*$/.test(flags))) return undefined;
      return pattern(source, flags ?? '')?.test(text);
    },
  },
  STRINGJOIN: fixed(2, ([parts, separator]) => {
    if (!Array.isArray(parts) || typeof separator !== 'string') return undefined;
    return parts.every((part) => typeof part === 'string') ? parts.join(separator) : undefined;
  }),
  STRINGSPLIT: fixed(2, ([text, separator]) =>
    typeof text === 'string' && typeof separator === 'string' && separator !== '' ? text.split(separator) : undefined,
  ),
  STRINGTOARRAY: ofString((text) => parsed(text, Array.isArray)),
  STRINGTOBOOLEAN: ofString((text) => parsed(text.trim(), (value) => typeof value === 'boolean')),
  STRINGTONULL: ofString((text) => parsed(text.trim(), (value) => value === null)),
  STRINGTONUMBER: ofString((text) => parsed(text.trim(), (value) => typeof value === 'number')),
  STRINGTOOBJECT: ofString((text) =>
    parsed(text, (value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  ),
  TOSTRING: fixed(1, ([value]) => {
    if (value === undefined) return undefined;
    return typeof value === 'string' ? value : JSON.stringify(value);
  }),
};
