// `polycell dev --data`: what was accepted is there after any end of the stack, and one stack at a time uses a folder.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { dev, endAll, oneLine, polycell } from './run.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'polycell-data-test-'));
});
afterEach(async () => {
  await endAll();
  await rm(folder, { recursive: true });
});

const send = (stack: string, ...more: string[]) =>
  polycell('send', '--stack', stack, '--tenant', 'acme', '--json', ...more);

/** Readings of each device, once there are as many as expected. */
const readings = (stack: string, expected: number) =>
  eventually(async () => {
    const { out } = await polycell('get', '/v1/devices', '--stack', stack, '--tenant', 'acme', '--json');
    const { items } = JSON.parse(out) as { items: { readings: number }[] };
    const counts = items.map((device) => device.readings);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(expected);
    return counts;
  });

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'after %s everything that was accepted is there, once, and the directory is as operators left it and knows where cells are now',
  async (signal) => {
    const first = await dev(['--data', folder]);
    const before = await first.edgeUrl();
    expect(await send(before, '--count', '60', '--devices', '3', '--batch', '20')).toMatchObject({ code: 0 });
    expect(await polycell('tenants', 'add', 'hooli', '--stack', before)).toMatchObject({ code: 0 });
    expect(await polycell('tenants', 'pin', 'acme', '--stack', before)).toMatchObject({ code: 0 });
    first.child.kill(signal);
    expect((await first.ended).code).toBe(signal === 'SIGKILL' ? null : 0);

    const second = await dev(['--data', folder]);
    const after = await second.edgeUrl();
    expect(await send(after, '--count', '30', '--devices', '3', '--batch', '10')).toMatchObject({ code: 0 });
    expect(await readings(after, 90)).toEqual([30, 30, 30]);
    const { out } = await polycell('tenants', 'list', '--stack', after, '--json');
    const tenants = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; pinned: boolean });
    expect(tenants.map(({ id, pinned }) => [id, pinned])).toEqual([
      ['acme', true],
      ['globex', false],
      ['hooli', false],
    ]);
    const cells = await polycell('cells', 'list', '--stack', after, '--json');
    expect(JSON.parse(cells.out)).toMatchObject({ id: 'aws-alpha', endpoint: await second.url() });
  },
);

test('a folder that a running stack uses is refused, and the running stack goes on', async () => {
  const first = await dev(['--data', folder]);
  const url = await first.url();
  expect(await polycell('dev', '--cells', 'aws-alpha', '--data', folder)).toMatchObject({
    code: 1,
    err: oneLine(new RegExp(`The stack with process id ${first.pid} uses the folder ${folder}`)),
  });
  expect((await fetch(`${url}/v1/health`)).status).toBe(200);
});

test('a folder that is missing at the end is reported in one sentence, and everything still stops', async () => {
  const run = await dev(['--data', folder]);
  await run.url();
  const processes = await run.descendants();
  await rm(path.join(folder, 'aws-alpha'), { recursive: true });
  run.child.kill('SIGTERM');
  const { code, err } = await run.ended;
  expect(code).toBe(1);
  expect(err).toMatch(/The stack has stopped, though not in order: ENOENT[^\n]*\n$/);
  await run.isGone(processes);
  expect(await readdir(folder)).toEqual(['edge']);
});
