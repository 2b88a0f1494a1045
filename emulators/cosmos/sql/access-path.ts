// Finds, in a WHERE clause, conditions on the id and the partition key that spare looking at every document.
import type { KeyComponent } from '../hash/epk.ts';
import type { Value } from '../json.ts';
import { compareText } from '../json.ts';
import type { PartitionKeyDefinition } from '../partition-key.ts';
import type { Expr } from './ast.ts';
import { compileExpression, type Env, type Evaluate, type Scope } from './compile-expression.ts';
import type { CompiledQuery } from './compiled-query.ts';

/** Bounds on the ids that can match; every matching document is within them. */
export interface IdBounds {
  /** The only ids that can match. */
  ids?: ReadonlySet<string>;
  /** Inclusive lower bound. */
  low?: string;
  /** Inclusive upper bound. */
  high?: string;
}

/** What the WHERE clause says about ids and keys, to be evaluated with the parameters of a request. */
export interface AccessPath {
  readonly idConditions: readonly ((env: Env, bounds: IdBounds) => void)[];
  /** Values that the properties at these paths must equal. */
  readonly equalities: ReadonlyMap<string, Evaluate>;
}

/** Text by which a path of property names is found in `equalities`. */
export const pathText = (path: readonly string[]): string => JSON.stringify(path);

/** Analyses a query. Conditions are only used when they stand in a top-level AND. */
export function accessPath(query: CompiledQuery, scope: Scope): AccessPath {
  const idConditions: ((env: Env, bounds: IdBounds) => void)[] = [];
  const equalities = new Map<string, Evaluate>();
  const alias = query.documentAlias ?? query.ast.sources[0]?.alias;
  const [first] = query.ast.sources;
  const onDocument = first !== undefined && !first.iterate && first.from.k === 'path' && first.from.steps.length === 0;
  if (alias === undefined || !onDocument) return { idConditions, equalities };
  for (const condition of conjuncts(query.ast.where)) collect(condition, alias, scope, idConditions, equalities);
  return { idConditions, equalities };
}

function conjuncts(expr: Expr | undefined): Expr[] {
  if (expr === undefined) return [];
  return expr.k === 'logic' && expr.op === 'AND' ? expr.items.flatMap(conjuncts) : [expr];
}

function collect(
  expr: Expr,
  alias: string,
  scope: Scope,
  ids: ((env: Env, bounds: IdBounds) => void)[],
  equalities: Map<string, Evaluate>,
): void {
  const onId = (candidate: Expr | undefined): boolean => pathOf(candidate, alias)?.join('/') === 'id';
  const fixedValue = (candidate: Expr | undefined): Evaluate | undefined =>
    candidate?.k === 'const' || candidate?.k === 'param' ? compileExpression(candidate, scope) : undefined;
  if (expr.k === 'binary') {
    const flipped = fixedValue(expr.left) !== undefined;
    const value = fixedValue(flipped ? expr.left : expr.right);
    const path = pathOf(flipped ? expr.right : expr.left, alias);
    if (value === undefined || path === undefined) return;
    const op = flipped ? FLIPPED[expr.op] : expr.op;
    if (op === '=') equalities.set(pathText(path), value);
    if (path.join('/') !== 'id' || op === undefined) return;
    if (op === '=') ids.push((env, bounds) => only(bounds, [value(env)]));
    if (op === '>' || op === '>=') ids.push((env, bounds) => raise(bounds, value(env)));
    if (op === '<' || op === '<=') ids.push((env, bounds) => lower(bounds, value(env)));
  } else if (expr.k === 'between' && onId(expr.arg)) {
    const low = fixedValue(expr.low);
    const high = fixedValue(expr.high);
    if (low !== undefined) ids.push((env, bounds) => raise(bounds, low(env)));
    if (high !== undefined) ids.push((env, bounds) => lower(bounds, high(env)));
  } else if (expr.k === 'in' && onId(expr.arg)) {
    const values = expr.list.map(fixedValue);
    if (values.every((value) => value !== undefined)) {
      ids.push((env, bounds) =>
        only(
          bounds,
          values.map((value) => value(env)),
        ),
      );
    }
  } else if (expr.k === 'call' && expr.name === 'STARTSWITH' && expr.args.length === 2 && onId(expr.args[0])) {
    const prefix = fixedValue(expr.args[1]);
    if (prefix === undefined) return;
    ids.push((env, bounds) => {
      const text = prefix(env);
      if (typeof text !== 'string') return;
      raise(bounds, text);
      // No string with this prefix sorts after it followed by the greatest code unit.
      lower(bounds, `${text}\udbff\udfff\udbff\udfff`);
    });
  }
}

/** The full partition key that the WHERE clause demands, if it demands one. */
export function keyDemanded(
  path: AccessPath,
  definition: PartitionKeyDefinition,
  env: Env,
): KeyComponent[] | undefined {
  const key: KeyComponent[] = [];
  for (const part of definition.paths) {
    const value = path.equalities.get(pathText(part))?.(env);
    if (value === undefined || (typeof value === 'object' && value !== null)) return undefined;
    key.push(value);
  }
  return key;
}

const FLIPPED: Readonly<Record<string, string>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** `alias.a["b"]` as `['a', 'b']`; undefined for anything else. */
export function pathOf(expr: Expr | undefined, alias: string): string[] | undefined {
  if (expr?.k === 'ref') return expr.name === alias ? [] : undefined;
  if (expr?.k !== 'get' || expr.key.k !== 'const' || typeof expr.key.value !== 'string') return undefined;
  const base = pathOf(expr.of, alias);
  return base === undefined ? undefined : [...base, expr.key.value];
}

function only(bounds: IdBounds, values: readonly Value[]): void {
  const ids = values.filter((value) => typeof value === 'string');
  const { ids: former } = bounds;
  bounds.ids = new Set(former === undefined ? ids : ids.filter((id) => former.has(id)));
}

function raise(bounds: IdBounds, value: Value): void {
  if (typeof value === 'string' && (bounds.low === undefined || compareText(value, bounds.low) > 0)) bounds.low = value;
}

function lower(bounds: IdBounds, value: Value): void {
  if (typeof value === 'string' && (bounds.high === undefined || compareText(value, bounds.high) < 0))
    bounds.high = value;
}
