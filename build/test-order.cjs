// The order in which test files are begun: the longest kinds first, so that none of them is left over for the end.
const { default: Sequencer } = require('@jest/test-sequencer');

/** End-to-end tests take up to a minute and a half each, the others seconds. */
const KINDS = ['.e2e.test.ts', '.int.test.ts', ''];

class LongestKindsFirst extends Sequencer {
  /** @override @param {Parameters<import('@jest/test-sequencer').default['sort']>[0]} tests */
  async sort(tests) {
    const usual = await super.sort(tests);
    return KINDS.flatMap((kind) => usual.filter(({ path }) => KINDS.find((each) => path.endsWith(each)) === kind));
  }
}

module.exports = LongestKindsFirst;
