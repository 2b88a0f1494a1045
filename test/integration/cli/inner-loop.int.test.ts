// The inner loop: a saved source file of a domain is at work on both clouds with the state kept, errors name lines, debuggers find a port.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from '../../../build/bundles.mjs';
import { PATIENCE_MS } from '../../support/patience.ts';
import { oneLine, Run } from './run.ts';

/** What a checkout needs to run the stack; packages are found in the folder above. */
const SOURCES = [
  ...['adapters', 'build', 'cli', 'containers', 'core', 'emulators', 'examples', 'functions-aws'],
  ...['functions-azure', 'functions-edge', 'hosts', 'infra', 'local', 'docs/environment.md', 'package.json'],
];
const CONSUMER = 'core/domains/telemetry/device-state.ts';
const ADD = '    summary.readings += 1;\n';

let checkout = '';
let stack: Run | undefined;

beforeAll(async () => {
  checkout = await mkdtemp(path.join(root, 'dist/checkout-'));
  for (const each of SOURCES)
    await cp(path.join(root, each), path.join(checkout, each), {
      recursive: true,
      filter: (file) => !/\/(?:node_modules|dist)$/.test(path.relative(root, file).replace(/^/, '/')),
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
});

afterAll(async () => {
  stack?.child.kill('SIGKILL');
  await stack?.ended;
  await rm(checkout, { recursive: true, force: true });
});

const polycell = async (...args: string[]) => {
  const ended = await new Run(args, { cwd: checkout }).ended;
  expect(ended).toMatchObject({ code: 0 });
  return ended.out;
};

/** What the stack has said since the last call. */
let read = 0;
const says = async (pattern: RegExp): Promise<string> => {
  const match = await stack?.said(pattern, () => stack?.err.slice(read) ?? '');
  read = stack?.err.length ?? 0;
  return match?.[0] ?? '';
};

const edit = async (from: string, to: string): Promise<string> => {
  const file = path.join(checkout, CONSUMER);
  const before = await readFile(file, 'utf8');
  expect(before).toContain(from);
  await writeFile(file, before.replace(from, to));
  return before;
};

test('a saved file of a domain is at work with the state kept, and what goes wrong names its line', async () => {
  const names = ['aws-alpha/worker:device-state', 'azure-beta/worker'];
  stack = new Run(['dev', '--json', '--watch', '--cells', 'aws-alpha,azure-beta', '--inspect', names.join(',')], {
    cwd: checkout,
  });
  await stack.said(/^\{"ready":true.*\}\n/);

  for (const name of names) {
    const port = new RegExp(`Debugger of ${name}: node inspect 127\\.0\\.0\\.1:(\\d+)`).exec(stack.err)?.[1];
    const answer = await fetch(`http://127.0.0.1:${port}/json/version`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    expect(await answer.json()).toMatchObject({ Browser: expect.stringMatching(/^node\.js/) });
  }

  const tenants = { 'aws-alpha': 'acme', 'azure-beta': 'globex' };
  for (const tenant of Object.values(tenants)) {
    await polycell('send', '--tenant', tenant, '--count', '1');
    expect(await polycell('get', '/v1/devices', '--tenant', tenant, '--wait')).toContain('"readings": 1,');
  }

  // One that throws: on both clouds the log points at the line of the source.
  const whole = await edit(ADD, `    if (summary.readings >= 0) throw new TypeError('no such summary');\n${ADD}`);
  const line = whole.slice(0, whole.indexOf(ADD)).split('\n').length;
  await says(
    /device-state\.ts: rebuilt .*aws\/worker.*azure\/app.*restarted .*aws-alpha\/worker:device-state.*azure-beta/,
  );
  for (const [cell, tenant] of Object.entries(tenants)) {
    await polycell('send', '--tenant', tenant, '--count', '1');
    const frame = `${cell} [^\\n]*no such summary[^\\n]*\\n  at [^\\n]*${CONSUMER}:${line}:`;
    await says(new RegExp(frame));
    // Clients see code and message, as before.
    const parked = await polycell('parked', 'list', '--tenant', tenant, '--json');
    expect(parked).toContain('no such summary');
    expect(parked).not.toContain('device-state.ts');
  }

  // One that does not compile: the version before goes on, and says where.
  await edit(ADD, `${ADD}    }{\n`);
  await says(new RegExp(`ERROR ${CONSUMER}:\\d+:\\d+: [^\\n]*\\n[^\\n]*the running version stays`));

  // Put right again: what was stored before all this is still there.
  await writeFile(path.join(checkout, CONSUMER), whole.replace(ADD, `${ADD}${ADD}`));
  await says(/device-state\.ts: rebuilt .*restarted/);
  for (const tenant of Object.values(tenants))
    expect(await polycell('get', '/v1/devices', '--tenant', tenant)).toContain('"readings": 1,');

  // What is generated is made anew before the functions restart.
  const reads = path.join(checkout, 'core/domains/telemetry/reads.ts');
  await writeFile(reads, (await readFile(reads, 'utf8')).replace('The devices of the tenant, by id.', 'All devices.'));
  await says(/reads\.ts: rebuilt .*aws\/http.*restarted/);
  expect(await readFile(path.join(checkout, 'core/openapi.generated.json'), 'utf8')).toContain('All devices.');
  stack.child.kill('SIGINT');
  expect(await stack.ended).toMatchObject({ code: 0 });
});

test('a stop while the first save is made ready for, with packages to link, is in order', async () => {
  await rm(path.join(checkout, 'dist/azure/packages.cjs'), { force: true });
  const run = new Run(['dev', '--json', '--watch', '--cells', 'azure-beta'], { cwd: checkout });
  await run.said(/^\{"ready":true.*\}\n/);
  run.child.kill('SIGINT');
  const ended = await run.ended;
  expect(ended).toMatchObject({ code: 0 });
  expect(ended.err).not.toContain('ERROR');
});

test('an unknown function is one line that lists those there are', async () => {
  const run = new Run(['dev', '--cells', 'aws-alpha,azure-beta', '--inspect', 'aws-alpha/worker']);
  expect(await run.ended).toMatchObject({
    code: 2,
    out: '',
    err: oneLine(
      /There is no function "aws-alpha\/worker"; there are aws-alpha\/http, aws-alpha\/relay, aws-alpha\/worker:device-state, .*azure-beta\/worker\./,
    ),
  });
});
