// Checks the conventions of modules: typed and described variables, described outputs, a README, and the standard files.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { attributeOf, type Body } from '../hcl/syntax.ts';
import { blocksOf, type Module } from '../modules.ts';
import type { Problem } from '../schema.ts';

const FILES = ['main.tf', 'outputs.tf', 'README.md', 'terraform.tf', 'variables.tf'];

const has = (body: Body, name: string): boolean => attributeOf(body, name) !== undefined;

/** The missing parts of a module. */
export function checkStyle(root: string, module: Module): Problem[] {
  const missing = FILES.filter((name) => !existsSync(path.join(root, module.folder, name))).map((name) => ({
    file: `${module.folder}/${name}`,
    line: 1,
    message: 'Every module has this file.',
  }));
  const variables = blocksOf(module, 'variable').flatMap(({ labels, body, file, line }) =>
    ['description', 'nullable', 'type']
      .filter((name) => !has(body, name))
      .map((name) => ({ file, line, message: `The variable ${labels[0]} has no ${name}.` })),
  );
  const outputs = blocksOf(module, 'output').flatMap(({ labels, body, file, line }) =>
    has(body, 'description') ? [] : [{ file, line, message: `The output ${labels[0]} has no description.` }],
  );
  const providers = blocksOf(module, 'provider').map(({ labels, file, line }) => ({
    file,
    line,
    message: `A module gets the provider ${labels[0]} from its root.`,
  }));
  return [...missing, ...variables, ...outputs, ...providers];
}
