// Compiles JSON Schemas into plain functions, so that no schema compiler is loaded where events are validated.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { JsonSchema } from '../core/api/schema.ts';
import { distFolder, put } from './bundles.mjs';

const require = createRequire(import.meta.url);

/** The compiler takes a second of a processor to load and to run, which most runs of the generator do not need: it is loaded when it is. */
function compiler() {
  // Ajv is CommonJS whose default export Node.js and TypeScript interpret differently.
  const { Ajv } = require('ajv') as typeof import('ajv');
  const addFormats = require('ajv-formats').default as typeof import('ajv-formats').default;
  const standaloneCode = require('ajv/dist/standalone').default as typeof import('ajv/dist/standalone').default;
  const ajv = new Ajv({ code: { source: true, esm: true }, strict: true, strictTypes: false });
  addFormats(ajv);
  return { ajv, standaloneCode };
}

type Schemas = Readonly<Record<string, JsonSchema>>;

/** What a kept text was made of besides its schemas: this file, and the packages whose code or output is in it. */
const COMPILER = ['build/validators.ts', 'package-lock.json'];

/** Of those files, read once: they have a third of a megabyte, and a generator makes several texts. */
let compilerHash: Promise<string> | undefined;

async function hashOfCompiler(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of COMPILER) hash.update(await readFile(file).catch(() => '')).update('\0');
  return hash.digest('hex');
}

/**
 * As `compileValidators`, but what was made of the same schemas by the same compiler is kept in a folder of its own and taken from there: a
 * saved file that changes no schema costs no compilation.
 * @throws SchemaError
 */
export async function keptValidators(schemas: Schemas, source: string, registry: string): Promise<string> {
  compilerHash ??= hashOfCompiler();
  // Types that share a schema share its validator, which their equal texts do not tell.
  const shared = Object.values(schemas).map((schema, _, all) => all.indexOf(schema));
  const made = [schemas, shared, source, registry, await compilerHash];
  const key = createHash('sha256').update(JSON.stringify(made)).digest('hex');
  const file = path.resolve(distFolder, 'validators', `${source.replaceAll(/[^\w-]+/g, '-')}.txt`);
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept.startsWith(`${key}\n`)) return kept.slice(key.length + 1);
  const text = await compileValidators(schemas, source, registry);
  await put(file, `${key}\n${text}`);
  return text;
}

/** A schema that cannot be compiled; the message names it and the reason. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/**
 * The text of a module that exports `validators`, one for each schema by its name.
 * @param source the file that the schemas are declared in, for the first line
 * @param registry the path of core/events/registry.ts from the module
 * @throws SchemaError
 */
export async function compileValidators(schemas: Schemas, source: string, registry: string): Promise<string> {
  const { ajv, standaloneCode } = compiler();
  // What has one schema has one validator.
  const distinct = [...new Set(Object.values(schemas))];
  const names = Object.entries(schemas).map(([type, schema]) => [`validate${distinct.indexOf(schema)}`, type] as const);
  for (const [name, type] of names) {
    if (ajv.getSchema(name) !== undefined) continue;
    try {
      ajv.addSchema(schemas[type] ?? {}, name);
      ajv.getSchema(name);
    } catch (error) {
      throw new SchemaError(`The schema of ${type} (${source}) cannot be compiled: ${(error as Error).message}.`);
    }
  }
  const code = standaloneCode(ajv, Object.fromEntries(names.map(([name]) => [name, name])));
  const table = names.map(([name, type]) => `${JSON.stringify(type)}: ${name}`).join(', ');
  const { build } = await import('esbuild');
  const result = await build({
    stdin: { contents: `${code}\nexport const compiled = { ${table} };`, resolveDir: path.resolve('.') },
    bundle: true,
    // Names of modules are in the text; they are the same wherever packages are installed.
    preserveSymlinks: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    treeShaking: true,
    minifySyntax: true,
  });
  const text = (result.outputFiles[0]?.text ?? '').replace(/^export \{[\s\S]*\};\s*$/m, '');
  return [
    `// Made from ${source} by \`npm run generate\`.`,
    '// @ts-nocheck',
    `import type { CompiledValidator } from '${registry}';`,
    '',
    `${text.trim()}`,
    '',
    '/** Name → validator. */',
    `export const validators: Readonly<Record<${names.map(([, type]) => JSON.stringify(type)).join(' | ') || 'never'}, CompiledValidator>> = compiled;`,
    '',
  ].join('\n');
}
