// What a compiled query is, and what everything that runs one needs: the order of its rows and the values of its limits.
import { queryError } from '../errors.ts';
import { canonicalText, compareAnyType, type Value } from '../json.ts';
import type { Query } from './ast.ts';
import type { AggregateCall, Env, Evaluate } from './compile-expression.ts';
import type { Rows } from './rows.ts';

/** Slot of the document a row comes from. */
export const DOCUMENT_SLOT = 0;

/** Walks the rows of the document in the environment that pass WHERE, from its first row or after a place. */
export type WalkRows = (env: Env, after?: readonly number[]) => Rows;

/** A query ready to run. */
export interface CompiledQuery {
  readonly ast: Query;
  readonly rows: WalkRows;
  readonly project: Evaluate;
  readonly orderBy: readonly { readonly key: Evaluate; readonly descending: boolean }[];
  readonly groupBy: readonly Evaluate[];
  readonly aggregates: readonly AggregateCall[];
  /** Rows are combined: by GROUP BY or by an aggregate over all of them. */
  readonly grouped: boolean;
  readonly top: Evaluate | undefined;
  readonly offset: Evaluate | undefined;
  readonly limit: Evaluate | undefined;
  /** Each row is a whole document, so its stored text can be sent as it is. */
  readonly wholeDocument: boolean;
  /** Alias of the document when the query has one source and that is the document. */
  readonly documentAlias: string | undefined;
}

/** A compiled query text with the parameters it needs. */
export interface CompiledText extends CompiledQuery {
  readonly params: ReadonlySet<string>;
}

/** The ORDER BY keys of the row in the environment. Those that are no scalars are compared as texts, which is paid for here. */
export function sortKeys(query: CompiledQuery, env: Env): Value[] {
  return query.orderBy.map(({ key }) => {
    const value = key(env);
    if (typeof value === 'object' && value !== null) env.meter.spend(canonicalText(value).length);
    return value;
  });
}

/** Compares rows by their ORDER BY keys. */
export function compareKeys(query: CompiledQuery, a: readonly Value[], b: readonly Value[]): number {
  for (const [index, { descending }] of query.orderBy.entries()) {
    const comparison = compareAnyType(a[index], b[index]);
    if (comparison !== 0) return descending ? -comparison : comparison;
  }
  return 0;
}

/** The value of TOP, OFFSET or LIMIT. */
export function countOf(evaluate: Evaluate | undefined, env: Env, name: string, code: string): number | undefined {
  if (evaluate === undefined) return undefined;
  const value = evaluate(env);
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > 0x7fffffff) {
    throw queryError(code, `The ${name} value must be a non-negative integer.`);
  }
  return Number(value);
}
