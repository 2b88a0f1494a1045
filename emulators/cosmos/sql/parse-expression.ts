// Parses scalar expressions by precedence climbing.
import { unsupported } from '../errors.ts';
import type { BinaryOperator, Expr, Query } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { FILTER_PLACEHOLDER } from './tokens.ts';

/** Symbols of binary operators by level, loosest first; AND, OR, comparison words and `?:` are handled apart. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['|'],
  ['^'],
  ['&'],
  ['<<', '>>', '>>>'],
  ['||'],
  ['+', '-'],
  ['*', '/', '%'],
];
const COMPARISONS: Readonly<Record<string, BinaryOperator>> = {
  '=': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};
const LITERALS: ReadonlyMap<string, boolean | null | undefined> = new Map([
  ['TRUE', true],
  ['FALSE', false],
  ['NULL', null],
  ['UNDEFINED', undefined],
]);

/** Parses one expression. `query` parses subqueries; passed in because queries and expressions contain each other. */
export function parseExpression(cursor: Cursor, query: (cursor: Cursor) => Query): Expr {
  return new ExpressionParser(cursor, query).expression();
}

class ExpressionParser {
  readonly #cursor: Cursor;
  readonly #query: (cursor: Cursor) => Query;

  constructor(cursor: Cursor, query: (cursor: Cursor) => Query) {
    this.#cursor = cursor;
    this.#query = query;
  }

  expression(): Expr {
    return this.#cursor.nested(() => {
      const { start } = this.#cursor.peek();
      const test = this.#coalesce();
      if (!this.#cursor.symbol('?')) return test;
      const yes = this.expression();
      this.#cursor.expectSymbol(':');
      const no = this.expression();
      return { k: 'cond', test, yes, no, start, end: this.#cursor.lastEnd };
    });
  }

  #coalesce(): Expr {
    const left = this.#or();
    if (!this.#cursor.symbol('??')) return left;
    return this.#binary(
      '??',
      left,
      this.#cursor.nested(() => this.#coalesce()),
    );
  }

  #or(): Expr {
    return this.#logic('OR', () => this.#logic('AND', () => this.#not()));
  }

  /** A chain is one node however long it is: clients write thousands of terms, and a tree of them would be as deep. */
  #logic(op: 'AND' | 'OR', operand: () => Expr): Expr {
    const first = operand();
    if (!this.#cursor.isWord(op)) return first;
    const items = [first];
    while (this.#cursor.word(op)) items.push(operand());
    return { k: 'logic', op, items, start: first.start, end: this.#cursor.lastEnd };
  }

  #not(): Expr {
    const { start } = this.#cursor.peek();
    if (!this.#cursor.word('NOT')) return this.#comparison();
    const arg = this.#cursor.nested(() => this.#not());
    return { k: 'unary', op: 'NOT', arg, start, end: this.#cursor.lastEnd };
  }

  #comparison(): Expr {
    const cursor = this.#cursor;
    let left = this.#level(0);
    for (;;) {
      const token = cursor.peek();
      const op = token.kind === 'symbol' ? COMPARISONS[token.value] : undefined;
      if (op !== undefined) {
        cursor.take();
        left = this.#binary(op, left, this.#level(0));
        continue;
      }
      const negated = cursor.isWord('NOT') && ['IN', 'BETWEEN', 'LIKE'].some((word) => cursor.isWord(word, 1));
      if (negated) cursor.take();
      const tested = this.#test(left);
      if (tested === undefined) return left;
      left = negated ? { k: 'unary', op: 'NOT', arg: tested, start: tested.start, end: tested.end } : tested;
    }
  }

  #test(arg: Expr): Expr | undefined {
    const cursor = this.#cursor;
    const { start } = arg;
    if (cursor.word('IN')) {
      cursor.expectSymbol('(');
      const list = this.#list(')');
      if (list.length === 0) throw cursor.error();
      return { k: 'in', arg, list, start, end: cursor.lastEnd };
    }
    if (cursor.word('BETWEEN')) {
      const low = this.#level(0);
      cursor.expectWord('AND');
      return { k: 'between', arg, low, high: this.#level(0), start, end: cursor.lastEnd };
    }
    if (cursor.word('LIKE')) {
      const pattern = this.#level(0);
      const escapeBy = cursor.word('ESCAPE') ? this.#level(0) : undefined;
      return { k: 'like', arg, pattern, escape: escapeBy, start, end: cursor.lastEnd };
    }
    return undefined;
  }

  #level(level: number): Expr {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#level(level + 1);
    for (;;) {
      const token = this.#cursor.peek();
      const op = token.kind === 'symbol' ? operators.find((candidate) => candidate === token.value) : undefined;
      if (op === undefined) return left;
      this.#cursor.take();
      left = this.#binary(op, left, this.#level(level + 1));
    }
  }

  #unary(): Expr {
    const cursor = this.#cursor;
    const { start } = cursor.peek();
    for (const op of ['-', '+', '~'] as const) {
      if (!cursor.symbol(op)) continue;
      const arg = cursor.nested(() => this.#unary());
      if (op === '-' && arg.k === 'const' && typeof arg.value === 'number') {
        return { k: 'const', value: -arg.value, start, end: cursor.lastEnd };
      }
      return { k: 'unary', op, arg, start, end: cursor.lastEnd };
    }
    return this.#postfix(this.#primary());
  }

  #postfix(base: Expr): Expr {
    const cursor = this.#cursor;
    let expr = base;
    for (;;) {
      if (cursor.symbol('.')) {
        const token = cursor.take();
        if (token.kind !== 'word') throw cursor.error(token);
        const key: Expr = { k: 'const', value: token.value, start: token.start, end: token.end };
        expr = { k: 'get', of: expr, key, start: base.start, end: token.end };
      } else if (cursor.symbol('[')) {
        const key = this.expression();
        cursor.expectSymbol(']');
        expr = { k: 'get', of: expr, key, start: base.start, end: cursor.lastEnd };
      } else {
        return expr;
      }
    }
  }

  #primary(): Expr {
    const cursor = this.#cursor;
    const token = cursor.take();
    const { start } = token;
    switch (token.kind) {
      case 'string':
        return { k: 'const', value: token.value, start, end: token.end };
      case 'number':
        return { k: 'const', value: Number(token.value), start, end: token.end };
      case 'param':
        return { k: 'param', name: token.value, start, end: token.end };
      case 'placeholder':
        return { k: 'const', value: token.value === FILTER_PLACEHOLDER, start, end: token.end };
      case 'word':
        return this.#word(token.value, start);
      case 'symbol':
        return this.#bracketed(token.value, start);
      case 'end':
        throw cursor.error(token);
    }
  }

  #word(word: string, start: number): Expr {
    const cursor = this.#cursor;
    const upper = word.toUpperCase();
    if (LITERALS.has(upper)) return { k: 'const', value: LITERALS.get(upper), start, end: cursor.lastEnd };
    if ((upper === 'EXISTS' || upper === 'ARRAY') && cursor.isSymbol('(') && cursor.isWord('SELECT', 1)) {
      cursor.take();
      const query = this.#query(cursor);
      cursor.expectSymbol(')');
      return { k: 'subquery', use: upper, query, start, end: cursor.lastEnd };
    }
    if (upper === 'UDF' && cursor.isSymbol('.'))
      throw unsupported(`The user-defined function udf.${cursor.peek(1).value}`);
    if (cursor.symbol('(')) {
      return { k: 'call', name: upper, args: this.#list(')'), start, end: cursor.lastEnd };
    }
    return { k: 'ref', name: word, start, end: cursor.lastEnd };
  }

  #bracketed(symbol: string, start: number): Expr {
    const cursor = this.#cursor;
    if (symbol === '(') {
      if (cursor.isWord('SELECT')) {
        const query = this.#query(cursor);
        cursor.expectSymbol(')');
        return { k: 'subquery', use: 'scalar', query, start, end: cursor.lastEnd };
      }
      const inner = this.expression();
      cursor.expectSymbol(')');
      return { ...inner, start, end: cursor.lastEnd };
    }
    if (symbol === '[') return { k: 'array', items: this.#list(']'), start, end: cursor.lastEnd };
    if (symbol === '{') return { k: 'object', entries: this.#entries(), start, end: cursor.lastEnd };
    throw cursor.error({ kind: 'symbol', value: symbol, start, end: start + symbol.length });
  }

  #list(close: string): Expr[] {
    const items: Expr[] = [];
    if (this.#cursor.symbol(close)) return items;
    do items.push(this.expression());
    while (this.#cursor.symbol(','));
    this.#cursor.expectSymbol(close);
    return items;
  }

  #entries(): { key: string; value: Expr }[] {
    const cursor = this.#cursor;
    const entries: { key: string; value: Expr }[] = [];
    if (cursor.symbol('}')) return entries;
    do {
      const token = cursor.take();
      if (token.kind !== 'string' && token.kind !== 'word') throw cursor.error(token);
      cursor.expectSymbol(':');
      entries.push({ key: token.value, value: this.expression() });
    } while (cursor.symbol(','));
    cursor.expectSymbol('}');
    return entries;
  }

  #binary(op: BinaryOperator, left: Expr, right: Expr): Expr {
    return { k: 'binary', op, left, right, start: left.start, end: this.#cursor.lastEnd };
  }
}
