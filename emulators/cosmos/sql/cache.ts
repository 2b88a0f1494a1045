// Parse results kept by SQL text: the SDK sends every query twice, once for its plan.
import { queryError } from '../errors.ts';
import { isObject, type Json, type Value } from '../json.ts';
import { SQL_CACHE_CHARS, SQL_CACHE_ENTRIES } from '../limits.ts';
import { type AccessPath, accessPath } from './access-path.ts';
import { compileQuery } from './compile.ts';
import type { CompiledText } from './compiled-query.ts';
import { parseQuery } from './parse.ts';

/** A compiled query text with its access path. */
export interface Prepared {
  readonly sql: string;
  readonly query: CompiledText;
  readonly path: AccessPath;
}

/** Least-recently-used compiled queries. */
export class QueryCache {
  readonly #entries = new Map<string, Prepared>();
  #chars = 0;

  /** Compiles a text, or finds it compiled. */
  prepare(sql: string): Prepared {
    const known = this.#entries.get(sql);
    if (known !== undefined) {
      this.#entries.delete(sql);
      this.#entries.set(sql, known);
      return known;
    }
    const query = compileQuery(parseQuery(sql));
    const scope = {
      aliases: new Map<string, number>(),
      unit: { nextSlot: 0, joins: 0, params: new Set<string>(), subquery: () => () => [] },
      aggregates: undefined,
    };
    const prepared = { sql, query, path: accessPath(query, scope) };
    this.#entries.set(sql, prepared);
    this.#chars += sql.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= SQL_CACHE_ENTRIES && this.#chars <= SQL_CACHE_CHARS) break;
      this.#entries.delete(oldest);
      this.#chars -= oldest.length;
    }
    return prepared;
  }

  /** Texts kept. */
  get size(): number {
    return this.#entries.size;
  }
}

/** The parameters of a request body, checked against those the query uses. */
export function readParameters(query: CompiledText, value: Json | undefined): Map<string, Value> {
  const params = new Map<string, Value>();
  if (Array.isArray(value)) {
    for (const entry of value) {
      if (isObject(entry) && typeof entry.name === 'string') params.set(entry.name, entry.value);
    }
  }
  for (const name of query.params) {
    if (!params.has(name)) throw queryError('SC2001', `The parameter '${name}' has no value.`);
  }
  return params;
}
