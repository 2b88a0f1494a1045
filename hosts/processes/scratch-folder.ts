// Picks the file system for data that is not meant to last.
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';

/** A file system in memory is used only while it has this many bytes to spare: containers often have one of 64 MiB. */
const SCRATCH_BYTES = 2 * 1024 ** 3;

/** Memory where Linux has a file system there; else the system's temporary folder. */
export async function scratchFolder(): Promise<string> {
  const shared = '/dev/shm';
  if (process.platform !== 'linux') return tmpdir();
  try {
    const { bavail, bsize } = await statfs(shared);
    return bavail * bsize >= SCRATCH_BYTES ? shared : tmpdir();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return tmpdir();
    throw error;
  }
}
