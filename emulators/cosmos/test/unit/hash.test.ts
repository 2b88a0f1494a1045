// Effective partition keys must equal the SDK's own, which groups bulk operations and picks ranges by them.
import fc from 'fast-check';
import { hashPartitionKey } from '../../../../node_modules/@azure/cosmos/dist/commonjs/utils/hashing/hash.js';
import { effectivePartitionKey, evenBoundaries, middleOf } from '../../hash/epk.ts';

type Scalar = string | number | boolean | null;
/** The SDK's spelling of "no such property". */
const forSdk = (key: readonly (Scalar | undefined)[]): never =>
  key.map((part) => (part === undefined ? {} : part)) as never;

test('known keys', () => {
  expect(effectivePartitionKey(['hello'], 'v2')).toBe('0A8B5792B7BA3C7C47B0D1305A3C6F8A');
  expect(effectivePartitionKey(['hello'], 'v1')).toBe('05C1EFF74961FE0869666D6D7000');
  expect(effectivePartitionKey(['a', 1], 'multi')).toHaveLength(64);
  expect(effectivePartitionKey([undefined], 'v2')).toBe('11622DAA78F835834610ABE56EFF5CB5');
});

const edge: readonly (Scalar | undefined)[] = [
  '',
  'a',
  '鱀',
  '\ud83d\ude00',
  'x'.repeat(99),
  'x'.repeat(100),
  'x'.repeat(101),
  'é'.repeat(100),
  'x'.repeat(2000),
  0,
  -0,
  1,
  -1,
  0.1,
  -1.5,
  1e300,
  5e-324,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  true,
  false,
  null,
  undefined,
];

test.each(edge.map((value) => [value]))('the key %p hashes as in the SDK', (value) => {
  expect(effectivePartitionKey([value], 'v2')).toBe(
    hashPartitionKey(forSdk([value]), { paths: ['/k'], version: 2 } as never),
  );
  expect(effectivePartitionKey([value], 'v1')).toBe(hashPartitionKey(forSdk([value]), { paths: ['/k'] } as never));
});

test('any key hashes as in the SDK', () => {
  const scalar = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
  );
  fc.assert(
    fc.property(fc.array(scalar, { minLength: 1, maxLength: 3 }), (key) => {
      const multi = { paths: ['/a', '/b', '/c'], version: 2, kind: 'MultiHash' } as never;
      expect(effectivePartitionKey(key, 'multi')).toBe(hashPartitionKey(forSdk(key), multi));
      expect(effectivePartitionKey(key.slice(0, 1), 'v2')).toBe(
        hashPartitionKey(forSdk(key.slice(0, 1)), { paths: ['/a'], version: 2 } as never),
      );
      expect(effectivePartitionKey(key.slice(0, 1), 'v1')).toBe(
        hashPartitionKey(forSdk(key.slice(0, 1)), { paths: ['/a'] } as never),
      );
    }),
    { seed: 20260101, numRuns: 500 },
  );
});

test.each(['v1', 'v2', 'multi'] as const)('boundaries of %s tile the key space and spread keys evenly', (kind) => {
  const bounds = evenBoundaries(5, kind);
  expect(bounds[0]).toBe('');
  expect(bounds.at(-1)).toBe('FF');
  expect([...bounds].sort()).toEqual(bounds);
  const counts = new Array<number>(5).fill(0);
  for (let n = 0; n < 5000; n++) {
    const epk = effectivePartitionKey([`key-${n}`], kind);
    const range = bounds.findIndex((bound, index) => epk >= bound && epk < (bounds[index + 1] ?? ''));
    counts[range] = (counts[range] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(850);
});

test('the middle of a range is inside it', () => {
  expect(middleOf('', 'FF', 'v2')).toMatch(/^20+$/);
  expect(middleOf('15', '16', 'v2')).toMatch(/^1580+$/);
});
