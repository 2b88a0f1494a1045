// What the language offers everywhere and core may not use: the clock, timers, randomness and the process around it.
import ts from 'typescript-api';
import { type Source, type Violation, violationAt, walk } from './sources.ts';

/** Members of a global that may be used although others of it may not. */
const ALLOWED_MEMBERS: Readonly<Record<string, ReadonlySet<string>>> = {
  Date: new Set(['UTC', 'parse']),
  crypto: new Set(['subtle']),
  Math: new Set(Object.getOwnPropertyNames(Math).filter((name) => name !== 'random')),
};

/** Global → what to use instead. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  Date: 'Take the time from the port Clock. `new Date(value)` with a value is fine.',
  Math: 'Take randomness from the port Ids (nextFraction gives a number).',
  crypto: 'Take randomness from the port Ids. Only crypto.subtle is the same everywhere.',
  performance: 'Take the time from the port Clock.',
  setTimeout: 'Wait with Clock.sleep, which a test can advance.',
  setInterval: 'A function has no background work; wait with Clock.sleep.',
  setImmediate: 'Wait with Clock.sleep, or await the work itself.',
  process: 'Read the environment in config.ts and pass in what is needed.',
  globalThis: 'Name what is used, so that this rule can see it.',
};

/** Where the machine itself is allowed: the adapter that wraps it. */
export const mayUseMachine = (file: string): boolean =>
  !/^(core|adapters)\//.test(file) || file.startsWith('adapters/system/');

/** Every use of the machine's clock, timers, randomness or environment. */
export function ambientUses(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ file }) => !mayUseMachine(file))
    .flatMap((source) => {
      const violations: Violation[] = [];
      walk(source.tree, (node) => {
        if (!ts.isIdentifier(node) || !Object.hasOwn(FORBIDDEN, node.text) || !isGlobalValue(node)) return;
        if (isAllowedUse(node)) return;
        violations.push(violationAt(source, node, `${node.text} is the machine's. ${FORBIDDEN[node.text]}`));
      });
      return violations;
    });
}

/** Neither a type, nor a name that is being given, nor a member of something else. */
function isGlobalValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isTypeReferenceNode(parent) || ts.isQualifiedName(parent) || ts.isTypeQueryNode(parent)) return false;
  // `{ process }` uses what it names.
  return ts.isShorthandPropertyAssignment(parent) || !('name' in parent && parent.name === node);
}

function isAllowedUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (node.text === 'Date' && ts.isNewExpression(parent) && parent.expression === node)
    return (parent.arguments?.length ?? 0) > 0;
  const allowed = ALLOWED_MEMBERS[node.text];
  return ts.isPropertyAccessExpression(parent) && parent.expression === node && !!allowed?.has(parent.name.text);
}
