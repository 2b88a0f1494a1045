// `npm test`: builds what is stale, then runs every test but the architecture tests, which `npm run check` runs, and the long ones, which
// `npm run test:long` runs; other arguments go to Jest, and choose among all tests.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { buildBundles, root } from './bundles.mjs';

/** Workers of short tests at most: what they have to wait for is what more of them cannot shorten. */
const MOST_SHORT = 8;

/**
 * Short tests wait for processes, messages and ends of leases more than for a processor, so there are three workers for each. A
 * long test has many processes of its own, and shows what a product does in time: three workers keep two processors busy, and more would delay
 * each other, as would a second one on a single processor, which is what `taskset` leaves.
 */
const workers = {
  short: Math.min(3 * availableParallelism(), MOST_SHORT),
  long: availableParallelism() > 1 ? 3 : 1,
};

/** @param {'long' | 'short'} which */
const only = (which) => ['--ignoreProjects', 'arch', '--filter', path.join(root, `build/${which}-tests.cjs`)];

/** @param {readonly string[]} args */
function chosen(args) {
  const [first, ...rest] = args;
  if (first === '--long') return { workers: workers.long, choice: [...only('long'), ...rest] };
  return first === undefined
    ? { workers: workers.short, choice: only('short') }
    : { workers: workers.long, choice: args };
}

const { workers: maxWorkers, choice } = chosen(process.argv.slice(2));

await buildBundles({ onBuilt: (name, milliseconds) => process.stderr.write(`built ${name} in ${milliseconds} ms\n`) });
const jest = spawn(process.execPath, ['node_modules/jest/bin/jest.js', `--maxWorkers=${maxWorkers}`, ...choice], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
});
jest.on('close', (code) => {
  process.exitCode = code ?? 1;
});
