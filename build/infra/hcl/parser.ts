// Parses the tokens of a Terraform file into a syntax tree.
import { type Token, tokensOf } from './lexer.ts';
import { type Attribute, type Block, type Body, type Expression, type ObjectEntry, SyntaxFault } from './syntax.ts';

/** Parses a Terraform file. @throws SyntaxFault */
export const parseFile = (text: string): Body => new Parser(tokensOf(text)).file();

/** Parses a single expression, such as the content of a JSON file. @throws SyntaxFault */
export const parseExpression = (text: string): Expression => new Parser(tokensOf(text)).whole();

/** Operator precedence, from lowest to highest. */
const OPERATORS = [['||'], ['&&'], ['==', '!='], ['<', '>', '<=', '>='], ['+', '-'], ['*', '/', '%']] as const;

const KEYWORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

/** Deeper nesting is a mistake, and would overflow the stack. */
const MAXIMUM_DEPTH = 200;

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  file(): Body {
    const body = this.#body();
    if (this.#token.kind !== 'end') throw this.#unexpected('an attribute or a block');
    return body;
  }

  whole(): Expression {
    this.#newlines();
    const expression = this.#expression();
    this.#newlines();
    if (this.#token.kind !== 'end') throw this.#unexpected('the end');
    return expression;
  }

  get #token(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', line: this.#tokens.at(-1)?.line ?? 1 };
  }

  #unexpected(wanted: string): SyntaxFault {
    const { kind, text, line } = this.#token;
    const found =
      kind === 'end' ? 'the end' : kind === 'newline' ? 'the end of the line' : kind === 'string' ? 'a string' : text;
    return new SyntaxFault(line, `There must be ${wanted}, not ${found}.`);
  }

  #is(text: string): boolean {
    return this.#token.kind === 'mark' && this.#token.text === text;
  }

  /** Consumes the mark if it is next. */
  #took(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at += 1;
    return true;
  }

  #take(text: string): void {
    if (!this.#took(text)) throw this.#unexpected(text);
  }

  #name(): string {
    if (this.#token.kind !== 'name') throw this.#unexpected('a name');
    const { text } = this.#token;
    this.#at += 1;
    return text;
  }

  #newlines(): void {
    while (this.#token.kind === 'newline') this.#at += 1;
  }

  #body(): Body {
    const attributes: Attribute[] = [];
    const blocks: Block[] = [];
    for (;;) {
      this.#newlines();
      if (this.#token.kind === 'end' || this.#is('}')) return { attributes, blocks };
      const { line } = this.#token;
      const name = this.#name();
      if (this.#took('=')) {
        if (attributes.some((attribute) => attribute.name === name))
          throw new SyntaxFault(line, `${name} is set twice.`);
        attributes.push({ name, value: this.#expression(), line });
      } else blocks.push(this.#block(name, line));
      this.#lineEnds();
    }
  }

  #lineEnds(): void {
    const { kind } = this.#token;
    if (kind !== 'newline' && kind !== 'end' && !this.#is('}')) throw this.#unexpected('the end of the line');
  }

  #block(type: string, line: number): Block {
    const labels: string[] = [];
    while (!this.#took('{')) {
      const { kind, parts = [] } = this.#token;
      if (kind === 'name') labels.push(this.#name());
      else if (kind === 'string' && parts.length === 1) {
        labels.push(String(parts[0]));
        this.#at += 1;
      } else throw this.#unexpected('= or {');
    }
    const body = this.#body();
    this.#take('}');
    return { type, labels, body, line };
  }

  #expression(): Expression {
    this.#depth += 1;
    if (this.#depth > MAXIMUM_DEPTH)
      throw new SyntaxFault(this.#token.line, `Expressions are nested ${MAXIMUM_DEPTH} deep at most.`);
    const { line } = this.#token;
    const condition = this.#binary(0);
    let result = condition;
    if (this.#took('?')) {
      this.#newlines();
      const then = this.#expression();
      this.#newlines();
      this.#take(':');
      this.#newlines();
      result = { kind: 'operation', operator: '?', operands: [condition, then, this.#expression()], line };
    }
    this.#depth -= 1;
    return result;
  }

  #binary(level: number): Expression {
    const operators: readonly string[] | undefined = OPERATORS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const { kind, text, line } = this.#token;
      if (kind !== 'mark' || !operators.includes(text)) return left;
      this.#at += 1;
      this.#newlines();
      left = { kind: 'operation', operator: text, operands: [left, this.#binary(level + 1)], line };
    }
  }

  #unary(): Expression {
    const { line } = this.#token;
    for (const operator of ['!', '-'])
      if (this.#took(operator)) return { kind: 'operation', operator, operands: [this.#unary()], line };
    return this.#postfix(this.#primary());
  }

  /** Postfix operators: `.name`, `[index]`, `.*` and `[*]`. */
  #postfix(of: Expression): Expression {
    const path: (string | Expression)[] = [];
    for (;;) {
      if (this.#took('.')) {
        if (this.#took('*')) path.push('*');
        else if (this.#token.kind === 'number') {
          path.push(this.#token.text);
          this.#at += 1;
        } else path.push(this.#name());
      } else if (this.#took('[')) {
        this.#newlines();
        if (this.#took('*')) path.push('*');
        else path.push(this.#expression());
        this.#newlines();
        this.#take(']');
      } else if (path.length === 0) return of;
      else if (of.kind === 'traversal') return { ...of, path };
      else return { kind: 'access', of, path, line: of.line };
    }
  }

  #primary(): Expression {
    const { kind, text, line, parts = [] } = this.#token;
    if (kind === 'number') {
      this.#at += 1;
      return { kind: 'literal', value: Number(text), line };
    }
    if (kind === 'string') {
      this.#at += 1;
      return stringOf(parts, line);
    }
    if (kind === 'name') {
      this.#at += 1;
      if (text in KEYWORDS) return { kind: 'literal', value: KEYWORDS[text] ?? null, line };
      if (this.#is('(') || this.#is('::')) return this.#call(text, line);
      return { kind: 'traversal', root: text, path: [], line };
    }
    if (this.#took('(')) {
      this.#newlines();
      const inner = this.#expression();
      this.#newlines();
      this.#take(')');
      return { kind: 'operation', operator: '()', operands: [inner], line };
    }
    if (this.#took('[')) return this.#bracketed(line);
    if (this.#took('{')) return this.#braced(line);
    throw this.#unexpected('a value');
  }

  #call(first: string, line: number): Expression {
    let name = first;
    while (this.#took('::')) name += `::${this.#name()}`;
    this.#take('(');
    const values: Expression[] = [];
    for (;;) {
      this.#newlines();
      if (this.#took(')')) return { kind: 'call', name, arguments: values, line };
      values.push(this.#expression());
      this.#newlines();
      this.#took('...');
      this.#newlines();
      if (!this.#is(')')) this.#take(',');
    }
  }

  #bracketed(line: number): Expression {
    this.#newlines();
    if (this.#isFor()) return this.#for(']', line);
    const items: Expression[] = [];
    for (;;) {
      this.#newlines();
      if (this.#took(']')) return { kind: 'tuple', items, line };
      items.push(this.#expression());
      this.#newlines();
      if (!this.#is(']')) this.#take(',');
    }
  }

  #braced(line: number): Expression {
    this.#newlines();
    if (this.#isFor()) return this.#for('}', line);
    const entries: ObjectEntry[] = [];
    for (;;) {
      this.#newlines();
      if (this.#took('}')) return { kind: 'object', entries, line };
      const entryLine = this.#token.line;
      const key = this.#expression();
      if (!this.#took(':')) this.#take('=');
      this.#newlines();
      const value = this.#expression();
      entries.push({ name: keyText(key), key, value, line: entryLine });
      if (!this.#took(',') && this.#token.kind !== 'newline' && !this.#is('}'))
        throw this.#unexpected('a comma or the end of the line');
    }
  }

  /** `for` is also a valid name of an attribute or key. */
  #isFor(): boolean {
    return this.#token.kind === 'name' && this.#token.text === 'for' && this.#tokens[this.#at + 1]?.kind === 'name';
  }

  #for(close: ']' | '}', line: number): Expression {
    this.#at += 1;
    const variables = [this.#name()];
    if (this.#took(',')) variables.push(this.#name());
    if (this.#name() !== 'in') throw new SyntaxFault(line, 'A for needs `in`.');
    const collection = this.#expression();
    this.#newlines();
    this.#take(':');
    this.#newlines();
    const first = this.#expression();
    let key: Expression | undefined;
    let value = first;
    if (close === '}') {
      this.#newlines();
      this.#take('=>');
      this.#newlines();
      key = first;
      value = this.#expression();
      this.#took('...');
    }
    this.#newlines();
    let condition: Expression | undefined;
    if (this.#token.kind === 'name' && this.#token.text === 'if') {
      this.#at += 1;
      condition = this.#expression();
    }
    this.#newlines();
    this.#take(close);
    return { kind: 'for', variables, collection, key, value, condition, line };
  }
}

/** A bare name is the key itself; any other expression is computed. */
function keyText(key: Expression): string | undefined {
  if (key.kind === 'traversal' && key.path.length === 0) return key.root;
  return key.kind === 'literal' ? String(key.value) : undefined;
}

function stringOf(parts: NonNullable<Token['parts']>, line: number): Expression {
  const made = parts
    .filter((part) => part !== '')
    .map((part) => (typeof part === 'string' ? part : new Parser(part).whole()));
  const [only] = made;
  if (only === undefined) return { kind: 'literal', value: '', line };
  if (made.length === 1 && typeof only === 'string') return { kind: 'literal', value: only, line };
  return { kind: 'template', parts: made, line };
}
