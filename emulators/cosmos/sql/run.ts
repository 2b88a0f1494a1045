// Runs a whole query at once: subqueries, lists of resources, and the grouping of rows.
import { canonicalText, type Json, type Value } from '../json.ts';
import { KEPT_ROW_STEPS } from '../limits.ts';
import { accumulator } from './aggregates.ts';
import type { Env } from './compile-expression.ts';
import { type CompiledQuery, compareKeys, countOf, DOCUMENT_SLOT, sortKeys } from './compiled-query.ts';

/** Groups rows and evaluates the aggregates; without GROUP BY there is one group even if there are no rows. */
export class Grouping {
  readonly #query: CompiledQuery;
  readonly #env: Env;
  readonly #groups = new Map<string, { slots: Value[]; totals: ReturnType<typeof accumulator>[] }>();

  constructor(query: CompiledQuery, env: Env) {
    this.#query = query;
    this.#env = env;
    if (query.groupBy.length === 0) this.#group('');
  }

  /** Takes the row currently in the environment. */
  add(): void {
    const key = this.#query.groupBy.map((evaluate) => canonicalText(evaluate(this.#env))).join('|');
    this.#env.meter.spendOn(key);
    const { totals } = this.#group(key);
    this.#env.meter.spend(this.#query.aggregates.length * 2);
    for (const [index, call] of this.#query.aggregates.entries()) {
      totals[index]?.add(call.argument(this.#env), this.#env.meter);
    }
  }

  /** One projected value per group, in the order in which the groups appeared. */
  results(): Json[] {
    const rows: Json[] = [];
    for (const { slots, totals } of this.#groups.values()) {
      slots.forEach((value, slot) => {
        this.#env.slots[slot] = value;
      });
      this.#env.aggregates = totals.map((total) => total.result());
      const row = this.#query.project(this.#env);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  #group(key: string): { slots: Value[]; totals: ReturnType<typeof accumulator>[] } {
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    this.#env.meter.spend(KEPT_ROW_STEPS);
    const made = { slots: [...this.#env.slots], totals: this.#query.aggregates.map(({ name }) => accumulator(name)) };
    this.#groups.set(key, made);
    return made;
  }
}

/** Runs a query to its end within one environment: subqueries, and queries over lists of resources. */
export function runAll(query: CompiledQuery, env: Env, documents?: Iterable<Json>): Json[] {
  const rows: { keys: Value[]; value: Json }[] = [];
  const grouping = query.grouped ? new Grouping(query, env) : undefined;
  const walk = (): void => {
    const found = query.rows(env);
    for (let step = found.next(); step !== 'end'; step = found.next()) {
      // There is nowhere to pause at: what runs to its end here has a limit of its own.
      if (step === 'pause') continue;
      if (grouping !== undefined) {
        grouping.add();
        continue;
      }
      const value = query.project(env);
      if (value === undefined) continue;
      env.meter.spend(query.orderBy.length === 0 ? 1 : KEPT_ROW_STEPS);
      rows.push({ keys: sortKeys(query, env), value });
    }
  };
  if (documents === undefined) walk();
  else {
    for (const document of documents) {
      env.slots[DOCUMENT_SLOT] = document;
      walk();
    }
  }
  if (query.orderBy.length > 0) rows.sort((a, b) => compareKeys(query, a.keys, b.keys));
  const values = grouping === undefined ? rows.map(({ value }) => value) : grouping.results();
  return window(query, env, query.ast.distinct ? unique(values, env) : values);
}

function unique(values: readonly Json[], env: Env): Json[] {
  const seen = new Map<string, Json>();
  for (const value of values) {
    const key = canonicalText(value);
    env.meter.spendOn(key);
    if (!seen.has(key)) seen.set(key, value);
  }
  return [...seen.values()];
}

function window(query: CompiledQuery, env: Env, values: Json[]): Json[] {
  const top = countOf(query.top, env, 'TOP', 'SC2060');
  const offset = countOf(query.offset, env, 'OFFSET', 'SC2061');
  const limit = countOf(query.limit, env, 'LIMIT', 'SC2062');
  const first = offset ?? 0;
  const last = Math.min(values.length, first + (limit ?? values.length), first + (top ?? values.length));
  return values.slice(first, last);
}
