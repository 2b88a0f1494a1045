// The source files of a folder as syntax trees, and what a rule says of them.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript-api';

/** The project's own folder. */
export const PROJECT = path.resolve(__dirname, '../../..');

/** Folders without hand-written files, such as what the documented commands leave behind, and the files that break the rules on purpose. */
const PASSED_OVER = new Set([
  ...['node_modules', 'dist', 'coverage', 'reports', 'state', '.git', '.polycell'],
  'fixtures',
]);

const SOURCE = /\.[cm]?[jt]s$/;

/** A file with its syntax tree; `file` is its path from the root of the walk, with forward slashes. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** Something a rule does not allow, and what to do instead. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Every file below `root`, as sorted paths from it. */
export function filesBelow(root: string): string[] {
  const files: string[] = [];
  const walk = (folder: string) => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const file = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!PASSED_OVER.has(entry.name)) walk(file);
      } else files.push(file);
    }
  };
  walk('');
  return files.sort();
}

/** Parses every TypeScript and JavaScript file below `root`. */
export function sourcesBelow(root: string): Source[] {
  return filesBelow(root)
    .filter((file) => SOURCE.test(file))
    .map((file) => parse(file, readFileSync(path.join(root, file), 'utf8')));
}

/** The fixtures of one rule, laid out as the project is. */
export const fixtureRoot = (name: string): string => path.join(PROJECT, 'test/arch/fixtures', name);

function parse(file: string, text: string): Source {
  return { file, text, tree: ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true) };
}

/** Files written by `npm run generate`. */
export const isGenerated = (file: string): boolean => /\.generated\.[cm]?[jt]s$|\.generated\.d\.mts$/.test(file);

/** A violation at a place in a syntax tree. */
export function violationAt({ file, tree }: Source, node: ts.Node, message: string): Violation {
  return { file, line: tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1, message };
}

/** Calls `visit` for a node and all below it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** What a failing test prints: one line a violation. */
export const report = (violations: readonly Violation[]): string[] =>
  violations.map(({ file, line, message }) => `${file}:${line} ${message}`);

/** Where violations are. */
export const places = (violations: readonly Violation[]): string[] =>
  [...new Set(violations.map(({ file, line }) => `${file}:${line}`))].sort();

/** The lines of fixtures that say that a rule must refuse them; it must refuse no others. */
export const marked = (sources: readonly Source[]): string[] =>
  sources
    .flatMap(({ file, text }) =>
      text.split('\n').flatMap((line, index) => (line.includes('// must fail') ? [`${file}:${index + 1}`] : [])),
    )
    .sort();
