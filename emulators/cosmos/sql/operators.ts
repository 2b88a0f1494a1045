// Operators with the query language's three-valued logic: a wrong type makes `undefined`, which is neither true nor false.

import { queryTimeout } from '../errors.ts';
import { compareAnyType, deepEqual, type Value, type Walk } from '../json.ts';
import { MAX_BUILT_CHARS } from '../limits.ts';
import type { BinaryOperator } from './ast.ts';
import { finite } from './functions/types.ts';

/**
 * Equality: undefined when a side is missing. Values of different types are unequal, so that `c.x != null` finds what it
 * says; the documentation calls that undefined, but the query engine of Microsoft's own tests does not.
 * https://github.com/Azure/azure-cosmos-dotnet-v3 (ScalarExpressionEvaluator, PerformBinaryEquality)
 */
export function equals(a: Value, b: Value, walk?: Walk): boolean | undefined {
  if (a === undefined || b === undefined) return undefined;
  return deepEqual(a, b, walk);
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

function concat(a: Value, b: Value): Value {
  if (typeof a !== 'string' || typeof b !== 'string') return undefined;
  if (a.length + b.length > MAX_BUILT_CHARS) throw queryTimeout();
  return a + b;
}

/** Operators that always evaluate both sides. */
export const BINARY: Readonly<Record<Exclude<BinaryOperator, '??'>, (a: Value, b: Value, walk: Walk) => Value>> = {
  '=': equals,
  '!=': (a, b, walk) => negate(equals(a, b, walk)),
  '<': ordered((c) => c < 0),
  '<=': ordered((c) => c <= 0),
  '>': ordered((c) => c > 0),
  '>=': ordered((c) => c >= 0),
  '||': concat,
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

/** AND: false wins over undefined. Every operand up to the first that is false is evaluated. */
export function allOf<T>(operands: readonly ((of: T) => Value)[], of: T): Value {
  let all = true;
  for (const operand of operands) {
    const value = operand(of);
    if (value === false) return false;
    if (value !== true) all = false;
  }
  return all ? true : undefined;
}

/** OR: true wins over undefined. Every operand up to the first that is true is evaluated. */
export function anyOf<T>(operands: readonly ((of: T) => Value)[], of: T): Value {
  let none = true;
  for (const operand of operands) {
    const value = operand(of);
    if (value === true) return true;
    if (value !== false) none = false;
  }
  return none ? false : undefined;
}

/** IN: true on a match, undefined for a missing value, else false. */
export function isIn(value: Value, list: readonly Value[], walk: Walk): Value {
  if (value === undefined) return undefined;
  return list.some((candidate) => equals(value, candidate, walk) === true);
}
