// Sums of floating-point numbers that do not depend on the order of addition, and from which numbers can be taken away again.

/**
 * An exact sum as a list of numbers that do not overlap (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997):
 * usually one to three of them, some dozens for numbers of every size there is. Beyond the range of a double the sum stays at the largest one.
 */
export type ExactSum = readonly number[];

/** The sum with `value` added, without any rounding. */
export function addExactly(sum: ExactSum, value: number): ExactSum {
  const parts: number[] = [];
  let carry = value;
  for (const part of sum) {
    const [large, small] = Math.abs(carry) < Math.abs(part) ? [part, carry] : [carry, part];
    const high = large + small;
    if (!Number.isFinite(high)) return [Math.sign(high) * Number.MAX_VALUE];
    const low = small - (high - large);
    if (low !== 0) parts.push(low);
    carry = high;
  }
  if (carry !== 0 || parts.length === 0) parts.push(carry);
  return parts;
}

/** The sum of two sums; with `sign` -1, their difference. */
export const combine = (sum: ExactSum, other: ExactSum, sign: 1 | -1 = 1): ExactSum =>
  other.reduce<ExactSum>((total, part) => addExactly(total, sign * part), sum);

/** The double nearest to the exact sum (half to even, as the hardware rounds). */
export function roundSum(sum: ExactSum): number {
  let index = sum.length - 1;
  let high = sum[index] ?? 0;
  let low = 0;
  while (index > 0) {
    const large = high;
    const part = sum[--index] ?? 0;
    high = large + part;
    low = part - (high - large);
    if (low !== 0) break;
  }
  const beyond = sum[index - 1] ?? 0;
  // `low` is exactly half a unit away: what lies beyond it decides to which side the tie falls.
  if (index > 0 && ((low < 0 && beyond < 0) || (low > 0 && beyond > 0))) {
    const twice = low * 2;
    const candidate = high + twice;
    if (twice === candidate - high) return candidate;
  }
  return high + 0;
}
