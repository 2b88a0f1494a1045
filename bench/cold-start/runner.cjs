// Loads one bundle in a fresh process, calls its handler once, and tells how long each took; started by `cold-start`.
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const vm = require('node:vm');

const { file, cache, event } = JSON.parse(process.argv[2] ?? '{}');

/** Compiles the bundle with the code that V8 kept of an earlier run, as a wrapper of Lambda's could. */
function requireCached() {
  const script = new vm.Script(Module.wrap(readFileSync(file, 'utf8')), {
    filename: file,
    cachedData: readFileSync(cache),
  });
  if (script.cachedDataRejected) throw new Error('V8 did not take its code cache.');
  const loaded = { exports: /** @type {any} */ ({}) };
  script.runInThisContext().call(loaded.exports, loaded.exports, require, loaded, file, path.dirname(file));
  return loaded.exports;
}

/** Writes the code cache after one call, when V8 has compiled what a call needs. */
async function makeCache() {
  const script = new vm.Script(Module.wrap(readFileSync(file, 'utf8')), { filename: file });
  const loaded = { exports: /** @type {any} */ ({}) };
  script.runInThisContext().call(loaded.exports, loaded.exports, require, loaded, file, path.dirname(file));
  await loaded.exports.handler(event, context);
  require('node:fs').writeFileSync(cache, script.createCachedData());
}

const context = { getRemainingTimeInMillis: () => 10_000 };

async function main() {
  if (process.argv[3] === 'make-cache') return makeCache();
  const began = performance.now();
  const { handler } = file.endsWith('.mjs')
    ? await import(file)
    : cache === undefined
      ? require(file)
      : requireCached();
  if (typeof handler !== 'function') throw new Error(`${file} exports no handler.`);
  const loaded = performance.now();
  const answer = await handler(event, context);
  const called = performance.now();
  process.stdout.write(JSON.stringify({ load: loaded - began, first: called - loaded, answer }));
  // Connections that are kept alive would hold the process.
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
