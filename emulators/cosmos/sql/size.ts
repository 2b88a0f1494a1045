// How large expressions and whole queries are: the number of their nodes, and how deep they are nested.
import { queryError } from '../errors.ts';
import { MAX_SQL_TREE_DEPTH } from '../limits.ts';
import { childrenOf, type Expr, type Query, selected } from './ast.ts';

/** Nodes of an expression. Subqueries count their own work. */
export function sizeOf(expr: Expr): number {
  let size = 0;
  const rest = [expr];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    size += 1;
    for (const part of childrenOf(next)) rest.push(part);
  }
  return size;
}

/** Refuses a query whose tree is so deep that walking it would exhaust the stack. Walks it without recursion itself. */
export function checkTreeDepth(query: Query): void {
  const rest = partsOf(query).map((expr) => ({ expr, depth: 1 }));
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { expr, depth } = next;
    if (depth > MAX_SQL_TREE_DEPTH) {
      throw queryError('SC1011', 'The query is nested too deeply.', { start: expr.start, end: expr.end });
    }
    const parts = expr.k === 'subquery' ? partsOf(expr.query) : childrenOf(expr);
    for (const part of parts) rest.push({ expr: part, depth: depth + 1 });
  }
}

/** All expressions of a query, those of subqueries in FROM included. */
function partsOf(query: Query): Expr[] {
  const parts = [...selected(query.select), ...query.groupBy, ...query.orderBy.map(({ expr }) => expr)];
  if (query.where !== undefined) parts.push(query.where);
  for (const { from } of query.sources) {
    for (const part of from.k === 'query' ? partsOf(from.query) : from.steps) parts.push(part);
  }
  return parts;
}
