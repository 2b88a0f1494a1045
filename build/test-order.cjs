// The order in which test files are begun, so that processors are busy all the time and no long file is left over for the end.
const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * Drills and the tests of leases wait for minutes, for hidden messages to be delivered again and for leases to end, and need little of a
 * processor: they begin first.
 */
const PATIENT = /\/(?:drill[a-z-]*|leases)\.e2e\.test\.ts$/;

/**
 * Those that run processes, and wait for them. The contracts of the two buses wait most, so one begins before the end-to-end tests, which work
 * most, and one after them.
 */
const WAITING = [
  /\/contract\/service-bus\.int\.test\.ts$/,
  /\.e2e\.test\.ts$/,
  /\/contract\/sns-sqs-bus\.int\.test\.ts$/,
  /\.int\.test\.ts$/,
];

class PatientTestsFirst extends Sequencer {
  /** @override @param {Parameters<import('@jest/test-sequencer').default['sort']>[0]} tests */
  async sort(tests) {
    const sorted = await super.sort(tests);
    const place = (/** @type {string} */ path) => WAITING.findIndex((pattern) => pattern.test(path));
    const patient = sorted.filter(({ path }) => PATIENT.test(path));
    const others = sorted.filter(({ path }) => !PATIENT.test(path));
    const waiting = others.filter(({ path }) => place(path) !== -1).sort((a, b) => place(a.path) - place(b.path));
    const working = others.filter(({ path }) => place(path) === -1);
    return [...patient, ...mixed(waiting, working)];
  }
}

/**
 * Both in their order, the second ones evenly between the first ones: what one leaves of a processor another one takes.
 * @template T @param {readonly T[]} first @param {readonly T[]} second @returns {T[]}
 */
function mixed(first, second) {
  if (first.length === 0) return [...second];
  // Whole numbers before they are divided: a share that was rounded would lose the last file.
  const upTo = (/** @type {number} */ count) => Math.floor((count * second.length) / first.length);
  return first.flatMap((each, index) => [each, ...second.slice(upTo(index), upTo(index + 1))]);
}

module.exports = Object.assign(PatientTestsFirst, { mixed });
