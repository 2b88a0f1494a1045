// Verifies the packages of a release for Terraform: `node build/infra/pipeline/packages.mjs FOLDER VERSION SHA256 WHERE [IMAGE]` checks every
// file in the folder against SHA256SUMS, and that list against the digest from the build, and prints the variable `release`.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** Package of the release → its name in the modules. */
export const PACKAGES = {
  'aws-http.zip': 'http',
  'aws-relay.zip': 'relay',
  'aws-worker.zip': 'worker',
  'edge.mjs': 'edge',
};

/** @param {Uint8Array} data */
const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/**
 * @param {(file: string) => Uint8Array} read a file of the folder
 * @param {string} digest of SHA256SUMS, in hexadecimal
 * @throws Error if a file is not what was built
 */
export function verify(read, digest) {
  const sums = read('SHA256SUMS');
  if (sha256(sums) !== digest) throw new Error(`SHA256SUMS has the digest ${sha256(sums)}, not ${digest}.`);
  for (const line of Buffer.from(sums).toString().trim().split('\n')) {
    const [wanted = '', file = ''] = line.split(/\s+\*?/);
    if (sha256(read(file)) !== wanted) throw new Error(`${file} is not what was built.`);
  }
}

/**
 * @param {string} folder
 * @param {string} version
 * @param {'aws' | 'azure' | 'edge'} where
 * @param {string} [image] of containers, by digest; empty where the cell runs in functions
 */
export function releaseOf(folder, version, where, image = '') {
  const wanted = Object.entries(PACKAGES).filter(([, name]) =>
    where === 'azure' ? false : (name === 'edge') === (where === 'edge'),
  );
  const artifacts = Object.fromEntries(wanted.map(([file, name]) => [name, path.resolve(folder, file)]));
  return { version, artifacts, ...(image !== '' && { image }) };
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const [folder, version, digest, where, image] = process.argv.slice(2);
  if (!folder || !version || !digest || (where !== 'aws' && where !== 'azure' && where !== 'edge')) {
    process.stderr.write(
      'Usage: node build/infra/pipeline/packages.mjs FOLDER VERSION SHA256 aws|azure|edge [IMAGE]\n',
    );
    process.exit(2);
  }
  try {
    verify((file) => readFileSync(path.join(folder, file)), digest);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
  process.stdout.write(`${JSON.stringify(releaseOf(folder, version, where, image))}\n`);
}
