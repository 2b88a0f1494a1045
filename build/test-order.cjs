// The order in which test files are begun, so that no long one is left over for the end, and none starves.
const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * The ends of files' names. Unit tests come first: each keeps a processor busy, and beside the many processes of end-to-end tests one
 * that takes eight seconds took seventy. Of the rest, end-to-end tests are the long ones.
 */
const LATER = ['.e2e.test.ts', '.int.test.ts'];

class UnitTestsFirst extends Sequencer {
  /** @override @param {Parameters<import('@jest/test-sequencer').default['sort']>[0]} tests */
  async sort(tests) {
    const place = (/** @type {string} */ path) => LATER.findIndex((end) => path.endsWith(end));
    return (await super.sort(tests)).sort((a, b) => place(a.path) - place(b.path));
  }
}

module.exports = UnitTestsFirst;
