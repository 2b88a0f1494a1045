// Finds a source file that a child process must be started with, whether this module runs from source or from dist/tools.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @param relative path from the project's root, with forward slashes
 * @returns its absolute path
 * @throws Error if no folder above this module holds it
 */
export function sourceFile(relative: string): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = path.join(folder, relative);
    if (existsSync(candidate)) return candidate;
    const parent = path.dirname(folder);
    if (parent === folder)
      throw new Error(`The local stack is incomplete: ${relative} is in no folder above its code.`);
    folder = parent;
  }
}
