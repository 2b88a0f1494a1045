// What Terraform files declare, for tests that hold them against the code.
import { attributeOf, type Expression, entryOf, textOf } from '../../../build/infra/hcl/syntax.ts';
import { blocksOf, type Module, readModule } from '../../../build/infra/modules.ts';
import { PROJECT } from './sources.ts';

/** A tree without its lines, to compare it with another one. */
function withoutLines(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutLines);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'line')
      .map(([name, each]) => [name, withoutLines(each)]),
  );
}

/** The types of a module's variables by name, in the order of the names. */
export function variableTypes(folder: string): Readonly<Record<string, unknown>> {
  const variables = blocksOf(readModule(PROJECT, folder), 'variable');
  const types = variables.map(
    ({ labels, body }) => [labels[0] ?? '', withoutLines(attributeOf(body, 'type')?.value)] as const,
  );
  return Object.fromEntries(types.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The descriptions of a module's outputs by name. */
export const outputsOf = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    blocksOf(readModule(PROJECT, folder), 'output').map(({ labels, body }) => [
      labels[0] ?? '',
      textOf(attributeOf(body, 'description')?.value) ?? '',
    ]),
  );

/** The value of a local of a module. */
export function localOf(module: Module, name: string): Expression {
  const found = blocksOf(module, 'locals').flatMap(({ body }) => attributeOf(body, name)?.value ?? []);
  if (found[0] === undefined) throw new Error(`${module.folder} has no local ${name}.`);
  return found[0];
}

/** The value of an attribute of a resource. */
export function attributeOfResource(module: Module, type: string, name: string, attribute: string): Expression {
  const block = blocksOf(module, 'resource').find(({ labels }) => labels[0] === type && labels[1] === name);
  const value = block && attributeOf(block.body, attribute)?.value;
  if (value === undefined) throw new Error(`${module.folder} sets no ${attribute} of ${type}.${name}.`);
  return value;
}

/** The names of an object's entries. */
export const namesOf = (expression: Expression | undefined): string[] =>
  expression?.kind === 'object' ? expression.entries.flatMap(({ name }) => name ?? []) : [];

/** The names of what is merged of objects and locals that are objects. */
export function mergedNames(module: Module, expression: Expression): string[] {
  const parts = expression.kind === 'call' && expression.name === 'merge' ? expression.arguments : [expression];
  return parts.flatMap((part) =>
    part.kind === 'traversal' && part.root === 'local' ? namesOf(localOf(module, String(part.path[0]))) : namesOf(part),
  );
}

/** The objects that calls such as `merge`, lists and `for` are made of, at any depth outside of other objects. */
export function objectsIn(expression: Expression): readonly (Expression & { kind: 'object' })[] {
  if (expression.kind === 'object') return [expression];
  if (expression.kind === 'call') return expression.arguments.flatMap(objectsIn);
  if (expression.kind === 'tuple') return expression.items.flatMap(objectsIn);
  if (expression.kind === 'for') return objectsIn(expression.value);
  if (expression.kind === 'operation') return expression.operands.flatMap(objectsIn);
  return [];
}

export { attributeOf, blocksOf, entryOf, readModule, textOf };
