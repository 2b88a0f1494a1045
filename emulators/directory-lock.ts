// Keeps two emulators out of one data directory: their records would overwrite each other's state.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Locks of this process. In a container a new process may have the number of the one that left a lock behind. */
const held = new Set<string>();

/**
 * Makes a directory if need be, and claims it for this process by a file of this name; returns the release. A lock left behind by a
 * dead process is taken over.
 * @throws Error that names the directory, if it cannot be used or is in use
 */
export function lockDirectory(directory: string, file: string): () => void {
  const path = resolve(directory, file);
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new Error(`The data directory ${directory} cannot be used: ${(error as Error).message}.`);
  }
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const holder = Number(readFileSync(path, 'utf8'));
    if (holder === process.pid ? held.has(path) : Number.isInteger(holder) && holder > 0 && isAlive(holder))
      throw new Error(`The data directory ${directory} is in use by process ${holder}.`);
    writeFileSync(path, String(process.pid));
  }
  held.add(path);
  return () => {
    held.delete(path);
    rmSync(path, { force: true });
  };
}

/** Whether some process has this id now. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
