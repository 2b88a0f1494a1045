// A worker with a limited heap beside a hostile tenant: it does not end, and everything is applied.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.join(__dirname, '../../..');

/** A worker has 512 MB; here less must do, although the log and the queues of the cell lie in the same heap. */
const HEAP_MB = 192;

test(`with ${HEAP_MB} MB of heap 39 MB of padded events to one device and minute end no worker, and are applied with others’`, async () => {
  const args = [
    `--max-old-space-size=${HEAP_MB}`,
    path.join(ROOT, 'build/run.mjs'),
    'core/domains/telemetry/test/limited-worker.ts',
  ];
  // Ends with another code if the process is out of memory, or if anything is not counted.
  await expect(promisify(execFile)(process.execPath, args, { cwd: ROOT })).resolves.toBeDefined();
});
