// Finds the built bundles that the local stack runs, and says what to do when one is missing.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { distFolder, root } from '../build/bundles.mjs';

/**
 * @param name path below the folder that the application is compiled to, with forward slashes
 * @returns its absolute path, whether it is there or not
 */
export function deployable(name: string): string {
  return path.join(root, distFolder, name);
}

/**
 * Call it before anything starts: what needs a bundle much later would fail, or wait, for no visible reason.
 * @throws Error naming the files that are missing and the command that makes them
 */
export function requireBundles(files: readonly string[]): void {
  const missing = files.filter((file) => !existsSync(file)).map((file) => path.relative(root, file));
  if (missing.length > 0)
    throw new Error(`There is no bundle ${missing.join(', ')}: run \`npm run build\`, which compiles what is missing.`);
}
