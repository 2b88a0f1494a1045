// The syntax tree of a Terraform file; every node has its line. JSON is a subset of the expressions, so it covers JSON files, too.

export interface Literal {
  readonly kind: 'literal';
  readonly value: string | number | boolean | null;
  readonly line: number;
}

/** A string with interpolations. */
export interface Template {
  readonly kind: 'template';
  readonly parts: readonly (string | Expression)[];
  readonly line: number;
}

export interface Tuple {
  readonly kind: 'tuple';
  readonly items: readonly Expression[];
  readonly line: number;
}

export interface ObjectEntry {
  /** The key's text, or undefined if it is computed. */
  readonly name: string | undefined;
  readonly key: Expression;
  readonly value: Expression;
  readonly line: number;
}

export interface ObjectValue {
  readonly kind: 'object';
  readonly entries: readonly ObjectEntry[];
  readonly line: number;
}

export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly arguments: readonly Expression[];
  readonly line: number;
}

/** `local.names`, `aws_sqs_queue.this[each.key].arn`: a name and accesses to its parts; `*` is a splat. */
export interface Traversal {
  readonly kind: 'traversal';
  readonly root: string;
  readonly path: readonly (string | Expression)[];
  readonly line: number;
}

/** Access to a part of an expression's value. */
export interface Access {
  readonly kind: 'access';
  readonly of: Expression;
  readonly path: readonly (string | Expression)[];
  readonly line: number;
}

/** An operation with operands: `a + b`, `!a`, `c ? a : b`, `(a)`. */
export interface Operation {
  readonly kind: 'operation';
  readonly operator: string;
  readonly operands: readonly Expression[];
  readonly line: number;
}

export interface For {
  readonly kind: 'for';
  readonly variables: readonly string[];
  readonly collection: Expression;
  /** Only for a `for` that creates an object. */
  readonly key: Expression | undefined;
  readonly value: Expression;
  readonly condition: Expression | undefined;
  readonly line: number;
}

export type Expression = Literal | Template | Tuple | ObjectValue | Call | Traversal | Access | Operation | For;

export interface Attribute {
  readonly name: string;
  readonly value: Expression;
  readonly line: number;
}

export interface Block {
  readonly type: string;
  readonly labels: readonly string[];
  readonly body: Body;
  readonly line: number;
}

export interface Body {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly Block[];
}

/** A syntax error in a file, with its line. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault';
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Every expression directly inside another one. */
export function partsOf(expression: Expression): readonly Expression[] {
  const inPath = (path: readonly (string | Expression)[]) => path.filter((part) => typeof part !== 'string');
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'template':
      return inPath(expression.parts);
    case 'tuple':
      return expression.items;
    case 'object':
      return expression.entries.flatMap(({ name, key, value }) => (name === undefined ? [key, value] : [value]));
    case 'call':
      return expression.arguments;
    case 'traversal':
      return inPath(expression.path);
    case 'access':
      return [expression.of, ...inPath(expression.path)];
    case 'operation':
      return expression.operands;
    case 'for':
      return [expression.collection, expression.key, expression.value, expression.condition].filter(
        (part) => part !== undefined,
      );
  }
}

/** Calls `visit` for an expression and everything inside it. */
export function visitExpression(expression: Expression, visit: (expression: Expression) => void): void {
  visit(expression);
  for (const part of partsOf(expression)) visitExpression(part, visit);
}

/** The expressions of a body and of the blocks inside it. */
export function* expressionsOf(body: Body): Generator<Expression> {
  for (const { value } of body.attributes) yield value;
  for (const block of body.blocks) yield* expressionsOf(block.body);
}

/** The attribute of this name, if the body has it. */
export const attributeOf = (body: Body, name: string): Attribute | undefined =>
  body.attributes.find((attribute) => attribute.name === name);

/** The value of an expression that is a plain string, or undefined. */
export const textOf = (expression: Expression | undefined): string | undefined =>
  expression?.kind === 'literal' && typeof expression.value === 'string' ? expression.value : undefined;

/** The value of an entry of an object, if it has one of this name. */
export const entryOf = (expression: Expression | undefined, name: string): ObjectEntry | undefined =>
  expression?.kind === 'object' ? expression.entries.find((entry) => entry.name === name) : undefined;
