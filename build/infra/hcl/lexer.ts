// Splits the text of a Terraform file into tokens. Interpolations inside strings are tokenized, too, and kept as parts of the string.
import { SyntaxFault } from './syntax.ts';

export interface Token {
  readonly kind: 'name' | 'number' | 'mark' | 'newline' | 'string' | 'end';
  readonly text: string;
  readonly line: number;
  /** The parts of a string: literal texts, and the tokens of the interpolations between them. */
  readonly parts?: readonly (string | readonly Token[])[];
}

/** The longest first. */
const MARKS = ['...', '==', '!=', '<=', '>=', '&&', '||', '=>', '::'];

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

/** Returns the tokens of a file. @throws SyntaxFault */
export function tokensOf(text: string): readonly Token[] {
  return new Lexer(text.replaceAll('\r\n', '\n'), 0, 1).untilEnd();
}

class Lexer {
  readonly #text: string;
  #at: number;
  #line: number;

  constructor(text: string, at: number, line: number) {
    this.#text = text;
    this.#at = at;
    this.#line = line;
  }

  untilEnd(): readonly Token[] {
    const tokens = this.#until(undefined);
    return [...tokens, { kind: 'end', text: '', line: this.#line }];
  }

  /** Tokens up to the closing brace of `${`, which is consumed, or up to the end of the text. */
  #until(close: '}' | undefined): Token[] {
    const tokens: Token[] = [];
    const opened = this.#line;
    let depth = 0;
    for (;;) {
      const token = this.#next();
      if (token === undefined) {
        if (close === undefined) return tokens;
        throw new SyntaxFault(opened, 'A ${ is not closed.');
      }
      if (close !== undefined && token.kind === 'mark') {
        if (token.text === '{') depth += 1;
        if (token.text === '}') {
          if (depth === 0) return [...tokens, { kind: 'end', text: '', line: token.line }];
          depth -= 1;
        }
      }
      tokens.push(token);
    }
  }

  #next(): Token | undefined {
    this.#skip();
    const rest = this.#text.slice(this.#at, this.#at + 200);
    if (rest === '') return undefined;
    const line = this.#line;
    if (rest[0] === '\n') return this.#take('newline', 1);
    if (rest[0] === '"') return { kind: 'string', text: '', line, parts: this.#string() };
    const heredoc = /^<<(-?)([A-Za-z_][\w-]*)[ \t]*\n/.exec(rest);
    if (heredoc) return { kind: 'string', text: '', line, parts: this.#heredoc(heredoc) };
    const name = /^[A-Za-z_][\w-]*/.exec(rest);
    if (name) return this.#take('name', name[0].length);
    const number = /^\d+(\.\d+)?([eE][+-]?\d+)?/.exec(rest);
    if (number) return this.#take('number', number[0].length);
    const mark = MARKS.find((candidate) => rest.startsWith(candidate)) ?? rest[0] ?? '';
    if (!/^[-+*/%!<>=&|?:.,()[\]{}]/.test(mark))
      throw new SyntaxFault(line, `${JSON.stringify(mark)} has no meaning here.`);
    return this.#take('mark', mark.length);
  }

  #take(kind: Token['kind'], length: number): Token {
    const token = { kind, text: this.#text.slice(this.#at, this.#at + length), line: this.#line };
    this.#advance(length);
    return token;
  }

  #advance(length: number): void {
    for (let each = 0; each < length; each += 1) if (this.#text[this.#at + each] === '\n') this.#line += 1;
    this.#at += length;
  }

  /** Spaces and comments; newlines are tokens. */
  #skip(): void {
    for (;;) {
      const rest = this.#text.slice(this.#at, this.#at + 2);
      if (/^[ \t]/.test(rest)) this.#at += 1;
      else if (rest[0] === '#' || rest === '//') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (rest === '/*') {
        const end = this.#text.indexOf('*/', this.#at);
        if (end < 0) throw new SyntaxFault(this.#line, 'A comment is not closed.');
        this.#advance(end + 2 - this.#at);
      } else return;
    }
  }

  #string(): readonly (string | readonly Token[])[] {
    const opened = this.#line;
    const parts: (string | readonly Token[])[] = [];
    let text = '';
    this.#at += 1;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character === '\n') throw new SyntaxFault(opened, 'A string is not closed.');
      if (character === '"') {
        this.#at += 1;
        return [...parts, text];
      }
      if (character === '\\') {
        const escaped = this.#text[this.#at + 1] ?? '';
        const code = /^\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(this.#text.slice(this.#at, this.#at + 10));
        if (code) text += String.fromCodePoint(Number.parseInt(code[1] ?? code[2] ?? '', 16));
        else if (escaped in ESCAPES) text += ESCAPES[escaped];
        else throw new SyntaxFault(this.#line, `\\${escaped} has no meaning in a string.`);
        this.#at += code ? code[0].length : 2;
        continue;
      }
      const inserted = this.#insertion();
      if (inserted === undefined) {
        text += character;
        this.#at += 1;
      } else if (typeof inserted === 'string') text += inserted;
      else {
        parts.push(text, inserted);
        text = '';
      }
    }
  }

  /** At `${`: the tokens up to its end. At `$${`: the literal text. Otherwise undefined. */
  #insertion(): string | readonly Token[] | undefined {
    const ahead = this.#text.slice(this.#at, this.#at + 3);
    if (ahead === '$${' || ahead === '%%{') {
      this.#at += 3;
      return ahead.slice(1);
    }
    if (ahead.startsWith('%{'))
      throw new SyntaxFault(this.#line, 'Directives (%{ … }) are not used here: write an expression.');
    if (!ahead.startsWith('${')) return undefined;
    this.#at += 2;
    return this.#until('}');
  }

  #heredoc([start, , label = '']: RegExpExecArray): readonly (string | readonly Token[])[] {
    const opened = this.#line;
    const parts: (string | readonly Token[])[] = [];
    let text = '';
    this.#advance(start?.length ?? 0);
    for (;;) {
      if (this.#at >= this.#text.length) throw new SyntaxFault(opened, `The text up to ${label} is not closed.`);
      const atStart = this.#text[this.#at - 1] === '\n';
      const end = atStart ? new RegExp(`^[ \\t]*${label}(?=[ \\t]*(?:\\n|$))`).exec(this.#text.slice(this.#at)) : null;
      if (end) {
        this.#advance(end[0].length);
        return [...parts, text];
      }
      const inserted = this.#insertion();
      if (inserted === undefined) {
        text += this.#text[this.#at];
        this.#advance(1);
      } else if (typeof inserted === 'string') text += inserted;
      else {
        parts.push(text, inserted);
        text = '';
      }
    }
  }
}
