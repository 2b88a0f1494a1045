// Loads one bundle in a fresh process, calls its handler once, and reports how long each took; started by `cold-start`.
const { readFileSync } = require('node:fs');
const { request } = require('node:http');
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

/** @param {{ metadata: any }} registered @param {string} trigger */
const isCalledBy = ({ metadata }, trigger) =>
  Object.values(metadata.bindings).some((/** @type {any} */ { type }) => type === trigger);

/** Calls the app's first function of a trigger as the worker does. @param {{ trigger: string, data: any, triggerMetadata?: object }} request */
async function callFunction({ trigger, data, triggerMetadata }) {
  const called = functions.find((each) => isCalledBy(each, trigger));
  if (called === undefined) throw new Error(`${file} has no function of a ${trigger}.`);
  const { metadata, callback } = called;
  const name = Object.keys(metadata.bindings).find((each) => metadata.bindings[each].direction === 'in');
  const { HttpUri } = (await model.getCapabilities?.({})) ?? {};
  const isStreamed = HttpUri !== undefined && data.http !== undefined;
  const invocation = isStreamed ? streamed(name, data.http) : { inputData: [{ name, data }], triggerMetadata };
  const answered = isStreamed ? send(HttpUri, data.http) : undefined;
  const call = await model.getInvocationModel({
    invocationId: INVOCATION,
    request: invocation,
    metadata,
    log: core.log,
  });
  const made = await call.getArguments();
  const result = await call.invokeFunction(made.context, made.inputs, callback);
  const { returnValue } = await call.getResponse(made.context, result);
  return { statusCode: isStreamed ? await answered : Number(returnValue?.http?.statusCode) };
}

const INVOCATION = '1';

/** @param {any} request */
const headersOf = ({ nullableHeaders }) =>
  Object.fromEntries(Object.entries(nullableHeaders).map(([name, { value }]) => [name, value]));

/** The invocation of a function whose app streams bodies: the platform says the headers beside it. @param {string | undefined} name @param {any} http */
const streamed = (name, http) => ({
  inputData: [{ name, data: { http: {} } }],
  triggerMetadata: { Headers: { json: JSON.stringify(headersOf(http)) }, Query: { json: '{}' } },
});

/** Sends a request to the server of such an app, as the platform does; resolves with the status. @param {string} uri @param {any} http */
function send(uri, http) {
  const { pathname, host } = new URL(http.url);
  const forwarded = { 'x-ms-invocation-id': INVOCATION, 'x-forwarded-host': host, 'x-forwarded-proto': 'https' };
  return new Promise((resolve, reject) => {
    const options = { method: http.method, headers: { ...headersOf(http), ...forwarded } };
    const sent = request(new URL(pathname, uri), options, (response) => resolve(response.resume().statusCode));
    sent.on('error', reject).end(http.body?.string);
  });
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
