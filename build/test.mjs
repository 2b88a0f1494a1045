// `npm test`: builds what is stale, then runs every kind of test; arguments go to Jest.
import { spawn } from 'node:child_process';
import { buildBundles, root } from './bundles.mjs';

await buildBundles({ onBuilt: (name, milliseconds) => process.stderr.write(`built ${name} in ${milliseconds} ms\n`) });
const jest = spawn(process.execPath, ['node_modules/jest/bin/jest.js', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
jest.on('close', (code) => {
  process.exitCode = code ?? 1;
});
