// Reads a folder of Terraform files as one module: its blocks, each with its file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseFile } from './hcl/parser.ts';
import { attributeOf, type Block, SyntaxFault, textOf } from './hcl/syntax.ts';
import type { Problem } from './schema.ts';

export interface PlacedBlock extends Block {
  readonly file: string;
}

export interface Module {
  /** Its folder, relative to the root. */
  readonly folder: string;
  readonly blocks: readonly PlacedBlock[];
  /** Problems found while reading. */
  readonly problems: readonly Problem[];
}

/** Reads the `.tf` files of a folder below the root. */
export function readModule(root: string, folder: string): Module {
  const blocks: PlacedBlock[] = [];
  const problems: Problem[] = [];
  const names = readdirSync(path.join(root, folder)).filter((name) => name.endsWith('.tf'));
  for (const name of names.sort()) {
    const file = `${folder}/${name}`;
    try {
      const body = parseFile(readFileSync(path.join(root, file), 'utf8'));
      blocks.push(...body.blocks.map((block) => ({ ...block, file })));
      for (const { name: attribute, line } of body.attributes)
        problems.push({ file, line, message: `${attribute} stands outside of every block.` });
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      problems.push({ file, line: error.line, message: error.message });
    }
  }
  return { folder, blocks, problems };
}

/** Every folder below `folder` that holds Terraform files. */
export function modulesBelow(root: string, folder: string): string[] {
  const found: string[] = [];
  const walk = (at: string): void => {
    if (!existsSync(path.join(root, at))) return;
    const entries = readdirSync(path.join(root, at), { withFileTypes: true });
    if (entries.some((entry) => entry.isFile() && entry.name.endsWith('.tf'))) found.push(at);
    for (const entry of entries) if (entry.isDirectory() && !PASSED_OVER.has(entry.name)) walk(`${at}/${entry.name}`);
  };
  walk(folder);
  return found.sort();
}

const PASSED_OVER = new Set(['node_modules', '.terraform', 'fixtures']);

/** The blocks of one type, such as `variable`. */
export const blocksOf = (module: Module, type: string): readonly PlacedBlock[] =>
  module.blocks.filter((block) => block.type === type);

/** The folder of the module that a block calls, or undefined for one outside the repository. */
export function calledFolder(module: Module, call: PlacedBlock): string | undefined {
  const source = textOf(attributeOf(call.body, 'source')?.value);
  return source === undefined || !/^\.{1,2}\//.test(source) ? undefined : path.posix.join(module.folder, source);
}

/** The local names of the providers that a module declares, such as `aws`. */
export function providersOf(module: Module): readonly string[] {
  return blocksOf(module, 'terraform').flatMap(({ body }) =>
    body.blocks
      .filter(({ type }) => type === 'required_providers')
      .flatMap((block) => block.body.attributes.map(({ name }) => name)),
  );
}
