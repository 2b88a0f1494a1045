// Words that texts for users and titles of tests avoid: they read as translated, and a standard term exists for each.
import ts from 'typescript-api';
import { isGenerated, type Source, type Violation, violationAt, walk } from './sources.ts';

/** Folders whose texts are seen: problem details, titles and descriptions of the API, messages of the command line and the stack. */
const SEEN = /^(?:core\/(?:api|domain|domains|edge|events|http)|adapters\/cloudflare|cli|local)\//;

const INSTEAD: Readonly<Record<string, string>> = {
  nobody: 'no one, none, or the passive voice',
  somebody: 'the person or the part that it is',
  whoever: 'the person or the part that it is',
  whom: 'the person or the part that it is',
  told: 'reported, notified, sent',
  tells: 'reports, shows, says',
  mend: 'fix, correct',
  mends: 'fixes, corrects',
  mended: 'fixed, corrected',
  everybody: 'all, or who they are',
  anybody: 'any, or who it is',
  anyone: 'any, or who it is',
  'by itself': 'automatically, unexpectedly, alone',
  'of its own accord': 'automatically, unexpectedly',
  'for ever': 'without a limit, always',
};

const BANNED = new RegExp(`\\b(?:${Object.keys(INSTEAD).join('|')})\\b`, 'i');

/** Functions whose first argument is a title; `each` and its kin return one. */
const TITLED = /^(?:describe|it|test)(?:\.\w+)*(?:\(|$)/;

const isTest = (file: string): boolean => /(?:^|\/)test\//.test(file);

/** Every text that is seen, and every title of a test or a clause of a contract, that has such a word. */
export function bannedWords(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ file }) => (SEEN.test(file) || isTest(file)) && !isGenerated(file))
    .flatMap((source) => {
      const violations: Violation[] = [];
      const wordIn = isTest(source.file) ? titleOf : textOf;
      walk(source.tree, (node) => {
        const word = wordIn(node)?.match(BANNED)?.[0].toLowerCase();
        if (word !== undefined)
          violations.push(
            violationAt(source, node, `${JSON.stringify(word)} is seen by users; write: ${INSTEAD[word]}.`),
          );
      });
      return violations;
    });
}

/** The title of a test: the first argument of `test(…)`, or the name of a clause, which is a method of an object. */
function titleOf(node: ts.Node): string | undefined {
  const { parent } = node;
  if (!ts.isStringLiteralLike(node)) return undefined;
  const isTitle =
    ts.isCallExpression(parent) && parent.arguments[0] === node && TITLED.test(parent.expression.getText());
  const isClause = ts.isPropertyAssignment(parent) && parent.name === node && ts.isArrowFunction(parent.initializer);
  return isTitle || isClause ? node.text : undefined;
}

/** The text of a literal; not that of a type or of the address of a module. */
function textOf(node: ts.Node): string | undefined {
  if (ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node)) return node.text;
  if (!ts.isStringLiteralLike(node)) return undefined;
  const { parent } = node;
  return ts.isLiteralTypeNode(parent) || ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent)
    ? undefined
    : node.text;
}
