// JSON values with Cosmos DB's extra `undefined`, and the comparisons its query language defines over them.

/** A JSON object. */
export interface JsonObject {
  [key: string]: Json;
}

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A query value: JSON, or the absence of a value, which the query language treats as a type of its own. */
export type Value = Json | undefined;

/** Whether a value is a JSON object (not null, not an array). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads a property that the object itself owns, so that `constructor` and friends are absent unless stored. */
export function ownProperty(object: JsonObject, key: string): Value {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a property even when its name is `__proto__`. */
export function setProperty(object: JsonObject, key: string, value: Json): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

/**
 * The position of a value's type in ORDER BY: undefined, null, false, true, number, string, array, object.
 * https://learn.microsoft.com/azure/cosmos-db/nosql/query/order-by
 */
export function typeRank(value: Value): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  if (value === false) return 2;
  if (value === true) return 3;
  if (typeof value === 'number') return 4;
  if (typeof value === 'string') return 5;
  return Array.isArray(value) ? 6 : 7;
}

/** Orders texts by code points, as their UTF-8 bytes and so the terms of an index are ordered; code units are not, past U+FFFF. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return aboveAll(left) - aboveAll(right);
  }
  return a.length - b.length;
}

/** Halves of surrogate pairs moved above all other code units, as the code points they make are. */
const aboveAll = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800);

/** Total order over all values: by type first, then by value; used for ORDER BY, MIN and MAX. */
export function compareAnyType(a: Value, b: Value): number {
  const rankA = typeRank(a);
  const rankB = typeRank(b);
  if (rankA !== rankB) return rankA - rankB;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (rankA < 6) return 0;
  const textA = canonicalText(a);
  const textB = canonicalText(b);
  return textA < textB ? -1 : textA > textB ? 1 : 0;
}

/** Counts the elements that a comparison walks. */
export interface Walk {
  spend(steps: number): void;
}

/** Deep equality of two values of the same type; values of different types are not equal. */
export function deepEqual(a: Value, b: Value, walk?: Walk): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    walk?.spend(a.length);
    return a.every((element, index) => deepEqual(element, b[index], walk));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  walk?.spend(keys.length);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && deepEqual(a[key], b[key], walk));
}

/** Text that is equal exactly for equal values, whatever the order of their properties: the key of DISTINCT and GROUP BY. */
export function canonicalText(value: Value): string {
  if (value === undefined) return 'u';
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (isObject(value)) {
    const parts = Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalText(value[key])}`);
    return `{${parts.join(',')}}`;
  }
  return JSON.stringify(value);
}
