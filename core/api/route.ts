// A route of an HTTP API: matched by the router, relied on by the handler, and described in the OpenAPI document.
import type { Scope } from '../cell/route-token.ts';
import type { Parameters } from './parameters.ts';

export interface Route<S extends string = Scope> {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** `{name}` stands for one segment of the path. */
  readonly path: string;
  /** The scope that the caller needs; `null` for a public route. */
  readonly scope: S | null;
  /** It concerns the cell as a whole: the epoch of the caller's token is neither checked nor adopted. */
  readonly ofCell?: true;
  readonly summary: string;
  readonly parameters: Parameters;
}
