// Invocations over the Lambda Runtime API: results, context, errors and logs of a real bundle in a real process.
import { fixture, openHost, recorder } from './lambda-support.ts';

const failure = (payload: string): { errorType: string; errorMessage: string; trace?: string[] } => JSON.parse(payload);

test('an invocation returns the handler’s result as JSON', async () => {
  const host = openHost();
  await expect(host.invoke({ op: 'echo', value: { a: [1, 'ü', null] } })).resolves.toEqual({
    payload: '{"a":[1,"ü",null]}',
  });
  await expect(host.invoke({ op: 'nothing' })).resolves.toEqual({ payload: 'null' });
});

test('the environment is reused and keeps module state', async () => {
  const host = openHost();
  const first = JSON.parse((await host.invoke({ op: 'count' })).payload);
  const second = JSON.parse((await host.invoke({ op: 'count' })).payload);
  expect([first.count, second.count]).toEqual([1, 2]);
  expect(second.pid).toBe(first.pid);
  expect(host.stats()).toMatchObject({ environments: 1, invocations: 2, coldStarts: 1, functionErrors: 0 });
  expect(host.stats().lastInitMs).toBeGreaterThan(0);
});

test('the handler sees the context and the variables of a function on AWS', async () => {
  const host = openHost({ timeoutMs: 5_000, memoryMb: 256, environment: { APP_X: '1', AWS_REGION: 'ignored' } });
  const seen = JSON.parse((await host.invoke({ op: 'context' })).payload);
  expect(seen).toMatchObject({
    functionName: 'fn',
    functionVersion: '$LATEST',
    memoryLimitInMB: '256',
    logGroupName: '/aws/lambda/fn',
    invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:fn',
    callbackWaitsForEmptyEventLoop: true,
  });
  expect(seen.awsRequestId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(seen.remaining).toBeGreaterThan(3_000);
  expect(seen.remaining).toBeLessThanOrEqual(5_000);
  expect(seen.env).toMatchObject({
    APP_X: '1',
    AWS_REGION: 'eu-central-1',
    AWS_DEFAULT_REGION: 'eu-central-1',
    AWS_LAMBDA_FUNCTION_NAME: 'fn',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x',
    AWS_ACCESS_KEY_ID: 'local',
    TZ: ':UTC',
    _HANDLER: 'function.handler',
    LAMBDA_TASK_ROOT: fixture('.').replace(/\/$/, ''),
    _X_AMZN_TRACE_ID: expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=0$/),
    AWS_LAMBDA_RUNTIME_API: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
  });
  // Nothing of the developer's own environment leaks into the function.
  expect(Object.keys(seen.env)).not.toContain('HOME');
});

test('every invocation has its own trace id', async () => {
  const host = openHost();
  const one = JSON.parse((await host.invoke({ op: 'context' })).payload);
  const two = JSON.parse((await host.invoke({ op: 'context' })).payload);
  expect(one.env._X_AMZN_TRACE_ID).not.toBe(two.env._X_AMZN_TRACE_ID);
  expect(one.awsRequestId).not.toBe(two.awsRequestId);
});

test.each([
  ['throwError', 'TypeError', 'broken on purpose'],
  ['throwString', 'string', 'just a string'],
  ['throwNull', 'object', 'null'],
  ['throwBare', 'object', '[object Object]'],
  [
    'bigint',
    'Runtime.JSONStringifyError',
    'Unable to stringify response body as json: Do not know how to serialize a BigInt',
  ],
])('%s is answered with the runtime’s error shape and keeps the environment', async (op, errorType, errorMessage) => {
  const host = openHost();
  const result = await host.invoke({ op });
  expect(result.functionError).toBe('Unhandled');
  const error = failure(result.payload);
  expect(error).toMatchObject({ errorType, errorMessage });
  expect(Array.isArray(error.trace)).toBe(true);
  expect(JSON.parse((await host.invoke({ op: 'count' })).payload).count).toBe(1);
  expect(host.stats().coldStarts).toBe(1);
});

test.each([
  ['reject', 'Runtime.UnhandledPromiseRejection', 'RangeError: nobody listens'],
  ['uncaught', 'Error', 'from a timer'],
])('%s fails the invocation and ends the environment', async (op, errorType, errorMessage) => {
  const host = openHost();
  const result = await host.invoke({ op });
  expect(result.functionError).toBe('Unhandled');
  expect(failure(result.payload)).toMatchObject({ errorType, errorMessage });
  expect(JSON.parse((await host.invoke({ op: 'count' })).payload).count).toBe(1);
  expect(host.stats().coldStarts).toBe(2);
});

test.each([
  [3, 'with error: exit status 3'],
  [0, 'without providing a reason'],
])('process.exit(%i) is a Runtime.ExitError, and the next invocation gets a new environment', async (code, how) => {
  const host = openHost();
  const result = await host.invoke({ op: 'exit', code });
  expect(result.functionError).toBe('Unhandled');
  const { errorType, errorMessage } = failure(result.payload);
  expect(errorType).toBe('Runtime.ExitError');
  expect(errorMessage).toMatch(new RegExp(`^RequestId: [0-9a-f-]{36} Error: Runtime exited ${how}$`));
  expect(await host.invoke({ op: 'echo', value: 1 })).toEqual({ payload: '1' });
});

test('running out of memory ends the environment and not the host', async () => {
  const host = openHost({ memoryMb: 64, timeoutMs: 30_000 });
  const result = await host.invoke({ op: 'memory' });
  expect(failure(result.payload)).toMatchObject({
    errorType: 'Runtime.ExitError',
    errorMessage: expect.stringMatching(/signal: aborted|exit status 134/),
  });
  expect(await host.invoke({ op: 'echo', value: 1 })).toEqual({ payload: '1' });
});

test.each(['hang', 'spin'])('%s runs into the timeout, is killed, and leaves a working function', async (op) => {
  const host = openHost({ timeoutMs: 1500 });
  const result = await host.invoke({ op });
  expect(result.functionError).toBe('Unhandled');
  expect(failure(result.payload)).toMatchObject({
    errorType: 'Sandbox.Timedout',
    errorMessage: expect.stringMatching(/^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.50 seconds$/),
  });
  expect(JSON.parse((await host.invoke({ op: 'count' })).payload).count).toBe(1);
  expect(host.stats().coldStarts).toBe(2);
});

test('an event above 6 MB is refused before the function runs', async () => {
  const host = openHost();
  await expect(host.invoke({ op: 'echo', value: 'x'.repeat(6 * 1024 * 1024) })).rejects.toMatchObject({
    code: 'RequestTooLargeException',
  });
  expect(host.stats().coldStarts).toBe(0);
  await expect(host.invoke(undefined)).rejects.toMatchObject({ code: 'InvalidRequestContentException' });
});

test('a result of the maximum size passes, one byte more does not', async () => {
  const host = openHost();
  const most = await host.invoke({ op: 'size', bytes: 6_291_556 });
  expect([most.functionError, most.payload.length]).toEqual([undefined, 6_291_556]);
  const result = await host.invoke({ op: 'size', bytes: 6_291_557 });
  expect(result.functionError).toBe('Unhandled');
  expect(failure(result.payload)).toEqual({
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: 'Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).',
  });
  expect(host.stats().coldStarts).toBe(1);
});

test('console output arrives whole, with its level, function and request', async () => {
  const { log, until } = recorder();
  const host = openHost({ log });
  const { awsRequestId: requestId } = JSON.parse((await host.invoke({ op: 'context' })).payload);
  await host.invoke({ op: 'log', name: 'world' });
  const hello = await until(({ message }) => message.startsWith('hello'));
  expect(hello).toEqual({
    functionName: 'fn',
    requestId: expect.any(String),
    level: 'INFO',
    message: 'hello world { deep: { a: 1 } }',
  });
  expect(hello.requestId).not.toBe(requestId);
  expect(await until(({ level }) => level === 'ERROR')).toMatchObject({
    message: 'two\nlines',
    requestId: hello.requestId,
  });
  expect(await until(({ level }) => level === 'STDOUT')).toMatchObject({ message: 'raw', requestId: hello.requestId });
});

test('other shapes of handlers: nested export, ES module', async () => {
  expect(await openHost({ handler: 'nested.deep' }).invoke({})).toEqual({ payload: '"nested"' });
  expect(await openHost({ bundle: fixture('module.mjs') }).invoke({})).toEqual({ payload: '"module"' });
});

test.each([
  [
    'a missing export',
    { handler: 'absent' },
    'Runtime.HandlerNotFound',
    'function.absent is undefined or not exported',
  ],
  [
    'a handler that is no function',
    { handler: 'value' },
    'Runtime.HandlerNotFound',
    'function.value is not a function',
  ],
  [
    'a callback handler',
    { handler: 'callback' },
    'Runtime.CallbackHandlerDeprecated',
    expect.stringContaining('callback'),
  ],
  ['a throw on load', { bundle: fixture('init-throws.cjs') }, 'Error', 'no configuration: APP_TABLE is missing'],
  [
    'a syntax error',
    { bundle: fixture('init-syntax.cjs') },
    'Runtime.UserCodeSyntaxError',
    expect.stringContaining('SyntaxError'),
  ],
  [
    'an exit on load',
    { bundle: fixture('init-exits.cjs') },
    'Runtime.ExitError',
    expect.stringContaining('exit status 4'),
  ],
  [
    'a load that never ends',
    { bundle: fixture('init-hangs.cjs'), initTimeoutMs: 300 },
    'Sandbox.Timedout',
    expect.stringContaining('0.30 seconds'),
  ],
])('%s fails the invocation, and start() says so', async (_name, options, errorType, errorMessage) => {
  const result = await openHost(options).invoke({});
  expect(result.functionError).toBe('Unhandled');
  expect(failure(result.payload)).toMatchObject({ errorType, errorMessage });
  const started = openHost({ ...options, warmEnvironments: 1 }).start();
  await expect(started).rejects.toMatchObject({
    name: 'LambdaStartupError',
    functionName: 'fn',
    message: expect.stringMatching(new RegExp(`^Function fn did not start: ${errorType}: `)),
  });
});

test('a bundle that does not exist is named by start()', async () => {
  await expect(openHost({ bundle: '/nowhere/index.cjs' }).start()).rejects.toThrow(
    'There is no bundle at /nowhere/index.cjs.',
  );
});
