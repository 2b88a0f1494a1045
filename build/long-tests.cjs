// Which tests are long: those that run whole stacks, or servers with thousands of items, make releases and install packages, kill processes under
// load, wait for leases to end, simulate minutes of a cell, or search models. `npm test` leaves them to `npm run test:long`, so that it ends within minutes; the gate runs both.

const RULES = [
  '/test/e2e/(build-your-own|console|drill[a-z-]*|edge|leases|orders|padding|parity)\\.e2e\\.test\\.ts$',
  '/test/e2e/[a-z]+-(faults|containers|sums)\\.e2e\\.test\\.ts$',
  '/test/contract/[a-z-]+-at-size\\.int\\.test\\.ts$',
  '/test/integration/cli/',
  '/test/integration/infra/apply\\.int\\.test\\.ts$',
  '/test/integration/build/(deploy-cell|package|programs|without-domains)\\.int\\.test\\.ts$',
  '/emulators/[a-z-]+/test/integration/package\\.int\\.test\\.ts$',
  '/test/unit/simulation/',
  '-model\\.test\\.ts$',
  'histories\\.test\\.ts$',
  '/(running-clocks|victims)\\.test\\.ts$',
];

const LONG = new RegExp(RULES.join('|'));

/** @param {string} path */
const isLong = (path) => LONG.test(path.replaceAll('\\', '/'));

/** Leaves the long ones, as `jest --filter` takes them. @param {readonly string[]} paths */
const longOnes = async (paths) => ({ filtered: paths.filter(isLong) });

module.exports = Object.assign(longOnes, { isLong, RULES });
