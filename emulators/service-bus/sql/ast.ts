// The parsed forms of filters and actions.

export type Scope = 'user' | 'sys';

/** A property that an expression names. `folded` is its name in lower case. */
export interface PropertyReference {
  readonly kind: 'property';
  readonly scope: Scope;
  readonly name: string;
  readonly folded: string;
}

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';
export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

export type Node =
  | { readonly kind: 'constant'; readonly value: string | number | boolean | null }
  | { readonly kind: 'parameter'; readonly name: string }
  | PropertyReference
  | { readonly kind: 'newid' }
  | { readonly kind: 'negate'; readonly operand: Node }
  | { readonly kind: 'arithmetic'; readonly operator: ArithmeticOperator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'compare'; readonly operator: ComparisonOperator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'not'; readonly operand: Node }
  | { readonly kind: 'in'; readonly operand: Node; readonly choices: readonly Node[]; readonly negated: boolean }
  | {
      readonly kind: 'like';
      readonly operand: Node;
      readonly pattern: Node;
      readonly escapeBy: Node | undefined;
      readonly negated: boolean;
    }
  | { readonly kind: 'is-null'; readonly operand: Node; readonly negated: boolean }
  | { readonly kind: 'exists'; readonly property: PropertyReference };

/** One statement of an action. */
export type Statement =
  | { readonly kind: 'set'; readonly property: PropertyReference; readonly value: Node }
  | { readonly kind: 'remove'; readonly property: PropertyReference };
