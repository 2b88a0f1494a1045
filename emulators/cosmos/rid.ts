// Resource ids: base64 names of 4 (database), 8 (container) or 16 bytes (document) that never change or repeat.

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('/', '-');

/** The `_rid` of a database. */
export function databaseRid(serial: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(serial);
  return encode(bytes);
}

/** The `_rid` of a container; its top bit is set so that it cannot be mistaken for a user of the database. */
export function containerRid(database: string, serial: number): string {
  const bytes = Buffer.alloc(8);
  Buffer.from(database.replaceAll('-', '/'), 'base64').copy(bytes, 0, 0, 4);
  bytes.writeUInt32BE((serial | 0x80000000) >>> 0, 4);
  return encode(bytes);
}

/**
 * The `_rid` of a document: the container's 8 bytes and the insertion number, little-endian, because the SDK
 * compares bytes 8 to 15 in that order when it resumes an ORDER BY.
 */
export function documentRid(containerBytes: Buffer, sequence: number): string {
  const bytes = Buffer.alloc(16);
  containerBytes.copy(bytes, 0, 0, 8);
  bytes.writeBigUInt64LE(BigInt(sequence), 8);
  return encode(bytes);
}

/** The bytes of a container's `_rid`. */
export function ridBytes(rid: string): Buffer {
  return Buffer.from(rid.replaceAll('-', '/'), 'base64');
}
