// Sums of doubles without rounding, in whole multiples of the smallest double, to compare the product's sums with.

const SMALLEST_EXPONENT = 1074n;

/** A finite double as a multiple of 2^-1074. */
export function exactly(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const size = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return bits >> 63n === 1n ? -size : size;
}

/** The double nearest to a multiple of 2^-1074, half to even; the largest double for what lies beyond. */
export function nearest(multiple: bigint): number {
  const size = multiple < 0n ? -multiple : multiple;
  const sign = multiple < 0n ? -1 : 1;
  const shift = BigInt(Math.max(0, size.toString(2).length - 53));
  let kept = size >> shift;
  const rest = size - (kept << shift);
  const half = shift === 0n ? 0n : 1n << (shift - 1n);
  if (rest > half || (rest === half && half > 0n && (kept & 1n) === 1n)) kept += 1n;
  const result = Number(kept) * 2 ** Number(shift - SMALLEST_EXPONENT);
  return sign * (Number.isFinite(result) ? result : Number.MAX_VALUE);
}

/** The sum of doubles, rounded once. */
export const exactSum = (values: readonly number[]): number =>
  nearest(values.reduce((total, value) => total + exactly(value), 0n));
