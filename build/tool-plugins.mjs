// What esbuild is taught for the project's own programs, which run from below dist/.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** Whose modules find files that lie beside them. */
const KEEP_THEIR_ADDRESS = ['emulators', 'hosts', 'local'];

/**
 * In a compiled program `import.meta.url` is the program's own address. Modules of these folders keep the one of their source, relative to
 * the program, so that the checkout can be moved.
 * @param {string} root the project's folder
 * @param {string} outfile from it
 * @returns {import('esbuild').Plugin}
 */
export const sourceAddresses = (root, outfile) => ({
  name: 'source-addresses',
  setup({ onLoad }) {
    // A filter, as each call comes from esbuild's process.
    onLoad(
      { filter: new RegExp(`[\\\\/](?:${KEEP_THEIR_ADDRESS.join('|')})[\\\\/].*\\.ts$`) },
      async ({ path: file }) => {
        const [folder = ''] = path.relative(root, file).split(path.sep);
        if (!KEEP_THEIR_ADDRESS.includes(folder)) return undefined;
        const source = await readFile(file, 'utf8');
        const address = path.relative(path.dirname(path.resolve(root, outfile)), file).replaceAll(path.sep, '/');
        return {
          contents: source.replaceAll('import.meta.url', `new URL(${JSON.stringify(address)}, import.meta.url).href`),
          loader: 'ts',
        };
      },
    );
  },
});

/**
 * A new domain has no validators before the generator has made them, and the generator imports the domain: they are empty for it.
 * @type {import('esbuild').Plugin}
 */
export const missingValidators = {
  name: 'missing validators',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/validators\.generated\.ts$/ }, ({ resolveDir, path: specifier }) => {
      const file = path.join(resolveDir, specifier);
      return existsSync(file) ? undefined : { path: file, namespace: 'missing' };
    });
    onLoad({ filter: /.*/, namespace: 'missing' }, () => ({ contents: 'export const validators = {};' }));
  },
};
