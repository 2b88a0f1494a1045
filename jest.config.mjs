// Jest: one project per kind of test; the file name says what a test may cost (CONTRIBUTING.md has the table).

/**
 * What modules use most of what is global. In the realm of a test each look at a global asks Node.js, which takes a good part of the time of
 * tests that compute; these are parameters of each module instead. None of them may be replaced by a test.
 */
const GLOBALS = [
  ...['Array', 'BigInt', 'Date', 'Error', 'JSON', 'Map', 'Math', 'Number', 'Object', 'Promise', 'RangeError'],
  ...['Reflect', 'RegExp', 'String', 'Symbol', 'TypeError', 'Uint8Array', 'WeakMap'],
];

const shared = {
  testEnvironment: 'node',
  transform: {
    '^.+\\.[mc]?ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
    '^.+(\\.mjs|/node_modules/(jose|hyparquet|hyparquet-writer)/.+\\.js)$': [
      '@swc/jest',
      { jsc: { target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  extensionsToTreatAsEsm: [],
  transformIgnorePatterns: ['node_modules/(?!@noble/|jose/|hyparquet)'],
  modulePathIgnorePatterns: ['<rootDir>/(.+/)?dist/'],
  setupFiles: ['<rootDir>/test/support/one-realm.ts'],
  sandboxInjectedGlobals: GLOBALS,
};

/** @param {string} displayName @param {string[]} testMatch @param {object} [more] */
const project = (displayName, testMatch, more = {}) => ({ displayName, testMatch, ...shared, ...more });

/** Tests lie in `test/`, and in the folders of emulators, hosts and domains, which are complete on their own. */
const everywhere = (/** @type {string} */ ending) => [
  `<rootDir>/test/**/*.${ending}`,
  `<rootDir>/{emulators,hosts}/*/test/**/*.${ending}`,
  `<rootDir>/{core/domains,examples}/*/test/**/*.${ending}`,
];

export default {
  // Only finds what hangs: with four times the work that it has processors for, a machine takes seconds for what takes milliseconds.
  testTimeout: 300_000,
  // Jest tracks promises with one more store for each file that a process has run, so whatever has many promises gets slower and slower. A
  // new process after some files made the unit tests four times as fast.
  workerIdleMemoryLimit: '200MB',
  testSequencer: '<rootDir>/build/test-order.cjs',
  projects: [
    project('unit', everywhere('test.ts'), {
      setupFilesAfterEnv: ['<rootDir>/test/support/no-network.ts'],
      testPathIgnorePatterns: ['\\.(int|e2e)\\.test\\.ts$', '<rootDir>/test/arch/'],
    }),
    project('arch', ['<rootDir>/test/arch/*.test.ts']),
    project('integration', everywhere('int.test.ts')),
    project('e2e', ['<rootDir>/test/**/*.e2e.test.ts']),
  ],
};
