// Runs one of the project's programs under another version of Node.js: `node build/with-node.mjs 24.21.0 build/test.mjs [arguments]`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from './bundles.mjs';

/** A program that runs longer is considered hanging, in milliseconds. */
const LONGEST_RUN_MS = 30 * 60_000;

const [version = '', ...program] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+$/.test(version) || program.length === 0) {
  process.stderr.write('Usage: node build/with-node.mjs <version> <program> [arguments]\n');
  process.exit(2);
}
if (process.versions.node.split('.')[0] === version.split('.')[0]) {
  process.stdout.write(`This is Node.js ${process.versions.node} already: not run a second time.\n`);
  process.exit(0);
}
process.exitCode = await run(await binary(version), program);

/**
 * Uses the npm packages that contain only Node.js for one platform: unlike `node`, which fetches one of them, they need no install script.
 * @param {string} version
 * @returns {Promise<string>} the path of the binary
 */
async function binary(version) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folder = path.join(root, 'dist/node', version);
  const bin = path.join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(bin)) return bin;
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
  const install = ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const code = await run(npm, [...install, '--prefix', folder, `${name}@${version}`], process.platform === 'win32');
  if (code !== 0 || !existsSync(bin)) throw new Error(`npm brings no Node.js ${version} for this platform (${name}).`);
  return bin;
}

/** @param {string} command @param {string[]} args @param {boolean} [shell] @returns {Promise<number>} its exit status */
function run(command, args, shell = false) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', shell });
    const timer = setTimeout(() => {
      process.stderr.write(`${command} did not end within ${LONGEST_RUN_MS / 60_000} minutes.\n`);
      child.kill('SIGKILL');
    }, LONGEST_RUN_MS);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(code ?? 1);
    });
  });
}
