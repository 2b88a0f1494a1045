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

/** A stretch of a file that holds no readable record. */
export interface Damage {
  /** The first byte of it. */
  readonly at: number;
  readonly bytes: number;
  /** Records that can be read before it. */
  readonly before: number;
  readonly reason: string;
}

/** What a file holds. */
export interface Decoded {
  /** Every record that can be read, those behind a damaged stretch included. */
  readonly records: JournalRecord[];
  /** Where the last of them ends. */
  readonly end: number;
  readonly damage: readonly Damage[];
  /** Bytes behind the last record, of one that was not completely written: what a process leaves that is killed. */
  readonly torn: number;
}

/** Reads every record that can be read. */
export function decodeRecords(file: Buffer): Decoded {
  const records: JournalRecord[] = [];
  const damage: Damage[] = [];
  let at = 0;
  while (at < file.length) {
    const found = readRecord(file, at);
    if ('record' in found) {
      records.push(found.record);
      at = found.end;
      continue;
    }
    const next = findRecord(file, at + 1);
    const before = records.length;
    // Nothing readable follows: only a last record that reaches to the end, or beyond it, was merely cut off.
    if (next === undefined && found.reachesEnd && before > 0)
      return { records, end: at, damage, torn: file.length - at };
    const to = next ?? file.length;
    damage.push({ at, bytes: to - at, before, reason: found.reason });
    if (next === undefined) return { records, end: at, damage, torn: 0 };
    at = next;
  }
  return { records, end: at, damage, torn: 0 };
}

interface Unreadable {
  readonly reason: string;
  /** The record is the last one of the file, by its own length. */
  readonly reachesEnd: boolean;
}

function readRecord(file: Buffer, at: number): { record: JournalRecord; end: number } | Unreadable {
  if (at + PREFIX > file.length) return { reason: `it is cut off after ${file.length - at} bytes`, reachesEnd: true };
  const end = at + 4 + file.readUInt32BE(at);
  const headerEnd = at + PREFIX + file.readUInt32BE(at + 8);
  if (end > file.length)
    return { reason: `its length of ${end - at} bytes goes beyond the end of the file`, reachesEnd: true };
  const reachesEnd = end === file.length;
  if (headerEnd > end) return { reason: 'its header is longer than the record', reachesEnd };
  const record = file.subarray(at, end);
  if (crc32(record, 8) !== record.readUInt32BE(4)) return { reason: 'its checksum is wrong', reachesEnd };
  const header: Header = JSON.parse(file.toString('utf8', at + PREFIX, headerEnd));
  return { record: { header, bytes: file.subarray(headerEnd, end) }, end };
}

/** How every header begins: a list whose first item is text. */
const HEADER_START = Buffer.from('["');

/** The first place from `from` on at which a record can be read. */
function findRecord(file: Buffer, from: number): number | undefined {
  let header = file.indexOf(HEADER_START, from + PREFIX);
  while (header >= 0) {
    const at = header - PREFIX;
    if ('record' in readRecord(file, at)) return at;
    header = file.indexOf(HEADER_START, header + 1);
  }
  return undefined;
}
