// A tar archive whose bytes depend on its contents alone: fixed order, times, owners and rights. `ADD` unpacks it into an image.

/** Limits of the archive. */
export const TAR_LIMITS = { files: 1000, bytes: 256 * 1024 * 1024 } as const;

const BLOCK = 512;

/** The format keeps names of this length without an extension. */
const NAME = /^(?!\/)[\w./-]{1,99}$/;

/** All may read a file, and nothing may write it; all may enter a folder. The owner is root, and the container runs as another user. */
const RIGHTS = { file: 0o444, folder: 0o555 } as const;

const octal = (value: number, length: number): string => value.toString(8).padStart(length - 1, '0');

function header(name: string, size: number, kind: keyof typeof RIGHTS): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 'ascii');
  block.write(octal(RIGHTS[kind], 8), 100, 'ascii');
  block.write(octal(0, 8), 108, 'ascii');
  block.write(octal(0, 8), 116, 'ascii');
  block.write(octal(size, 12), 124, 'ascii');
  block.write(octal(0, 12), 136, 'ascii');
  block.write(kind === 'file' ? '0' : '5', 156, 'ascii');
  block.write('ustar\u000000', 257, 'ascii');
  // The sum is that of the header with spaces in its place.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)}\u0000 `, 148, 'ascii');
  return block;
}

/** The archive of these files, by their names, with the folders that they lie in. Throws if a name is not plain or there is too much of anything. */
export function tar(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const names = Object.keys(files).sort();
  if (names.length > TAR_LIMITS.files) throw new Error(`An archive takes ${TAR_LIMITS.files} files.`);
  const folders = new Set<string>();
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const name of names) {
    const data = files[name] ?? new Uint8Array();
    if (!NAME.test(name) || name.split('/').includes('..'))
      throw new Error(`${JSON.stringify(name)} is no name for a file in an archive.`);
    bytes += data.length;
    if (bytes > TAR_LIMITS.bytes) throw new Error(`An archive takes ${TAR_LIMITS.bytes} bytes.`);
    for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) {
      const folder = name.slice(0, at + 1);
      if (folders.has(folder)) continue;
      folders.add(folder);
      parts.push(header(folder, 0, 'folder'));
    }
    parts.push(
      header(name, data.length, 'file'),
      Buffer.from(data),
      Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK),
    );
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}
