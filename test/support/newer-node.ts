// A Node.js that is new enough for tools that the one which runs may be too old for.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** What wrangler asks for. */
export const WRANGLER_NODE = [22, 12] as const;

/** Where `build/with-node.mjs` keeps other versions. */
const KEPT = path.resolve(__dirname, '../../dist/node');

const isNewer = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > WRANGLER_NODE[0] || (major === WRANGLER_NODE[0] && minor >= WRANGLER_NODE[1]);
};

/** The path of its binary: the one that runs, or one that `build/with-node.mjs` has brought; `undefined` where there is none. */
export function newerNode(): string | undefined {
  if (isNewer(process.versions.node)) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const versions = existsSync(KEPT) ? readdirSync(KEPT) : [];
  return versions
    .filter(isNewer)
    .map((version) => path.join(KEPT, version, 'node_modules', name, 'bin/node'))
    .find((binary) => existsSync(binary));
}
