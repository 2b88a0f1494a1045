// Runs one of the project's TypeScript programs: `node build/run.mjs <entry.ts> [arguments]`.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { applicationPlugins, compile, distFolder, root } from './bundles.mjs';

/** The program that makes generated files. */
const GENERATOR = 'build/generate.ts';

/**
 * A new domain has no validators before the generator has made them, and the generator imports the domain: they are empty for it.
 * @type {import('esbuild').Plugin}
 */
const missingValidators = {
  name: 'missing validators',
  setup(build) {
    build.onResolve({ filter: /\/validators\.generated\.ts$/ }, ({ resolveDir, path: specifier }) => {
      const file = path.join(resolveDir, specifier);
      return existsSync(file) ? undefined : { path: file, namespace: 'missing' };
    });
    build.onLoad({ filter: /.*/, namespace: 'missing' }, () => ({ contents: 'export const validators = {};' }));
  },
};

/**
 * Compiles a TypeScript entry point if it changed, and imports it. Packages stay in node_modules.
 * @param {string} entry path from the project's root
 * @returns {Promise<any>} the module's exports
 */
export async function importTypeScript(entry) {
  return import(pathToFileURL(path.join(root, await compileTool(entry))).href);
}

/**
 * Compiles a program if it changed.
 * @param {string} entry path from the project's root
 * @returns {Promise<string>} the compiled file, from the project's root
 */
export async function compileTool(entry) {
  const outfile = `${distFolder}/tools/${entry.replace(/\.ts$/, '.mjs')}`;
  await compile({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    sourcemap: 'linked',
    plugins: [...applicationPlugins(), ...(entry === GENERATOR ? [missingValidators] : [])],
    logLevel: 'silent',
  });
  return outfile;
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const entry = process.argv[2];
  if (!entry) {
    process.stderr.write('Usage: node build/run.mjs <entry.ts> [arguments]\n');
    process.exit(2);
  }
  process.argv.splice(1, 2, path.join(root, entry));
  process.setSourceMapsEnabled(true);
  const { main } = await importTypeScript(entry);
  process.exitCode = await main(process.argv.slice(2).filter((argument, index) => index > 0 || argument !== '--'));
}
