// Words that texts for clients and for people at a terminal avoid: they read as translated, and a standard term exists for each.
import ts from 'typescript';
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
};

const BANNED = new RegExp(`\\b(?:${Object.keys(INSTEAD).join('|')})\\b`, 'i');

/** Every text that is seen and has such a word. */
export function bannedWords(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ file }) => SEEN.test(file) && !file.includes('/test/') && !isGenerated(file))
    .flatMap((source) => {
      const violations: Violation[] = [];
      walk(source.tree, (node) => {
        const word = textOf(node)?.match(BANNED)?.[0].toLowerCase();
        if (word !== undefined)
          violations.push(
            violationAt(source, node, `${JSON.stringify(word)} is seen by users; write: ${INSTEAD[word]}.`),
          );
      });
      return violations;
    });
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
