// A zip archive whose bytes depend on its contents alone: fixed order, times and rights, and no compression, as what zlib makes differs
// between processors and versions of Node.js.
import { crc32 } from './crc32.ts';

/** Limits of the classic format, without its 64-bit extension. */
export const ZIP_LIMITS = { files: 1000, bytes: 256 * 1024 * 1024 } as const;

/** 1980-01-01, the format's first day: a fixed date keeps archives reproducible. */
const DATE = 0x21;
const VERSION = 20;
/** Made on Unix: a file that all may read and its owner may write. Lambda refuses to run what not all may read. */
const MADE_ON_UNIX = (3 << 8) | VERSION;
const FILE_RIGHTS = (0o100644 << 16) >>> 0;

const NAME = /^(?!\/)[\w./-]+$/;

/** What both headers of a file have in common. */
function common(data: Uint8Array, name: Buffer): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(VERSION, 0);
  fields.writeUInt16LE(DATE, 8);
  fields.writeUInt32LE(crc32(data), 10);
  fields.writeUInt32LE(data.length, 14);
  fields.writeUInt32LE(data.length, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

const signature = (value: number, ...rest: readonly Buffer[]): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(value);
  return Buffer.concat([head, ...rest]);
};

/** The archive of these files, by their names. Throws if a name is not plain or there is too much of anything. */
export function zip(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const entries = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length > ZIP_LIMITS.files) throw new Error(`An archive takes ${ZIP_LIMITS.files} files.`);
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [text, data] of entries) {
    if (!NAME.test(text) || text.split('/').includes('..'))
      throw new Error(`${JSON.stringify(text)} is no name for a file in an archive.`);
    const name = Buffer.from(text, 'ascii');
    const shared = common(data, name);
    const file = Buffer.concat([signature(0x04034b50, shared, name), data]);
    const madeOn = Buffer.alloc(2);
    madeOn.writeUInt16LE(MADE_ON_UNIX);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(FILE_RIGHTS, 6);
    rest.writeUInt32LE(offset, 10);
    central.push(signature(0x02014b50, madeOn, shared, rest, name));
    local.push(file);
    offset += file.length;
    if (offset > ZIP_LIMITS.bytes) throw new Error(`An archive takes ${ZIP_LIMITS.bytes} bytes.`);
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, signature(0x06054b50, end)]);
}
