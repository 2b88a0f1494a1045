// Parses queries: SELECT, FROM with JOINs, WHERE, GROUP BY, ORDER BY, OFFSET LIMIT.
import { queryError, unsupported } from '../errors.ts';
import type { Expr, OrderTerm, Query, Selection, Source, Span } from './ast.ts';
import { Cursor } from './cursor.ts';
import { parseExpression } from './parse-expression.ts';
import { checkTreeDepth } from './size.ts';
import { tokenize } from './tokens.ts';

/** Parses a whole query text. */
export function parseQuery(sql: string): Query {
  const cursor = new Cursor(tokenize(sql));
  const query = parseSelect(cursor);
  if (cursor.peek().kind !== 'end') throw cursor.error();
  checkTreeDepth(query);
  return query;
}

const expression = (cursor: Cursor): Expr => parseExpression(cursor, parseSelect);

function parseSelect(cursor: Cursor): Query {
  return cursor.nested(() => {
    const { start } = cursor.peek();
    cursor.expectWord('SELECT');
    let distinct = false;
    let top: Expr | undefined;
    for (;;) {
      if (!distinct && cursor.word('DISTINCT')) distinct = true;
      else if (cursor.isWord('TOP') && cursor.isSymbol('-', 1)) {
        throw queryError('SC2060', 'The TOP value must be a non-negative integer.');
      } else if (top === undefined && cursor.isWord('TOP') && /number|param/.test(cursor.peek(1).kind)) {
        cursor.take();
        top = count(cursor);
      } else break;
    }
    const select = parseSelection(cursor);
    const fromStart = cursor.peek().start;
    const sources = cursor.word('FROM') ? parseSources(cursor) : [];
    const from = sources.length === 0 ? undefined : { start: fromStart, end: cursor.lastEnd };
    const where = cursor.word('WHERE') ? expression(cursor) : undefined;
    const [groupBy, groupSpan] = parseGroupBy(cursor);
    if (cursor.isWord('HAVING')) throw queryError('SC1001', "Syntax error, incorrect syntax near 'HAVING'.");
    const [orderBy, orderSpan] = parseOrderBy(cursor);
    let offset: Expr | undefined;
    let limit: Expr | undefined;
    if (cursor.word('OFFSET')) {
      offset = count(cursor);
      cursor.expectWord('LIMIT');
      limit = count(cursor);
    }
    const spans = { from, groupBy: groupSpan, orderBy: orderSpan };
    const query = { distinct, top, select, sources, where, groupBy, orderBy, offset, limit, spans };
    return { ...query, start, end: cursor.lastEnd };
  });
}

/** TOP, OFFSET and LIMIT take a number or a parameter. */
function count(cursor: Cursor): Expr {
  const token = cursor.peek();
  if (token.kind !== 'number' && token.kind !== 'param') throw cursor.error();
  cursor.take();
  const span: Span = { start: token.start, end: token.end };
  return token.kind === 'param'
    ? { k: 'param', name: token.value, ...span }
    : { k: 'const', value: Number(token.value), ...span };
}

function parseSelection(cursor: Cursor): Selection {
  if (cursor.isSymbol('*')) {
    cursor.take();
    return { k: 'star' };
  }
  if (cursor.word('VALUE')) return { k: 'value', expr: expression(cursor) };
  const items: { name: string; expr: Expr }[] = [];
  const names = new Set<string>();
  let unnamed = 0;
  do {
    const expr = expression(cursor);
    const alias = cursor.word('AS') ? cursor.name() : cursor.isName() ? cursor.name() : lastName(expr);
    if (alias === undefined) unnamed += 1;
    const name = alias ?? `$${unnamed}`;
    if (names.has(name)) {
      throw queryError('SC2009', `Duplicate alias '${name}' in the SELECT list.`);
    }
    names.add(name);
    items.push({ name, expr });
  } while (cursor.symbol(','));
  return { k: 'list', items };
}

/** `c.a.b` is returned as `b`, `c` as `c`; everything else needs an alias or becomes `$1`, `$2`... */
function lastName(expr: Expr): string | undefined {
  if (expr.k === 'ref') return expr.name;
  if (expr.k === 'get' && expr.key.k === 'const' && typeof expr.key.value === 'string') return expr.key.value;
  return undefined;
}

function parseSources(cursor: Cursor): Source[] {
  const sources = [parseSource(cursor)];
  for (;;) {
    if (cursor.word('JOIN') || cursor.symbol(',')) sources.push(parseSource(cursor));
    else return sources;
  }
}

function parseSource(cursor: Cursor): Source {
  if (cursor.isName() && cursor.isWord('IN', 1)) {
    const alias = cursor.name();
    cursor.expectWord('IN');
    return { alias, iterate: true, from: parseCollection(cursor).from };
  }
  const { from, name } = parseCollection(cursor);
  const alias = cursor.word('AS') ? cursor.name() : cursor.isName() ? cursor.name() : name;
  // A subquery may go without a name: it then only multiplies rows.
  if (alias === undefined && from.k === 'path') throw cursor.error();
  return { alias: alias ?? '', iterate: false, from };
}

function parseCollection(cursor: Cursor): { from: Source['from']; name: string | undefined } {
  if (cursor.isSymbol('(') && cursor.isWord('SELECT', 1)) {
    cursor.take();
    const query = parseSelect(cursor);
    cursor.expectSymbol(')');
    return { from: { k: 'query', query }, name: undefined };
  }
  const root = cursor.name();
  const steps: Expr[] = [];
  let name: string | undefined = root;
  for (;;) {
    if (cursor.symbol('.')) {
      const token = cursor.take();
      if (token.kind !== 'word') throw cursor.error(token);
      steps.push({ k: 'const', value: token.value, start: token.start, end: token.end });
      name = token.value;
    } else if (cursor.symbol('[')) {
      const token = cursor.take();
      if (token.kind !== 'string' && token.kind !== 'number') throw cursor.error(token);
      const value = token.kind === 'number' ? Number(token.value) : token.value;
      steps.push({ k: 'const', value, start: token.start, end: token.end });
      cursor.expectSymbol(']');
      name = token.kind === 'string' ? token.value : undefined;
    } else {
      return { from: { k: 'path', root, steps }, name };
    }
  }
}

function parseGroupBy(cursor: Cursor): [Expr[], Span | undefined] {
  const { start } = cursor.peek();
  if (!cursor.word('GROUP')) return [[], undefined];
  cursor.expectWord('BY');
  const terms = [expression(cursor)];
  while (cursor.symbol(',')) terms.push(expression(cursor));
  return [terms, { start, end: cursor.lastEnd }];
}

function parseOrderBy(cursor: Cursor): [OrderTerm[], Span | undefined] {
  const { start } = cursor.peek();
  if (!cursor.word('ORDER')) return [[], undefined];
  cursor.expectWord('BY');
  if (cursor.isWord('RANK')) throw unsupported('ORDER BY RANK');
  const terms: OrderTerm[] = [];
  do {
    const expr = expression(cursor);
    const descending = cursor.word('DESC');
    if (!descending) cursor.word('ASC');
    terms.push({ expr, descending });
  } while (cursor.symbol(','));
  return [terms, { start, end: cursor.lastEnd }];
}
