// Compiles a parsed query: where rows come from, which are kept, how they are grouped, ordered and returned.
import { queryError, unsupported } from '../errors.ts';
import { canonicalText, compareAnyType, type Json, type JsonObject, setProperty, type Value } from '../json.ts';
import { accumulator } from './aggregates.ts';
import {
  childrenOf,
  type Expr,
  hasAggregate,
  isAggregate,
  type Query,
  type Selection,
  type Source,
  selected,
} from './ast.ts';
import {
  type AggregateCall,
  type CompileUnit,
  compileExpression,
  type Env,
  type Evaluate,
  type Scope,
} from './compile-expression.ts';

/** Slot of the document a row comes from. */
export const DOCUMENT_SLOT = 0;

/** Calls `visit` for every row of the sources that passes WHERE; stops and answers false when `visit` does. */
export type EachRow = (env: Env, visit: () => boolean) => boolean;

/** A query ready to run. */
export interface CompiledQuery {
  readonly ast: Query;
  readonly eachRow: EachRow;
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

/** Compiles a top-level query. */
export function compileQuery(ast: Query): CompiledText {
  const unit: CompileUnit = { nextSlot: DOCUMENT_SLOT + 1, params: new Set(), subquery: compileSubquery };
  const query = compile(ast, { aliases: new Map(), unit, aggregates: undefined }, true);
  return { ...query, params: unit.params };
}

function compileSubquery(ast: Query, outer: Scope): (env: Env) => Json[] {
  const query = compile(ast, { ...outer, aggregates: undefined }, false);
  return (env) => runAll(query, env);
}

function compile(ast: Query, outer: Scope, top: boolean): CompiledQuery {
  const aliases = new Map(outer.aliases);
  const { unit } = outer;
  if (top && ast.sources[0]?.from.k === 'query') throw unsupported('A subquery as the first source of FROM');
  const steps = ast.sources.map((source, index) => {
    const rows = compileSource(source, { ...outer, aliases: new Map(aliases) }, top && index === 0);
    const slot = unit.nextSlot++;
    if (ast.sources.slice(0, index).some((earlier) => earlier.alias === source.alias && source.alias !== '')) {
      throw queryError('SC2010', `The input alias '${source.alias}' is specified more than once in the FROM clause.`);
    }
    if (source.alias !== '') aliases.set(source.alias, slot);
    return { rows, slot };
  });
  const scope: Scope = { aliases, unit, aggregates: undefined };
  const where = ast.where === undefined ? undefined : compileExpression(ast.where, scope);
  const aggregates: AggregateCall[] = [];
  const project = compileSelection(ast.select, { ...scope, aggregates }, ast);
  const grouped = ast.groupBy.length > 0 || aggregates.length > 0;
  checkGrouping(ast, grouped);
  const optional = (expr: Expr | undefined): Evaluate | undefined =>
    expr === undefined ? undefined : compileExpression(expr, scope);
  const documentAlias = documentAliasOf(ast);
  return {
    ast,
    eachRow: compileRows(steps, where),
    project,
    orderBy: ast.orderBy.map(({ expr, descending }) => ({ key: compileExpression(expr, scope), descending })),
    groupBy: ast.groupBy.map((expr) => compileExpression(expr, scope)),
    aggregates,
    grouped,
    top: optional(ast.top),
    offset: optional(ast.offset),
    limit: optional(ast.limit),
    wholeDocument: top && !grouped && documentAlias !== undefined && returnsAlias(ast.select, documentAlias),
    documentAlias,
  };
}

function compileSource(source: Source, scope: Scope, first: boolean): (env: Env) => readonly Json[] {
  const { from, iterate } = source;
  if (from.k === 'query') {
    const run = scope.unit.subquery(from.query, scope);
    if (!iterate) return run;
    return (env) => run(env).flatMap((row) => (Array.isArray(row) ? row : [row]));
  }
  // At the top the container's name is whatever the client likes to call it.
  const slot = first ? DOCUMENT_SLOT : scope.aliases.get(from.root);
  if (slot === undefined) throw queryError('SC2001', `Identifier '${from.root}' could not be resolved.`);
  const base: Expr = { k: 'ref', name: from.root, start: 0, end: 0 };
  const path = from.steps.reduce<Expr>((of, key) => ({ k: 'get', of, key, start: 0, end: 0 }), base);
  const value = compileExpression(path, { ...scope, aliases: new Map([[from.root, slot]]) });
  if (iterate) {
    return (env) => {
      const array = value(env);
      return Array.isArray(array) ? array : [];
    };
  }
  return (env) => {
    const single = value(env);
    return single === undefined ? [] : [single];
  };
}

function compileRows(
  steps: readonly { readonly rows: (env: Env) => readonly Json[]; readonly slot: number }[],
  where: Evaluate | undefined,
): EachRow {
  const level = (index: number, env: Env, visit: () => boolean): boolean => {
    const step = steps[index];
    if (step === undefined) return where === undefined || where(env) === true ? visit() : true;
    for (const value of step.rows(env)) {
      env.slots[step.slot] = value;
      if (!level(index + 1, env, visit)) return false;
    }
    return true;
  };
  return (env, visit) => level(0, env, visit);
}

function compileSelection(select: Selection, scope: Scope, ast: Query): Evaluate {
  if (select.k === 'value') return compileExpression(select.expr, scope);
  if (select.k === 'star') {
    const [only, ...others] = ast.sources;
    if (ast.groupBy.length > 0) throw queryError('SC2041', "'SELECT *' is not allowed with GROUP BY.");
    if (only === undefined || others.length > 0) {
      throw queryError('SC2040', "'SELECT *' is only valid with a single input set.");
    }
    return compileExpression({ k: 'ref', name: only.alias, start: ast.start, end: ast.end }, scope);
  }
  const items = select.items.map(({ name, expr }) => ({ name, value: compileExpression(expr, scope) }));
  return (env) => {
    const row: JsonObject = {};
    for (const { name, value } of items) {
      const result = value(env);
      if (result !== undefined) setProperty(row, name, result);
    }
    return row;
  };
}

/**
 * What is selected next to aggregates must come from GROUP BY; ORDER BY cannot be combined with it. Without GROUP BY
 * the service accepts ORDER BY next to an aggregate, where it means nothing.
 */
function checkGrouping(ast: Query, grouped: boolean): void {
  if (!grouped) return;
  const keys = new Set(ast.groupBy.map(shapeOf));
  const fits = (expr: Expr): boolean => {
    if (keys.has(shapeOf(expr)) || isAggregate(expr) || expr.k === 'const' || expr.k === 'param') return true;
    if (expr.k === 'ref' || expr.k === 'get' || expr.k === 'subquery') return false;
    return childrenOf(expr).every(fits);
  };
  for (const expr of selected(ast.select)) {
    if (!fits(expr)) {
      throw queryError(
        'SC2102',
        'A property in the SELECT list is neither contained in an aggregate function nor in the GROUP BY clause.',
        { start: expr.start, end: expr.end },
      );
    }
  }
  if (ast.groupBy.some(hasAggregate)) throw queryError('SC2101', 'An aggregate is not allowed in GROUP BY.');
  if (ast.groupBy.length > 0 && ast.orderBy.length > 0) {
    throw queryError('SC2103', 'ORDER BY cannot be combined with GROUP BY.');
  }
}

/** An expression's structure without its place in the text. */
export function shapeOf(expr: Expr): string {
  return JSON.stringify(expr, (key, value: unknown) => (key === 'start' || key === 'end' ? undefined : value));
}

function documentAliasOf(ast: Query): string | undefined {
  const [only, ...others] = ast.sources;
  if (only === undefined || others.length > 0 || only.iterate || only.from.k !== 'path') return undefined;
  return only.from.steps.length === 0 ? only.alias : undefined;
}

function returnsAlias(select: Selection, alias: string): boolean {
  return select.k === 'star' || (select.k === 'value' && select.expr.k === 'ref' && select.expr.name === alias);
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
    const { totals } = this.#group(key);
    for (const [index, call] of this.#query.aggregates.entries()) totals[index]?.add(call.argument(this.#env));
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
    const made = { slots: [...this.#env.slots], totals: this.#query.aggregates.map(({ name }) => accumulator(name)) };
    this.#groups.set(key, made);
    return made;
  }
}

/** Runs a query to its end within one environment: subqueries, and queries over lists of resources. */
export function runAll(query: CompiledQuery, env: Env, documents?: Iterable<Json>): Json[] {
  const rows: { keys: Value[]; value: Json }[] = [];
  const grouping = query.grouped ? new Grouping(query, env) : undefined;
  const visit = (): boolean => {
    if (grouping !== undefined) {
      grouping.add();
      return true;
    }
    const value = query.project(env);
    if (value !== undefined) rows.push({ keys: query.orderBy.map(({ key }) => key(env)), value });
    return true;
  };
  if (documents === undefined) {
    query.eachRow(env, visit);
  } else {
    for (const document of documents) {
      env.slots[DOCUMENT_SLOT] = document;
      query.eachRow(env, visit);
    }
  }
  if (query.orderBy.length > 0) rows.sort((a, b) => compareKeys(query, a.keys, b.keys));
  const values = grouping === undefined ? rows.map(({ value }) => value) : grouping.results();
  return window(query, env, query.ast.distinct ? unique(values) : values);
}

function unique(values: readonly Json[]): Json[] {
  const seen = new Map<string, Json>();
  for (const value of values) {
    const key = canonicalText(value);
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
