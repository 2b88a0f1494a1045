// Effective partition keys: the hex strings by which partition key values are ordered and assigned to ranges.
import { murmur32, murmur128 } from './murmur.ts';

/** One component of a partition key: a scalar, null, or `undefined` when the document has no such property. */
export type KeyComponent = string | number | boolean | null | undefined;

/** How a container places its keys: one path hashed by version 1 or 2, or several levels hashed one by one. */
export type HashKind = 'v1' | 'v2' | 'multi';

const PREFIX = { undefined: 0x00, null: 0x01, false: 0x02, true: 0x03, number: 0x05, string: 0x08 } as const;
/** Version 1 hashes and orders only this many characters of a string. */
const V1_STRING_CHARS = 100;
const STRING_END_V1 = 0x00;
const STRING_END_V2 = 0xff;

const encoder = new TextEncoder();

function doubleBits(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

function tagged(tag: number, payload: Uint8Array, end?: number): Uint8Array {
  const out = new Uint8Array(1 + payload.length + (end === undefined ? 0 : 1));
  out[0] = tag;
  out.set(payload, 1);
  if (end !== undefined) out[out.length - 1] = end;
  return out;
}

function hashInput(component: KeyComponent, version: 'v1' | 'v2'): Uint8Array {
  if (typeof component === 'string') {
    const text = version === 'v1' ? component.slice(0, V1_STRING_CHARS) : component;
    return tagged(PREFIX.string, encoder.encode(text), version === 'v1' ? STRING_END_V1 : STRING_END_V2);
  }
  if (typeof component === 'number') {
    const payload = new Uint8Array(8);
    new DataView(payload.buffer).setFloat64(0, component, true);
    return tagged(PREFIX.number, payload);
  }
  if (typeof component === 'boolean') return Uint8Array.of(component ? PREFIX.true : PREFIX.false);
  return Uint8Array.of(component === null ? PREFIX.null : PREFIX.undefined);
}

const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();

function hashV2(component: KeyComponent): string {
  const { low, high } = murmur128(hashInput(component, 'v2'));
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  // The 128-bit little-endian result is read backwards, and its two top bits are cleared so that all keys sort below FF.
  view.setBigUint64(0, high);
  view.setBigUint64(8, low);
  view.setUint8(0, view.getUint8(0) & 0x3f);
  return hex(bytes);
}

/** A number in the order-preserving form of version 1: eight bits, then groups of seven with a continuation bit. */
function orderedNumber(value: number): number[] {
  const sign = 0x8000000000000000n;
  const mask = 0xffffffffffffffffn;
  const bits = doubleBits(value);
  let payload = bits < sign ? bits ^ sign : (~bits + 1n) & mask;
  const out = [PREFIX.number, Number(payload >> 56n)];
  payload = (payload << 8n) & mask;
  let byte = 0;
  let first = true;
  do {
    if (first) first = false;
    else if (byte !== 0) out.push(byte);
    byte = Number(payload >> 56n) | 1;
    payload = (payload << 7n) & mask;
  } while (payload !== 0n);
  const last = byte & 0xfe;
  if (last !== 0) out.push(last);
  return out;
}

function orderedString(value: string): number[] {
  const text = value.slice(0, V1_STRING_CHARS);
  const bytes = encoder.encode(text);
  const out: number[] = [PREFIX.string];
  for (const byte of bytes) out.push(byte < 0xff ? byte + 1 : byte);
  out.push(STRING_END_V1);
  return out;
}

function hashV1(component: KeyComponent): string {
  const hash = orderedNumber(murmur32(hashInput(component, 'v1')));
  let value: Iterable<number>;
  if (typeof component === 'string') value = orderedString(component);
  else if (typeof component === 'number') value = orderedNumber(component);
  else value = hashInput(component, 'v1');
  return hex([...hash, ...value]);
}

/** The effective partition key of a full key, or, for `multi`, of a prefix of one. */
export function effectivePartitionKey(components: readonly KeyComponent[], kind: HashKind): string {
  if (kind === 'multi') return components.map(hashV2).join('');
  return kind === 'v1' ? hashV1(components[0]) : hashV2(components[0]);
}

/** Boundaries that cut the whole key space into `count` ranges of about equal load, first '' and last 'FF'. */
export function evenBoundaries(count: number, kind: HashKind): string[] {
  const inner: string[] = [];
  for (let i = 1; i < count; i++) {
    if (kind === 'v1') {
      const at = Math.floor((i * 0x100000000) / count);
      inner.push(hex(orderedNumber(at)));
    } else {
      const at = (BigInt(i) << 126n) / BigInt(count);
      inner.push(at.toString(16).toUpperCase().padStart(32, '0'));
    }
  }
  return ['', ...inner, 'FF'];
}

/** What `FF` means in practice: just above the greatest key that each kind of hash can produce. */
const TOP: Readonly<Record<HashKind, string>> = { v1: '05C1F0', v2: '40', multi: '40' };

/** A boundary strictly inside `[min, max)` that about halves it, or undefined when the range is too narrow. */
export function middleOf(min: string, max: string, kind: HashKind): string | undefined {
  const top = max === 'FF' ? TOP[kind] : max;
  const digits = Math.max(min.length, top.length, 32);
  const low = BigInt(`0x${min.padEnd(digits, '0')}`);
  const high = BigInt(`0x${top.padEnd(digits, '0')}`);
  const middle = ((low + high) / 2n).toString(16).toUpperCase().padStart(digits, '0');
  return middle > min && middle < max ? middle : undefined;
}
