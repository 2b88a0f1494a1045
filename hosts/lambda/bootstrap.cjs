// The Node.js runtime inside one execution environment: loads the handler and speaks the Lambda Runtime API.
'use strict';
const http = require('node:http');
const path = require('node:path');
const fs = require('node:fs');
const { format } = require('node:util');

/** File descriptor on which the host reads log records, one JSON object a line. */
const LOG_FD = 3;
const [hostname, port] = String(process.env.AWS_LAMBDA_RUNTIME_API).split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const API = '/2018-06-01/runtime';

/** @type {string | undefined} the current invocation; its late log lines are attributed to it, too */
let requestId;

/** @param {string} level @param {string} message */
function log(level, message) {
  try {
    fs.writeSync(LOG_FD, `${JSON.stringify({ requestId, level, message })}\n`);
  } catch (error) {
    // The host is gone, so there is nothing left to run.
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EPIPE') process.exit(1);
    throw error;
  }
}

/** @param {'trace' | 'debug' | 'info' | 'warn' | 'error'} method @param {string} level */
function patchConsole(method, level) {
  console[method] = (/** @type {unknown[]} */ ...values) => log(level, format(...values));
}
patchConsole('trace', 'TRACE');
patchConsole('debug', 'DEBUG');
patchConsole('info', 'INFO');
patchConsole('warn', 'WARN');
patchConsole('error', 'ERROR');
console.log = console.info;

/**
 * @typedef {{ status: number, headers: import('node:http').IncomingHttpHeaders, body: string }} Answer
 * @param {'GET' | 'POST'} method @param {string} url @param {string} [body] @param {Record<string, string>} [headers]
 * @returns {Promise<Answer>}
 */
function call(method, url, body, headers) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const request = http.request({
      hostname,
      port,
      agent,
      method,
      path: API + url,
      headers: { ...headers, ...length },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      /** @type {Buffer[]} */
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    request.end(body);
  });
}

/** What the managed runtime sends for anything thrown: also strings, undefined, and objects without a prototype. */
/** @param {unknown} thrown */
function describe(thrown) {
  if (
    thrown instanceof Error ||
    (typeof thrown === 'object' && thrown !== null && 'stack' in thrown && 'message' in thrown)
  ) {
    const error = /** @type {Error} */ (thrown);
    return {
      errorType: String(error.name),
      errorMessage: String(error.message),
      trace: String(error.stack).split('\n'),
    };
  }
  let message;
  try {
    message = String(thrown);
  } catch {
    // An object without a usable toString.
    message = Object.prototype.toString.call(thrown);
  }
  return { errorType: typeof thrown, errorMessage: message, trace: [] };
}

/** @param {string} errorType @param {string} errorMessage @param {unknown} [cause] */
function runtimeError(errorType, errorMessage, cause) {
  const error = new Error(errorMessage);
  error.name = errorType;
  if (cause instanceof Error && cause.stack !== undefined)
    error.stack = `${errorType}: ${errorMessage}\n${cause.stack}`;
  return error;
}

/** @param {unknown} thrown */
async function reportError(thrown) {
  const body = describe(thrown);
  log('ERROR', `${requestId === undefined ? 'Init' : 'Invoke'} Error\t${JSON.stringify(body)}`);
  const url = requestId === undefined ? '/init/error' : `/invocation/${requestId}/error`;
  await call('POST', url, JSON.stringify(body), {
    'content-type': 'application/json',
    'lambda-runtime-function-error-type': body.errorType,
  });
}

/** @param {number} code @param {unknown} thrown */
function failAndExit(code, thrown) {
  reportError(thrown).then(
    () => process.exit(code),
    () => process.exit(code),
  );
}

process.on('unhandledRejection', (reason) => {
  const cause = reason instanceof Error ? reason : undefined;
  const message = cause === undefined ? String(reason) : `${cause.name}: ${cause.message}`;
  failAndExit(128, runtimeError('Runtime.UnhandledPromiseRejection', message, cause));
});
process.on('uncaughtException', (error) => failAndExit(129, error));

/** @returns {Promise<(event: unknown, context: object) => unknown>} */
async function loadHandler() {
  const wanted = String(process.env._HANDLER);
  const dot = wanted.indexOf('.', wanted.lastIndexOf('/') + 1);
  if (dot <= 0) throw runtimeError('Runtime.MalformedHandlerName', `Bad handler: ${wanted}`);
  const stem = path.join(String(process.env.LAMBDA_TASK_ROOT), wanted.slice(0, dot));
  const file = ['', '.js', '.mjs', '.cjs'].map((extension) => stem + extension).find((name) => fs.existsSync(name));
  if (file === undefined) {
    throw runtimeError('Runtime.ImportModuleError', `Error: Cannot find module '${path.basename(stem)}'`);
  }
  let exported;
  try {
    exported = file.endsWith('.mjs') ? await import(file) : require(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw runtimeError('Runtime.UserCodeSyntaxError', String(error), error);
    if (/** @type {NodeJS.ErrnoException} */ (error)?.code === 'MODULE_NOT_FOUND') {
      throw runtimeError('Runtime.ImportModuleError', String(error), error);
    }
    throw error;
  }
  const handler = wanted
    .slice(dot + 1)
    .split('.')
    .reduce((found, name) => found?.[name], exported);
  if (handler === undefined) throw runtimeError('Runtime.HandlerNotFound', `${wanted} is undefined or not exported`);
  if (typeof handler !== 'function') throw runtimeError('Runtime.HandlerNotFound', `${wanted} is not a function`);
  if (handler.length > 2) {
    throw runtimeError(
      'Runtime.CallbackHandlerDeprecated',
      `${wanted} takes a callback; only async handlers run here.`,
    );
  }
  return handler;
}

/** @param {import('node:http').IncomingHttpHeaders} headers */
function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

/** @param {unknown} result */
function serialise(result) {
  try {
    // `undefined` and functions have no JSON; the managed runtime sends null for them.
    return JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw runtimeError('Runtime.JSONStringifyError', `Unable to stringify response body as json: ${reason}`, error);
  }
}

/** Started ahead, it loads what bundles share, and goes on once there is a bundle to load. */
async function standBy() {
  const preload = process.env._PRELOAD;
  if (preload === undefined) return;
  delete process.env._PRELOAD;
  try {
    require(preload);
  } catch {
    // The bundle loads it as well, and then says what is wrong with it.
  }
  await call('GET', '/standby');
}

async function main() {
  await standBy();
  let handler;
  try {
    handler = await loadHandler();
  } catch (error) {
    await reportError(error);
    process.exit(1);
  }
  for (;;) {
    const next = await call('GET', '/invocation/next');
    if (next.status !== 200) process.exit(1);
    requestId = String(next.headers['lambda-runtime-aws-request-id']);
    const trace = next.headers['lambda-runtime-trace-id'];
    if (trace === undefined) delete process.env._X_AMZN_TRACE_ID;
    else process.env._X_AMZN_TRACE_ID = String(trace);
    let body;
    try {
      body = serialise(await handler(JSON.parse(next.body), contextOf(next.headers)));
    } catch (error) {
      await reportError(error);
      continue;
    }
    await call('POST', `/invocation/${requestId}/response`, body, { 'content-type': 'application/json' });
  }
}

// Only a lost Runtime API ends main(): the host has stopped or died.
main().catch(() => process.exit(1));
