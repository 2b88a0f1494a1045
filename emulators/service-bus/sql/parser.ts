// Parses SQL filters and actions by recursive descent, in the precedence of the service's documentation.
import type { ArithmeticOperator, ComparisonOperator, Node, PropertyReference, Statement } from './ast.ts';
import { SqlSyntaxError } from './errors.ts';
import { type Token, tokenize } from './lexer.ts';

/** Deeper nesting than any real filter has; it keeps a hostile one from exhausting the stack. */
const MAX_DEPTH = 100;
const COMPARISONS = new Map<string, ComparisonOperator>([
  ['=', '='],
  ['<>', '<>'],
  ['!=', '<>'],
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
]);

/** Parses a filter. */
export function parseFilter(source: string): Node {
  const parser = new Parser(source);
  const node = parser.predicate();
  parser.expectEnd();
  return node;
}

/** Parses an action: statements separated by semicolons. */
export function parseAction(source: string): Statement[] {
  const parser = new Parser(source);
  const statements: Statement[] = [];
  do {
    if (parser.atEnd) break;
    statements.push(parser.statement());
  } while (parser.takeOperator(';'));
  parser.expectEnd();
  if (statements.length === 0) throw new SqlSyntaxError('The SQL action is empty.');
  return statements;
}

class Parser {
  private readonly tokens: readonly Token[];
  private position = 0;
  private depth = 0;

  constructor(source: string) {
    this.tokens = tokenize(source);
  }

  get atEnd(): boolean {
    return this.current.kind === 'end';
  }

  expectEnd(): void {
    if (!this.atEnd) throw this.unexpected();
  }

  statement(): Statement {
    if (this.takeKeyword('SET')) {
      const property = this.property();
      if (!this.takeOperator('=')) throw this.unexpected();
      return { kind: 'set', property, value: this.sum() };
    }
    if (this.takeKeyword('REMOVE')) return { kind: 'remove', property: this.property() };
    throw this.unexpected();
  }

  predicate(): Node {
    if (++this.depth > MAX_DEPTH) throw new SqlSyntaxError('The SQL expression is nested too deeply.');
    let left = this.conjunction();
    while (this.takeKeyword('OR')) left = { kind: 'or', left, right: this.conjunction() };
    this.depth--;
    return left;
  }

  takeOperator(text: string): boolean {
    if (this.current.kind !== 'operator' || this.current.text !== text) return false;
    this.position++;
    return true;
  }

  private get current(): Token {
    return this.tokens[this.position] ?? { kind: 'end', text: '', at: 0 };
  }

  private conjunction(): Node {
    let left = this.negation();
    while (this.takeKeyword('AND')) left = { kind: 'and', left, right: this.negation() };
    return left;
  }

  private negation(): Node {
    let count = 0;
    while (this.takeKeyword('NOT')) count++;
    const operand = this.comparison();
    return count % 2 === 0 ? operand : { kind: 'not', operand };
  }

  private comparison(): Node {
    if (this.takeKeyword('EXISTS')) {
      this.expectOperator('(');
      const property = this.property();
      this.expectOperator(')');
      return { kind: 'exists', property };
    }
    const left = this.sum();
    const operator = this.current.kind === 'operator' ? COMPARISONS.get(this.current.text) : undefined;
    if (operator !== undefined) {
      this.position++;
      return { kind: 'compare', operator, left, right: this.sum() };
    }
    if (this.takeKeyword('IS')) {
      const negated = this.takeKeyword('NOT');
      if (!this.takeKeyword('NULL')) throw this.unexpected();
      return { kind: 'is-null', operand: left, negated };
    }
    const negated = this.takeKeyword('NOT');
    if (this.takeKeyword('IN')) return { kind: 'in', operand: left, choices: this.choices(), negated };
    if (this.takeKeyword('LIKE')) {
      const pattern = this.sum();
      const escapeBy = this.takeKeyword('ESCAPE') ? this.sum() : undefined;
      return { kind: 'like', operand: left, pattern, escapeBy, negated };
    }
    if (negated) throw this.unexpected();
    return left;
  }

  private choices(): Node[] {
    this.expectOperator('(');
    const choices: Node[] = [];
    do choices.push(this.sum());
    while (this.takeOperator(','));
    this.expectOperator(')');
    return choices;
  }

  private sum(): Node {
    let left = this.product();
    for (let operator = this.takeOne('+', '-'); operator !== undefined; operator = this.takeOne('+', '-'))
      left = { kind: 'arithmetic', operator, left, right: this.product() };
    return left;
  }

  private product(): Node {
    let left = this.unary();
    for (let operator = this.takeOne('*', '/', '%'); operator !== undefined; operator = this.takeOne('*', '/', '%'))
      left = { kind: 'arithmetic', operator, left, right: this.unary() };
    return left;
  }

  private unary(): Node {
    let negative = false;
    for (let sign = this.takeOne('+', '-'); sign !== undefined; sign = this.takeOne('+', '-'))
      if (sign === '-') negative = !negative;
    const operand = this.primary();
    return negative ? { kind: 'negate', operand } : operand;
  }

  private primary(): Node {
    const token = this.current;
    switch (token.kind) {
      case 'string':
        this.position++;
        return { kind: 'constant', value: token.text };
      case 'number':
        this.position++;
        return { kind: 'constant', value: token.value };
      case 'parameter':
        this.position++;
        return { kind: 'parameter', name: token.text };
      case 'keyword':
        return this.keywordConstant(token.text);
      case 'name':
        return this.call() ?? this.property();
      default: {
        if (!this.takeOperator('(')) throw this.unexpected();
        const inner = this.predicate();
        this.expectOperator(')');
        return inner;
      }
    }
  }

  private keywordConstant(text: string): Node {
    const value = text === 'TRUE' ? true : text === 'FALSE' ? false : text === 'NULL' ? null : undefined;
    if (value === undefined) throw this.unexpected();
    this.position++;
    return { kind: 'constant', value };
  }

  /** `newid()`, or `property(name)` and its short form `p(name)`. */
  private call(): Node | undefined {
    const next = this.tokens[this.position + 1];
    if (next?.kind !== 'operator' || next.text !== '(') return undefined;
    const name = this.current.text.toLowerCase();
    if (name === 'newid') {
      this.position += 2;
      this.expectOperator(')');
      return { kind: 'newid' };
    }
    if (name !== 'property' && name !== 'p') throw this.unexpected();
    this.position += 2;
    const token = this.current;
    const property = token.kind === 'string' ? this.reference('user', token.text) : this.property();
    if (token.kind === 'string') this.position++;
    this.expectOperator(')');
    return property;
  }

  private property(): PropertyReference {
    const first = this.name();
    if (!this.takeOperator('.')) return this.reference('user', first);
    const scope = first.toLowerCase();
    if (scope !== 'sys' && scope !== 'user')
      throw new SqlSyntaxError(`'${first}' is not a scope; properties are scoped with sys. or user.`);
    return this.reference(scope, this.name());
  }

  private reference(scope: 'user' | 'sys', name: string): PropertyReference {
    return { kind: 'property', scope, name, folded: name.toLowerCase() };
  }

  private name(): string {
    const token = this.current;
    if (token.kind !== 'name') throw this.unexpected();
    this.position++;
    return token.text;
  }

  private takeKeyword(text: string): boolean {
    if (this.current.kind !== 'keyword' || this.current.text !== text) return false;
    this.position++;
    return true;
  }

  private takeOne<T extends ArithmeticOperator>(...choices: readonly T[]): T | undefined {
    const token = this.current;
    if (token.kind !== 'operator') return undefined;
    const found = choices.find((choice) => choice === token.text);
    if (found !== undefined) this.position++;
    return found;
  }

  private expectOperator(text: string): void {
    if (!this.takeOperator(text)) throw this.unexpected();
  }

  private unexpected(): SqlSyntaxError {
    const { text, at } = this.current;
    return new SqlSyntaxError(
      `There was an error parsing the SQL expression. [Token line number = 1,Token in error = ${text === '' ? 'end of text' : text},position = ${at}]`,
    );
  }
}
