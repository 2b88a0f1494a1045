// The schema registry: which event types exist, and what their data must look like.
import { cutUtf8 } from '../lib/text.ts';
import type { Json } from '../ports/json.ts';

/** The first thing wrong with an event's data; `pointer` is a JSON pointer below `/data`. */
export interface SchemaFault {
  readonly pointer: string;
  readonly detail: string;
}

/** A validator as the build compiles it from a JSON Schema: no schema compiler is part of a bundle. */
export interface CompiledValidator {
  (data: unknown): boolean;
  errors?: readonly { instancePath: string; message?: string; params?: unknown }[] | null;
}

/** What a validator found wrong with a value, or `undefined` if nothing is; `name` is what the value is called in the text. */
export function schemaFault(validator: CompiledValidator, value: unknown, name: string): SchemaFault | undefined {
  if (validator(value)) return undefined;
  const first = validator.errors?.[0];
  const at = first?.instancePath ?? '';
  const extra = (first?.params as { additionalProperty?: string } | undefined)?.additionalProperty;
  const what = first?.message ?? 'does not match its schema';
  const detail = `${name}${at.replaceAll('/', '.')} ${what}${extra === undefined ? '' : `: ${cutUtf8(extra, SHOWN_BYTES)}`}`;
  return { pointer: at, detail };
}

/** Bytes of a name that a client sent and a fault repeats. */
const SHOWN_BYTES = 64;

export class SchemaRegistry {
  readonly #validators: ReadonlyMap<string, CompiledValidator>;

  constructor(validators: Readonly<Record<string, CompiledValidator>>) {
    this.#validators = new Map(Object.entries(validators));
  }

  /** Whether events of this type are accepted at all. */
  has(type: string): boolean {
    return this.#validators.has(type);
  }

  /** What is wrong with `data`, or `undefined` if nothing is. The type must be a registered one. */
  validate(type: string, data: Json): SchemaFault | undefined {
    const validator = this.#validators.get(type);
    if (validator === undefined) throw new TypeError(`No schema is registered for ${type}.`);
    return schemaFault(validator, data, 'data');
  }
}
