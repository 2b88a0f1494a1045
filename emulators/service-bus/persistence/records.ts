// The journal's file format: records of a JSON header and raw bytes, each with its length and a checksum.

/** What one record says. The first item names the kind; the others are explained where they are written. */
export type Header = readonly (string | number | boolean | null | object)[];

/** A record as it is read back. */
export interface JournalRecord {
  readonly header: Header;
  readonly bytes: Buffer;
}

const PREFIX = 12;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function crc32(bytes: Buffer, from: number): number {
  let crc = 0xffff_ffff;
  for (let index = from; index < bytes.length; index++)
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0);
  return (crc ^ 0xffff_ffff) >>> 0;
}

/** One record as bytes: length of all that follows, checksum, length of the header, header, raw bytes. */
export function encodeRecord(header: Header, bytes?: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const record = Buffer.allocUnsafe(PREFIX + text.length + (bytes?.length ?? 0));
  record.writeUInt32BE(record.length - 4, 0);
  record.writeUInt32BE(text.length, 8);
  text.copy(record, PREFIX);
  bytes?.copy(record, PREFIX + text.length);
  record.writeUInt32BE(crc32(record, 8), 4);
  return record;
}

/** Reads records until the end, or until one that was not completely written. `end` is where the good ones end. */
export function decodeRecords(file: Buffer): { records: JournalRecord[]; end: number } {
  const records: JournalRecord[] = [];
  let at = 0;
  while (at + PREFIX <= file.length) {
    const end = at + 4 + file.readUInt32BE(at);
    const headerEnd = at + PREFIX + file.readUInt32BE(at + 8);
    if (end > file.length || headerEnd > end) break;
    const record = file.subarray(at, end);
    if (crc32(record, 8) !== record.readUInt32BE(4)) break;
    const header: Header = JSON.parse(file.toString('utf8', at + PREFIX, headerEnd));
    records.push({ header, bytes: file.subarray(headerEnd, end) });
    at = end;
  }
  return { records, end: at };
}
