// Splits SQL text into tokens.
import { queryError } from '../errors.ts';
import { MAX_SQL_LENGTH } from '../limits.ts';

/** A token with its place in the text. `value` is the decoded string, the number's text or the word itself. */
export interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'param' | 'symbol' | 'placeholder' | 'end';
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** What the SDK replaces before it sends a rewritten ORDER BY query; accepted so that a plan can be parsed back. */
export const FILTER_PLACEHOLDER = '{documentdb-formattableorderbyquery-filter}';

const SYMBOLS = ['>>>', '!=', '<>', '<=', '>=', '<<', '>>', '||', '??'] as const;
const SINGLE = '(){}[],.:?=<>+-*/%&|^~';
const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  "'": "'",
  '\\': '\\',
  '/': '/',
};

const syntaxError = (text: string, start: number, end: number): Error =>
  queryError('SC1001', `Syntax error, incorrect syntax near '${text}'.`, { start, end });

/** All tokens of a text, the last of kind `end`. */
export function tokenize(sql: string): Token[] {
  if (sql.length > MAX_SQL_LENGTH) throw queryError('SC1010', 'The SQL text is too long.');
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const char = sql.charAt(at);
    if (/\s/.test(char)) {
      at += 1;
    } else if (sql.startsWith('--', at)) {
      const end = sql.indexOf('\n', at);
      at = end < 0 ? sql.length : end;
    } else {
      const token = nextToken(sql, at, char);
      tokens.push(token);
      at = token.end;
    }
  }
  tokens.push({ kind: 'end', value: '<EOF>', start: sql.length, end: sql.length });
  return tokens;
}

function nextToken(sql: string, at: number, char: string): Token {
  if (char === "'" || char === '"') return stringToken(sql, at, char);
  if (/[0-9]/.test(char) || (char === '.' && /[0-9]/.test(sql.charAt(at + 1)))) {
    const match = /^(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/.exec(sql.slice(at, at + 400));
    const value = match?.[0] ?? char;
    return { kind: 'number', value, start: at, end: at + value.length };
  }
  if (char === '@') {
    const value = /^@[\p{L}\p{N}_]*/u.exec(sql.slice(at, at + 300))?.[0] ?? '@';
    return { kind: 'param', value, start: at, end: at + value.length };
  }
  const word = /^[\p{L}_$][\p{L}\p{N}_$]*/u.exec(sql.slice(at, at + 1100))?.[0];
  if (word !== undefined) return { kind: 'word', value: word, start: at, end: at + word.length };
  if (sql.startsWith(FILTER_PLACEHOLDER, at)) {
    return { kind: 'placeholder', value: FILTER_PLACEHOLDER, start: at, end: at + FILTER_PLACEHOLDER.length };
  }
  for (const symbol of SYMBOLS) {
    if (sql.startsWith(symbol, at)) return { kind: 'symbol', value: symbol, start: at, end: at + symbol.length };
  }
  if (SINGLE.includes(char)) return { kind: 'symbol', value: char, start: at, end: at + 1 };
  throw syntaxError(char, at, at + 1);
}

function stringToken(sql: string, start: number, quote: string): Token {
  let value = '';
  let at = start + 1;
  for (;;) {
    const char = sql.charAt(at);
    if (char === '')
      throw queryError('SC1012', 'Syntax error, invalid string literal token.', { start, end: sql.length });
    if (char === quote) return { kind: 'string', value, start, end: at + 1 };
    if (char !== '\\') {
      value += char;
      at += 1;
      continue;
    }
    const code = sql.charAt(at + 1);
    if (code === 'u') {
      const hex = sql.slice(at + 2, at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw syntaxError(`\\u${hex}`, at, at + 6);
      value += String.fromCharCode(Number.parseInt(hex, 16));
      at += 6;
    } else {
      // An unknown escape stands for itself, backslash included: LIKE patterns and regular expressions need them.
      value += ESCAPES[code] ?? `\\${code}`;
      at += 2;
    }
  }
}
