// A position in a token list, with the few moves a recursive-descent parser needs.
import { queryError } from '../errors.ts';
import { MAX_SQL_DEPTH } from '../limits.ts';
import type { Token } from './tokens.ts';

/** Words that cannot be names. */
const RESERVED: ReadonlySet<string> = new Set([
  'SELECT',
  'DISTINCT',
  'TOP',
  'VALUE',
  'FROM',
  'WHERE',
  'GROUP',
  'ORDER',
  'BY',
  'OFFSET',
  'LIMIT',
  'JOIN',
  'IN',
  'AS',
  'AND',
  'OR',
  'NOT',
  'BETWEEN',
  'LIKE',
  'ESCAPE',
  'EXISTS',
  'ASC',
  'DESC',
  'TRUE',
  'FALSE',
  'NULL',
  'UNDEFINED',
  'HAVING',
]);

/** Reads tokens one by one. */
export class Cursor {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** The token `ahead` places from here. */
  peek(ahead = 0): Token {
    const token = this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1);
    if (token === undefined) throw new Error('A token list always has an end.');
    return token;
  }

  /** End of the last token taken. */
  get lastEnd(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'word' && token.value.toUpperCase() === word;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'symbol' && token.value === symbol;
  }

  /** Takes a keyword if it comes next. */
  word(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.#at += 1;
    return true;
  }

  /** Takes a symbol if it comes next. */
  symbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.#at += 1;
    return true;
  }

  expectWord(word: string): void {
    if (!this.word(word)) throw this.error();
  }

  expectSymbol(symbol: string): void {
    if (!this.symbol(symbol)) throw this.error();
  }

  /** Whether a usable name comes next. */
  isName(): boolean {
    const token = this.peek();
    return token.kind === 'word' && !RESERVED.has(token.value.toUpperCase());
  }

  /** Takes a name. */
  name(): string {
    if (!this.isName()) throw this.error();
    return this.take().value;
  }

  /** Runs a parse step one level deeper; bounds recursion so that hostile input cannot exhaust the stack. */
  nested<T>(step: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_SQL_DEPTH) throw queryError('SC1011', 'The query is nested too deeply.');
    try {
      return step();
    } finally {
      this.#depth -= 1;
    }
  }

  /** The error for a token that does not belong here. */
  error(token: Token = this.peek()): Error {
    return queryError('SC1001', `Syntax error, incorrect syntax near '${token.value}'.`, {
      start: token.start,
      end: token.end,
    });
  }
}
