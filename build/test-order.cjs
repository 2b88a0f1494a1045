// The order in which test files are begun, so that processors are busy all the time and no long file is left over for the end.
const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * Drills and the tests of leases wait for minutes, for hidden messages to be delivered again and for leases to end, and need little of a
 * processor: they begin first. Contracts of buses wait as well. Of the rest, those that run processes are the long ones.
 */
const PLACES = [
  /\/(?:drill[a-z-]*|leases)\.e2e\.test\.ts$/,
  /-bus\.int\.test\.ts$/,
  /\.e2e\.test\.ts$/,
  /\.int\.test\.ts$/,
  /\.test\.ts$/,
];

class PatientTestsFirst extends Sequencer {
  /** @override @param {Parameters<import('@jest/test-sequencer').default['sort']>[0]} tests */
  async sort(tests) {
    const place = (/** @type {string} */ path) => PLACES.findIndex((pattern) => pattern.test(path));
    return (await super.sort(tests)).sort((a, b) => place(a.path) - place(b.path));
  }
}

module.exports = PatientTestsFirst;
