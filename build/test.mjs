// `npm test`: builds what is stale, then runs every test but the architecture tests, which `npm run check` runs; arguments go to Jest.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { buildBundles, root } from './bundles.mjs';

/**
 * Most tests wait for processes, not for a processor: four workers keep two processors busy. More would delay each other, as would a
 * second worker on a single processor, which is what `taskset` leaves.
 */
const WORKERS = availableParallelism() > 1 ? 4 : 1;

const args = process.argv.slice(2);
const kinds = args.length === 0 ? ['--ignoreProjects', 'arch'] : [];

await buildBundles({ onBuilt: (name, milliseconds) => process.stderr.write(`built ${name} in ${milliseconds} ms\n`) });
const jest = spawn(process.execPath, ['node_modules/jest/bin/jest.js', `--maxWorkers=${WORKERS}`, ...kinds, ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
});
jest.on('close', (code) => {
  process.exitCode = code ?? 1;
});
