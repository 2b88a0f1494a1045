// A stack for one drill, used when none is running: started with a temporary folder, and stopped afterwards.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { dieWithParent, removeWithParent } from '../../hosts/processes/reaper.ts';
import { sourceFile } from '../../local/source-file.ts';
import { UserError } from '../command.ts';

export interface OwnStack {
  /** Address of its edge, by which it is found. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Characters of the last output that are reported when the stack does not come up. */
const KEPT_OUTPUT = 2000;

/** Starts a stack. Rejects when it does not come up. */
export async function startOwnStack(): Promise<OwnStack> {
  const folder = await mkdtemp(path.join(tmpdir(), 'polycell-drill-'));
  const child = spawn(
    process.execPath,
    [sourceFile('cli/polycell.mjs'), 'dev', '--json', '--data', folder, '--failover', 'automatic'],
    {
      // A group of its own: Ctrl-C in the terminal is for the drill, which stops the stack when it has healed it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  // The drill must not leave it behind, however it ends: the stack's own children go with it in the same way.
  dieWithParent(child);
  removeWithParent(folder);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_OUTPUT);
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  process.once('exit', () => child.kill('SIGTERM'));
  const edge = await readyLine(child);
  if (edge !== undefined) return { url: edge, stop };
  await stop();
  throw new UserError(`The drill's own stack did not come up with an edge: ${said.trim().split('\n').at(-1) ?? ''}`);
}

/** The address of the edge once the stack is ready; `undefined` if it ends before, or has no edge. */
async function readyLine(child: ChildProcess): Promise<string | undefined> {
  if (child.stdout === null) return undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) return (JSON.parse(line) as { edge: { url: string } | null }).edge?.url;
  }
  return undefined;
}
