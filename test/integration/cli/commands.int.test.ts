// The commands against a running stack whose consumers are a bad release: token, send, get, status and parked.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compile, deployableOptions, root } from '../../../build/bundles.mjs';
import { freePort } from '../../../hosts/processes/free-port.ts';
import { AwsCell } from '../../../local/aws-cell.ts';
import { Stack } from '../../../local/stack.ts';
import { cellDeclaration } from '../../support/cell-declaration.ts';
import { eventually } from '../../support/eventually.ts';
import { oneLine, polycell, Run } from './run.ts';

const declaration = cellDeclaration({ id: 'cell-1', cloud: 'aws', region: 'eu-central-1' });
const badRelease = { name: 'test/cli-worker', entry: 'test/support/faulty-aws-worker.ts', platform: 'aws' } as const;

let stack: Stack;
let url: string;
let folder: string;
beforeAll(async () => {
  await compile(deployableOptions(badRelease));
  folder = await mkdtemp(path.join(tmpdir(), 'polycell-commands-test-'));
  stack = await Stack.create({
    cells: [declaration],
    version: 'test',
    edge: false,
    bundles: { worker: path.join(root, `dist/${badRelease.name}/index.cjs`) },
    notice: () => undefined,
    onDeath: () => undefined,
    environment: {},
  });
  url = (await stack.start()).cells[0]?.url ?? '';
});
afterAll(async () => {
  await stack.stop();
  await rm(folder, { recursive: true });
});

/** A command at this stack, whatever others run here. */
const at = (command: string, ...args: string[]) => polycell(command, ...args, '--stack', url);

const fileOf = async (...lines: readonly (string | object)[]): Promise<string> => {
  const file = path.join(folder, `${Math.random()}.jsonl`);
  await writeFile(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return file;
};
const reading = (more: object = {}) => ({
  device: 'pump-1',
  time: '2026-11-20T10:00:00Z',
  metric: 'temperature',
  value: 1,
  ...more,
});

describe('token', () => {
  test('is one that the cell accepts, for what it says and no more', async () => {
    const { code, out } = await at('token', '--tenant', 'acme', '--cell', 'cell-1', '--scope', 'read', '--ttl', '10');
    expect(code).toBe(0);
    const ask = (route: string, method: string) =>
      fetch(url + route, { method, headers: { 'x-polycell-route': out.trim() } });
    expect((await ask('/v1/devices', 'GET')).status).toBe(200);
    expect((await ask('/v1/events', 'POST')).status).toBe(403);
  });

  test('with --json it has a name', async () => {
    const { out } = await at('token', '--tenant', 'acme', '--json');
    expect(JSON.parse(out)).toEqual({
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      tenant: 'acme',
      cell: 'cell-1',
    });
  });
});

test.each<[string[], number, RegExp]>([
  [['token'], 2, /Give --tenant/],
  [['token', '--tenant', 'A B'], 2, /a tenant is 1 to 63 of a-z 0-9 -/],
  [['token', '--tenant', 'acme', '--cell', 'no'], 1, /No cell "no" runs; there are cell-1/],
  [['token', '--tenant', 'acme', '--ttl', '61'], 2, /A route token lives 1 to 60 seconds/],
  [['token', '--tenant', 'acme', '--scope', 'all'], 2, /There is no scope "all"/],
  [['send', '--tenant', 'acme', '--count', '-1'], 2, /--count must be a whole number from 1 to 100000000, not "-1"\./],
  [['send', '--tenant', 'acme', '--count', '0'], 2, /--count must be a whole number from 1/],
  [['send', '--tenant', 'acme', '--file', 'x', '--count', '1'], 2, /Give either --file, or --count and --devices/],
  [
    ['send', '--tenant', 'acme', '--file', 'nowhere.jsonl'],
    1,
    /The file nowhere.jsonl cannot be read: it does not exist/,
  ],
  [['get', 'v1/devices', '--tenant', 'acme'], 2, /Give the path to read, such as \/v1\/devices/],
  [
    ['get', '/v1/devices/none', '--tenant', 'acme'],
    3,
    /The cell answered 404: No reading has come from a device "none" \(unknown_device\)\./,
  ],
  [['parked', '--tenant', 'acme'], 2, /Name an action: list, show, redrive, drop/],
  [['parked', 'list', 'x', '--tenant', 'acme'], 2, /`parked list` takes no ids/],
  [['parked', 'show', 'x', '--all', '--tenant', 'acme'], 2, /--all is for redrive and drop, not for show/],
  [['parked', 'drop', '--tenant', 'acme'], 2, /Give ids, or --all/],
  [
    ['parked', 'list', '--tenant', 'acme', '--consumer', 'no'],
    3,
    /There is no consumer "no"; there are device-state, rollups, catalog, replicate, relay/,
  ],
])('%j fails in one line', async (args, code, message) => {
  expect(await at(args[0] ?? '', ...args.slice(1))).toEqual({ code, out: '', err: oneLine(message) });
});

test('send reads standard input', async () => {
  const run = new Run(['send', '--tenant', 'acme', '--file', '-', '--json', '--stack', url], {
    input: `${JSON.stringify(reading({ device: 'piped' }))}\nno JSON\n`,
  });
  const { code, out, err } = await run.ended;
  expect(JSON.parse(out)).toMatchObject({ accepted: 1, rejected: 1 });
  expect({ code, err }).toEqual({ code: 1, err: oneLine(/line 2: it is not JSON/) });
});

test('a missing stack and an invalid address are reported in one line', async () => {
  const gone = `http://127.0.0.1:${await freePort()}`;
  expect(await polycell('status', '--stack', gone)).toEqual({
    code: 1,
    out: '',
    err: oneLine(/No stack answers at .*ECONNREFUSED.*npm start/),
  });
  expect(await polycell('status', '--stack', 'here')).toMatchObject({
    code: 2,
    err: oneLine(/--stack must be an address/),
  });
});

describe('send', () => {
  test('made-up readings arrive, and the sums are right', async () => {
    const { code, out } = await at(
      'send',
      '--tenant',
      'made',
      '--count',
      '40',
      '--devices',
      '4',
      '--batch',
      '7',
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ...{ accepted: 40, duplicates: 0, rejected: 0, failed: 0, requests: 6 },
      newest: expect.any(String),
    });
    await eventually(async () => {
      const devices = await at('get', '/v1/devices', '--tenant', 'made', '--json');
      const { items } = JSON.parse(devices.out) as { items: { readings: number }[] };
      expect(items.map(({ readings }) => readings)).toEqual([10, 10, 10, 10]);
    });
  });

  test('what is read with --wait is there, however soon after', async () => {
    expect((await at('send', '--tenant', 'soon')).code).toBe(0);
    const { code, out } = await at('get', '/v1/devices/device-1', '--tenant', 'soon', '--wait', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ id: 'device-1', readings: 1 });
  });

  test('types that the application of the stack does not have: what to do is said once', async () => {
    const event = { specversion: '1.0', type: 'com.example.none.v1', source: 'urn:a', subject: 'a', data: {} };
    const time = '2026-11-20T10:00:00Z';
    const file = await fileOf({ ...event, id: '1', time }, { ...event, id: '2', time });
    const { code, out, err } = await at('send', '--tenant', 'foreign', '--file', file);
    expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(/^0 accepted, 0 duplicates, 2 rejected in /) });
    expect(err.match(/set that for this command, too\.$/gm)).toHaveLength(1);
  });

  test('a file: invalid lines are reported by number and the rest is accepted; a second run reports duplicates', async () => {
    const file = await fileOf(
      `\ufeff${JSON.stringify(reading())}\r`,
      'nonsense \u001b[2J',
      '',
      reading({ value: 2, unit: 'a\u2028b' }),
      reading({ device: 'a/b' }),
      `{"padding":"${'x'.repeat(1_100_000)}"}`,
      reading({ time: 'yesterday' }),
      reading({ value: 3 }),
    );
    const first = await at('send', '--tenant', 'filed', '--batch', '10', '--file', file);
    expect(first.code).toBe(1);
    expect(first.out).toMatch(/^3 accepted, 0 duplicates, 4 rejected in /);
    expect(
      first.err
        .split('\n')
        .map((line) => line.slice(0, 7))
        .sort(),
    ).toEqual(['', 'line 2:', 'line 5:', 'line 6:', 'line 7:']);
    expect(first.err).toMatch(/line 5: invalid_attribute: /);
    // What a terminal would obey is not handed through.
    expect(first.err).not.toContain('\u001b');
    const again = await at('send', '--tenant', 'filed', '--batch', '10', '--file', file);
    expect(again.out).toMatch(/^0 accepted, 3 duplicates, 4 rejected in /);
  });

  test('a folder is no file, and an empty file is nothing to complain about', async () => {
    expect(await at('send', '--tenant', 'acme', '--file', folder)).toMatchObject({
      code: 1,
      err: oneLine(/The file .* cannot be read: it is a folder/),
    });
    expect(await at('send', '--tenant', 'acme', '--file', await fileOf())).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^0 accepted, 0 duplicates, 0 rejected/),
    });
  });

  test('Ctrl-C sums up what was sent, however long the wait for the next request', async () => {
    const run = new Run([
      'send',
      '--tenant',
      'slow',
      '--count',
      '1000',
      '--batch',
      '500',
      '--rate',
      '1',
      '--stack',
      url,
      '--json',
    ]);
    await eventually(async () => {
      const { out } = await at('get', '/v1/devices', '--tenant', 'slow', '--json');
      expect((JSON.parse(out) as { items: unknown[] }).items).toHaveLength(1);
    });
    run.child.kill('SIGINT');
    const { code, out } = await run.ended;
    expect(code).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ accepted: 500, failed: 0 });
  });
});

test('a reader that has seen enough is no failure', async () => {
  const run = new Run(['get', '/openapi.json', '--tenant', 'acme', '--stack', url]);
  run.child.stdout?.destroy();
  expect((await run.ended).err).toBe('');
});

test('parked events are shown by status and list, dropped, and redriven after a fixed release', async () => {
  const file = await fileOf(
    reading({ id: 'good' }),
    reading({ id: 'bad-1', metric: 'poison' }),
    reading({ id: 'bad-2', metric: 'poison' }),
  );
  expect(await at('send', '--tenant', 'parking', '--batch', '10', '--file', file)).toMatchObject({ code: 0 });
  const list = async (...more: string[]) => {
    const { out } = await at('parked', 'list', '--tenant', 'parking', '--json', ...more);
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { id: string; event: { id: string } });
  };
  const [first, second] = await eventually(async () => {
    expect(await list()).toHaveLength(4);
    return list('--consumer', 'rollups');
  });
  expect((await at('parked', 'list', '--tenant', 'parking')).out).toMatch(
    /^rollups\.[\w-]{16} {2}\S+ {2}pump-1 {2}RangeError: poison/m,
  );

  const status = await at('status');
  expect(status.code).toBe(0);
  expect(status.out).toMatch(
    /^cell-1 {2}ok {2}aws eu-central-1 {2}http.*\n.*consumer.*\n.*relay +0 +0 +0\n.*device-state +0 +2 +0\n.*rollups +0 +2 +0\n.*catalog +0 +0 +0\n.*replicate +0 +0 +0\n$/,
  );
  expect(JSON.parse((await at('status', '--json')).out)).toMatchObject({
    cells: [
      {
        id: 'cell-1',
        health: 'ok',
        consumers: [
          { name: 'relay' },
          { name: 'device-state', parked: 2 },
          { name: 'rollups', parked: 2 },
          { name: 'catalog', parked: 0 },
          { name: 'replicate', parked: 0 },
        ],
      },
    ],
  });

  const show = async (...more: string[]) =>
    (await at('parked', 'show', first?.id ?? '', '--tenant', 'parking', ...more)).out;
  // Where the consumer failed, in lines of TypeScript: from the cell's log, as clients get no stack.
  expect(JSON.parse(await show('--json'))).toMatchObject({
    id: first?.id,
    consumer: 'rollups',
    stack: expect.stringMatching(/^RangeError: poison.*\n +at .*test\/support\/faulty\.ts:\d+:\d+/),
  });
  expect(await show()).toMatch(/^\{\n[\s\S]*\n\}\n {2}at .*test\/support\/faulty\.ts:\d+:\d+\)?\n/);

  const logs = async (...more: string[]) => (await at('logs', ...more)).out.trim().split('\n');
  expect(
    (await logs('--tenant', 'parking', '--cell', 'cell-1', '--json')).map((line) => JSON.parse(line)),
  ).toContainEqual(
    expect.objectContaining({
      part: 'cell-1 rollups',
      message: 'parked an event',
      fields: expect.objectContaining({
        id: 'bad-1',
        cell: 'cell-1',
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      }),
    }),
  );
  expect(await at('logs', '--tenant', 'other')).toMatchObject({
    out: '',
    err: 'No line that is kept is about that.\n',
  });
  expect(await at('logs', '--cell', 'nowhere')).toMatchObject({ code: 1, err: oneLine(/No cell "nowhere" runs/) });
  const follow = new Run(['logs', '--follow', '--tenant', 'parking', '--stack', url]);
  await eventually(async () => expect(follow.out).toContain('parked an event'));
  await at(
    'send',
    '--tenant',
    'parking',
    '--file',
    await fileOf(reading({ id: 'bad-3', device: 'pump-2', metric: 'poison' })),
  );
  await eventually(async () => expect(follow.out).toContain('id=bad-3'));
  follow.child.kill('SIGINT');
  expect(await follow.ended).toMatchObject({ code: 0, err: '' });
  await eventually(async () => expect(await list()).toHaveLength(6));
  for (const { id, event } of await list())
    if (event.id === 'bad-3') expect(await at('parked', 'drop', id, '--tenant', 'parking')).toMatchObject({ code: 0 });

  expect(await at('parked', 'show', first?.id ?? '', '--tenant', 'other')).toMatchObject({
    code: 1,
    out: '',
    err: oneLine(/Nothing is parked under "rollups/),
  });

  // One that is there and one that is not: the first is dropped all the same.
  const dropped = await at('parked', 'drop', 'rollups.AAAAAAAAAAAAAAAA', second?.id ?? '', '--tenant', 'parking');
  expect(dropped).toEqual({
    code: 1,
    out: '1 dropped.\n',
    err: oneLine(/Nothing is parked under "rollups\.AAAAAAAAAAAAAAAA"/),
  });

  const cell = stack.cells[0];
  if (!(cell instanceof AwsCell)) throw new Error('The stack has no AWS cell.');
  for (const name of ['device-state', 'rollups'])
    await cell.functions.get(name)?.replaceBundle(path.join(root, 'dist/aws/worker/index.cjs'));
  expect(await at('parked', 'redrive', '--all', '--tenant', 'parking', '--json')).toMatchObject({
    code: 0,
    out: '{"redriven":3,"failed":0}\n',
  });
  await eventually(async () => {
    const device = JSON.parse((await at('get', '/v1/devices/pump-1', '--tenant', 'parking', '--json')).out) as {
      readings: number;
    };
    expect(device.readings).toBe(3);
    const rollups = await at('get', '/v1/devices/pump-1/rollups?metric=poison', '--tenant', 'parking', '--json');
    expect((JSON.parse(rollups.out) as { items: { count: number }[] }).items.map(({ count }) => count)).toEqual([2]);
  });
  expect(await at('parked', 'list', '--tenant', 'parking')).toMatchObject({ code: 0, out: 'Nothing is parked.\n' });
  expect(await at('parked', 'redrive', 'rollups.AAAAAAAAAAAAAAAA', '--tenant', 'parking')).toMatchObject({
    code: 1,
    out: '0 redriven, 1 not found or not sendable.\n',
  });
});

describe('write', () => {
  const path = '/v1/catalog/devices/press-1';
  const write = (method: string, ...more: string[]) => at('write', method, path, '--tenant', 'acme', ...more);

  test('describes, changes and removes, which a read shows at once; a repeat with the key is a duplicate', async () => {
    const described = await write('PUT', '--file', await fileOf({ name: 'Press' }), '--key', 'k-1');
    expect([described.code, JSON.parse(described.out)]).toEqual([0, expect.objectContaining({ status: 'accepted' })]);
    const again = await write('PUT', '--data', '{"name":"Press"}', '--key', 'k-1');
    expect(JSON.parse(again.out)).toEqual({ ...JSON.parse(described.out), status: 'duplicate' });
    expect(await write('PATCH', '--data', '{"site":"hall 4"}')).toMatchObject({ code: 0 });
    expect(JSON.parse((await at('get', path, '--tenant', 'acme')).out)).toMatchObject({
      name: 'Press',
      site: 'hall 4',
    });
    expect(await write('DELETE')).toMatchObject({ code: 0 });
    expect(await at('get', path, '--tenant', 'acme')).toMatchObject({
      code: 3,
      err: oneLine(/unknown_catalog_device/),
    });
  });

  test.each<[string[], number, RegExp]>([
    [['PUT', path, '--tenant', 'acme', '--data', '{"unknown":1}'], 3, /^The cell answered 400: .*\(invalid_body\)/],
    [['DELETE', '/v1/catalog/devices/none', '--tenant', 'acme'], 3, /\(unknown_catalog_device\)/],
    [['GET', path, '--tenant', 'acme'], 2, /^Give a method, one of PUT, PATCH, POST, DELETE, and a path/],
    [['PUT', path, '--tenant', 'acme', '--data', '{}', '--file', 'x'], 2, /^Give either --file or --data/],
    [['PUT', path, '--tenant', 'acme', '--file', 'none.json'], 2, /^none\.json cannot be read: ENOENT/],
  ])('%j is refused', async (args, code, message) => {
    expect(await at('write', ...args)).toEqual({ code, out: '', err: oneLine(message) });
  });
});
