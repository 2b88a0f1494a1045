// Running stacks of this checkout, so that the command line finds them: one small file each, gone when the stack ends.
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isAlive } from '../hosts/processes/alive.ts';
import { sourceFile } from './source-file.ts';

export interface RunningStack {
  /** The id that only its control server returns. */
  readonly id: string;
  readonly pid: number;
  readonly startedAt: number;
  /** Address of its control server. */
  readonly control: string;
  /** Addresses that a user may pass: edge and cells. */
  readonly urls: readonly string[];
}

/** The path at which a control server serves the id of its stack. */
export const IDENTITY_PATH = '/identity' as const;

/** A stack that is alive and does not say so within this time is busy, in milliseconds. */
const IDENTITY_TIMEOUT_MS = 1000;

/** Retries for stacks that end in the moment in which another one starts. */
const ATTEMPTS = 10;

const folder = (): string => path.join(path.dirname(sourceFile('package.json')), '.polycell');

const fileOf = (pid: number): string => path.join(folder(), `stack-${pid}.json`);

/** Registers a stack. */
export async function registerStack(stack: RunningStack): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await mkdir(folder(), { recursive: true });
    try {
      await writeFile(fileOf(stack.pid), JSON.stringify(stack));
      return;
    } catch (error) {
      // Another stack has just ended, and has taken the empty folder with it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Removes a stack, and the folder with the last one. */
export async function unregisterStack(pid: number): Promise<void> {
  await rm(fileOf(pid), { force: true });
  await rmdir(folder()).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  });
}

/**
 * The stacks that run, newest first. Files of stacks that were killed are removed, also where another process has got the
 * stack's process id, or another server its port, since.
 */
export async function runningStacks(): Promise<readonly RunningStack[]> {
  const names = await readdir(folder()).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.filter((each) => /^stack-\d+\.json$/.test(each));
  const stacks = await Promise.all(
    files.map(async (name) => {
      const stack = await read(path.join(folder(), name));
      if (stack === undefined) return [];
      if (isAlive(stack.pid) && (await isItself(stack))) return [stack];
      await unregisterStack(stack.pid);
      return [];
    }),
  );
  return stacks.flat().sort((a, b) => b.startedAt - a.startedAt);
}

/** Whether its control server is its own. A slow one is assumed to be. */
async function isItself({ id, control }: RunningStack): Promise<boolean> {
  try {
    const response = await fetch(control + IDENTITY_PATH, { signal: AbortSignal.timeout(IDENTITY_TIMEOUT_MS) });
    return ((await response.json()) as { id?: unknown }).id === id;
  } catch (error) {
    return (error as Error).name === 'TimeoutError';
  }
}

async function read(file: string): Promise<RunningStack | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as RunningStack;
  } catch (error) {
    // It is being written, or its stack has just ended.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
