// `polycell dev`: what it says when it is ready, how it ends, and what it says when it cannot start.
import { createServer } from 'node:net';
import { freePort } from '../../../hosts/processes/free-port.ts';
import { eventually } from '../../support/eventually.ts';
import { dev, endAll, oneLine, polycell, Run } from './run.ts';

afterEach(endAll);

test('--json prints one line on standard output, and SIGINT ends everything in order', async () => {
  const run = await dev();
  const url = await run.url();
  expect(JSON.parse(run.out)).toEqual({
    ready: true,
    tookMs: expect.any(Number),
    edge: {
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      tlsUrl: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
    },
    cells: [
      {
        id: 'aws-alpha',
        cloud: 'aws',
        region: 'eu-central-1',
        url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      },
    ],
  });
  expect((await fetch(`${url}/v1/health`)).status).toBe(200);
  expect((await fetch(`${await run.edgeUrl()}/v1/health`)).status).toBe(200);
  const processes = await run.descendants();
  expect(processes.length).toBeGreaterThan(2);
  run.child.kill('SIGINT');
  const { code, out, err } = await run.ended;
  expect(code).toBe(0);
  expect(out.split('\n')).toHaveLength(2);
  expect(err).toMatch(/Stopped\.\n$/);
  await run.isGone(processes);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s during the start leaves nothing running', async (signal) => {
  const run = await dev();
  const processes = await eventually(async () => {
    const found = await run.descendants();
    if (!found.some(({ command }) => command.includes('dynoxide'))) throw new Error('Nothing is up yet.');
    return found;
  });
  expect(run.out).toBe('');
  run.child.kill(signal);
  expect(await run.ended).toMatchObject({ code: 0, out: '' });
  await run.isGone([...processes, ...(await run.descendants())]);
});

test('parts that do not stop are ended by force: in time, leaving nothing behind, and that is no failure', async () => {
  const run = await dev();
  await run.url();
  const processes = await run.descendants();
  // The shell is what ends the others when the stack itself is gone.
  for (const { pid, command } of processes) if (!command.startsWith('/bin/sh')) process.kill(pid, 'SIGSTOP');
  run.child.kill('SIGTERM');
  const { code, err } = await run.ended;
  expect([code, err]).toEqual([0, expect.stringMatching(/Stopped\.\n$|ended by force\.\n$/)]);
  await run.isGone(processes);
});

test("a terminal's Ctrl-C, which reaches the whole group, is no accident to any part", async () => {
  const run = await dev([], { group: true });
  await run.url();
  const processes = await run.descendants();
  process.kill(-run.pid, 'SIGINT');
  const { code, err } = await run.ended;
  expect(code).toBe(0);
  expect(err).not.toMatch(/WARN|ERROR|ended/);
  await run.isGone(processes);
});

test('a part that dies takes the stack down, which says which one', async () => {
  const run = await dev();
  await run.url();
  const processes = await run.descendants();
  const database = processes.find(({ command }) => command.includes('dynoxide serve'));
  process.kill(database?.pid ?? 0, 'SIGKILL');
  const { code, err } = await run.ended;
  expect(code).toBe(1);
  expect(err).toMatch(/The stack stops: aws-alpha: the DynamoDB emulator ended: signal SIGKILL/);
  await run.isGone(processes);
});

test('an edge that dies takes the stack down as well', async () => {
  const run = await dev();
  await run.url();
  const processes = await run.descendants();
  process.kill(processes.find(({ command }) => command.includes('workerd serve'))?.pid ?? 0, 'SIGKILL');
  const { code, err } = await run.ended;
  expect(code).toBe(1);
  expect(err).toMatch(/The stack stops: the edge ended: exit status SIGKILL/);
  await run.isGone(processes);
});

test('a taken port is one line that names it; --port is where the edge listens, --port-base the cell, --origins who may ask', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const run = await dev(['--port', String(port)]);
  const ended = await run.ended;
  await new Promise((resolve) => server.close(resolve));
  expect(ended).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(new RegExp(`^(?:  built .*\n)*Port ${port} is in use[^\n]*\n$`)),
  });

  const free = await freePort();
  const base = await freePort();
  const page = 'http://localhost:3000';
  const both = await dev(['--port', String(free), '--port-base', String(base), '--origins', page]);
  expect(await both.edgeUrl()).toBe(`http://127.0.0.1:${free}`);
  expect(await both.url()).toBe(`http://127.0.0.1:${base}`);
  const allowed = async (origin: string) =>
    (await fetch(`http://127.0.0.1:${free}/v1/health`, { headers: { origin } })).headers.get(
      'access-control-allow-origin',
    );
  expect([await allowed(page), await allowed('http://localhost:4000')]).toEqual([page, null]);
});

test.each<[string, string[], Record<string, string>, number, RegExp]>([
  ['an unknown cell', ['--cells', 'aws-beta'], {}, 2, /There is no cell "aws-beta"; infra\/cells\.json declares /],
  ['a cell named twice', ['--cells', 'aws-alpha,aws-alpha'], {}, 2, /The cell "aws-alpha" is named twice/],
  ['no folder', ['--data', ''], {}, 2, /Give --data a folder/],
  ['a file as the folder', ['--data', 'package.json'], {}, 1, /package\.json cannot keep the state: EEXIST/],
  [
    'an origin with a path',
    ['--origins', '*,http://a.example/'],
    {},
    2,
    /--origins takes origins such as .*"http:\/\/a\.example\/" is none/,
  ],
  ['no origin', ['--origins', ''], {}, 2, /--origins takes origins such as .*"" is none/],
  ['a port beyond all ports', ['--port', '65536'], {}, 2, /--port must be a whole number from 1 to 65535/],
  [
    'an unknown option',
    ['--prot', '1'],
    {},
    2,
    /Unknown option --prot\. Did you mean --port\? See `npx polycell dev --help`/,
  ],
  ['an address that is none', [], { DYNAMODB_ENDPOINT: 'here' }, 1, /DYNAMODB_ENDPOINT must be an address/],
  ['half a bus', [], { SNS_ENDPOINT: 'http://127.0.0.1:9' }, 1, /Set SNS_ENDPOINT and SQS_ENDPOINT both or not at all/],
  [
    'a server that is not there',
    [],
    { DYNAMODB_ENDPOINT: 'http://127.0.0.1:9' },
    1,
    /DYNAMODB_ENDPOINT=http:\/\/127\.0\.0\.1:9: connect ECONNREFUSED/,
  ],
])('%s is one line that says what to do', async (_case, args, environment, code, message) => {
  expect(await new Run(['dev', '--cells', 'aws-alpha', ...args], { environment }).ended).toMatchObject({
    code,
    err: oneLine(message),
  });
});

test('an empty endpoint variable is one that is not set', async () => {
  const run = await dev([], { environment: { DYNAMODB_ENDPOINT: '', SNS_ENDPOINT: '', SQS_ENDPOINT: '' } });
  expect(await run.url()).toMatch(/^http:/);
});

test('help lists every option and an example', async () => {
  const { code, out } = await polycell('dev', '--help');
  expect(code).toBe(0);
  for (const text of ['--cells', '--port', '--port-base', '--data', '--origins', '--json', 'Example: npx polycell dev'])
    expect(out).toContain(text);
});
