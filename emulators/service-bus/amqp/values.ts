// Decodes AMQP 1.0 values from bytes; numbers, strings and symbols become plain JavaScript values.

/** A 128-bit identifier in the byte order of its text form. */
export class Uuid {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  toString(): string {
    const hex = this.bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}

/** A value with a descriptor: a number for the standard types, text for symbolic descriptors. */
export class Described {
  readonly descriptor: Value;
  readonly value: Value;

  constructor(descriptor: Value, value: Value) {
    this.descriptor = descriptor;
    this.value = value;
  }
}

/** Every value that can be decoded. 64-bit integers beyond 2^53 are `bigint`; decimals stay as bytes. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | Date
  | Uuid
  | Described
  | Value[]
  | Map<Value, Value>;

/** The bytes do not follow the AMQP encoding. */
export class DecodeError extends Error {
  override name = 'DecodeError';
}

/** The encoding of a compound value: where its items start, and how many there are. */
interface Compound {
  readonly count: number;
  readonly end: number;
}

/** Reads values one after the other from a buffer. */
export class Reader {
  readonly buffer: Buffer;
  position: number;

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer;
    this.position = position;
  }

  /** Whether bytes are left. */
  get more(): boolean {
    return this.position < this.buffer.length;
  }

  /** Reads the next value. */
  read(): Value {
    const code = this.take(1)[0] ?? 0;
    if (code === 0) {
      const descriptor = this.read();
      return new Described(descriptor, this.read());
    }
    return this.readAs(code);
  }

  /** Reads the next value and also returns the bytes it was encoded in. */
  readWithBytes(): { value: Value; bytes: Buffer } {
    const start = this.position;
    const value = this.read();
    return { value, bytes: this.buffer.subarray(start, this.position) };
  }

  /** Passes over the next value without decoding it. */
  skip(): void {
    const code = this.take(1)[0] ?? 0;
    if (code === 0) {
      this.skip();
      this.skip();
      return;
    }
    const width = code >>> 4;
    if (width === 0x4) return;
    if (width >= 0x5 && width <= 0x9) this.take(2 ** (width - 5));
    else if (width === 0xa || width === 0xc || width === 0xe) this.take(this.uint8());
    else if (width === 0xb || width === 0xd || width === 0xf) this.take(this.uint32());
    else throw new DecodeError(`0x${code.toString(16)} is not an AMQP type`);
  }

  /** Reads the constructor of a list and leaves the position at its first item. */
  openList(): Compound {
    const code = this.take(1)[0] ?? 0;
    return this.compound(code, 'list');
  }

  /** Reads the constructor of a map and leaves the position at its first key; `count` counts keys and values. */
  openMap(): Compound {
    const code = this.take(1)[0] ?? 0;
    return this.compound(code, 'map');
  }

  private compound(code: number, kind: 'list' | 'map'): Compound {
    if (code === 0x45 && kind === 'list') return { count: 0, end: this.position };
    const small = kind === 'list' ? 0xc0 : 0xc1;
    if (code === small) {
      const size = this.uint8();
      const end = this.position + size;
      return { count: this.uint8(), end };
    }
    if (code === small + 0x10) {
      const size = this.uint32();
      const end = this.position + size;
      return { count: this.uint32(), end };
    }
    throw new DecodeError(`expected a ${kind}, found type 0x${code.toString(16)}`);
  }

  private readAs(code: number): Value {
    switch (code) {
      case 0x40:
        return null;
      case 0x41:
        return true;
      case 0x42:
        return false;
      case 0x43:
      case 0x44:
        return 0;
      case 0x45:
        return [];
      case 0x56:
        return this.uint8() !== 0;
      case 0x50:
      case 0x52:
      case 0x53:
        return this.uint8();
      case 0x51:
      case 0x54:
      case 0x55:
        return this.take(1).readInt8();
      case 0x60:
        return this.take(2).readUInt16BE();
      case 0x61:
        return this.take(2).readInt16BE();
      case 0x70:
        return this.uint32();
      case 0x71:
        return this.take(4).readInt32BE();
      case 0x72:
        return this.take(4).readFloatBE();
      case 0x73:
        return String.fromCodePoint(this.uint32());
      case 0x80:
        return narrow(this.take(8).readBigUInt64BE());
      case 0x81:
        return narrow(this.take(8).readBigInt64BE());
      case 0x82:
        return this.take(8).readDoubleBE();
      case 0x83:
        return new Date(Number(this.take(8).readBigInt64BE()));
      case 0x98:
        return new Uuid(Buffer.from(this.take(16)));
      case 0x74:
        return this.take(4);
      case 0x84:
        return this.take(8);
      case 0x94:
        return this.take(16);
      case 0xa0:
        return this.take(this.uint8());
      case 0xb0:
        return this.take(this.uint32());
      case 0xa1:
        return this.take(this.uint8()).toString('utf8');
      case 0xb1:
        return this.take(this.uint32()).toString('utf8');
      case 0xa3:
        return this.take(this.uint8()).toString('latin1');
      case 0xb3:
        return this.take(this.uint32()).toString('latin1');
      case 0xc0:
      case 0xd0: {
        const { count } = this.compound(code, 'list');
        return Array.from({ length: count }, () => this.read());
      }
      case 0xc1:
      case 0xd1: {
        const { count } = this.compound(code, 'map');
        const map = new Map<Value, Value>();
        for (let index = 0; index < count; index += 2) map.set(this.read(), this.read());
        return map;
      }
      case 0xe0:
      case 0xf0:
        return this.readArray(code === 0xe0);
      default:
        throw new DecodeError(`0x${code.toString(16)} is not an AMQP type`);
    }
  }

  private readArray(small: boolean): Value[] {
    if (small) this.uint8();
    else this.uint32();
    const count = small ? this.uint8() : this.uint32();
    let code = this.uint8();
    let descriptor: Value = null;
    const described = code === 0;
    if (described) {
      descriptor = this.read();
      code = this.uint8();
    }
    return Array.from({ length: count }, () => {
      const value = this.readAs(code);
      return described ? new Described(descriptor, value) : value;
    });
  }

  private uint8(): number {
    return this.take(1)[0] ?? 0;
  }

  private uint32(): number {
    return this.take(4).readUInt32BE();
  }

  private take(length: number): Buffer {
    const end = this.position + length;
    if (end > this.buffer.length) throw new DecodeError('the value is longer than its frame');
    const bytes = this.buffer.subarray(this.position, end);
    this.position = end;
    return bytes;
  }
}

function narrow(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** The value as a number, or the fallback if it is anything else. */
export function numberOr<T>(value: Value | undefined, fallback: T): number | T {
  return typeof value === 'number' ? value : fallback;
}

/** The value as text, or undefined if it is anything else. */
export function text(value: Value | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The entry of a decoded map, or undefined if the value is no map or lacks the key. */
export function entry(value: Value | undefined, key: string): Value | undefined {
  return value instanceof Map ? value.get(key) : undefined;
}

/** The items of a decoded list or array; a lone value counts as one item, null as none. */
export function items(value: Value | undefined): readonly Value[] {
  if (Array.isArray(value)) return value;
  return value === null || value === undefined ? [] : [value];
}
