// Determines the order of deployment: the canary cell alone, then the others. `node build/infra/pipeline/waves.mjs [CANARY]` prints it
// as outputs of a pipeline job.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** @typedef {{ id: string, cloud: string, region: string }} Cell */

/**
 * @param {readonly Cell[]} cells as infra/cells.json declares them
 * @param {string} [canary] the cell that goes first; the first one of all without it
 * @returns {{ canary: Cell, rest: readonly Cell[] }}
 * @throws Error if there is no such cell
 */
export function waves(cells, canary = '') {
  const plain = cells.map(({ id, cloud, region }) => ({ id, cloud, region }));
  const first = canary === '' ? plain[0] : plain.find(({ id }) => id === canary);
  if (first === undefined)
    throw new Error(`There is no cell ${JSON.stringify(canary)}; there are ${plain.map(({ id }) => id).join(', ')}.`);
  return { canary: first, rest: plain.filter(({ id }) => id !== first.id) };
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../../infra/cells.json');
  const { canary, rest } = waves(JSON.parse(readFileSync(file, 'utf8')), process.argv[2]);
  process.stdout.write(`canary=${JSON.stringify(canary)}\nrest=${JSON.stringify(rest)}\n`);
}
