// Which tests are short: those that are not long.
const { isLong } = require('./long-tests.cjs');

/** Leaves the short ones, as `jest --filter` takes them. @param {readonly string[]} paths */
module.exports = async (paths) => ({ filtered: paths.filter((path) => !isLong(path)) });
