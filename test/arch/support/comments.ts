// What must be written down: a first sentence in every file, the contract of every port, a reason for every exception.
import ts from 'typescript-api';
import { isGenerated, type Source, type Violation, violationAt, walk } from './sources.ts';

/** Lines a file may have before it is to be split by topic. */
export const MAXIMUM_LINES = 400;

/** Every file that does not begin with a sentence that says what it is. */
export function missingBeginnings(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) => {
    const lines = source.text.split('\n');
    const start = lines[0]?.startsWith('#!') ? 1 : 0;
    const comment: string[] = [];
    for (const line of lines.slice(start)) {
      if (!line.startsWith('// ')) break;
      comment.push(line.slice('// '.length));
    }
    if (isGenerated(source.file)) return comment.length > 0 ? [] : [beginning(source, start)];
    return /^\S.*[.:]$/s.test(comment.join(' ').trim()) ? [] : [beginning(source, start)];
  });
}

const beginning = ({ file }: Source, start: number): Violation => ({
  file,
  line: start + 1,
  message: 'A file begins with `// `, one sentence that says what it is, and a full stop.',
});

/** Every exported declaration and every method of core/ports that has no doc comment. */
export function undocumentedPorts(sources: readonly Source[]): Violation[] {
  const message = (name: string) =>
    `${name} has no doc comment. In core/ports the comment is the contract: what it promises, and which error codes it rejects with.`;
  return sources
    .filter(({ file }) => /^core\/(?:edge\/)?ports\//.test(file))
    .flatMap((source) =>
      source.tree.statements.filter(isExported).flatMap((statement) => [
        ...(isDocumented(statement) ? [] : [violationAt(source, statement, message(nameOf(statement)))]),
        ...membersOf(statement)
          .filter((member) => !isDocumented(member))
          .map((member) => violationAt(source, member, message(`${nameOf(statement)}.${nameOf(member)}`))),
      ]),
    );
}

const isExported = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

const isDocumented = (node: ts.Node): boolean =>
  ts.getJSDocCommentsAndTags(node).some((each) => ts.isJSDoc(each) && !!each.comment);

/** What a caller can call: methods, function-typed properties, accessors; not what is private, nor constructors. */
function membersOf(statement: ts.Statement): ts.Node[] {
  if (!ts.isInterfaceDeclaration(statement) && !ts.isClassDeclaration(statement)) return [];
  return [...statement.members].filter((member) => {
    if (member.name !== undefined && ts.isPrivateIdentifier(member.name)) return false;
    if (ts.isPropertySignature(member)) return member.type !== undefined && ts.isFunctionTypeNode(member.type);
    return ts.isMethodSignature(member) || ts.isMethodDeclaration(member) || ts.isGetAccessor(member);
  });
}

function nameOf(node: ts.Node): string {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations[0]?.name.getText() ?? 'A constant';
  const { name } = node as ts.NamedDeclaration;
  return name?.getText() ?? 'An export';
}

/** Comments that switch off a check: the linter's, and the compiler's. */
const EXCEPTION = /\/[/*]\s*(biome-ignore\S*|eslint-disable\S*|@ts-(?:ignore|expect-error|nocheck))/;

/** Biome wants a colon before the explanation; the reason itself follows two dashes and is more than a word. */
const REASON = /-- [^\s/]+ [^\s/]+ [^\s/]+/;

/** Notes to oneself that are never resolved. Written apart, so that this file does not hold them. */
const NOTE = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`);

/** Every switched-off check without a reason, and every note to oneself. */
export function unexplained(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ file }) => !isGenerated(file))
    .flatMap((source) => {
      let offset = 0;
      return source.text.split('\n').flatMap((content, index) => {
        const lineStart = offset;
        offset += content.length + 1;
        const at = { file: source.file, line: index + 1 };
        const exception = EXCEPTION.exec(content);
        if (exception !== null && !REASON.test(content) && !isInText(source, lineStart + exception.index)) {
          const message = `${exception[1]} has no reason. Write it behind two dashes: -- why this is right here.`;
          return [{ ...at, message }];
        }
        const note = NOTE.exec(content)?.[1];
        return note === undefined ? [] : [{ ...at, message: `${note}: do it, or write an ADR and name it.` }];
      });
    });
}

/** Whether a position lies in a string or a template, not in a comment. */
function isInText({ tree }: Source, position: number): boolean {
  let inText = false;
  walk(tree, (node) => {
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
    inText ||= isText && node.getStart(tree) <= position && position < node.end;
  });
  return inText;
}

/** Every file that has grown beyond what one topic needs. `exempt` says of which files the length is right, and why. */
export function overlongFiles(
  files: readonly { readonly file: string; readonly text: string }[],
  exempt: Readonly<Record<string, string>>,
): Violation[] {
  return files
    .filter(({ file }) => !(file in exempt))
    .flatMap(({ file, text }) => {
      const lines = text.split('\n').length - 1;
      const message = `The file has ${lines} lines, more than ${MAXIMUM_LINES}. Split it by topic.`;
      return lines > MAXIMUM_LINES ? [{ file, line: MAXIMUM_LINES + 1, message }] : [];
    });
}
