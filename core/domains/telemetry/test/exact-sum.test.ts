// Exact sums: compared with whole-number arithmetic, in any order, with values taken away again.
import fc from 'fast-check';
import { property } from '../../../../test/support/properties.ts';
import { addExactly, combine, type ExactSum, roundSum } from '../exact-sum.ts';
import { exactly, exactSum, nearest } from './rational.ts';

const sumOf = (values: readonly number[]): ExactSum => values.reduce<ExactSum>(addExactly, []);

/** Doubles of all sizes that there are. */
const double = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ noNaN: true, min: -1e3, max: 1e3 }),
  fc.integer({ min: -1000, max: 1000 }),
  fc.constantFrom(0, -0, 0.1, -0.1, 5e-324, -5e-324, 2 ** 53, -(2 ** 53), 2 ** -1022, 1e16, 1, -1, 2 ** 1000, 2 ** 960),
  fc.constantFrom(Number.MAX_VALUE, -Number.MAX_VALUE, 1e308, -1e308),
  fc
    .tuple(fc.integer({ min: -1074, max: 1023 }), fc.constantFrom(1, -1))
    .map(([exponent, sign]) => sign * 2 ** exponent),
);
const doubles = fc.array(double, { maxLength: 60 });

describe('the reference itself', () => {
  test.each([
    [[0.1, 0.2], 0.30000000000000004],
    [[0.1, 0.2, 0.3], 0.6],
    [[1, 2 ** -53], 1],
    [[1, 2 ** -53, 2 ** -1074], 1.0000000000000002],
    [[1e308, 1e308], 1.7976931348623157e308],
    [[5e-324, 5e-324], 1e-323],
  ])('%j is %d', (values, expected) => {
    expect(exactSum(values)).toBe(expected);
  });

  property('a double is the double nearest to it', double, (value) => {
    expect(nearest(exactly(value))).toBe(value + 0);
  });
});

describe('known sums', () => {
  test.each<[string, number[], number]>([
    ['none', [], 0],
    ['minus zero', [-0], 0],
    ['cancellation of what is large', [1e16, 1, -1e16], 1],
    ['cancellation of everything', [0.1, 0.2, -0.1, -0.2], 0],
    ['ten tenths', Array.from({ length: 10 }, () => 0.1), 1],
    ['what is small beside what is huge', [1e300, 1e-300, -1e300], 1e-300],
    ['a tie that a tiny rest decides upwards', [1, 2 ** -53, 5e-324], 1.0000000000000002],
    ['a tie that a tiny rest decides downwards', [1, 2 ** -53, -5e-324], 1],
    ['a tie without a rest goes to even', [1 + 2 ** -52, 2 ** -53], 1.0000000000000004],
    ['the smallest doubles', [5e-324, 5e-324, -5e-324], 5e-324],
  ])('%s', (_case, values, expected) => {
    expect(roundSum(sumOf(values))).toBe(expected);
  });

  test('the sum of nothing is 0 and not -0', () => {
    expect(Object.is(roundSum([]), 0)).toBe(true);
    expect(Object.is(roundSum([-0]), 0)).toBe(true);
  });

  test('beyond the range of a double it stays at the largest one', () => {
    expect(roundSum(sumOf([1e308, 1e308]))).toBe(1.7976931348623157e308);
    expect(roundSum(sumOf([-1e308, -1e308]))).toBe(-1.7976931348623157e308);
    expect(roundSum(sumOf([1e308, 1e308, 1e308, 5]))).toBe(1.7976931348623157e308);
  });

  test.each([[[1e308, 1e308, -1e308]], [[1e308, -1e308, 1e308]], [[-1e308, 1e308, 1e308]]])(
    'what left the range comes back: %j',
    (values) => {
      expect(roundSum(sumOf(values))).toBe(1e308);
    },
  );

  test('a sum that an earlier release has left at the end of the range stays there', () => {
    expect(roundSum(addExactly([Number.MAX_VALUE], 2 ** 959))).toBe(Number.MAX_VALUE);
  });
});

property(
  'a sum is the exact one, rounded once',
  doubles,
  (values) => {
    expect(roundSum(sumOf(values))).toBe(exactSum(values));
  },
  1000,
);

property('no precision is lost inside either', doubles, (values) => {
  const sum = sumOf(values);
  const { small, large } = 'small' in sum ? sum : { small: sum, large: [] };
  const exact = (parts: readonly number[]) => parts.reduce((total, part) => total + exactly(part), 0n);
  const inside = exact(small) + (exact(large) << 200n);
  expect(inside).toBe(values.reduce((total, value) => total + exactly(value), 0n));
});

property(
  'the order does not matter',
  fc.tuple(doubles, fc.array(fc.nat(1000), { maxLength: 60 })),
  ([values, keys]) => {
    const shuffled = values
      .map((value, index) => ({ value, key: keys[index] ?? 0 }))
      .sort((a, b) => a.key - b.key)
      .map(({ value }) => value);
    expect(roundSum(sumOf(shuffled))).toBe(roundSum(sumOf(values)));
  },
);

property('sums add up', fc.tuple(doubles, doubles), ([a, b]) => {
  expect(roundSum(combine(sumOf(a), sumOf(b)))).toBe(exactSum([...a, ...b]));
});

property('what was added can be taken away', fc.tuple(doubles, doubles), ([a, b]) => {
  const both = combine(sumOf(a), sumOf(b));
  expect(roundSum(combine(both, sumOf(b), -1))).toBe(exactSum(a));
  expect(roundSum(combine(combine(both, sumOf(a), -1), sumOf(b), -1))).toBe(0);
});

property('a sum survives JSON', doubles, (values) => {
  const sum = sumOf(values);
  expect(roundSum(JSON.parse(JSON.stringify(sum)) as ExactSum)).toBe(roundSum(sum));
});

property(
  'a sum of numbers of every size has some dozens of parts, however often it is changed',
  fc.array(double, { minLength: 300, maxLength: 400, size: 'max' }),
  (values) => {
    let sum: ExactSum = [];
    for (const value of values) {
      sum = combine(addExactly(sum, value), [value / 3], -1);
      expect(JSON.stringify(sum).split(',').length).toBeLessThanOrEqual(100);
    }
  },
  50,
);
