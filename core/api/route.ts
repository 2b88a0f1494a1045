// A route of an HTTP API: matched by the router, relied on by the handler, and described in the OpenAPI document.
import type { Scope } from '../cell/route-token.ts';
import type { Parameters } from './parameters.ts';
import type { JsonSchema } from './schema.ts';

/** An answer that a route gives on success; without a schema it has no body. */
export interface Answer {
  readonly description: string;
  readonly schema?: JsonSchema;
}

export interface Route<S extends string = Scope> {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** `{name}` stands for one segment of the path. */
  readonly path: string;
  /** The scope that the caller needs; `null` for a public route. */
  readonly scope: S | null;
  readonly summary: string;
  readonly parameters: Parameters;
}

/** A route with its body and its answers on success, by status. */
export interface DocumentedRoute<S extends string = Scope> extends Route<S> {
  readonly body?: JsonSchema;
  readonly answers: Readonly<Record<number, Answer>>;
}
