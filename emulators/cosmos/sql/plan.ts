// Query plans: what the SDK needs to run a query over all ranges itself, including the query it sends to each range.
import { queryError } from '../errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { type Expr, hasAggregate, isAggregate, type Query, type Span, selected } from './ast.ts';
import { shapeOf } from './compile.ts';
import type { Env } from './compile-expression.ts';
import { type CompiledText, countOf } from './compiled-query.ts';
import { FILTER_PLACEHOLDER } from './tokens.ts';

/** Names of aggregates in a plan. */
const PLAN_NAMES: Readonly<Record<string, string>> = {
  COUNT: 'Count',
  SUM: 'Sum',
  AVG: 'Average',
  MIN: 'Min',
  MAX: 'Max',
  COUNTIF: 'CountIf',
  MAKELIST: 'MakeList',
  MAKESET: 'MakeSet',
};

/** Whether a query over several ranges must be combined by the client. */
export function needsClient(ast: Query, grouped: boolean): boolean {
  return grouped || ast.distinct || ast.orderBy.length > 0 || ast.top !== undefined || ast.offset !== undefined;
}

/** The plan of a query, in the form of the service. `epk` is the only key that can match, when the filter demands one. */
export function planQuery(sql: string, query: CompiledText, env: Env, epk?: string): JsonObject {
  return new Planner(sql, query, env, epk).plan();
}

class Planner {
  readonly #sql: string;
  readonly #query: CompiledText;
  readonly #ast: Query;
  readonly #env: Env;
  readonly #epk: string | undefined;

  constructor(sql: string, query: CompiledText, env: Env, epk: string | undefined) {
    this.#sql = sql;
    this.#query = query;
    this.#ast = query.ast;
    this.#env = env;
    this.#epk = epk;
  }

  plan(): JsonObject {
    const ast = this.#ast;
    const top = countOf(this.#query.top, this.#env, 'TOP', 'SC2060');
    const offset = countOf(this.#query.offset, this.#env, 'OFFSET', 'SC2061');
    const limit = countOf(this.#query.limit, this.#env, 'LIMIT', 'SC2062');
    const isValue = ast.select.k === 'value';
    return {
      partitionedQueryExecutionInfoVersion: 2,
      queryInfo: {
        distinctType: this.#distinctType(),
        top: top ?? null,
        offset: offset ?? null,
        limit: limit ?? null,
        orderBy: this.#orderTerms().map(({ descending }) => (descending ? 'Descending' : 'Ascending')),
        orderByExpressions: this.#orderTerms().map(({ expr }) => this.#text(expr)),
        groupByExpressions: ast.groupBy.map((expr) => this.#text(expr)),
        groupByAliases: this.#query.grouped && ast.select.k === 'list' ? ast.select.items.map(({ name }) => name) : [],
        aggregates: isValue ? this.#valueAggregates() : [],
        groupByAliasToAggregateType: this.#aliasTypes(),
        rewrittenQuery: this.#rewrite(top, offset, limit),
        hasSelectValue: isValue,
        dCountInfo: null,
        hasNonStreamingOrderBy: false,
      },
      queryRanges:
        this.#epk === undefined
          ? [{ min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false }]
          : [{ min: this.#epk, max: this.#epk, isMinInclusive: true, isMaxInclusive: true }],
    };
  }

  /** ORDER BY next to an aggregate means nothing, and would send the SDK down the wrong path. */
  #orderTerms(): Query['orderBy'] {
    return this.#query.grouped ? [] : this.#ast.orderBy;
  }

  #text(span: Span): string {
    return this.#sql.slice(span.start, span.end);
  }

  /** Ordered when equal rows are neighbours: everything selected is an ORDER BY key. */
  #distinctType(): string {
    const { distinct, orderBy, select } = this.#ast;
    if (!distinct) return 'None';
    const keys = new Set(orderBy.map(({ expr }) => shapeOf(expr)));
    const values = selected(select);
    const covered = values.length > 0 && values.every((expr) => keys.has(shapeOf(expr))) && keys.size === values.length;
    return covered ? 'Ordered' : 'Unordered';
  }

  #valueAggregates(): Json[] {
    return selected(this.#ast.select).flatMap((expr) => {
      if (!hasAggregate(expr)) return [];
      return [PLAN_NAMES[this.#call(expr).name] ?? ''];
    });
  }

  #aliasTypes(): JsonObject {
    const { select } = this.#ast;
    if (!this.#query.grouped || select.k !== 'list') return {};
    const entries = select.items.map(({ name, expr }) => {
      return [name, hasAggregate(expr) ? (PLAN_NAMES[this.#call(expr).name] ?? null) : null] as const;
    });
    return Object.fromEntries(entries);
  }

  /** Only a bare aggregate can be combined over ranges by the client. */
  #call(expr: Expr): Expr & { k: 'call' } {
    if (expr.k === 'call' && isAggregate(expr)) return expr;
    throw queryError(
      'SC2102',
      'Compositions of aggregates and other expressions are not allowed in a query over several partitions.',
      {
        start: expr.start,
        end: expr.end,
      },
    );
  }

  #rewrite(top: number | undefined, offset: number | undefined, limit: number | undefined): string {
    if (this.#ast.sources.length === 0) return '';
    if (this.#query.grouped) return this.#rewriteGrouped();
    if (this.#ast.orderBy.length > 0) return this.#rewriteOrdered(top, offset, limit);
    if (offset === undefined || limit === undefined) return '';
    const { distinct } = this.#ast;
    const head = `SELECT ${distinct ? 'DISTINCT ' : ''}${this.#selectText()}`;
    const window = distinct ? '' : ` OFFSET 0 LIMIT ${offset + limit}`;
    return `${head}${this.#tail(undefined)}${window}`;
  }

  #rewriteOrdered(top: number | undefined, offset: number | undefined, limit: number | undefined): string {
    const { orderBy, distinct, select, sources } = this.#ast;
    const alias = sources[0]?.alias ?? 'c';
    const keys = orderBy.map(({ expr }) => `{"item": ${this.#text(expr)}}`).join(', ');
    const payload = this.#payload();
    const filters = [`(${FILTER_PLACEHOLDER})`, ...(select.k === 'value' ? [`IS_DEFINED(${payload})`] : [])];
    const head = `SELECT ${top === undefined || distinct ? '' : `TOP ${top} `}${alias}._rid, [${keys}] AS orderByItems, ${payload} AS payload`;
    const window = offset === undefined || limit === undefined || distinct ? '' : ` OFFSET 0 LIMIT ${offset + limit}`;
    const order = this.#ast.spans.orderBy;
    return `${head}${this.#tail(filters.join(' AND '))} ${order === undefined ? '' : this.#text(order)}${window}`;
  }

  #rewriteGrouped(): string {
    const { select, groupBy, spans } = this.#ast;
    const keys = groupBy.map((expr) => `{"item": ${this.#text(expr)}}`).join(', ');
    const group = spans.groupBy === undefined ? '' : ` ${this.#text(spans.groupBy)}`;
    const byItems = groupBy.length === 0 ? '' : `[${keys}] AS groupByItems, `;
    if (select.k === 'value') {
      const { expr } = select;
      const payload = hasAggregate(expr) ? `[${this.#partial(this.#call(expr))}]` : this.#text(expr);
      if (groupBy.length === 0) return `SELECT VALUE ${payload}${this.#tail(undefined)}`;
      return `SELECT ${byItems}${payload} AS payload${this.#tail(undefined)}${group}`;
    }
    const fields = select.k === 'star' ? [] : select.items;
    const parts = fields.map(({ name, expr }) => {
      return `${JSON.stringify(name)}: ${hasAggregate(expr) ? this.#partial(this.#call(expr)) : this.#text(expr)}`;
    });
    return `SELECT ${byItems}{${parts.join(', ')}} AS payload${this.#tail(undefined)}${group}`;
  }

  /** What a range sends for one aggregate; the SDK's aggregators read `item2` for MIN and MAX, sums and counts for AVG. */
  #partial({ name, args }: Expr & { k: 'call' }): string {
    const [argument] = args;
    const of = argument === undefined ? '1' : this.#text(argument);
    if (name === 'AVG') return `{"item": {"sum": SUM(${of}), "count": COUNT(${of})}}`;
    if (name === 'MIN' || name === 'MAX') {
      const result = `${name}(${of})`;
      return `{"item": ${result}, "item2": {"${name.toLowerCase()}": ${result}, "count": COUNT(${of})}}`;
    }
    return `{"item": ${name}(${of})}`;
  }

  #selectText(): string {
    const { select } = this.#ast;
    if (select.k === 'star') return '*';
    if (select.k === 'value') return `VALUE ${this.#text(select.expr)}`;
    return select.items
      .map(({ name, expr }) => {
        const text = this.#text(expr);
        // `$1` is made for expressions without a name and cannot be written as an alias that is not already implied.
        return /^\$\d+$/.test(name) ? text : `${text} AS ${name}`;
      })
      .join(', ');
  }

  #payload(): string {
    const { select, sources } = this.#ast;
    if (select.k === 'star') return sources[0]?.alias ?? 'c';
    if (select.k === 'value') return this.#text(select.expr);
    return `{${select.items.map(({ name, expr }) => `${JSON.stringify(name)}: ${this.#text(expr)}`).join(', ')}}`;
  }

  /** FROM and WHERE, with a further filter. */
  #tail(filter: string | undefined): string {
    const { where, spans } = this.#ast;
    const from = spans.from === undefined ? '' : ` ${this.#text(spans.from)}`;
    const conditions = [
      ...(where === undefined ? [] : [`(${this.#text(where)})`]),
      ...(filter === undefined ? [] : [filter]),
    ];
    return conditions.length === 0 ? from : `${from} WHERE ${conditions.join(' AND ')}`;
  }
}
