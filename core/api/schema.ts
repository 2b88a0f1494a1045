// JSON Schemas as constants: one declaration gives the TypeScript type, the validation and the documentation.
import type { JsonObject } from '../ports/json.ts';

/** A JSON Schema (2020-12, the dialect of OpenAPI 3.1), written as a constant so that `Static` can read it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The TypeScript type of the values that a schema accepts. It understands `const`, `enum`, `oneOf`, `type` (also a list of
 * types), `properties` with `required`, `items`, and an `additionalProperties` schema; anything else is `unknown`.
 */
export type Static<S> = S extends { readonly const: infer Value }
  ? Value
  : S extends { readonly enum: readonly (infer Value)[] }
    ? Value
    : S extends { readonly oneOf: readonly (infer Option)[] }
      ? Static<Option>
      : S extends { readonly type: infer Type }
        ? StaticOfType<Type extends readonly (infer Each)[] ? Each : Type, S>
        : unknown;

type StaticOfType<Type, S> = Type extends 'string'
  ? string
  : Type extends 'number' | 'integer'
    ? number
    : Type extends 'boolean'
      ? boolean
      : Type extends 'null'
        ? null
        : Type extends 'array'
          ? S extends { readonly items: infer Item }
            ? readonly Static<Item>[]
            : readonly unknown[]
          : Type extends 'object'
            ? StaticObject<S>
            : unknown;

type StaticObject<S> = S extends { readonly properties: infer Properties }
  ? Members<Properties, S extends { readonly required: readonly (infer Name)[] } ? Name : never>
  : S extends { readonly additionalProperties: infer Value extends object }
    ? { readonly [name: string]: Static<Value> }
    : JsonObject;

type Members<Properties, Required> = {
  readonly [Name in keyof Properties as Name extends Required ? Name : never]: Static<Properties[Name]>;
} & {
  readonly [Name in keyof Properties as Name extends Required ? never : Name]?: Static<Properties[Name]>;
};

export const text = { type: 'string' } as const;
export const number = { type: 'number' } as const;
export const count = { type: 'integer', minimum: 0 } as const;
export const time = { type: 'string', format: 'date-time' } as const;

/** The schema of an object with these properties, of which `required` are always present. */
export const object = <
  const Required extends readonly string[],
  const Properties extends Readonly<Record<string, JsonSchema>>,
>(
  required: Required,
  properties: Properties,
) => ({ type: 'object', required, properties }) as const;

/** The schema of a page of a listing. */
export const page = <const Item extends JsonSchema>(item: Item) =>
  object(['items', 'next'], { items: { type: 'array', items: item }, next: { type: ['string', 'null'] } });
