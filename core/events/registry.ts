// The schema registry: which event types exist, and what their data must look like.
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
    if (validator(data)) return undefined;
    const first = validator.errors?.[0];
    const at = first?.instancePath ?? '';
    return { pointer: at, detail: `data${at.replaceAll('/', '.')} ${first?.message ?? 'does not match its schema'}` };
  }
}
