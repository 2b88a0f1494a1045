// The schema registry: the event types, and the validators of their data.
import { cutUtf8 } from '../lib/text.ts';
import type { Json } from '../ports/json.ts';

/** The first fault of an event's data; `pointer` is a JSON pointer below `/data`. */
export interface SchemaFault {
  readonly pointer: string;
  readonly detail: string;
}

/** A validator compiled from a JSON Schema at build time: bundles contain no schema compiler. */
export interface CompiledValidator {
  (data: unknown): boolean;
  errors?: readonly { instancePath: string; message?: string; params?: unknown }[] | null;
}

/** The fault that a validator finds in a value, or `undefined`; `name` is the name of the value in messages. */
export function schemaFault(validator: CompiledValidator, value: unknown, name: string): SchemaFault | undefined {
  if (validator(value)) return undefined;
  const first = validator.errors?.[0];
  const at = first?.instancePath ?? '';
  const extra = (first?.params as { additionalProperty?: string } | undefined)?.additionalProperty;
  const what = first?.message ?? 'does not match its schema';
  const detail = `${name}${at.replaceAll('/', '.')} ${what}${extra === undefined ? '' : `: ${cutUtf8(extra, SHOWN_BYTES)}`}`;
  return { pointer: at, detail };
}

/** Bytes shown of a name that a client sent. */
const SHOWN_BYTES = 64;

export class SchemaRegistry {
  readonly #validators: ReadonlyMap<string, CompiledValidator>;

  constructor(validators: Readonly<Record<string, CompiledValidator>>) {
    this.#validators = new Map(Object.entries(validators));
  }

  /** Whether events of this type are accepted. */
  has(type: string): boolean {
    return this.#validators.has(type);
  }

  /** The fault of `data`, or `undefined`. The type must be registered. */
  validate(type: string, data: Json): SchemaFault | undefined {
    const validator = this.#validators.get(type);
    if (validator === undefined) throw new TypeError(`No schema is registered for ${type}.`);
    return schemaFault(validator, data, 'data');
  }
}
