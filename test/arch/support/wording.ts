// Words that texts for users, titles of tests, comments and documents avoid: they read as translated, and a standard term exists for each.
import ts from 'typescript-api';
import type { Document } from './documents.ts';
import { isGenerated, type Source, type Violation, violationAt, walk } from './sources.ts';

/** Folders whose texts are seen: problem details, titles and descriptions of the API, messages of programs. */
const SEEN =
  /^(?:core\/(?:api|domain|domains|edge|events|http)|adapters\/cloudflare|cli|local|hosts|emulators|bench)\//;

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
  'by themselves': 'automatically, alone, on their own',
  'of its own accord': 'automatically, unexpectedly',
  'for ever': 'without a limit, always',
  'there is nothing here': 'not found',
};

const BANNED = new RegExp(`\\b(?:${Object.keys(INSTEAD).join('|')})\\b`, 'i');

/** In prose and comments the word is plain English. */
const BANNED_IN_PROSE = new RegExp(
  `\\b(?:${Object.keys(INSTEAD)
    .filter((word) => word !== 'anyone')
    .join('|')})\\b`,
  'i',
);

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

/** Every line of a comment that has such a word. */
export function bannedComments(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ file }) => !isGenerated(file))
    .flatMap(({ file, text }) => proseFaults(file, text.split('\n'), (line) => /^\s*(?:\/\/|\/?\*)/.test(line)));
}

/** Every line of a document that has such a word. Code and what is quoted are not its own words. */
export function bannedProse(documents: readonly Document[]): Violation[] {
  return documents.flatMap(({ file, text }) => {
    const blank = (part: string) => part.replace(/[^\n]/g, ' ');
    const own = text.replace(/^ *```[\s\S]*?^ *```$/gm, blank).replace(/`[^`]*`|"[^"]*"/g, blank);
    return proseFaults(file, own.split('\n'), () => true);
  });
}

function proseFaults(file: string, lines: readonly string[], isProse: (line: string) => boolean): Violation[] {
  return lines.flatMap((line, index) => {
    const word = isProse(line) ? line.match(BANNED_IN_PROSE)?.[0].toLowerCase() : undefined;
    const message = `${JSON.stringify(word)} reads as translated; write: ${INSTEAD[word ?? '']}.`;
    return word === undefined ? [] : [{ file, line: index + 1, message }];
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
