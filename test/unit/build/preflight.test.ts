// Faults of the checkout: one sentence that says what to do, and no sentence for faults of the product.
import { explainFault } from '../../../build/preflight.mjs';

const fault = (code: string, message: string, path?: string) => Object.assign(new Error(message), { code, path });

test('packages that are not installed', () => {
  expect(explainFault(fault('ERR_MODULE_NOT_FOUND', "Cannot find package 'esbuild' imported from /x"))).toBe(
    'The dependencies are not installed. Run `npm ci` in the folder of the checkout, then try again.',
  );
  expect(explainFault(fault('ENOENT', 'spawn node_modules/.bin/biome ENOENT'))).toMatch(
    /^The dependencies are not installed/,
  );
  expect(explainFault(fault('ERR_MODULE_NOT_FOUND', "Cannot find module '/x/y.mjs'"))).toBeUndefined();
});

test.each([
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EROFS', 'the file system is read-only'],
])('a folder that cannot be written: %s', (code, reason) => {
  expect(explainFault(fault(code, 'raw', '/x/dist/a.map.31-2.draft'))).toMatch(
    `Cannot write /x/dist/a.map: ${reason}. Polycell writes dist/ and .polycell/ in its checkout: `,
  );
  // Not a folder of the checkout: `--data`, for one.
  expect(explainFault(fault(code, 'raw', '/x/state'))).toBe(`Cannot write /x/state: ${reason}.`);
});

test.each([undefined, null, 'text', new Error('x'), fault('EACCES', 'listen EACCES')])(
  '%j is no such fault',
  (error) => {
    expect(explainFault(error)).toBeUndefined();
  },
);
