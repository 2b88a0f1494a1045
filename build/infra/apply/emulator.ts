// The emulator of AWS's API that a cell is applied to: one that runs already, or moto, started for the time of a run.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { endChild } from '../../../hosts/processes/end-child.ts';
import { freePort } from '../../../hosts/processes/free-port.ts';
import { dieWithParent, OWN_GROUP } from '../../../hosts/processes/reaper.ts';
import { sleep } from '../../../hosts/processes/wait.ts';
import { type KnownList, listFaults, NOTHING_KNOWN } from './known.ts';

const PROGRAM = 'moto_server';

export const HOW_TO_GET =
  "pipx install 'moto[server]==5.2.1' puts moto_server on the path; or give the address of an emulator by --endpoint";

/** Between asking for a free port and using it another program may have taken it. */
const STARTS = 3;

/** For moto to answer once it was started, in milliseconds, and between two looks. */
const START_MS = 60_000;
const LOOK_MS = 200;

/** For moto to end in order, in milliseconds. */
const END_MS = 5_000;

/** Characters of what moto says that are kept to explain its end. */
const KEPT_OUTPUT = 2_000;

export class NoEmulator extends Error {
  override readonly name = 'NoEmulator';
}

export interface RunningEmulator {
  readonly endpoint: string;
  /** Whether it ends with the run, with everything that is in it. */
  readonly own: boolean;
  stop(): Promise<void>;
}

/** Whether this address is that of moto, which says so on a page of its own. */
async function isMoto(endpoint: string, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(`${endpoint}/moto-api/`, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(START_MS)]),
  });
  await response.text();
  return response.ok;
}

/** The list of what the emulator at an address is known not to represent. */
export async function knownListOf(root: string, endpoint: string, signal: AbortSignal): Promise<KnownList> {
  if (!(await isMoto(endpoint, signal))) return NOTHING_KNOWN;
  const list = JSON.parse(readFileSync(path.join(root, 'infra/emulator/moto.json'), 'utf8')) as KnownList;
  const faults = listFaults(list);
  if (faults.length > 0) throw new Error(`infra/emulator/moto.json: ${faults.join(' ')}`);
  return list;
}

/** Starts moto on a free port of 127.0.0.1. Throws NoEmulator where it is not installed or does not start. */
export async function startMoto(signal: AbortSignal): Promise<RunningEmulator> {
  let said = '';
  for (let attempt = 0; attempt < STARTS; attempt += 1) {
    const port = await freePort();
    const child = spawn(PROGRAM, ['-H', '127.0.0.1', '-p', String(port)], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...OWN_GROUP,
    });
    dieWithParent(child);
    said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-KEPT_OUTPUT);
    });
    const failed = new Promise<Error>((resolve) => child.once('error', resolve));
    const endpoint = `http://127.0.0.1:${port}`;
    const fault = await Promise.race([failed, answers(child, endpoint, signal)]);
    if (fault === undefined)
      return { endpoint, own: true, stop: () => endChild(child, () => child.kill('SIGTERM'), END_MS) };
    await endChild(child, () => child.kill('SIGTERM'), END_MS);
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') throw new NoEmulator(`${PROGRAM} is not installed`);
    if (signal.aborted) break;
    said ||= fault.message;
  }
  throw new NoEmulator(`${PROGRAM} does not start: ${said.trim().split('\n').at(-1) ?? ''}`);
}

/** Resolves once moto answers, or with why it does not. */
async function answers(child: ChildProcess, endpoint: string, signal: AbortSignal): Promise<Error | undefined> {
  for (let waited = 0; waited < START_MS && !signal.aborted; waited += LOOK_MS) {
    if (child.pid === undefined) return new Promise(() => undefined);
    if (child.exitCode !== null || child.signalCode !== null) return new Error(`it ended with ${child.exitCode}`);
    if (await isMoto(endpoint, signal).catch(() => false)) return undefined;
    await sleep(LOOK_MS, signal);
  }
  return new Error(`it has not answered for ${START_MS / 1000} s`);
}
