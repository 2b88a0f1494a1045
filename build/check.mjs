// `npm run check`: format, lint, types, generated files, bundles, architecture and known vulnerabilities; `npm run check -- types` runs one part.
import { spawn } from 'node:child_process';
import { root } from './bundles.mjs';

/** @type {Record<string, string[]>} each part and its command */
const parts = {
  lint: ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.'],
  types: [process.execPath, 'node_modules/typescript/bin/tsc', '-p', '.'],
  'types-web': [process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.web.json'],
  generated: [process.execPath, 'build/run.mjs', 'build/generate.ts', '--check'],
  bundles: [process.execPath, 'build/build.mjs'],
  audit: [process.execPath, 'build/audit.mjs'],
  architecture: [process.execPath, 'node_modules/jest/bin/jest.js', '--selectProjects', 'arch', '--silent=false'],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  process.stderr.write(`No check is called ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.\n`);
  process.exit(2);
}

let failed = false;
for (const [name, [command, ...args]] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const started = performance.now();
  const { code, output } = await run(/** @type {string} */ (command), args);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
  if (code !== 0) {
    failed = true;
    process.stdout.write(`${output}\n`);
  } else process.stdout.write(notRun(output));
}
process.exit(failed ? 1 : 0);

/** What a part says that it could not do. @param {string} output */
function notRun(output) {
  return (output.match(/^not run: .*$/gm) ?? []).map((line) => `     ${line}\n`).join('');
}

/** @param {string} command @param {string[]} args @returns {Promise<{ code: number | null, output: string }>} */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: process.env });
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}
