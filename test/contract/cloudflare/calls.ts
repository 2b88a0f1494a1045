// What the contracts' harnesses and the Worker beside the adapters say to each other.
import type { AuditEntry, DirectoryRecord } from '../../../core/edge/ports/directory-model.ts';

/** What goes wrong between an adapter and its service. */
export type Fault =
  | { readonly kind: 'none' | 'hang' | 'lose' | 'overload' }
  | { readonly kind: 'move'; readonly calls: number }
  | { readonly kind: 'status'; readonly status: number };

/** One call of a method. */
export interface Call {
  readonly target: 'directory' | 'storage' | 'cache' | 'text';
  /** The object's name, or the key of a text in the cache. */
  readonly name: string;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly fault: Fault;
}

/** Writes of one step, which ends in an error if it is to fail. */
export interface Step {
  readonly writes: readonly (readonly [records: readonly DirectoryRecord[], entry: AuditEntry])[];
  readonly fails: boolean;
}

export const NO_FAULT: Fault = { kind: 'none' };
