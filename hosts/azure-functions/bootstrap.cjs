// The worker process: supplies '@azure/functions-core' to the app's bundle, loads it, and runs its handlers for the host.
const { AsyncLocalStorage } = require('node:async_hooks');
const Module = require('node:module');
const { pathToFileURL } = require('node:url');
const { format } = require('node:util');

/**
 * @typedef {{ functionName: string, invocationId: string }} Scope
 * @typedef {(context: Record<string, unknown>) => unknown} HookCallback
 * @typedef {{ metadata: { name: string, bindings: Record<string, object>, retryOptions?: object }, callback: Function }} Registered
 */

/** @type {AsyncLocalStorage<Scope>} which invocation a console.log belongs to */
const scope = new AsyncLocalStorage();
/** @type {Map<string, Registered>} */
const functions = new Map();
/** @type {Map<string, HookCallback[]>} */
const hooks = new Map(['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'].map((name) => [name, []]));
/** @type {Record<string, unknown>} shared by appStart, appTerminate and every invocation hook, as the worker's own is */
const appHookData = {};
/** @type {Record<string, unknown>} */
const appLevelOnlyHookData = {};
/** @type {any} the library's programming model; it checks its own arguments */
let model;
let starting = true;
let hostVersion = '';

/** @param {unknown} message */
function send(message) {
  if (process.connected) process.send?.(message);
}

/** @param {unknown} thrown */
function describe(thrown) {
  if (thrown instanceof Error) return { name: thrown.name, message: thrown.message, stack: thrown.stack ?? '' };
  const message = typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown));
  return { name: 'Error', message, stack: '' };
}

/** @param {string} property */
function readOnly(property) {
  return new TypeError(`Cannot assign to read only property '${property}'`);
}

/**
 * Log hooks may rewrite the level and the text before the host sees them.
 * @param {string} level @param {string} category @param {string} message @param {Scope} [where] @param {unknown} [invocationContext]
 */
function log(level, category, message, where = scope.getStore(), invocationContext = undefined) {
  const context = { level, category, message, hookData: {}, appHookData, invocationContext };
  for (const hook of hooks.get('log') ?? []) {
    try {
      hook(context);
    } catch (error) {
      send({
        kind: 'log',
        level: 'error',
        category: 'system',
        message: `A log hook failed: ${describe(error).message}`,
      });
    }
  }
  send({ kind: 'log', level: context.level, category, message: context.message, ...where });
}

class Disposable {
  /** @param {() => void} dispose */
  constructor(dispose) {
    this.dispose = dispose;
  }
}

const core = {
  version: '3.12.0',
  get hostVersion() {
    return hostVersion;
  },
  Disposable,
  /** @param {unknown} next */
  setProgrammingModel(next) {
    model = next;
  },
  getProgrammingModel() {
    return model;
  },
  /** @param {Registered['metadata']} metadata @param {Function} callback */
  registerFunction(metadata, callback) {
    if (!starting) throw new Error('A function can only be registered during app startup.');
    if (functions.has(metadata.name)) throw new Error(`The function "${metadata.name}" is registered twice.`);
    functions.set(metadata.name, { metadata, callback });
    return new Disposable(() => {
      if (!starting) throw new Error('A function can only be disposed during app startup.');
      functions.delete(metadata.name);
    });
  },
  /** @param {string} name @param {HookCallback} callback */
  registerHook(name, callback) {
    const list = hooks.get(name);
    if (list === undefined) {
      throw Object.assign(new RangeError(`Unrecognized hook "${name}"`), { isAzureFunctionsSystemError: true });
    }
    list.push(callback);
    return new Disposable(() => {
      const index = list.indexOf(callback);
      if (index >= 0) list.splice(index, 1);
    });
  },
  /** @param {string} level @param {string} category @param {string} message */
  log(level, category, message) {
    log(level, category, message);
  },
};

// Every way of requiring a package ends here, including the require that an ESM bundle makes with createRequire.
/** @type {any} */
const loader = Module;
const load = loader._load;
/** @param {string} request @param {...unknown} rest */
loader._load = (request, ...rest) => (request === '@azure/functions-core' ? core : load(request, ...rest));

for (const [method, level] of /** @type {const} */ ([
  ['log', 'information'],
  ['info', 'information'],
  ['warn', 'warning'],
  ['error', 'error'],
  ['debug', 'debug'],
  ['trace', 'trace'],
])) {
  console[method] = (/** @type {unknown[]} */ ...values) => log(level, 'console', format(...values));
}

/** @param {string} name @param {object} context */
async function runHooks(name, context) {
  for (const callback of [...(hooks.get(name) ?? [])]) await callback(/** @type {Record<string, unknown>} */ (context));
}

/**
 * What invocation hooks see: shared data they can fill but not replace.
 * @param {Record<string, unknown>} hookData @param {unknown} invocationContext @param {object} rest
 */
function hookContext(hookData, invocationContext, rest) {
  /** @param {string} name @param {unknown} value */
  const fixed = (name, value) => ({
    enumerable: true,
    get: () => value,
    set: () => {
      throw readOnly(name);
    },
  });
  return Object.defineProperties(/** @type {any} */ ({ ...rest }), {
    hookData: fixed('hookData', hookData),
    appHookData: fixed('appHookData', appHookData),
    invocationContext: fixed('invocationContext', invocationContext),
  });
}

/** @param {{ id: string, functionName: string, request: object }} message */
async function invoke({ id, functionName, request }) {
  const registered = functions.get(functionName);
  if (registered === undefined)
    throw new Error(`Function code for '${functionName}' is not loaded and cannot be invoked.`);
  const where = { functionName, invocationId: id };
  /** @type {unknown} */
  let context;
  const coreContext = {
    invocationId: id,
    request,
    metadata: registered.metadata,
    /** @type {string | undefined} */
    state: undefined,
    /** @param {string} level @param {string} category @param {string} text */
    log: (level, category, text) => log(level, category, text, where, context),
  };
  const invocation = await model.getInvocationModel(coreContext);
  const made = await invocation.getArguments();
  context = made.context;

  /** @type {Record<string, unknown>} */
  const hookData = {};
  const before = hookContext(hookData, context, { functionCallback: registered.callback, inputs: made.inputs });
  coreContext.state = 'preInvocationHooks';
  await runHooks('preInvocation', before);
  coreContext.state = 'invocation';
  const after = hookContext(hookData, context, { inputs: before.inputs, result: null, error: null });
  try {
    after.result = await invocation.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (error) {
    after.error = error;
  }
  coreContext.state = 'postInvocationHooks';
  await runHooks('postInvocation', after);
  coreContext.state = undefined;
  if (after.error !== null && after.error !== undefined) throw after.error;
  return invocation.getResponse(context, after.result);
}

/** @param {{ appFolder: string, files: { path: string, esm: boolean }[], capabilities: object, hostVersion: string }} message */
async function start(message) {
  hostVersion = message.hostVersion;
  for (const file of message.files) {
    try {
      if (file.esm) await import(pathToFileURL(file.path).href);
      else require(file.path);
    } catch (error) {
      const { message: text, stack } = describe(error);
      return send({ kind: 'failed', message: `loading ${file.path} failed: ${text}`, stack });
    }
  }
  try {
    await runHooks('appStart', {
      functionAppDirectory: message.appFolder,
      hookData: appLevelOnlyHookData,
      appHookData,
    });
    const capabilities =
      model === undefined ? message.capabilities : await model.getCapabilities({ ...message.capabilities });
    starting = false;
    // Options may hold anything that JSON drops; what the host reads must survive the trip.
    const metadata = JSON.parse(JSON.stringify([...functions.values()].map((one) => one.metadata)));
    send({ kind: 'ready', functions: metadata, capabilities });
  } catch (error) {
    const { message: text, stack } = describe(error);
    send({ kind: 'failed', message: `starting the app failed: ${text}`, stack });
  }
}

async function terminate() {
  try {
    await runHooks('appTerminate', { hookData: appLevelOnlyHookData, appHookData });
  } catch (error) {
    log('error', 'system', `An appTerminate hook failed: ${describe(error).message}`);
  }
  // The channel is asynchronous: leaving before this line arrived would lose the log lines before it.
  const last = { kind: 'log', level: 'debug', category: 'system', message: 'Worker terminates.' };
  if (process.connected) process.send?.(last, () => process.exit(0));
}

process.on('message', (/** @type {any} */ message) => {
  if (message.kind === 'invoke') {
    const { id, functionName } = message;
    scope.run({ functionName, invocationId: id }, () => {
      invoke(message).then(
        // What the library has written of an answer leaves the process at the end of this turn, and the host takes the result for its end.
        (response) => setImmediate(send, { kind: 'result', id, response }),
        (error) => send({ kind: 'error', id, error: describe(error) }),
      );
    });
  } else if (message.kind === 'preload') {
    hostVersion = message.hostVersion;
    try {
      require(message.file);
    } catch {
      // The app loads it as well, and then says what is wrong with it.
    }
  } else if (message.kind === 'start') {
    void start(message);
  } else if (message.kind === 'terminate') {
    void terminate();
  }
});

// Without its host the worker has nothing to serve.
process.on('disconnect', () => process.exit(0));

process.on('uncaughtException', (error) => {
  const text = `Worker uncaught exception: ${describe(error).stack || describe(error).message}`;
  if (!process.connected) process.exit(1);
  process.send?.({ kind: 'log', level: 'error', category: 'system', message: text, ...scope.getStore() }, () =>
    process.exit(1),
  );
});
