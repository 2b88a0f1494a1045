// Compiles JSON Schemas into plain functions, so that no schema compiler is loaded where events are validated.
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import type { JsonSchema } from '../core/api/schema.ts';

// Ajv is CommonJS whose default export Node.js and TypeScript interpret differently.
const require = createRequire(import.meta.url);
const { Ajv } = require('ajv') as typeof import('ajv');
const addFormats = require('ajv-formats').default as typeof import('ajv-formats').default;
const standaloneCode = require('ajv/dist/standalone').default as typeof import('ajv/dist/standalone').default;

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
export async function compileValidators(
  schemas: Readonly<Record<string, JsonSchema>>,
  source: string,
  registry: string,
): Promise<string> {
  const ajv = new Ajv({ code: { source: true, esm: true }, strict: true, strictTypes: false });
  addFormats(ajv);
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
