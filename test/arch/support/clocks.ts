// Where a test's outcome could depend on how fast the machine is: clocks in unit tests, limits of its own, durations judged from above.
import ts from 'typescript-api';
import { type Source, type Violation, violationAt, walk } from './sources.ts';

/** Calls that take a limit of time as their last argument. */
const LIMITED = new Set(['test', 'it', 'beforeAll', 'beforeEach', 'afterAll', 'afterEach']);

const CLOCK = /^(?:performance|Date)\.now$|^process\.hrtime/;

const FROM_ABOVE = new Set(['toBeLessThan', 'toBeLessThanOrEqual']);

const isTestCode = (file: string): boolean => file.split('/').includes('test');

/** Every dependence on the machine's speed in the tests. */
export function clockUses(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ file }) => isTestCode(file))
    .flatMap((source) => {
      const violations: Violation[] = [];
      walk(source.tree, (node) => {
        if (!ts.isCallExpression(node)) return;
        const message = faultOf(source, node);
        if (message !== undefined) violations.push(violationAt(source, node, message));
      });
      return violations;
    });
}

function faultOf({ file, tree }: Source, call: ts.CallExpression): string | undefined {
  const called = call.expression.getText(tree);
  if (CLOCK.test(called) && /(?:^|\/)test\/(unit|arch)\//.test(file))
    return 'A unit test has a fake clock, and counts what costs.';
  const [first] = call.arguments;
  if (called === 'jest.setTimeout' && first !== undefined && ts.isNumericLiteral(first))
    return 'The limits of tests are in jest.config.mjs and test/support/patience.ts: they only find what hangs.';
  const last = call.arguments.at(-1);
  const isTest = LIMITED.has(called.replace(/\.each\b.*$/s, ''));
  const isLimit = last !== undefined && ts.isNumericLiteral(last) && call.arguments.length > 1;
  if (isTest && isLimit) return 'A test has no limit of its own: jest.config.mjs has one that only finds what hangs.';
  return FROM_ABOVE.has(called.split('.').at(-1) ?? '') && isDuration(call.expression, tree)
    ? 'A duration says how fast the machine is: count operations, or wait for a condition.'
    : undefined;
}

/** Whether a matcher is called on `expect(performance.now() - began)`. */
function isDuration(matcher: ts.Expression, tree: ts.SourceFile): boolean {
  let found = false;
  if (!ts.isPropertyAccessExpression(matcher)) return false;
  walk(matcher.expression, (node) => {
    if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.MinusToken) return;
    found ||= ts.isCallExpression(node.left) && CLOCK.test(node.left.expression.getText(tree));
  });
  return found;
}
