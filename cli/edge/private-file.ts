// Files that only the user can read: credentials and keys.
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { UserError } from '../command.ts';

/** Where the user's own files of the command line are, by the XDG Base Directory Specification, which has relative paths ignored. */
export function configurationFolder({ XDG_CONFIG_HOME: base }: NodeJS.ProcessEnv): string {
  const configuration = base !== undefined && path.isAbsolute(base) ? base : path.join(homedir(), '.config');
  return path.join(configuration, 'polycell');
}

/**
 * The text of a file, `undefined` if there is none.
 * @throws UserError if other users can read it, or if it has more than so many bytes; `what` it holds is for the message
 */
export async function readPrivate(file: string, bytes: number, what: string): Promise<string | undefined> {
  const state = await stat(file).catch(noneIfAbsent);
  if (state === undefined) return undefined;
  if (process.platform !== 'win32' && (state.mode & 0o077) !== 0)
    throw new UserError(`${file} holds a credential and other users can read it: chmod 600 it.`);
  if (state.size > bytes) throw new UserError(`${file} is too large for ${what}.`);
  return readFile(file, 'utf8');
}

/** Renamed into place, so that a reader sees the old file or the new one. */
export async function writePrivate(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  try {
    await writeFile(draft, text, { mode: 0o600 });
    // The mode of a file that was there already is not changed by writing it.
    await chmod(draft, 0o600);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/** For reads of what need not be there. */
export function noneIfAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
