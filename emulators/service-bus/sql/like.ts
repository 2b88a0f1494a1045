// LIKE patterns: % for any run of characters, _ for one, and an optional escape character.
import { SqlEvaluationError } from './errors.ts';

const CACHE_SIZE = 256;
const cache = new Map<string, (text: string) => boolean>();

/** A predicate for a pattern. Patterns are kept, since a filter asks for the same one again and again. */
export function likeMatcher(pattern: string, escapeBy: string | undefined): (text: string) => boolean {
  const key = `${escapeBy ?? ''}\u0000${pattern}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (cache.size >= CACHE_SIZE) cache.clear();
  const made = compile(pattern, escapeBy);
  cache.set(key, made);
  return made;
}

const ANY_RUN = Symbol('any run of characters');
const ANY_ONE = Symbol('any one character');
type Part = string | typeof ANY_RUN | typeof ANY_ONE;

function compile(pattern: string, escapeBy: string | undefined): (text: string) => boolean {
  if (escapeBy !== undefined && [...escapeBy].length !== 1)
    throw new SqlEvaluationError('The escape of a LIKE pattern must be one character.');
  const parts: Part[] = [];
  let escaped = false;
  for (const character of pattern) {
    if (escaped) {
      parts.push(character);
      escaped = false;
    } else if (character === escapeBy) escaped = true;
    else if (character === '%') {
      if (parts.at(-1) !== ANY_RUN) parts.push(ANY_RUN);
    } else parts.push(character === '_' ? ANY_ONE : character);
  }
  if (escaped) throw new SqlEvaluationError('A LIKE pattern ends with its escape character.');
  return (text) => matchParts(parts, [...text]);
}

/** Greedy matching that only ever returns to the last run: linear in practice, and never exponential. */
function matchParts(parts: readonly Part[], text: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let retryPart = -1;
  let retryAt = 0;
  while (at < text.length) {
    const wanted = parts[part];
    if (wanted === ANY_RUN) {
      retryPart = part++;
      retryAt = at;
    } else if (wanted !== undefined && (wanted === ANY_ONE || wanted === text[at])) {
      part++;
      at++;
    } else if (retryPart >= 0) {
      part = retryPart + 1;
      at = ++retryAt;
    } else return false;
  }
  while (parts[part] === ANY_RUN) part++;
  return part === parts.length;
}
