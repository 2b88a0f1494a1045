// Operators with the query language's three-valued logic: a wrong type makes `undefined`, which is neither true nor false.
import { compareAnyType, deepEqual, type Value } from '../json.ts';
import type { BinaryOperator } from './ast.ts';
import { finite } from './functions/types.ts';

/**
 * Equality: undefined when a side is missing. Values of different types are unequal, so that `c.x != null` finds what it
 * says; the documentation calls that undefined, but the query engine of Microsoft's own tests does not.
 * https://github.com/Azure/azure-cosmos-dotnet-v3 (ScalarExpressionEvaluator, PerformBinaryEquality)
 */
export function equals(a: Value, b: Value): boolean | undefined {
  if (a === undefined || b === undefined) return undefined;
  return deepEqual(a, b);
}

/** Order of two numbers, strings, booleans or nulls; undefined for anything else. */
function order(a: Value, b: Value): number | undefined {
  if (a === undefined || b === undefined || typeof a === 'object' || typeof b === 'object') {
    return a === null && b === null ? 0 : undefined;
  }
  return typeof a === typeof b ? compareAnyType(a, b) : undefined;
}

const negate = (value: boolean | undefined): boolean | undefined => (value === undefined ? undefined : !value);

/** NOT. */
export const not = (value: Value): Value => (typeof value === 'boolean' ? !value : undefined);

const numbers =
  (f: (a: number, b: number) => number) =>
  (a: Value, b: Value): Value =>
    typeof a === 'number' && typeof b === 'number' ? finite(f(a, b)) : undefined;

const ordered =
  (f: (comparison: number) => boolean) =>
  (a: Value, b: Value): Value => {
    const comparison = order(a, b);
    return comparison === undefined ? undefined : f(comparison);
  };

/** Operators that always evaluate both sides. */
export const BINARY: Readonly<Record<Exclude<BinaryOperator, 'AND' | 'OR' | '??'>, (a: Value, b: Value) => Value>> = {
  '=': equals,
  '!=': (a, b) => negate(equals(a, b)),
  '<': ordered((c) => c < 0),
  '<=': ordered((c) => c <= 0),
  '>': ordered((c) => c > 0),
  '>=': ordered((c) => c >= 0),
  '||': (a, b) => (typeof a === 'string' && typeof b === 'string' ? a + b : undefined),
  '|': numbers((a, b) => a | b),
  '^': numbers((a, b) => a ^ b),
  '&': numbers((a, b) => a & b),
  '<<': numbers((a, b) => a << b),
  '>>': numbers((a, b) => a >> b),
  '>>>': numbers((a, b) => a >>> b),
  '+': numbers((a, b) => a + b),
  '-': numbers((a, b) => a - b),
  '*': numbers((a, b) => a * b),
  '/': numbers((a, b) => a / b),
  '%': numbers((a, b) => a % b),
};

/** AND: false wins over undefined. */
export function and(a: Value, b: () => Value): Value {
  if (a === false) return false;
  const right = b();
  if (right === false) return false;
  return a === true && right === true ? true : undefined;
}

/** OR: true wins over undefined. */
export function or(a: Value, b: () => Value): Value {
  if (a === true) return true;
  const right = b();
  if (right === true) return true;
  return a === false && right === false ? false : undefined;
}

/** IN: true on a match, undefined for a missing value, else false. */
export function isIn(value: Value, list: readonly Value[]): Value {
  if (value === undefined) return undefined;
  return list.some((candidate) => equals(value, candidate) === true);
}

const likeCache = new Map<string, RegExp | undefined>();
const LIKE_CACHE = 200;

/** LIKE: `%` any text, `_` one character, `[a-z]` and `[^a-z]` one of a set; an escape character takes the next literally. */
export function like(value: Value, pattern: Value, escapeChar: Value): Value {
  if (typeof value !== 'string' || typeof pattern !== 'string') return undefined;
  if (escapeChar !== undefined && (typeof escapeChar !== 'string' || escapeChar.length !== 1)) return undefined;
  const key = `${escapeChar ?? ''} ${pattern}`;
  let compiled = likeCache.get(key);
  if (compiled === undefined) {
    if (likeCache.size >= LIKE_CACHE) likeCache.clear();
    compiled = compileLike(pattern, escapeChar);
    likeCache.set(key, compiled);
  }
  return compiled?.test(value);
}

const literal = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

function compileLike(pattern: string, escapeChar: string | undefined): RegExp | undefined {
  let source = '^';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (char === escapeChar && at + 1 < pattern.length) {
      at += 1;
      source += literal(pattern.charAt(at));
    } else if (char === '%') {
      source += '[^]*';
    } else if (char === '_') {
      source += '[^]';
    } else if (char === '[' && pattern.indexOf(']', at + 1) > at) {
      const end = pattern.indexOf(']', at + 1);
      const body = pattern.slice(at + 1, end);
      const inverse = body.startsWith('^');
      source += `[${inverse ? '^' : ''}${(inverse ? body.slice(1) : body).replace(/[\\\]^[]/g, '\\$&')}]`;
      at = end;
    } else {
      source += literal(char);
    }
  }
  try {
    return new RegExp(`${source}$`);
  } catch {
    return undefined;
  }
}
