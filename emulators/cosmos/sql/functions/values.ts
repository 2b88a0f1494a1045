// Built-in functions on arrays and objects, and tests of a value's type.
import {
  canonicalText,
  deepEqual,
  isObject,
  type Json,
  type JsonObject,
  ownProperty,
  setProperty,
  type Value,
} from '../../json.ts';
import { type BuiltIn, type BuiltIns, type FunctionContext, fixed } from './types.ts';

/** A test of a value's type. Every test but these answers false, not undefined, for a missing value. */
const test = (f: (value: Value) => boolean): BuiltIn => fixed(1, ([value]) => f(value));

/** Whether an object has at least the properties of another. */
function includes(candidate: Json, part: Value, { meter }: FunctionContext): boolean {
  if (!isObject(candidate) || !isObject(part)) return deepEqual(candidate, part, meter);
  const keys = Object.keys(part);
  meter.spend(keys.length);
  return keys.every((key) => Object.hasOwn(candidate, key) && deepEqual(candidate[key], part[key], meter));
}

/** Elements by their texts, so that looking many of them up takes no longer than their number. */
function indexed(array: readonly Json[], { meter }: FunctionContext): Map<string, Json> {
  const elements = new Map<string, Json>();
  for (const element of array) {
    const text = canonicalText(element);
    meter.spend(1);
    meter.spendOn(text);
    if (!elements.has(text)) elements.set(text, element);
  }
  return elements;
}

const has = (array: readonly Json[], value: Value, { meter }: FunctionContext): boolean =>
  array.some((element) => deepEqual(element, value, meter));

/** The distinct elements of an array by their texts, and those of another. */
const ofSets = (f: (a: Map<string, Json>, b: Map<string, Json>) => Iterable<[string, Json]>): BuiltIn =>
  fixed(2, ([a, b], context) => {
    if (!Array.isArray(a) || !Array.isArray(b)) return undefined;
    return [...new Map(f(indexed(a, context), indexed(b, context))).values()];
  });

/** The values that ARRAY_CONTAINS_ANY and ARRAY_CONTAINS_ALL look for, each with whether the array has it. */
function contained([array, ...values]: readonly Value[], context: FunctionContext): boolean[] | undefined {
  if (!Array.isArray(array)) return undefined;
  const elements = indexed(array, context);
  const wanted = values.length === 1 && Array.isArray(values[0]) ? values[0] : values;
  return wanted.map((value) => value !== undefined && elements.has(canonicalText(value)));
}

function slice([array, start, length]: readonly Value[]): Value {
  if (!Array.isArray(array) || typeof start !== 'number') return undefined;
  if (length !== undefined && typeof length !== 'number') return undefined;
  const from = start < 0 ? Math.max(array.length + start, 0) : start;
  return length === undefined ? array.slice(from) : array.slice(from, from + Math.max(length, 0));
}

function objectToArray([object, name = 'k', value = 'v']: readonly Value[]): Value {
  if (!isObject(object) || typeof name !== 'string' || typeof value !== 'string') return undefined;
  return Object.entries(object).map(([key, content]) => ({ [name]: key, [value]: content }));
}

function arrayToObject([array]: readonly Value[]): Value {
  if (!Array.isArray(array)) return undefined;
  const result: JsonObject = {};
  for (const entry of array) {
    const key = isObject(entry) ? ownProperty(entry, 'k') : undefined;
    const value = isObject(entry) ? ownProperty(entry, 'v') : undefined;
    if (typeof key !== 'string' || value === undefined) return undefined;
    setProperty(result, key, value);
  }
  return result;
}

const isPrimitive = (value: Value): boolean => value !== undefined && (value === null || typeof value !== 'object');

export const VALUE_FUNCTIONS: BuiltIns = {
  ARRAY_CONCAT: {
    min: 2,
    max: 200,
    call: (args) => (args.every(Array.isArray) ? (args.flat(1) as Json[]) : undefined),
  },
  ARRAY_CONTAINS: {
    min: 2,
    max: 3,
    call: ([array, value, partial], context) => {
      if (!Array.isArray(array)) return undefined;
      if (value === undefined) return undefined;
      return partial === true ? array.some((element) => includes(element, value, context)) : has(array, value, context);
    },
  },
  ARRAY_CONTAINS_ANY: { min: 2, max: 200, call: (args, context) => contained(args, context)?.includes(true) },
  ARRAY_CONTAINS_ALL: { min: 2, max: 200, call: (args, context) => contained(args, context)?.every(Boolean) },
  ARRAY_LENGTH: fixed(1, ([array]) => (Array.isArray(array) ? array.length : undefined)),
  ARRAY_SLICE: { min: 2, max: 3, call: slice },
  SETINTERSECT: ofSets((a, b) => [...a].filter(([text]) => b.has(text))),
  SETUNION: ofSets((a, b) => [...a, ...[...b].filter(([text]) => !a.has(text))]),
  SETDIFFERENCE: ofSets((a, b) => [...a].filter(([text]) => !b.has(text))),
  CHOOSE: {
    min: 2,
    max: 200,
    call: ([index, ...choices]) => (typeof index === 'number' ? choices[index - 1] : undefined),
  },
  IIF: fixed(3, ([condition, yes, no]) => (condition === true ? yes : no)),
  OBJECTTOARRAY: { min: 1, max: 3, call: objectToArray },
  ARRAYTOOBJECT: fixed(1, arrayToObject),
  IS_ARRAY: test(Array.isArray),
  IS_BOOL: test((value) => typeof value === 'boolean'),
  IS_DEFINED: test((value) => value !== undefined),
  IS_FINITE_NUMBER: test((value) => typeof value === 'number' && Number.isFinite(value)),
  IS_INTEGER: test((value) => Number.isInteger(value)),
  IS_NULL: test((value) => value === null),
  IS_NUMBER: test((value) => typeof value === 'number'),
  IS_OBJECT: test(isObject),
  IS_PRIMITIVE: test(isPrimitive),
  IS_STRING: test((value) => typeof value === 'string'),
};
