// While `npm start` watches, the packages of a cloud are linked once, into a file of their own: a saved file costs no link of the SDKs.
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import type { BuildContext, Plugin } from 'esbuild';
import {
  type Bundle,
  beginningOf,
  deployableOptions,
  distFolder,
  isFresh,
  keepResult,
  PACKAGE,
  root,
} from './bundles.mjs';

/** Package → the names that a source imports from it. */
type Imports = ReadonlyMap<string, readonly string[]>;

const STATEMENT = /^\s*(?:import|export)\s+(type\s+)?([^;'"]*?)\s*from\s*['"]([^'"]+)['"]/gm;

/** What a source imports by name. Types are left out, as they are compiled away; so is what is imported in another way. */
export function namedImports(source: string): Imports {
  const imports = new Map<string, readonly string[]>();
  for (const [, onlyTypes, clause = '', specifier = ''] of source.matchAll(STATEMENT)) {
    const list = /^\{([^}]*)\}$/.exec(clause)?.[1];
    if (onlyTypes !== undefined || list === undefined) continue;
    const names = list.split(',').map((each) => each.trim().replace(/\s+as\s.*$/s, ''));
    const values = names.filter((name) => name !== '' && !name.startsWith('type '));
    imports.set(specifier, [...(imports.get(specifier) ?? []), ...values]);
  }
  return imports;
}

/** The packages of one cloud's bundles, in `packages.cjs` beside their folders. */
export class PackagesApart {
  readonly #bundle: Bundle;
  /** Source → what it imports. */
  readonly #read = new Map<string, Imports>();
  /** Source → the packages that it asks for in one of the bundles. */
  readonly #asked = new Map<string, Set<string>>();
  #linking: BuildContext | undefined;
  #isOdd = false;
  #linked = '';

  /** @param bundle one of the cloud's: its options hold for its packages too */
  constructor(bundle: Bundle) {
    this.#bundle = bundle;
  }

  /** Forgets what has changed, or gone, before the bundles are made again. @param files from the project's root */
  changed(files: readonly string[]): void {
    for (const file of files.map((each) => path.join(root, each))) {
      this.#read.delete(file);
      this.#asked.delete(file);
    }
  }

  /**
   * Links what the bundles ask for, unless it is linked: to be called when they have been made.
   * @returns false where that cannot be done: something is imported whole, or does not exist
   */
  async complete(): Promise<boolean> {
    for (const [file, specifiers] of this.#asked) {
      const imports = this.#read.get(file) ?? (await this.#readOne(file));
      if ([...specifiers].some((specifier) => !imports.has(specifier))) return false;
    }
    return !this.#isOdd && (await this.#link());
  }

  /** Ends a link that is under way: `complete` then says that it cannot be done. */
  async cancel(): Promise<void> {
    await this.#linking?.cancel();
  }

  /** Has the bundles ask the file for what they import from packages. */
  get plugin(): Plugin {
    const external = new Set(this.#bundle.external);
    return {
      name: 'packages apart',
      setup: ({ onResolve, onLoad }) => {
        onResolve({ filter: /^[^./]/ }, ({ path: specifier, importer, kind }) => {
          const isOwn = importer.endsWith('.ts') && !importer.includes('node_modules');
          if (!isOwn || isBuiltin(specifier) || external.has(specifier)) return undefined;
          if (kind !== 'import-statement') this.#isOdd = true;
          this.#asked.set(importer, (this.#asked.get(importer) ?? new Set()).add(specifier));
          return { path: specifier, namespace: PACKAGE };
        });
        onLoad({ filter: /.*/, namespace: PACKAGE }, ({ path: specifier }) => ({
          contents: `module.exports = require('../packages.cjs').packages[${JSON.stringify(specifier)}];`,
        }));
        onResolve({ filter: /packages\.cjs$/, namespace: PACKAGE }, ({ path: file }) => ({
          path: file,
          external: true,
        }));
      },
    };
  }

  async #readOne(file: string): Promise<Imports> {
    const imports = namedImports(await readFile(file, 'utf8'));
    this.#read.set(file, imports);
    return imports;
  }

  async #link(): Promise<boolean> {
    const contents = this.#contents();
    if (contents === this.#linked) return true;
    const { entryPoints: _, plugins = [], ...bundle } = deployableOptions(this.#bundle);
    const options = {
      ...bundle,
      stdin: { contents, resolveDir: root },
      plugins: plugins.slice(beginningOf(this.#bundle).plugins.length),
      sourcemap: false,
      outfile: `${distFolder}/${path.dirname(this.#bundle.name)}/packages.cjs`,
    } as const;
    try {
      // The first saved file after a start mostly asks for what the one before has linked.
      if (!(await isFresh(options))) {
        const { context } = await import('esbuild');
        this.#linking = await context({ ...options, metafile: true, write: false });
        await keepResult(options, await this.#linking.rebuild());
      }
    } catch {
      // What is wrong is said where the bundles are linked whole.
      return false;
    } finally {
      await this.#linking?.dispose();
      this.#linking = undefined;
    }
    this.#linked = contents;
    return true;
  }

  /** A module with all names of all packages. */
  #contents(): string {
    const names = new Map<string, Set<string>>();
    for (const [file, specifiers] of this.#asked)
      for (const specifier of specifiers) {
        const known = names.get(specifier) ?? new Set();
        for (const name of this.#read.get(file)?.get(specifier) ?? []) known.add(name);
        names.set(specifier, known);
      }
    const packages = [...names].sort().map(([specifier, set], at) => {
      const own = [...set].sort().map((name, index) => [name, `name${at}_${index}`] as const);
      return {
        load: `import { ${own.map(([name, as]) => `${name} as ${as}`).join(', ')} } from ${JSON.stringify(specifier)};`,
        entry: `${JSON.stringify(specifier)}: { ${own.map(([name, as]) => `${name}: ${as}`).join(', ')} },`,
      };
    });
    return [
      ...packages.map(({ load }) => load),
      'export const packages = {',
      ...packages.map(({ entry }) => entry),
      '};',
    ].join('\n');
  }
}
