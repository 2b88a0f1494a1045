// Encodes AMQP 1.0 values; where JavaScript has one type and AMQP several, the caller names the AMQP type.
import { Described, Uuid, type Value } from './values.ts';

/** Anything that can be written: plain values with one obvious AMQP type, or a function made by a typed constructor. */
export type Encodable = null | undefined | boolean | string | Buffer | ((writer: Writer) => void);

const INITIAL_SIZE = 256;

/** A growing buffer that values are appended to. */
export class Writer {
  private buffer: Buffer;
  private length = 0;

  constructor(size = INITIAL_SIZE) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  /** The bytes written so far. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** Appends one value. */
  write(value: Encodable): this {
    if (typeof value === 'function') value(this);
    else if (typeof value === 'string') this.variable(0xa1, Buffer.byteLength(value), value, 'utf8');
    else if (value === null || value === undefined) this.byte(0x40);
    else if (typeof value === 'boolean') this.byte(value ? 0x41 : 0x42);
    else this.variable(0xa0, value.length, value);
    return this;
  }

  byte(value: number): void {
    const at = this.reserve(1);
    this.buffer[at] = value;
  }

  bytes(value: Buffer): void {
    const at = this.reserve(value.length);
    value.copy(this.buffer, at);
  }

  uint16(value: number): void {
    const at = this.reserve(2);
    this.buffer.writeUInt16BE(value, at);
  }

  uint32(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeUInt32BE(value, at);
  }

  int32(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeInt32BE(value, at);
  }

  int64(value: bigint): void {
    const at = this.reserve(8);
    this.buffer.writeBigInt64BE(value, at);
  }

  uint64(value: bigint): void {
    const at = this.reserve(8);
    this.buffer.writeBigUInt64BE(value, at);
  }

  double(value: number): void {
    const at = this.reserve(8);
    this.buffer.writeDoubleBE(value, at);
  }

  /** Writes a variable-width value with the short constructor or, from 256 bytes, the long one. */
  variable(code: number, length: number, content: Buffer | string, encoding: BufferEncoding = 'utf8'): void {
    if (length < 256) {
      this.byte(code);
      this.byte(length);
    } else {
      this.byte(code + 0x10);
      this.uint32(length);
    }
    const at = this.reserve(length);
    if (typeof content === 'string') this.buffer.write(content, at, length, encoding);
    else content.copy(this.buffer, at);
  }

  /** Writes a list, map or array whose size is only known once its content is written. */
  sized(code: number, count: number, content: () => void): void {
    this.byte(code);
    const at = this.reserve(4);
    this.uint32(count);
    content();
    this.buffer.writeUInt32BE(this.length - at - 4, at);
  }

  /** Overwrites four bytes written earlier. */
  patch(at: number, value: number): void {
    this.buffer.writeUInt32BE(value, at);
  }

  private reserve(length: number): number {
    const at = this.length;
    this.length += length;
    if (this.length > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    return at;
  }
}

export const ubyte = (value: number) => (writer: Writer) => {
  writer.byte(0x50);
  writer.byte(value);
};

export const ushort = (value: number) => (writer: Writer) => {
  writer.byte(0x60);
  writer.uint16(value);
};

export const uint = (value: number) => (writer: Writer) => {
  if (value === 0) writer.byte(0x43);
  else if (value < 256) {
    writer.byte(0x52);
    writer.byte(value);
  } else {
    writer.byte(0x70);
    writer.uint32(value);
  }
};

export const int = (value: number) => (writer: Writer) => {
  writer.byte(0x71);
  writer.int32(value);
};

export const ulong = (value: number | bigint) => (writer: Writer) => {
  if (value < 256) {
    writer.byte(0x53);
    writer.byte(Number(value));
  } else {
    writer.byte(0x80);
    writer.uint64(BigInt(value));
  }
};

export const long = (value: number | bigint) => (writer: Writer) => {
  writer.byte(0x81);
  writer.int64(BigInt(value));
};

export const double = (value: number) => (writer: Writer) => {
  writer.byte(0x82);
  writer.double(value);
};

/** A point in time, in milliseconds since 1970. */
export const timestamp = (value: number) => (writer: Writer) => {
  writer.byte(0x83);
  writer.int64(BigInt(value));
};

export const uuid = (value: Uuid) => (writer: Writer) => {
  writer.byte(0x98);
  writer.bytes(value.bytes);
};

export const symbol = (value: string) => (writer: Writer) =>
  writer.variable(0xa3, Buffer.byteLength(value, 'latin1'), value, 'latin1');

export const list = (values: readonly Encodable[]) => (writer: Writer) => {
  if (values.length === 0) {
    writer.byte(0x45);
    return;
  }
  writer.sized(0xd0, values.length, () => {
    for (const value of values) writer.write(value);
  });
};

export const map = (entries: readonly (readonly [Encodable, Encodable])[]) => (writer: Writer) =>
  writer.sized(0xd1, entries.length * 2, () => {
    for (const [key, value] of entries) writer.write(key).write(value);
  });

export const described = (descriptor: number, value: Encodable) => (writer: Writer) => {
  writer.byte(0);
  writer.write(ulong(descriptor)).write(value);
};

/** A value that is already encoded. */
export const raw = (bytes: Buffer) => (writer: Writer) => writer.bytes(bytes);

export const longArray = (values: readonly (number | bigint)[]) => (writer: Writer) =>
  writer.sized(0xf0, values.length, () => {
    writer.byte(0x81);
    for (const value of values) writer.int64(BigInt(value));
  });

export const timestampArray = (values: readonly number[]) => (writer: Writer) =>
  writer.sized(0xf0, values.length, () => {
    writer.byte(0x83);
    for (const value of values) writer.int64(BigInt(value));
  });

export const symbolArray = (values: readonly string[]) => (writer: Writer) =>
  writer.sized(0xf0, values.length, () => {
    writer.byte(0xb3);
    for (const value of values) {
      const bytes = Buffer.from(value, 'latin1');
      writer.uint32(bytes.length);
      writer.bytes(bytes);
    }
  });

/** A decoded value in a form that can be written, with the AMQP type that JavaScript's type suggests. */
export function encodable(value: Value): Encodable {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? long(value) : double(value);
  if (typeof value === 'bigint') return value >= 0n ? ulong(value) : long(value);
  if (value instanceof Date) return timestamp(value.getTime());
  if (value instanceof Uuid) return uuid(value);
  if (value instanceof Map) return map([...value].map(([key, item]) => [encodable(key), encodable(item)]));
  if (value instanceof Described) return encodable(value.value);
  return Array.isArray(value) ? list(value.map(encodable)) : value;
}

/** One value as bytes. */
export function encode(value: Encodable, size?: number): Buffer {
  return new Writer(size).write(value).finish();
}
