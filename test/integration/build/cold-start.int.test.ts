// The benchmark of cold starts finds for each deployed function what it needs: settings, servers and an event that it takes.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { bundleOf } from '../../../bench/cold-start/candidates.ts';
import { aroundAws, aroundAzure } from '../../../bench/cold-start/clouds.ts';
import type { Context } from '../../../bench/kit/benchmark.ts';
import { outfileOf, root } from '../../../build/bundles.mjs';

const undone: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const undo of undone.reverse()) await undo();
});

const context: Context = {
  ...{ rounds: 1, cloud: 'aws', quick: true, progress: () => undefined },
  atEnd: (undo) => void undone.push(undo),
};

test.each([
  ['aws', aroundAws],
  ['azure', aroundAzure],
] as const)('every function of %s does its first call', async (cloud, around) => {
  const { environment, event, isDone } = await around(context);
  for (const role of ['http', 'relay', 'worker'] as const) {
    const what = { file: path.join(root, outfileOf(bundleOf(cloud, role))), event: await event(role) };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [path.join(root, 'bench/cold-start/runner.cjs'), JSON.stringify(what), 'time'],
      { env: environment(role) },
    );
    expect([role, isDone(role, JSON.parse(stdout).answer)]).toEqual([role, true]);
  }
});
