// MurmurHash3 (32-bit x86 and 128-bit x64), which Cosmos DB uses to place partition keys.

const rotl32 = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

function fmix32(value: number): number {
  let h = value;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** MurmurHash3 x86 32-bit with seed 0, as an unsigned number. */
export function murmur32(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks = bytes.length & ~3;
  let h = 0;
  const mix = (block: number): number => Math.imul(rotl32(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
  for (let i = 0; i < blocks; i += 4) {
    h = (Math.imul(rotl32(h ^ mix(view.getInt32(i, true)), 13), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = bytes.length - 1; i >= blocks; i--) tail = (tail << 8) | view.getUint8(i);
  if (bytes.length > blocks) h ^= mix(tail);
  return fmix32(h ^ bytes.length) >>> 0;
}

const MASK = 0xffffffffffffffffn;
const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

const rotl64 = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & MASK;
const mix1 = (block: bigint): bigint => (rotl64((block * C1) & MASK, 31n) * C2) & MASK;
const mix2 = (block: bigint): bigint => (rotl64((block * C2) & MASK, 33n) * C1) & MASK;

function fmix64(value: bigint): bigint {
  let h = value;
  h ^= h >> 33n;
  h = (h * 0xff51afd7ed558ccdn) & MASK;
  h ^= h >> 33n;
  h = (h * 0xc4ceb9fe1a85ec53n) & MASK;
  return h ^ (h >> 33n);
}

function littleEndian(bytes: Uint8Array, from: number, to: number): bigint {
  let value = 0n;
  for (let i = to - 1; i >= from; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

/** MurmurHash3 x64 128-bit with seed 0: the low and the high half. */
export function murmur128(bytes: Uint8Array): { low: bigint; high: bigint } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks = bytes.length & ~15;
  let h1 = 0n;
  let h2 = 0n;
  for (let i = 0; i < blocks; i += 16) {
    h1 ^= mix1(view.getBigUint64(i, true));
    h1 = ((rotl64(h1, 27n) + h2) * 5n + 0x52dce729n) & MASK;
    h2 ^= mix2(view.getBigUint64(i + 8, true));
    h2 = ((rotl64(h2, 31n) + h1) * 5n + 0x38495ab5n) & MASK;
  }
  const length = bytes.length;
  if (length - blocks > 8) h2 ^= mix2(littleEndian(bytes, blocks + 8, length));
  if (length > blocks) h1 ^= mix1(littleEndian(bytes, blocks, Math.min(length, blocks + 8)));
  h1 ^= BigInt(length);
  h2 ^= BigInt(length);
  h1 = (h1 + h2) & MASK;
  h2 = (h2 + h1) & MASK;
  h1 = fmix64(h1);
  h2 = fmix64(h2);
  h1 = (h1 + h2) & MASK;
  h2 = (h2 + h1) & MASK;
  return { low: h1, high: h2 };
}
