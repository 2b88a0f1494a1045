// The life of execution environments: concurrency, queueing, killing, freezing, idling, deployments and stopping.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { fixture, isAlive, openHost, until } from './lambda-support.ts';

const parse = (result: {
  payload: string;
}): { pid: number; count: number; version: string; start: number; end: number } => JSON.parse(result.payload);

test('start() brings up warm environments, so that the first invocation is not cold', async () => {
  const host = openHost({ warmEnvironments: 2 });
  await host.start();
  expect(host.stats()).toMatchObject({ environments: 2, busy: 0, coldStarts: 2 });
  await host.invoke({ op: 'count' });
  expect(host.stats().coldStarts).toBe(2);
});

test('concurrent invocations run in environments of their own, up to the maximum, and the rest wait', async () => {
  const host = openHost({ maximumConcurrency: 2, timeoutMs: 10_000 });
  const runs = (await Promise.all([1, 2, 3, 4, 5].map(() => host.invoke({ op: 'sleep', ms: 60 })))).map(parse);
  expect(new Set(runs.map(({ pid }) => pid)).size).toBe(2);
  for (const { start } of runs) {
    expect(runs.filter((other) => other.start <= start && start < other.end).length).toBeLessThanOrEqual(2);
  }
  expect(host.stats()).toMatchObject({ environments: 2, queued: 0, invocations: 5, coldStarts: 2 });
});

test('one environment never runs two invocations at once', async () => {
  const host = openHost({ maximumConcurrency: 1 });
  const runs = (await Promise.all([1, 2, 3, 4].map(() => host.invoke({ op: 'sleep', ms: 20 })))).map(parse);
  const ordered = runs.sort((a, b) => a.start - b.start);
  ordered.slice(1).forEach((run, index) => {
    expect(run.start).toBeGreaterThanOrEqual(ordered[index]?.end ?? Number.NaN);
  });
});

test('a full queue throttles, and invocations already waiting are still answered', async () => {
  const host = openHost({ maximumConcurrency: 1, queueLimit: 2, warmEnvironments: 1 });
  await host.start();
  const accepted = [1, 2, 3].map(() => host.invoke({ op: 'sleep', ms: 50 }));
  await expect(host.invoke({ op: 'count' })).rejects.toMatchObject({ code: 'TooManyRequestsException' });
  expect(host.stats()).toMatchObject({ throttles: 1, busy: 1, queued: 2 });
  expect((await Promise.all(accepted)).every(({ functionError }) => functionError === undefined)).toBe(true);
});

test('killed environments fail what they run; what waits is run by new ones', async () => {
  const host = openHost({ maximumConcurrency: 2, timeoutMs: 30_000, warmEnvironments: 2 });
  await host.start();
  const running = [host.invoke({ op: 'hang' }), host.invoke({ op: 'hang' })];
  const waiting = host.invoke({ op: 'echo', value: 'later' });
  const { pids } = host.stats();
  await expect(host.killEnvironments()).resolves.toBe(2);
  expect(pids.map(isAlive)).toEqual([false, false]);
  for (const result of await Promise.all(running)) {
    expect(result.functionError).toBe('Unhandled');
    expect(JSON.parse(result.payload)).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringMatching(/Runtime exited with error: signal: killed$/),
    });
  }
  await expect(waiting).resolves.toEqual({ payload: '"later"' });
});

test('an environment killed from outside is replaced', async () => {
  const host = openHost({ warmEnvironments: 1 });
  await host.start();
  const before = host.stats().pids;
  process.kill(before[0] ?? 0, 'SIGKILL');
  await until(() => host.stats().environments === 0);
  const after = parse(await host.invoke({ op: 'count' }));
  expect(after.count).toBe(1);
  expect(before).not.toContain(after.pid);
});

test('a frozen environment runs nothing between invocations', async () => {
  const frozen = openHost({ freeze: true });
  const thawed = openHost({ freeze: false });
  for (const host of [frozen, thawed]) await host.invoke({ op: 'tick' });
  const ticks = async (host: typeof frozen): Promise<number> =>
    JSON.parse((await host.invoke({ op: 'ticks' })).payload).ticks;
  const [atFirst, beside] = [await ticks(frozen), await ticks(thawed)];
  await until(async () => (await ticks(thawed)) > beside + 100);
  // It ticks while it is asked.
  expect(await ticks(frozen)).toBeLessThan(atFirst + 50);
});

test('an idle environment is stopped after its limit, and the function still answers', async () => {
  const host = openHost({ idleLimitMs: 30 });
  await host.invoke({ op: 'count' });
  const { pids } = host.stats();
  await until(() => host.stats().environments === 0);
  await until(() => !pids.some(isAlive));
  expect(parse(await host.invoke({ op: 'count' })).count).toBe(1);
});

test('a new bundle drains the old environments and takes over', async () => {
  const host = openHost({ maximumConcurrency: 2, warmEnvironments: 2 });
  await host.start();
  const old = host.stats().pids;
  const running = host.invoke({ op: 'sleep', ms: 100 });
  await host.replaceBundle(fixture('function-two.cjs'));
  expect((await running).functionError).toBeUndefined();
  expect(old.map(isAlive)).toEqual([false, false]);
  expect(parse(await host.invoke({ op: 'count' }))).toMatchObject({ version: 'two', count: 1 });
});

test('a new bundle for later starts nothing, and has the next invocation and those that wait', async () => {
  const host = openHost({ maximumConcurrency: 1 });
  const running = host.invoke({ op: 'sleep', ms: 100 });
  await until(() => host.stats().busy === 1);
  const waiting = host.invoke({ op: 'count' });
  await host.replaceBundle(fixture('function-two.cjs'), 'later');
  expect((await running).functionError).toBeUndefined();
  expect(parse(await waiting)).toMatchObject({ version: 'two', count: 1 });
  await host.replaceBundle(fixture('function.cjs'), 'later');
  expect(host.stats().environments).toBe(0);
  expect(parse(await host.invoke({ op: 'count' }))).toMatchObject({ version: 'one', count: 1 });
});

test('a new bundle that does not start leaves the old one in force', async () => {
  const host = openHost();
  await host.invoke({ op: 'count' });
  await expect(host.replaceBundle(fixture('init-throws.cjs'))).rejects.toThrow('APP_TABLE is missing');
  expect(parse(await host.invoke({ op: 'count' }))).toMatchObject({ version: 'one', count: 2 });
});

/** A build of a function that shows what its process had loaded before it. */
async function writeBuild(folder: string, version: string): Promise<string> {
  const bundle = path.join(folder, 'index.cjs');
  const text = `globalThis.first ??= 'build';
    const { made } = require('./shared.cjs');
    exports.handler = async () => ({ version: '${version}', made, first, pid: process.pid, seen: process.env._PRELOAD ?? null });`;
  await writeFile(bundle, text);
  return bundle;
}

test('a process that was started ahead has the next build of the same path, and what builds share as it is now', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'spare-'));
  const shared = path.join(folder, 'shared.cjs');
  const share = (made: string) =>
    writeFile(shared, `globalThis.first ??= 'shared'; exports.made = ${JSON.stringify(made)};`);
  const answer = async (host: ReturnType<typeof openHost>) => JSON.parse((await host.invoke({})).payload);
  try {
    await share('before');
    const host = openHost({ bundle: await writeBuild(folder, 'one'), maximumConcurrency: 1 });
    await host.keepSpare(path.join(folder, 'absent.cjs'));
    const first = await answer(host);
    await host.keepSpare(shared);
    await host.keepSpare(shared);
    expect(host.stats().pids).toEqual([first.pid]);

    await host.replaceBundle(await writeBuild(folder, 'two'));
    expect(await answer(host)).toMatchObject({ version: 'two', made: 'before', first: 'shared', seen: null });
    expect(isAlive(first.pid)).toBe(false);

    // What it has loaded is not what there is: it is of no use.
    await host.keepSpare(shared);
    await share('after');
    await host.replaceBundle(await writeBuild(folder, 'three'));
    expect(await answer(host)).toMatchObject({ version: 'three', made: 'after', first: 'build' });

    // Nor is one that has other variables, or that has failed at what it was to load.
    await host.keepSpare(shared);
    await host.replaceVariables({ NAME: 'other' });
    expect(await answer(host)).toMatchObject({ version: 'three', first: 'build' });
    await writeFile(path.join(folder, 'broken.cjs'), 'throw new Error("cannot be loaded");');
    await host.keepSpare(path.join(folder, 'broken.cjs'));
    await host.replaceBundle(await writeBuild(folder, 'four'));
    expect(await answer(host)).toMatchObject({ version: 'four', first: 'build' });

    // A build that does not start leaves the old one in force, as without.
    await host.keepSpare(shared);
    await writeFile(path.join(folder, 'index.cjs'), 'throw new Error("no such build");');
    await expect(host.replaceBundle(path.join(folder, 'index.cjs'))).rejects.toThrow('no such build');
    expect(await answer(host)).toMatchObject({ version: 'four' });
    await host.keepSpare(shared);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('stop() ends a process that was started ahead, and none is started after it', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'spare-'));
  const pids = path.join(folder, 'pids');
  const shared = path.join(folder, 'shared.cjs');
  try {
    await writeFile(shared, `require('node:fs').appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n');`);
    const host = openHost();
    await host.keepSpare(shared);
    const started = async () => (await readFile(pids, 'utf8').catch(() => '')).split('\n').filter(Boolean).map(Number);
    await until(async () => (await started()).length === 1);
    await host.stop();
    expect((await started()).map(isAlive)).toEqual([false]);
    await host.keepSpare(shared);
    expect(await started()).toHaveLength(1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('stop() lets running invocations finish, refuses others, and leaves no process', async () => {
  const host = openHost({ maximumConcurrency: 1, freeze: true, warmEnvironments: 1 });
  await host.start();
  const { pids } = host.stats();
  const running = host.invoke({ op: 'sleep', ms: 50 });
  const waiting = host.invoke({ op: 'count' });
  const refused = expect(waiting).rejects.toMatchObject({ code: 'ServiceException' });
  await host.stop();
  await refused;
  expect((await running).functionError).toBeUndefined();
  expect(pids.map(isAlive)).toEqual([false]);
  await expect(host.invoke({})).rejects.toMatchObject({ code: 'ServiceException' });
  await host.stop();
});

test('stop() kills an invocation that outlasts the grace time', async () => {
  const host = openHost({ timeoutMs: 60_000, warmEnvironments: 1 });
  await host.start();
  const running = host.invoke({ op: 'hang' });
  await host.stop({ graceMs: 20 });
  expect((await running).functionError).toBe('Unhandled');
});

test('environments die with a host that is killed, even frozen or in a busy loop', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lambda-host-'));
  try {
    const program = path.join(folder, 'parent.mjs');
    const source = `
      import { LambdaHost } from './hosts/lambda/lambda-host.ts';
      const options = { bundle: ${JSON.stringify(fixture('function.cjs'))}, handler: 'handler', timeoutMs: 60000, freeze: true };
      const frozen = new LambdaHost({ functionName: 'frozen', ...options });
      const spinning = new LambdaHost({ functionName: 'spinning', ...options });
      await Promise.all([frozen.start(), spinning.start()]);
      void spinning.invoke({ op: 'spin' });
      console.log(JSON.stringify([...frozen.stats().pids, ...spinning.stats().pids]));
      setInterval(() => undefined, 1000);`;
    const root = path.resolve(__dirname, '../../../..');
    await build({
      stdin: { contents: source, resolveDir: root, loader: 'ts' },
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      // The runtime lies beside the host, not beside the program.
      define: { 'import.meta.url': JSON.stringify(`file://${root}/hosts/lambda/environment.ts`) },
    });
    const parent = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const pids = JSON.parse(line) as number[];
    expect(pids.map(isAlive)).toEqual([true, true]);
    parent.kill('SIGKILL');
    await until(() => !pids.some(isAlive));
  } finally {
    await rm(folder, { recursive: true });
  }
});
