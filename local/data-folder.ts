// The folder that keeps a stack's state, used by one stack at a time.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isAlive } from '../hosts/processes/alive.ts';

/**
 * Makes the folder if need be and takes it for this process: two stacks on the same files would each publish the other's events
 * and forget its place in the stream.
 * @returns what gives it back
 * @throws Error that says what to do if the folder cannot be used or another stack uses it
 */
export async function takeFolder(folder: string): Promise<() => Promise<void>> {
  const file = path.join(folder, 'stack.pid');
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(file, String(process.pid), { flag: 'wx' }).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' || !(await isLeftBehind(file, folder))) throw error;
      await writeFile(file, String(process.pid));
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new Error(`The folder ${folder} cannot keep the state: ${(error as Error).message}.`, { cause: error });
  }
  return () => rm(file, { force: true });
}

/** Whether the stack that took the folder was killed. Throws if it runs. */
async function isLeftBehind(file: string, folder: string): Promise<boolean> {
  const pid = Number(await readFile(file, 'utf8'));
  if (Number.isInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid)) {
    throw new Error(
      `The stack with process id ${pid} uses the folder ${folder}: stop it or give another folder. If there is no such stack, remove ${file}.`,
    );
  }
  return true;
}
