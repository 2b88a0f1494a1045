// RegexMatch in linear time: RE2's automaton instead of a backtracking matcher, and a refusal of what that cannot express.
import { RE2JS } from 're2js';
import { unsupported } from '../errors.ts';
import type { Value } from '../json.ts';
import { PATTERN_CACHE_CHARS } from '../limits.ts';
import type { Meter } from './meter.ts';
import { PatternCache } from './pattern-cache.ts';

/** Instructions of a compiled pattern times characters of text that count as one step. */
const MOVES_PER_STEP = 8;

const FLAGS: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
};

/** What the service's engine has and an automaton does not: they need to look back at what was matched, or ahead. */
const BACKTRACKING: readonly (readonly [RegExp, string])[] = [
  [/\(\?<?[=!]/, 'a look-around'],
  [/\\(?:[1-9]|k[<{'])/, 'a back reference'],
  [/\(\?>|[*+?}]\+/, 'an atomic group'],
  [/\(\?(?:\(|R|\d|&|\|)/, 'a condition or recursion'],
  [/\\[GKRXZ]/, 'an escape of Perl'],
];

/** A compiled pattern; `undefined` when it is no regular expression. */
interface Compiled {
  readonly expression: RE2JS | undefined;
}

const cache = new PatternCache<Compiled>(PATTERN_CACHE_CHARS);

/** Whether a regular expression with flags out of `imsx` matches somewhere in a text. */
export function regexMatch(text: string, source: string, flags: string, meter: Meter): Value {
  const { expression } = cache.get(`${flags}/${source}`, () => ({ expression: compile(source, flags) }));
  if (expression === undefined) return undefined;
  meter.spend(Math.ceil((expression.programSize() * (text.length + 1)) / MOVES_PER_STEP));
  return expression.test(text);
}

function compile(source: string, flags: string): RE2JS | undefined {
  const bits = [...flags].reduce((sum, flag) => sum | (FLAGS[flag] ?? 0), 0);
  try {
    return RE2JS.compile(flags.includes('x') ? withoutBlanks(source) : source, bits);
  } catch (error) {
    const feature = BACKTRACKING.find(([construct]) => construct.test(source))?.[1];
    if (feature !== undefined) throw unsupported(`RegexMatch with ${feature}`);
    if (isRegExp(source))
      throw unsupported(`This regular expression (${error instanceof Error ? error.message : String(error)})`);
    return undefined;
  }
}

/** Whether another engine takes the text for a regular expression; it is compiled only, never run. */
function isRegExp(source: string): boolean {
  try {
    return new RegExp(source) instanceof RegExp;
  } catch {
    return false;
  }
}

/** The flag `x`: blanks and comments that are neither escaped nor in a set do not count. */
function withoutBlanks(source: string): string {
  let kept = '';
  let inSet = false;
  for (let at = 0; at < source.length; at++) {
    const char = source.charAt(at);
    if (char === '\\') {
      kept += source.slice(at, at + 2);
      at += 1;
      continue;
    }
    if (char === '[') inSet = true;
    if (char === ']') inSet = false;
    if (!inSet && char === '#') {
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
    } else if (inSet || !/\s/.test(char)) kept += char;
  }
  return kept;
}
