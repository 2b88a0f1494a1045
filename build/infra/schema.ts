// The provider schemas in infra/schemas/: the resources that this project uses, with their attributes and blocks.

/** `string`, `list(string)`, or the members of a list, set or map of objects. */
export type AttributeType =
  | string
  | { readonly [container: string]: AttributeType | Readonly<Record<string, AttributeType>> };

export interface AttributeSchema {
  readonly type: AttributeType;
  readonly required?: boolean;
  readonly optional?: boolean;
  readonly computed?: boolean;
  readonly deprecated?: boolean;
  readonly enum?: readonly (string | number)[];
  /** Whether the values of `enum` are case-insensitive. */
  readonly enum_ci?: boolean;
  /** `Between(a,b)`, `AtLeast(a)`, `AtMost(b)`, or two numbers of which one may be null. */
  readonly range?: string | readonly (number | null)[];
  readonly multiple_of?: number;
  readonly conflicts_with?: readonly string[];
  readonly also_requires?: readonly string[];
  /** Of the types `nested_single`, `nested_list`, `nested_set` and `nested_map`. */
  readonly attributes?: Readonly<Record<string, AttributeSchema>>;
}

export interface BlockSchema {
  readonly attributes?: Readonly<Record<string, AttributeSchema>>;
  readonly blocks?: Readonly<Record<string, BlockSchema>>;
  readonly nesting?: string;
  readonly min?: number;
  readonly max?: number;
  readonly deprecated?: boolean;
  readonly exactly_one_of?: readonly (readonly string[])[];
  readonly at_least_one_of?: readonly (readonly string[])[];
  /** The first of each group requires the others. */
  readonly required_with?: readonly (readonly string[])[];
}

export interface ProviderSchema {
  readonly provider: string;
  readonly version: string;
  readonly source: string;
  readonly provider_config?: BlockSchema;
  readonly resources: Readonly<Record<string, BlockSchema>>;
  readonly data_sources?: Readonly<Record<string, BlockSchema>>;
}

/** A problem and its location. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Whether a configuration may set the attribute. */
export const isSettable = ({ required, optional }: AttributeSchema): boolean => required === true || optional === true;

/** ` (did you mean …?)` with the closest known name, or nothing. */
export function suggestion(name: string, known: readonly string[]): string {
  const ranked = known.map((candidate) => ({ candidate, distance: distance(name, candidate) }));
  const best = ranked.sort((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.max(2, name.length / 3)
    ? ` (did you mean ${best.candidate}?)`
    : '';
}

/** The edit distance: single characters to insert, remove or replace. */
function distance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const change = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(change, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
