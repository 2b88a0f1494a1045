// Objects as files of one folder.
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';
import { OBJECT_LIMITS, OBJECT_NAME_PATTERN, type Objects } from '../../core/ports/objects.ts';

/** System errors, by what they mean to the caller; what is not here is `unknown`. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOSPC: 'unavailable',
  EDQUOT: 'unavailable',
  EMFILE: 'unavailable',
};

/** Keeps objects in a folder, which must exist. */
export class FolderObjects implements Objects {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const file = this.#fileOf(name);
    if (bytes.length > OBJECT_LIMITS.bytes) throw new PortError('too-large', `${name} has ${bytes.length} bytes.`);
    // A name of its own: whatever else writes this object must not write into the same file.
    const draft = `${file}.${randomUUID()}.draft`;
    try {
      const handle = await open(draft, 'wx');
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      throw toPortError(error);
    }
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const file = this.#fileOf(name);
    try {
      const { size } = await stat(file);
      if (size > OBJECT_LIMITS.bytes) throw new PortError('too-large', `${name} has ${size} bytes.`);
      return await readFile(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw toPortError(error);
      await this.#requireFolder();
      return undefined;
    }
  }

  async remove(name: string): Promise<void> {
    const file = this.#fileOf(name);
    await this.#requireFolder();
    await rm(file, { force: true }).catch((error: unknown) => {
      throw toPortError(error);
    });
  }

  async #requireFolder(): Promise<void> {
    const found = await stat(this.#folder).catch((error: unknown) => {
      throw toPortError(error);
    });
    if (!found.isDirectory()) throw new PortError('not-found', `${this.#folder} is no folder.`);
  }

  #fileOf(name: string): string {
    if (!OBJECT_NAME_PATTERN.test(name))
      throw new PortError('invalid', `${JSON.stringify(name)} is no name of an object.`);
    return path.join(this.#folder, name);
  }
}

function toPortError(error: unknown): PortError {
  if (error instanceof PortError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new PortError(CODES[code] ?? 'unknown', message, { cause: error });
}
