// Whether a schema accepts everything that the one before it accepted: events that are stored must stay valid.
import { isDeepStrictEqual } from 'node:util';
import type { JsonSchema } from '../core/api/schema.ts';

/** Keywords that restrict nothing. */
const ANNOTATIONS = new Set([
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  '$comment',
  '$id',
  '$schema',
]);

/** A greater number accepts less. */
const MINIMA = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];

/** A smaller number accepts less. */
const MAXIMA = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];

/** Keywords that are compared by a rule of their own; every other one must stay as it is, or go. */
const COMPARED = new Set([
  ...MINIMA,
  ...MAXIMA,
  'type',
  'const',
  'enum',
  'required',
  'properties',
  'additionalProperties',
  'items',
  'anyOf',
]);

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null;

const listOf = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

const has = (list: readonly unknown[], value: unknown) => list.some((each) => isDeepStrictEqual(each, value));

/** The values that `const` or `enum` leave over, or `undefined` for all of them. */
const valuesOf = (schema: JsonSchema): readonly unknown[] | undefined =>
  'const' in schema ? [schema.const] : (schema.enum as readonly unknown[] | undefined);

const typesOf = (schema: JsonSchema): readonly unknown[] | undefined =>
  schema.type === undefined ? undefined : listOf(schema.type);

/**
 * What `after` refuses and `before` accepted, a line each; empty if nothing. It compares by structure: what it cannot compare it
 * takes for narrower. A new optional member of an open object is no narrowing, though its name was free before.
 */
export function narrowings(before: JsonSchema, after: JsonSchema, at = 'data'): string[] {
  const faults: string[] = [];
  const refuse = (what: string) => faults.push(`${at} ${what}`);

  const types = typesOf(after);
  const typesBefore = typesOf(before);
  if (types !== undefined) {
    if (typesBefore === undefined) refuse(`must now be of type ${types.join(' or ')}`);
    for (const type of typesBefore ?? [])
      if (!types.includes(type) && !(type === 'integer' && types.includes('number')))
        refuse(`may no longer be of type ${String(type)}`);
  }

  const values = valuesOf(after);
  const valuesBefore = valuesOf(before);
  if (values !== undefined) {
    if (valuesBefore === undefined) refuse('may now only have listed values');
    for (const value of valuesBefore ?? [])
      if (!has(values, value)) refuse(`may no longer be ${JSON.stringify(value)}`);
  }

  for (const [names, isNarrower, word] of [
    [MINIMA, (now: number, then: number) => now > then, 'greater'],
    [MAXIMA, (now: number, then: number) => now < then, 'smaller'],
  ] as const)
    for (const name of names) {
      const now = after[name] as number | undefined;
      const then = before[name] as number | undefined;
      if (now === undefined) continue;
      if (then === undefined) refuse(`has a new ${name}`);
      else if (isNarrower(now, then)) refuse(`has a ${word} ${name}`);
    }

  for (const name of listOf(after.required))
    if (!has(listOf(before.required), name)) refuse(`now needs the member ${String(name)}`);

  faults.push(...narrowedMembers(before, after, at));

  if (after.items !== undefined) {
    if (isSchema(before.items) && isSchema(after.items))
      faults.push(...narrowings(before.items, after.items, `${at}[]`));
    else if (!isDeepStrictEqual(before.items, after.items)) refuse('has new rules for its items');
  }

  if (after.anyOf !== undefined) {
    if (before.anyOf === undefined) refuse('has a new anyOf');
    for (const [index, option] of listOf(before.anyOf).entries())
      if (!has(listOf(after.anyOf), option)) refuse(`has lost or changed option ${index + 1} of anyOf`);
  }

  for (const [name, value] of Object.entries(after))
    if (!COMPARED.has(name) && !ANNOTATIONS.has(name) && !isDeepStrictEqual(before[name], value))
      refuse(before[name] === undefined ? `has a new ${name}` : `has another ${name}`);
  return faults;
}

/** The same for the members of objects. */
function narrowedMembers(before: JsonSchema, after: JsonSchema, at: string): string[] {
  const now = (after.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const then = (before.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const others = after.additionalProperties;
  const othersBefore = before.additionalProperties;
  const faults: string[] = [];
  for (const [name, schema] of Object.entries(then)) {
    const left = now[name] ?? (isSchema(others) ? others : undefined);
    if (left !== undefined) faults.push(...narrowings(schema, left, `${at}.${name}`));
    else if (others === false) faults.push(`${at} no longer has the member ${name}`);
  }
  // Members that a schema of their own described until now.
  if (isSchema(othersBefore))
    for (const [name, schema] of Object.entries(now))
      if (then[name] === undefined) faults.push(...narrowings(othersBefore, schema, `${at}.${name}`));
  if (others === undefined || others === true || othersBefore === false) return faults;
  if (others === false) faults.push(`${at} no longer takes other members`);
  else if (!isSchema(othersBefore)) faults.push(`${at} has new rules for other members`);
  else faults.push(...narrowings(othersBefore, others as JsonSchema, `${at}.*`));
  return faults;
}

/** Event type → the schema of its data. */
export type Published = Readonly<Record<string, JsonSchema>>;

/** Why these schemas may not replace those that were published, a line each. */
export function publishedFaults(published: Published, current: Published): string[] {
  return Object.entries(published).flatMap(([type, before]) => {
    const after = current[type];
    if (after === undefined) return [`${type}: it was published and is gone.`];
    return narrowings(before, after).map((what) => `${type}: ${what}.`);
  });
}
