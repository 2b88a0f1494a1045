// Splits the SQL of filters and actions into tokens.

import { SqlSyntaxError } from './errors.ts';

/** One word, name, literal or operator. `at` is its place in the text. */
export type Token =
  | { readonly kind: 'keyword'; readonly text: string; readonly at: number }
  | { readonly kind: 'name'; readonly text: string; readonly at: number }
  | { readonly kind: 'string'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly at: number }
  | { readonly kind: 'parameter'; readonly text: string; readonly at: number }
  | { readonly kind: 'operator'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number };

const KEYWORDS = new Set([
  'AND',
  'OR',
  'NOT',
  'IN',
  'LIKE',
  'ESCAPE',
  'IS',
  'NULL',
  'EXISTS',
  'TRUE',
  'FALSE',
  'SET',
  'REMOVE',
]);

const SPACE = /\s+/y;
const WORD = /[\p{L}_#$][\p{L}\p{N}_#$]*/uy;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const STRING = /[nN]?'((?:[^']|'')*)'/y;
const QUOTED = /"((?:[^"]|"")*)"/y;
const BRACKETED = /\[((?:[^\]]|\]\])*)\]/y;
const PARAMETER = /@[\p{L}_][\p{L}\p{N}_]*/uy;
const OPERATOR = /<>|!=|>=|<=|[=<>+\-*/%(),.;]/y;

/** The tokens of an expression, with an end marker. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  while (at < source.length) {
    const skipped = match(SPACE);
    if (skipped !== null) {
      at += skipped[0].length;
      continue;
    }
    const found = nextToken(match, at);
    if (found === undefined)
      throw new SqlSyntaxError(
        `There was an error parsing the SQL expression. [Token line number = 1,Token in error = ${source[at]},position = ${at}]`,
      );
    tokens.push(found.token);
    at += found.length;
  }
  tokens.push({ kind: 'end', text: '', at });
  return tokens;
}

function nextToken(
  match: (pattern: RegExp) => RegExpExecArray | null,
  at: number,
): { token: Token; length: number } | undefined {
  let found = match(STRING);
  if (found !== null) {
    return { token: { kind: 'string', text: (found[1] ?? '').replaceAll("''", "'"), at }, length: found[0].length };
  }
  found = match(QUOTED);
  if (found !== null)
    return { token: { kind: 'name', text: (found[1] ?? '').replaceAll('""', '"'), at }, length: found[0].length };
  found = match(BRACKETED);
  if (found !== null)
    return { token: { kind: 'name', text: (found[1] ?? '').replaceAll(']]', ']'), at }, length: found[0].length };
  found = match(NUMBER);
  if (found !== null) {
    const [text] = found;
    return { token: { kind: 'number', value: Number(text), text, at }, length: text.length };
  }
  found = match(WORD);
  if (found !== null) {
    const [text] = found;
    const upper = text.toUpperCase();
    const token: Token = KEYWORDS.has(upper) ? { kind: 'keyword', text: upper, at } : { kind: 'name', text, at };
    return { token, length: text.length };
  }
  found = match(PARAMETER) ?? match(OPERATOR);
  if (found === null) return undefined;
  const [text] = found;
  return { token: { kind: text.startsWith('@') ? 'parameter' : 'operator', text, at }, length: text.length };
}
