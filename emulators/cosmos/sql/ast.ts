// The syntax tree of a query. Every node knows its place in the text, because query plans quote the client's own words.
import type { Value } from '../json.ts';

/** A place in the SQL text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Operators with two operands. */
export type BinaryOperator =
  | '??'
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '||'
  | '|'
  | '^'
  | '&'
  | '<<'
  | '>>'
  | '>>>'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%';

/** An expression. */
export type Expr = Span &
  (
    | { readonly k: 'const'; readonly value: Value }
    | { readonly k: 'param'; readonly name: string }
    | { readonly k: 'ref'; readonly name: string }
    | { readonly k: 'get'; readonly of: Expr; readonly key: Expr }
    | { readonly k: 'unary'; readonly op: 'NOT' | '-' | '+' | '~'; readonly arg: Expr }
    | { readonly k: 'binary'; readonly op: BinaryOperator; readonly left: Expr; readonly right: Expr }
    | { readonly k: 'logic'; readonly op: 'AND' | 'OR'; readonly items: readonly Expr[] }
    | { readonly k: 'in'; readonly arg: Expr; readonly list: readonly Expr[] }
    | { readonly k: 'between'; readonly arg: Expr; readonly low: Expr; readonly high: Expr }
    | { readonly k: 'like'; readonly arg: Expr; readonly pattern: Expr; readonly escape: Expr | undefined }
    | { readonly k: 'cond'; readonly test: Expr; readonly yes: Expr; readonly no: Expr }
    | { readonly k: 'array'; readonly items: readonly Expr[] }
    | { readonly k: 'object'; readonly entries: readonly { readonly key: string; readonly value: Expr }[] }
    | { readonly k: 'call'; readonly name: string; readonly args: readonly Expr[] }
    | { readonly k: 'subquery'; readonly use: 'EXISTS' | 'ARRAY' | 'scalar'; readonly query: Query }
  );

/** What SELECT returns. */
export type Selection =
  | { readonly k: 'star' }
  | { readonly k: 'value'; readonly expr: Expr }
  | { readonly k: 'list'; readonly items: readonly { readonly name: string; readonly expr: Expr }[] };

/** One source of rows: a collection expression, taken as it is or iterated element by element. */
export interface Source {
  readonly alias: string;
  readonly iterate: boolean;
  readonly from:
    | { readonly k: 'path'; readonly root: string; readonly steps: readonly Expr[] }
    | { readonly k: 'query'; readonly query: Query };
}

/** One ORDER BY term. */
export interface OrderTerm {
  readonly expr: Expr;
  readonly descending: boolean;
}

/** A query or subquery. */
export interface Query extends Span {
  readonly distinct: boolean;
  readonly top: Expr | undefined;
  readonly select: Selection;
  readonly sources: readonly Source[];
  readonly where: Expr | undefined;
  readonly groupBy: readonly Expr[];
  readonly orderBy: readonly OrderTerm[];
  readonly offset: Expr | undefined;
  readonly limit: Expr | undefined;
  readonly spans: {
    readonly from: Span | undefined;
    readonly groupBy: Span | undefined;
    readonly orderBy: Span | undefined;
  };
}

/** Names of the functions that combine rows. */
export const AGGREGATES: ReadonlySet<string> = new Set([
  'COUNT',
  'SUM',
  'MIN',
  'MAX',
  'AVG',
  'COUNTIF',
  'MAKELIST',
  'MAKESET',
]);

/** Direct parts of an expression, subqueries left out. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.k) {
    case 'get':
      return [expr.of, expr.key];
    case 'unary':
      return [expr.arg];
    case 'binary':
      return [expr.left, expr.right];
    case 'logic':
      return expr.items;
    case 'in':
      return [expr.arg, ...expr.list];
    case 'between':
      return [expr.arg, expr.low, expr.high];
    case 'like':
      return expr.escape === undefined ? [expr.arg, expr.pattern] : [expr.arg, expr.pattern, expr.escape];
    case 'cond':
      return [expr.test, expr.yes, expr.no];
    case 'array':
      return expr.items;
    case 'object':
      return expr.entries.map(({ value }) => value);
    case 'call':
      return expr.args;
    default:
      return [];
  }
}

/** Whether an expression is a call of an aggregate. */
export function isAggregate(expr: Expr): boolean {
  return expr.k === 'call' && AGGREGATES.has(expr.name);
}

/** Whether an expression contains an aggregate outside subqueries. */
export function hasAggregate(expr: Expr): boolean {
  return isAggregate(expr) || childrenOf(expr).some(hasAggregate);
}

/** The expressions of a selection. */
export function selected(select: Selection): readonly Expr[] {
  if (select.k === 'star') return [];
  return select.k === 'value' ? [select.expr] : select.items.map(({ expr }) => expr);
}
