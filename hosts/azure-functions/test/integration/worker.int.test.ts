// The worker process: what happens when the app is wrong, slow, crashes or is replaced, and what hooks and logs do.
import { spawn } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { isAlive } from '../../../processes/alive.ts';
import { PATIENCE_MS } from '../../../processes/test/patience.ts';
import { FunctionsHost, realTimers } from '../../index.ts';
import { buildApp, cleanUp, eventually, startApp } from './support.ts';

afterEach(cleanUp);

const APP = `
import { app } from '@azure/functions';
let calls = 0;
app.get('count', async () => ({ jsonBody: ++calls }));
app.get('hang', () => new Promise(() => undefined));
app.get('spin', async () => { for (;;); });
app.get('exit', async () => { process.exit(3); });
app.get('reject', async () => { void Promise.reject(new Error('nobody caught this')); await new Promise(() => undefined); return {}; });
app.get('env', async () => ({ jsonBody: { setting: process.env.SETTING, secret: process.env.OUTSIDE, cwd: process.cwd() } }));
`;

describe('an app that cannot be started', () => {
  const start = async (source: string): Promise<void> => {
    await startApp({ source });
  };

  it('throws while it is loaded', async () => {
    await expect(start(`throw new Error('broken at load');`)).rejects.toThrow(/index\.cjs failed: broken at load/);
  });

  it('registers nothing', async () => {
    await expect(start('export {};')).rejects.toThrow('The app registered no function.');
  });

  it('fails in an appStart hook', async () => {
    const source = `import { app } from '@azure/functions';
      app.hook.appStart(() => { throw new Error('hook failed'); }); app.get('a', async () => ({}));`;
    await expect(start(source)).rejects.toThrow('hook failed');
  });

  it('exits while it is loaded', async () => {
    await expect(start('process.exit(5);')).rejects.toThrow('the worker process exited with code 5');
  });

  it('has a trigger that is not supported', async () => {
    const source = `import { app } from '@azure/functions';
      app.storageQueue('q', { queueName: 'q', connection: 'C', handler: () => undefined });`;
    await expect(start(source)).rejects.toThrow(
      'The function "q" has a trigger of type "queueTrigger", which this host does not support.',
    );
  });

  it('has an output that is not supported', async () => {
    const source = `import { app, output } from '@azure/functions';
      app.get('o', { handler: async () => ({}), extraOutputs: [output.storageQueue({ queueName: 'q', connection: 'C' })] });`;
    await expect(start(source)).rejects.toThrow('The function "o" uses a binding of type "queue"');
  });

  it('registers a function twice', async () => {
    const source = `import { app } from '@azure/functions';
      app.get('a', async () => ({})); app.get('a', async () => ({}));`;
    await expect(start(source)).rejects.toThrow('The function "a" is registered twice.');
  });

  it('lacks a file or has a wrong setting', async () => {
    const nowhere = new FunctionsHost({ appFolder: '/nonexistent/app', environment: {} });
    await expect(nowhere.start()).rejects.toThrow('There is no Functions app in /nonexistent/app');
    await expect(startApp({ source: APP, hostJson: { functionTimeout: 'soon' } })).rejects.toThrow(/functionTimeout/);
    await expect(startApp({ source: APP, hostJson: { extension: {} } })).rejects.toThrow(
      '"extension" is not a setting',
    );
  });

  it('leaves no port behind', async () => {
    const host = new FunctionsHost({ appFolder: await buildApp({ source: 'export {};' }), environment: {} });
    await expect(host.start()).rejects.toThrow('registered no function');
    expect(host.url).toBeUndefined();
  });
});

it('gives the app its settings and nothing else of the environment', async () => {
  process.env.OUTSIDE = 'not for the app';
  const { url } = await startApp({ source: APP }, { environment: { SETTING: 'value' } });
  delete process.env.OUTSIDE;
  const seen = await (await fetch(`${url}/api/env`)).json();
  expect(seen).toEqual({ setting: 'value', cwd: expect.stringContaining('functions-app-') });
});

it.each(['exit', 'reject'])('restarts a worker that dies (%s), with all its invocations failed', async (route) => {
  const { url, host, log } = await startApp({ source: APP });
  expect(await (await fetch(`${url}/api/count`)).json()).toBe(1);
  const hanging = fetch(`${url}/api/hang`);
  const first = host.workerPid;
  expect((await fetch(`${url}/api/${route}`)).status).toBe(500);
  expect((await hanging).status).toBe(500);
  // Calls meanwhile wait for the new worker, whose module state is new.
  expect(await (await fetch(`${url}/api/count`)).json()).toBe(1);
  expect(host.workerPid).not.toBe(first);
  if (route === 'reject') expect(log.some(({ message }) => message.includes('nobody caught this'))).toBe(true);
});

it.each(['hang', 'spin'])('kills the worker when a function times out (%s)', async (route) => {
  // Time runs for the first invocation alone: on a busy machine every later one would exceed the same limit.
  let limited = 0;
  const timers = {
    ...realTimers,
    sleep: (milliseconds: number, signal?: AbortSignal) =>
      realTimers.sleep(milliseconds === 150 && limited++ > 0 ? 2 ** 30 : milliseconds, signal),
  };
  const { url, log } = await startApp({ source: APP }, { functionTimeoutMs: 150, timers });
  expect((await fetch(`${url}/api/${route}`)).status).toBe(500);
  expect(log.some(({ message }) => message.startsWith(`Timeout value of 150 ms exceeded by function: ${route}`))).toBe(
    true,
  );
  await eventually('a new worker answers', async () => {
    const response = await fetch(`${url}/api/count`);
    return response.ok && (await response.json()) === 1;
  });
});

it('answers 503 while the app cannot be restarted, and recovers when it can', async () => {
  const flag = path.join(await mkdtemp(path.join(tmpdir(), 'functions-flag-')), 'ok');
  await writeFile(flag, '');
  const source = `
    import { app } from '@azure/functions';
    import { readFileSync, rmSync } from 'node:fs';
    readFileSync(process.env.FLAG!);
    app.get('die', async () => { rmSync(process.env.FLAG!); process.exit(1); });
    app.get('ok', async () => ({}));
  `;
  // Time stands still for the pauses between restarts until the test lets it go on, which may be before the pause begins.
  let goOn: () => void = () => undefined;
  const mayGoOn = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const timers = {
    now: () => Date.now(),
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (ms === 0) resolve();
        if (ms === 1000) void mayGoOn.then(resolve);
        signal?.addEventListener('abort', () => resolve());
      }),
  };
  const { url } = await startApp({ source }, { environment: { FLAG: flag }, timers });
  expect((await fetch(`${url}/api/die`)).status).toBe(500);
  const broken = await eventually('503', async () => {
    const response = await fetch(`${url}/api/ok`);
    return response.status === 503 ? response : undefined;
  });
  expect(await broken.text()).toBe('Function host is not running.');
  await writeFile(flag, '');
  goOn();
  await eventually('200', async () => (await fetch(`${url}/api/ok`)).status === 200);
});

it('runs hooks in order, and lets them change inputs, handlers, results and errors', async () => {
  const source = `
    import { app } from '@azure/functions';
    app.hook.appStart((context) => { context.hookData.only = 1; (context as any).appHookData; console.log('start'); });
    app.hook.appTerminate(() => console.log('terminate'));
    app.hook.preInvocation((context) => {
      context.hookData.seen = context.invocationContext.functionName;
      const handler = context.functionHandler;
      context.functionHandler = async (...parts) => { const made: any = await handler(...parts); return { ...made, headers: { 'x-wrapped': '1' } }; };
    });
    app.hook.postInvocation((context) => {
      if (context.error) { context.result = { status: 418, body: String((context.error as Error).message) + ' ' + context.hookData.seen }; context.error = null; }
    });
    app.hook.log((context) => { context.message = '<' + context.message + '>'; });
    app.get('fine', async (_request, context) => { context.warn('careful', { a: 1 }); return { body: 'fine' }; });
    app.get('fails', async () => { throw new Error('bad'); });
  `;
  const { url, host, log } = await startApp({ source });
  const fine = await fetch(`${url}/api/fine`);
  expect([await fine.text(), fine.headers.get('x-wrapped')]).toEqual(['fine', '1']);
  const fails = await fetch(`${url}/api/fails`);
  expect([fails.status, await fails.text()]).toEqual([418, 'bad fails']);
  await host.stop();
  expect(log.filter(({ category }) => category === 'user')).toEqual([
    {
      level: 'warning',
      category: 'user',
      message: '<careful { a: 1 }>',
      functionName: 'fine',
      invocationId: expect.stringMatching(/^[\da-f-]{36}$/),
    },
  ]);
  const console = log.filter(({ category }) => category === 'console').map(({ message }) => message);
  expect([console.at(0), console.at(-1)]).toEqual(['<start>', '<terminate>']);
});

it('attributes console output to the concurrent invocation that wrote it', async () => {
  const source = `
    import { app } from '@azure/functions';
    const both: (() => void)[] = [];
    app.get('a', async (request, context) => {
      await new Promise<void>((resolve) => { both.push(resolve); if (both.length === 2) both.forEach((one) => one()); });
      console.log(request.query.get('n')); context.log(request.query.get('n')); return {};
    });
  `;
  const { url, log } = await startApp({ source });
  await Promise.all([fetch(`${url}/api/a?n=1`), fetch(`${url}/api/a?n=2`)]);
  for (const n of ['1', '2']) {
    const lines = log.filter(({ message }) => message === n);
    expect(lines.map(({ category }) => category).sort()).toEqual(['console', 'user']);
    expect(lines[0]?.invocationId).toBe(lines[1]?.invocationId);
  }
});

it('puts another app behind the same URL', async () => {
  const one = await buildApp({
    source: `import { app } from '@azure/functions'; app.get('v', async () => ({ body: 'one' }));`,
  });
  const two = await buildApp({
    source: `import { app } from '@azure/functions'; app.get('v', async () => ({ body: 'two' }));`,
  });
  const broken = await buildApp({ source: 'export {};' });
  const { url, host } = await startApp({ source: '' }, { appFolder: one });
  expect(await (await fetch(`${url}/api/v`)).text()).toBe('one');
  await host.replaceApp({ appFolder: two });
  expect(await (await fetch(`${url}/api/v`)).text()).toBe('two');
  await expect(host.replaceApp({ appFolder: broken })).rejects.toThrow('registered no function');
  // A build that cannot be loaded leaves the old one at work.
  expect(await (await fetch(`${url}/api/v`)).text()).toBe('two');
  await host.replaceApp({ appFolder: one });
  expect(await (await fetch(`${url}/api/v`)).text()).toBe('one');
});

it('has a worker that was started ahead load the next build, unless what it has loaded is not what there is', async () => {
  const folder = await buildApp({
    source: `import { app } from '@azure/functions';
      app.get('v', async () => ({ body: [process.pid, globalThis.shared ?? 'nothing'].join(' ') }));`,
  });
  const shared = path.join(folder, 'shared.cjs');
  const share = (made: string) => writeFile(shared, `globalThis.shared = ${JSON.stringify(made)};`);
  await share('before');
  const { url, host } = await startApp({ source: '' }, { appFolder: folder });
  const body = async () => (await (await fetch(`${url}/api/v`)).text()).split(' ');
  expect((await body())[1]).toBe('nothing');
  await host.keepSpare(path.join(folder, 'absent.cjs'));
  await host.keepSpare(shared);
  const [old = ''] = await body();
  await host.replaceApp();
  const [pid = '', made] = await body();
  expect([made, pid === old]).toEqual(['before', false]);
  expect(isAlive(Number(old))).toBe(false);

  await host.keepSpare(shared);
  await share('after');
  await host.replaceApp();
  expect((await body())[1]).toBe('nothing');

  // Other settings need another worker.
  await host.keepSpare(shared);
  await host.replaceApp({ environment: { OTHER: 'yes' } });
  expect((await body())[1]).toBe('nothing');
  await host.keepSpare(shared);
  await host.replaceApp();
  expect((await body())[1]).toBe('after');
  await host.keepSpare(shared);
  await host.stop();
  await host.keepSpare(shared);
});

it('lets a running invocation finish when it stops, within a limit', async () => {
  const source = `
    import { app } from '@azure/functions';
    app.get('slow', async () => { console.log('slow'); await new Promise((resolve) => setTimeout(resolve, 100)); return { body: 'finished' }; });
    app.get('hang', async () => { console.log('hang'); await new Promise(() => undefined); return {}; });
  `;
  for (const [route, status, stopGraceMs] of [
    ['slow', 200, PATIENCE_MS],
    ['hang', 503, 400],
  ] as const) {
    const { url, host, log } = await startApp({ source }, { stopGraceMs });
    const pending = fetch(`${url}/api/${route}`);
    await eventually('it runs', () => log.some(({ message }) => message === route));
    await host.stop();
    expect((await pending).status).toBe(status);
    const cutOff = log.filter(({ error }) => error !== undefined).map(({ level, error }) => [level, error]);
    expect(cutOff).toEqual(status === 200 ? [] : [['warning', 'HostStopping']]);
  }
});

it('disables functions by app setting', async () => {
  const { url } = await startApp({ source: APP }, { environment: { 'AzureWebJobs.count.Disabled': 'true' } });
  expect((await fetch(`${url}/api/count`)).status).toBe(404);
});

it('does not leave a worker behind when the host process is killed', async () => {
  const folder = await buildApp({ source: APP });
  const outfile = path.join(folder, 'host-process.mjs');
  const root = path.resolve(__dirname, '../../../..');
  await build({
    stdin: {
      contents: `import { FunctionsHost } from './hosts/azure-functions/index.ts';
        const host = new FunctionsHost({ appFolder: ${JSON.stringify(folder)}, environment: {} });
        const { url } = await host.start();
        void fetch(url + '/api/spin').catch(() => undefined);
        console.log(host.workerPid);`,
      resolveDir: root,
      loader: 'ts',
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    define: { 'import.meta.url': JSON.stringify(`file://${root}/hosts/azure-functions/worker-process.ts`) },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const hostProcess = spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'inherit'] });
  const workerPid = await new Promise<number>((resolve) =>
    hostProcess.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString()))),
  );
  const alive = (): boolean => {
    try {
      return process.kill(workerPid, 0);
    } catch {
      return false;
    }
  };
  expect(alive()).toBe(true);
  hostProcess.kill('SIGKILL');
  await eventually('the worker is gone', () => !alive());
});
