// Built-in mathematical functions, as in https://learn.microsoft.com/cosmos-db/query/mathematical-functions.
import type { Value } from '../../json.ts';
import { type BuiltIn, type BuiltIns, finite, fixed, ofNumber, ofNumbers } from './types.ts';

/** A function of two 64-bit integers; numbers with a fraction are not integers. */
const ofIntegers = (f: (a: bigint, b: bigint) => bigint | undefined): BuiltIn =>
  fixed(2, ([a, b]) => {
    if (!Number.isInteger(a) || !Number.isInteger(b)) return undefined;
    const result = f(BigInt(Number(a)), BigInt(Number(b)));
    return result === undefined ? undefined : Number(BigInt.asIntN(64, result));
  });

const roundAway = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

function round([value, digits]: readonly Value[]): Value {
  if (typeof value !== 'number') return undefined;
  if (digits === undefined) return roundAway(value);
  if (typeof digits !== 'number' || !Number.isInteger(digits) || Math.abs(digits) > 300) return undefined;
  // Through decimal text, so that 1.005 is not first distorted by a multiplication.
  const shifted = Number(`${roundAway(Number(`${value}e${digits}`))}e${-digits}`);
  return finite(shifted);
}

export const MATH_FUNCTIONS: BuiltIns = {
  ABS: ofNumber(Math.abs),
  ACOS: ofNumber(Math.acos),
  ASIN: ofNumber(Math.asin),
  ATAN: ofNumber(Math.atan),
  ATN2: ofNumbers(Math.atan2),
  CEILING: ofNumber(Math.ceil),
  COS: ofNumber(Math.cos),
  COT: ofNumber((x) => 1 / Math.tan(x)),
  DEGREES: ofNumber((x) => (x * 180) / Math.PI),
  EXP: ofNumber(Math.exp),
  FLOOR: ofNumber(Math.floor),
  LOG: {
    min: 1,
    max: 2,
    call: ([x, base]) => {
      if (typeof x !== 'number') return undefined;
      if (base === undefined) return finite(Math.log(x));
      return typeof base === 'number' ? finite(Math.log(x) / Math.log(base)) : undefined;
    },
  },
  LOG10: ofNumber(Math.log10),
  PI: fixed(0, () => Math.PI),
  POWER: ofNumbers((x, y) => x ** y),
  RADIANS: ofNumber((x) => (x * Math.PI) / 180),
  RAND: fixed(0, () => Math.random()),
  ROUND: { min: 1, max: 2, call: round },
  SIGN: ofNumber(Math.sign),
  SIN: ofNumber(Math.sin),
  SQRT: ofNumber(Math.sqrt),
  SQUARE: ofNumber((x) => x * x),
  TAN: ofNumber(Math.tan),
  TRUNC: ofNumber(Math.trunc),
  NUMBERBIN: {
    min: 1,
    max: 2,
    call: ([x, size = 1]) => {
      if (typeof x !== 'number' || typeof size !== 'number' || size === 0) return undefined;
      return finite(Math.floor(x / size) * size);
    },
  },
  INTADD: ofIntegers((a, b) => a + b),
  INTSUB: ofIntegers((a, b) => a - b),
  INTMUL: ofIntegers((a, b) => a * b),
  INTDIV: ofIntegers((a, b) => (b === 0n ? undefined : a / b)),
  INTMOD: ofIntegers((a, b) => (b === 0n ? undefined : a % b)),
  INTBITAND: ofIntegers((a, b) => a & b),
  INTBITOR: ofIntegers((a, b) => a | b),
  INTBITXOR: ofIntegers((a, b) => a ^ b),
  INTBITLEFTSHIFT: ofIntegers((a, b) => (b < 0n || b > 63n ? undefined : a << b)),
  INTBITRIGHTSHIFT: ofIntegers((a, b) => (b < 0n || b > 63n ? undefined : a >> b)),
  INTBITNOT: fixed(1, ([a]) => (Number.isInteger(a) ? Number(BigInt.asIntN(64, ~BigInt(Number(a)))) : undefined)),
};
