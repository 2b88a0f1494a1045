// Which tests are long: those that wait for minutes, load whole cells, kill processes under load, or search models. `npm test` leaves them to
// `npm run test:long`, so that it ends within minutes; the gate runs both.

const RULES = [
  '/test/e2e/(drill[a-z-]*|leases|parity|build-your-own)\\.e2e\\.test\\.ts$',
  '/test/e2e/[a-z]+-(faults|containers)\\.e2e\\.test\\.ts$',
  '/test/unit/simulation/',
  '-model\\.test\\.ts$',
  'histories\\.test\\.ts$',
  '/running-clocks\\.test\\.ts$',
];

const LONG = new RegExp(RULES.join('|'));

/** Leaves the short ones, as `jest --filter` takes them. @param {readonly string[]} paths */
const shortOnes = async (paths) => ({ filtered: paths.filter((path) => !LONG.test(path.replaceAll('\\', '/'))) });

module.exports = Object.assign(shortOnes, { LONG, RULES });
