// Compiles a parsed query: where rows come from, which are kept, how they are grouped, ordered and returned.
import { badRequest, queryError, unsupported } from '../errors.ts';
import { type Json, type JsonObject, setProperty } from '../json.ts';
import { MAX_JOINS } from '../limits.ts';
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
import { type CompiledQuery, type CompiledText, DOCUMENT_SLOT } from './compiled-query.ts';
import { type RowSource, Rows } from './rows.ts';
import { runAll } from './run.ts';
import { sizeOf } from './size.ts';

/** Compiles a top-level query. */
export function compileQuery(ast: Query): CompiledText {
  const unit: CompileUnit = { nextSlot: DOCUMENT_SLOT + 1, joins: 0, params: new Set(), subquery: compileSubquery };
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
  if (!top && ast.orderBy.length > 0) throw queryError('SC2202', "'ORDER BY' is not supported in subqueries.");
  if (!top && ast.offset !== undefined) {
    throw queryError('SC2204', "'OFFSET LIMIT' clause is not supported in subqueries.");
  }
  unit.joins += Math.max(0, ast.sources.length - 1);
  if (unit.joins > MAX_JOINS) throw badRequest(`A query may have at most ${MAX_JOINS} JOINs.`);
  if (top && ast.sources[0]?.from.k === 'query') throw unsupported('A subquery as the first source of FROM');
  const steps = ast.sources.map((source, index): RowSource => {
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
  // What every row costs whatever its values are; what depends on them is counted where it is done.
  const rowCost = 1 + (ast.where === undefined ? 0 : sizeOf(ast.where));
  const keys = [...ast.orderBy.map(({ expr }) => expr), ...ast.groupBy];
  const projectCost = [...selected(ast.select), ...keys].reduce((sum, expr) => sum + sizeOf(expr), 1);
  return {
    ast,
    rows: (env, after) => new Rows(steps, where, rowCost, env, after),
    project: (env) => {
      env.meter.spend(projectCost);
      return project(env);
    },
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
    // What is part of a group's key is the same for all of its rows.
    if (expr.k === 'get') return fits(expr.of) && (expr.key.k === 'const' || fits(expr.key));
    if (expr.k === 'ref' || expr.k === 'subquery') return false;
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
