// Loads one bundle in a fresh process, calls its handler once, and reports how long each took; started by `cold-start`.
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
  await handlerOf(loaded.exports)?.(event, context);
  require('node:fs').writeFileSync(cache, script.createCachedData());
}

const context = { getRemainingTimeInMillis: () => 10_000 };

/** @type {{ metadata: any, callback: Function }[]} what an Azure app registered */
const functions = [];
/** @type {any} the programming model of its library */
let model;

/** What the worker of Azure Functions gives an app, as far as loading it and one call need it. */
const core = {
  version: '3.12.0',
  hostVersion: '4.0.0',
  Disposable: class {},
  setProgrammingModel: (/** @type {unknown} */ next) => {
    model = next;
  },
  getProgrammingModel: () => model,
  registerFunction: (/** @type {object} */ metadata, /** @type {Function} */ callback) => {
    functions.push({ metadata, callback });
  },
  registerHook: () => undefined,
  log: () => undefined,
};

/** @type {any} */
const loader = Module;
const load = loader._load;
/** @param {string} request @param {...unknown} rest */
loader._load = (request, ...rest) => (request === '@azure/functions-core' ? core : load(request, ...rest));

/** Calls the app's first function as the worker does. @param {{ data: object, triggerMetadata?: object }} request */
async function callFunction({ data, triggerMetadata }) {
  const { metadata, callback } = functions[0] ?? { metadata: {}, callback: () => undefined };
  const name = Object.keys(metadata.bindings).find((each) => metadata.bindings[each].direction === 'in');
  const request = { inputData: [{ name, data }], triggerMetadata };
  const call = await model.getInvocationModel({ invocationId: '1', request, metadata, log: core.log });
  const made = await call.getArguments();
  const result = await call.invokeFunction(made.context, made.inputs, callback);
  const { returnValue } = await call.getResponse(made.context, result);
  return { statusCode: Number(returnValue?.http?.statusCode) };
}

/** @param {{ handler?: Function }} exported */
const handlerOf = ({ handler }) => (functions.length > 0 ? callFunction : handler);

async function main() {
  if (process.argv[3] === 'make-cache') {
    await makeCache();
    // Connections that are kept alive would hold the process.
    process.exit(0);
  }
  const began = performance.now();
  const handler = handlerOf(
    file.endsWith('.mjs') ? await import(file) : cache === undefined ? require(file) : requireCached(),
  );
  if (typeof handler !== 'function') throw new Error(`${file} has no handler.`);
  const loaded = performance.now();
  const answer = await handler(event, context);
  const called = performance.now();
  process.stdout.write(JSON.stringify({ load: loaded - began, first: called - loaded, answer }));
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
