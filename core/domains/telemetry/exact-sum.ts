// Sums of floating-point numbers that do not depend on the order of addition, and from which numbers can be taken away again.

/** Numbers that do not overlap, whose sum is meant (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997). */
type Parts = readonly number[];

/**
 * An exact sum: usually one to three parts, some dozens for numbers of every size there is. Numbers from `LARGE` on are summed apart
 * and scaled down, so that no sum in between leaves the range of a double, whatever cancels it later.
 */
export type ExactSum = Parts | { readonly small: Parts; readonly large: Parts };

/** 2^53 numbers below it stay within the range of a double. */
const LARGE = 2 ** 960;

/** The parts of `large` are so many powers of two smaller than what they stand for. Exact: they are far from the smallest doubles. */
const SCALE_BITS = 200;
const SCALE = 2 ** -SCALE_BITS;

/** The sum with `value` added, without any rounding. */
export const addExactly = (sum: ExactSum, value: number): ExactSum => {
  const { small, large } = split(sum);
  return Math.abs(value) < LARGE ? joined(add(small, value), large) : joined(small, add(large, value * SCALE));
};

/** The sum of two sums; with `sign` -1, their difference. */
export const combine = (sum: ExactSum, other: ExactSum, sign: 1 | -1 = 1): ExactSum => {
  const [a, b] = [split(sum), split(other)];
  const addAll = (to: Parts, parts: Parts) => parts.reduce<Parts>((total, part) => add(total, sign * part), to);
  return joined(addAll(a.small, b.small), addAll(a.large, b.large));
};

/** The double nearest to the exact sum (half to even, as the hardware rounds); the largest double for what lies beyond. */
export function roundSum(sum: ExactSum): number {
  const { small, large } = split(sum);
  if (large.length === 0) return roundParts(small);
  const units = (parts: Parts) => parts.reduce((total, part) => total + unitsOf(part), 0n);
  return nearest(units(small) + (units(large) << BigInt(SCALE_BITS)));
}

const split = (sum: ExactSum): { readonly small: Parts; readonly large: Parts } =>
  'small' in sum ? sum : { small: sum, large: [] };

const joined = (small: Parts, large: Parts): ExactSum => (large.every((part) => part === 0) ? small : { small, large });

function add(parts: Parts, value: number): Parts {
  const result: number[] = [];
  let carry = value;
  for (const part of parts) {
    const [larger, smaller] = Math.abs(carry) < Math.abs(part) ? [part, carry] : [carry, part];
    const high = larger + smaller;
    // Sums that an earlier release has stored may stand at the end of the range.
    if (!Number.isFinite(high)) return [Math.sign(high) * Number.MAX_VALUE];
    const low = smaller - (high - larger);
    if (low !== 0) result.push(low);
    carry = high;
  }
  if (carry !== 0 || result.length === 0) result.push(carry);
  return result;
}

function roundParts(parts: Parts): number {
  let index = parts.length - 1;
  let high = parts[index] ?? 0;
  let low = 0;
  while (index > 0) {
    const large = high;
    const part = parts[--index] ?? 0;
    high = large + part;
    low = part - (high - large);
    if (low !== 0) break;
  }
  const beyond = parts[index - 1] ?? 0;
  // `low` is exactly half a unit away: what lies beyond it decides to which side the tie falls.
  if (index > 0 && ((low < 0 && beyond < 0) || (low > 0 && beyond > 0))) {
    const twice = low * 2;
    const candidate = high + twice;
    if (twice === candidate - high) return candidate;
  }
  return high + 0;
}

/** The exponent of the smallest double, 2^-1074, of which every double is a whole multiple. */
const SMALLEST_EXPONENT = 1074;
const FRACTION_BITS = 52n;

/** A finite double as a multiple of the smallest one (IEEE 754 binary64). */
function unitsOf(value: number): bigint {
  const bits = new BigUint64Array(new Float64Array([value]).buffer)[0] ?? 0n;
  const exponent = (bits >> FRACTION_BITS) & 0x7ffn;
  const fraction = bits & ((1n << FRACTION_BITS) - 1n);
  const size = exponent === 0n ? fraction : (fraction | (1n << FRACTION_BITS)) << (exponent - 1n);
  return value < 0 ? -size : size;
}

/** The double nearest to a multiple of the smallest one, half to even. */
function nearest(units: bigint): number {
  const size = units < 0n ? -units : units;
  const shift = Math.max(0, size.toString(2).length - Number(FRACTION_BITS) - 1);
  const kept = size >> BigInt(shift);
  const rest = size - (kept << BigInt(shift));
  const half = shift === 0 ? 0n : 1n << BigInt(shift - 1);
  const isUp = rest > half || (rest === half && half > 0n && (kept & 1n) === 1n);
  const result = Number(isUp ? kept + 1n : kept) * 2 ** (shift - SMALLEST_EXPONENT);
  return Math.min(result, Number.MAX_VALUE) * (units < 0n ? -1 : 1);
}
