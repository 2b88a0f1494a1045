// The fault matrix: each row names a test that exists, on both clouds or at the edge.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { FAULTS, faultDocument, missingTests } from '../../build/fault-matrix.ts';
import { PROJECT } from './support/sources.ts';

const read = (file: string): string | undefined =>
  existsSync(path.join(PROJECT, file)) ? readFileSync(path.join(PROJECT, file), 'utf8') : undefined;

test('every fault names tests that exist', () => {
  expect(missingTests(FAULTS, read)).toEqual([]);
});

test('a fault in a cell names a test for each cloud', () => {
  const halves = FAULTS.filter(({ tests }) => (tests.AWS === undefined) !== (tests.Azure === undefined));
  expect(halves).toEqual([]);
  expect(FAULTS.filter(({ tests }) => Object.keys(tests).length === 0)).toEqual([]);
});

test('a test that is not there is refused', () => {
  const row = { fault: 'A', component: 'cell', promise: 'B' } as const;
  const gone = { ...row, tests: { edge: ['test/gone.test.ts', 'x'] } } as const;
  const other = { ...row, tests: { edge: ['test/arch/faults.test.ts', 'never ' + 'written'] } } as const;
  expect(missingTests([gone, other], read)).toEqual([
    'A: test/gone.test.ts is not there.',
    'A: test/arch/faults.test.ts has no test “never ' + 'written”.',
  ]);
});

test('a row names a test once for both clouds where they share it', () => {
  const tests = { AWS: ['a.ts', 'one'], Azure: ['a.ts', 'one'], edge: ['b.ts', 'two'] } as const;
  const document = faultDocument([{ fault: 'F', component: 'cell', promise: 'P', tests }]);
  expect(document).toContain('| F | cell | AWS, Azure; edge | P | `a.ts`: one; `b.ts`: two | by the test |');
});
