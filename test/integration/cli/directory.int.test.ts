// The commands that look at the directory and change it, against a stack of one cell and its edge: what they say, refuse and leave alone.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildBundles } from '../../../build/bundles.mjs';
import { identityProver, NONCE_PARAMETER } from '../../../core/cell/identity-proof.ts';
import { Stack } from '../../../local/stack.ts';
import { cellDeclaration } from '../../support/cell-declaration.ts';
import { CELL_KEY, publicPart } from '../../support/route-tokens.ts';
import { exportSuite } from './export.suite.ts';
import { oneLine, polycell, Run } from './run.ts';

let stack: Stack;
let edge: string;
beforeAll(async () => {
  await buildBundles();
  stack = await Stack.create({
    cells: [cellDeclaration({ id: 'cell-1', cloud: 'aws', region: 'eu-central-1', capacity: 500, failover: 'never' })],
    tenants: [{ id: 'acme', residency: 'any', tier: 'premium', cell: 'elsewhere', standby: 'nowhere' }],
    version: 'test',
    notice: () => undefined,
    onDeath: () => undefined,
    environment: {},
  });
  edge = (await stack.start()).edge?.url ?? '';
});
afterAll(() => stack.stop());

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** Starts what proves that it is a cell, and nothing else; returns its endpoint. */
async function proving(cell: string): Promise<string> {
  const server = createServer(async (request, response) => {
    const nonce = new URL(request.url ?? '/', endpoint).searchParams.get(NONCE_PARAMETER) ?? '';
    const proof = await identityProver(CELL_KEY, cell, [endpoint], [])(nonce);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ status: 'ok', cell, proof }));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return endpoint;
}

const at = (...args: string[]) => polycell(...args, '--stack', edge);
const json = async (...args: string[]): Promise<Record<string, unknown>[]> => {
  const { out } = await at(...args, '--json');
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

test('a declared tenant whose cells do not run is placed among those that do', async () => {
  expect(await json('tenants', 'show', 'acme')).toEqual([
    expect.objectContaining({
      id: 'acme',
      cell: 'cell-1',
      standby: null,
      tier: 'premium',
      epoch: 1,
      resolution: expect.objectContaining({ status: 'served', cell: 'cell-1' }),
    }),
  ]);
  expect((await at('tenants', 'show', 'acme')).out).toMatch(/^ {2}served by +cell-1 \(epoch 1\), http:/m);
});

test('a change is previewed, applied, reported as unchanged the second time, and audited with its reason', async () => {
  const [before] = await json('cells', 'list');
  expect(await at('cells', 'drain', 'cell-1', '--dry-run')).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      /^Would change at revision \d+ \(nothing was changed yet\):\n {2}cell cell-1: state active → draining\n$/,
    ),
  });
  expect(await json('cells', 'list')).toEqual([before]);
  expect((await at('cells', 'drain', 'cell-1', '--reason', 'an upgrade')).out).toMatch(
    /^Done \(revision \d+\)\.\n {2}cell cell-1: state active → draining\n$/,
  );
  expect((await at('cells', 'drain', 'cell-1')).out).toMatch(/^Nothing to do: the directory is already in this state/);
  expect((await at('cells', 'list')).out).toMatch(/^cell +state .*\ncell-1 +draining +aws +eu-central-1 +eu +1 +0 /);
  expect((await json('audit', '--limit', '1'))[0]).toMatchObject({
    reason: 'an upgrade',
    command: { kind: 'drain-cell', cell: 'cell-1' },
  });
  expect(await at('cells', 'resume', 'cell-1')).toMatchObject({ code: 0 });
  expect((await json('audit', '--limit', '1'))[0]).toMatchObject({ reason: 'polycell cells resume cell-1' });
});

test('--if-revision refuses after a concurrent change', async () => {
  const [outcome] = await json('tenants', 'pin', 'acme');
  const revision = Number(outcome?.revision);
  expect(await at('tenants', 'unpin', 'acme', '--if-revision', String(revision - 1))).toMatchObject({
    code: 3,
    out: '',
    err: oneLine(/\(changed_meanwhile\)\./),
  });
  expect(await at('tenants', 'unpin', 'acme', '--if-revision', String(revision))).toMatchObject({ code: 0 });
});

test('tenants are listed by id, of all homes or of one, so many at most', async () => {
  for (let index = 0; index < 5; index += 1)
    expect(await at('tenants', 'add', `many-${index}`)).toMatchObject({ code: 0 });
  expect((await json('tenants', 'list')).map(({ id }) => id)).toEqual([
    'acme',
    ...[0, 1, 2, 3, 4].map((index) => `many-${index}`),
  ]);
  expect(await json('tenants', 'list', '--limit', '2')).toHaveLength(2);
  expect((await at('tenants', 'list', '--cell', 'cell-1')).out.split('\n')).toHaveLength(8);
});

test("a tenant's token is no operator's", async () => {
  const token = (await at('tenant-token', '--tenant', 'acme')).out.trim();
  const response = await fetch(`${edge}/control/v1/cells`, { headers: { authorization: `Bearer ${token}` } });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, 'invalid_credential']);
});

test('tenant-token is one that the edge accepts, for what it says and no more', async () => {
  const { out } = await at('tenant-token', '--tenant', 'acme', '--scope', 'read', '--ttl', '60');
  const ask = (path: string, method: string) =>
    fetch(edge + path, { method, headers: { authorization: `Bearer ${out.trim()}` } });
  expect((await ask('/v1/devices', 'GET')).status).toBe(200);
  expect((await ask('/v1/events', 'POST')).status).toBe(403);
});

test('token carries the epoch that the directory has', async () => {
  const [shown] = await json('tenants', 'show', 'acme');
  const { out } = await at('token', '--tenant', 'acme', '--cell', 'cell-1');
  const claims = JSON.parse(Buffer.from(out.split('.')[1] ?? '', 'base64url').toString('utf8')) as { epo: number };
  expect(claims.epo).toBe(shown?.epoch);
});

test('a device’s key is not overwritten', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'polycell-key-'));
  try {
    const make = () => at('device-certificate', '--tenant', 'acme', '--device', 'pump-1', '--out', folder);
    expect((await make()).code).toBe(0);
    const read = () => ['key', 'certificate'].map((name) => readFileSync(path.join(folder, `${name}.pem`), 'utf8'));
    const before = read();
    expect(await make()).toEqual({
      code: 1,
      out: '',
      err: oneLine(/There is a key\.pem in .* already; --out names another folder\./),
    });
    expect(read()).toEqual(before);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('status shows the edge, and what the directory says of each cell', async () => {
  expect((await at('status')).out).toMatch(
    /^edge {2}ok {2}http:\S+ {2}https:\S+\n\ncell-1 {2}ok {2}active, home of \d+, standby of 0 {2}aws eu-central-1 {2}http/,
  );
});

test('the console is where the command says, with the headers that confine it', async () => {
  expect(await at('console')).toEqual({ code: 0, out: `${edge}/console/\n`, err: '' });
  const response = await fetch(`${edge}/console/`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; /);
  expect(await response.text()).toContain('<script type="module" src="app.js">');
  const known = { headers: { 'if-none-match': response.headers.get('etag') ?? '' } };
  expect((await fetch(`${edge}/console/`, known)).status).toBe(304);
  expect((await fetch(`${edge}/console/pages/overview.js`)).headers.get('content-type')).toContain('javascript');
  for (const path of ['pages', 'pages/', '../package.json', 'none.js', '%2e%2e/index.html'])
    expect((await fetch(`${edge}/console/${path}`)).status).not.toBe(200);
});

test('status is shown again and again until it is interrupted, as one object a line for scripts', async () => {
  const run = new Run(['status', '--watch', '--json', '--stack', edge]);
  const [lines] = await run.said(/^\{.*\}\n\{.*\}\n/);
  const [first] = lines.split('\n').map((line) => (line === '' ? undefined : JSON.parse(line)));
  expect(first).toMatchObject({
    cells: [{ id: 'cell-1' }],
    tenants: { more: false },
    fencing: { waiting: expect.any(Number) },
  });
  run.child.kill('SIGINT');
  expect(await run.ended).toMatchObject({ code: 0, err: '' });
});

test.each<[string[], number, RegExp]>([
  [['cells'], 2, /Name an action: list, add, approvals, approve, drain, evacuate, resume, retire/],
  [['cells', 'lst'], 2, /Unknown action "lst"\. Did you mean list\? The actions are list, add, .*, plan, scaffold\./],
  [['cells', 'evacuate', 'cell-1', '--to', 'none-such'], 1, /"none-such" cannot take tenants of cell-1; other active/],
  [['tenants', 'list', '--cell', 'none-such'], 1, /There is no cell "none-such"; there are cell-1\b/],
  [
    ['drill', 'cell-loss', '--report', 'package.json'],
    1,
    /The report cannot be written to package\.json: .*--report\./,
  ],
  [['cells', 'drain'], 2, /Name the cell/],
  [['cells', 'drain', 'Cell'], 2, /"Cell" cannot be a cell/],
  [['cells', 'drain', 'cell-2'], 3, /\(unknown_cell\)\./],
  [['cells', 'retire', 'cell-1'], 3, /\(cell_not_empty\)\. Move its tenants with npx polycell cells evacuate cell-1/],
  [
    ['cells', 'add', 'cell-2', '--cloud', 'aws'],
    2,
    /There is no cell cell-2 yet: give its --region, --jurisdiction, --endpoint\./,
  ],
  [['cells', 'approve'], 2, /Give the id of the change; `npx polycell cells approvals` lists them/],
  [['tenants', 'on-isolation', 'acme', '--policy', 'x'], 2, /--policy must be serve or refuse, not "x"/],
  [['tenants', 'standby-mode', 'acme', '--mode', 'x'], 2, /--mode must be warm or log-only, not "x"/],
  [['tenants', 'standby-mode', 'acme'], 2, /--mode/],
  [['tenants', 'standby-mode', 'acmee', '--mode', 'warm'], 3, /\(unknown_tenant\)\./],
  [['cells', 'list', 'cell-1'], 2, /`cells list` takes no argument: "cell-1"/],
  [['tenants', 'add', 'new', '--tier', 'gold'], 2, /tier: it must be one of standard, premium \(invalid_body\)/],
  [['tenants', 'show', 'nobody'], 3, /\(unknown_tenant\)\./],
  [['tenants', 'place', 'acme'], 2, /Give --cell, --standby, or both/],
  [['tenants', 'list', '--to', 'cell-1'], 2, /--to is for move, not for list/],
  [['tenants', 'list', '--limit', '0'], 2, /--limit must be a whole number from 1/],
  [['tenants', 'pin', 'acme', 'globex'], 2, /Unexpected argument|One tenant at a time/],
  [['failover', 'start', 'cell-1'], 3, /\(standby_unavailable\)\./],
  [['failover', 'back', 'cell-1', '--partial'], 2, /--partial is for start, not for back/],
  [['cells', 'index', 'cell-1', '--dry-run'], 2, /--dry-run is for add, .*retire, plan and scaffold, not for index/],
  [['replicas', 'status', 'acmee'], 3, /\(unknown_tenant\)\./],
  [['replicas', 'verify', 'acme', '--yes'], 2, /--yes is for sync, not for verify/],
  [['tenant-token', '--tenant', 'acme', '--scope', 'control'], 2, /There is no scope "control"/],
  [['tenant-token', '--tenant', 'acme', '--ttl', '0'], 2, /A tenant's token lives 1 to 86400 seconds/],
  [
    ['device-certificate', '--tenant', 'acme', '--device', 'pump-1', '--out', 'package.json'],
    1,
    /The certificate cannot be written to package\.json: /,
  ],
  [['drill', 'cell-loss', '--delay', '5'], 2, /--delay is for slow-cell/],
  [['drill', 'cell-loss', '--kill'], 2, /--kill is for move-under-load, not for cell-loss\./],
  [
    ['drill', 'hostile-administrator', '--load', '5'],
    2,
    /--load is for cell-loss, .*, not for hostile-administrator\./,
  ],
  [['drill', 'move-under-load', '--until', 'sealed'], 2, /--until takes fenced or verified\./],
  [['drill', 'failback-union', '--cell', 'cell-9'], 1, /The directory knows no cell cell-9; there are cell-1\./],
  [['drill', 'map-loss', '--cell', 'cell-1'], 2, /--cell is for cell-loss, .*, not for map-loss\./],
  [['device-certificate', '--tenant', 'acme', '--device', 'a/b'], 2, /"a\/b" cannot be a device/],
  [['audit', '--what'], 2, /Unknown option --what\. See/],
])('%j fails in one line', async (args, code, message) => {
  expect(await at(...args)).toEqual({ code, out: '', err: oneLine(message) });
});

test('changing one thing of a cell keeps the others', async () => {
  const cell = async () => (await json('cells', 'list')).find(({ id }) => id === 'cell-1');
  const before = await cell();
  expect(before).toMatchObject({ capacity: 500, failover: 'never', price: 1 });
  expect((await at('cells', 'add', 'cell-1', '--price', '2')).out).toMatch(/\n {2}cell cell-1: price 1 → 2$/m);
  expect(await cell()).toEqual({ ...before, price: 2, revision: expect.any(Number) });
  expect(await at('cells', 'add', 'cell-1', '--price', '1')).toMatchObject({ code: 0 });
});

test('a cell whose tenants are evacuated can be retired', async () => {
  const define = async (id: string, region: string) => [
    ...['cells', 'add', id, '--cloud', 'azure', '--region', region, '--jurisdiction', 'us'],
    ...['--endpoint', await proving(id), '--keys', JSON.stringify([publicPart(CELL_KEY)])],
  ];
  for (const [id, region] of [
    ['old', 'eastus'],
    ['new-1', 'eastus2'],
    ['new-2', 'westus'],
  ] as const)
    expect((await at(...(await define(id, region)))).code).toBe(0);
  const add = (id: string, cell: string, standby: string) =>
    at('tenants', 'add', id, '--residency', 'us', '--cell', cell, '--standby', standby);
  expect((await add('evacuated-1', 'old', 'new-1')).code).toBe(0);
  expect((await add('evacuated-2', 'old', 'none')).code).toBe(0);
  expect((await add('evacuated-3', 'new-1', 'old')).code).toBe(0);
  // These cells prove their identity and can do nothing else, so they may hold anything.
  expect(await at('tenants', 'place', 'evacuated-1', '--cell', 'new-2', '--standby', 'none')).toMatchObject({
    code: 3,
    err: oneLine(/\(tenant_has_data\)\. On the command line, leaveData is --leave-data\./),
  });
  const preview = await at('cells', 'evacuate', 'old', '--dry-run');
  expect(preview.code).toBe(1);
  for (const tenant of ['evacuated-1', 'evacuated-3'])
    expect(preview.out).toContain(`${tenant}: home new-1, once it has all events, and another standby\n`);
  expect(preview.out).toMatch(/\n2 would move at revision \d+, 1 left at old\.\n$/);
  expect(preview.err).toMatch('evacuated-2 stays: it has no standby to move to; name a cell with --to.');
  expect(await at('cells', 'evacuate', 'old', '--leave-data')).toEqual({
    code: 1,
    out: expect.stringMatching(
      /^evacuated-1: home new-1, standby new-2\nevacuated-3: home new-1, standby new-2\n2 moved, 1 left at old\.\n$/,
    ),
    err: oneLine(/evacuated-2 stays: it has no standby to move to; name a cell with --to\./),
  });
  expect((await at('cells', 'retire', 'old')).err).toMatch('(cell_not_empty)');
  expect((await at('cells', 'evacuate', 'old', '--to', 'new-2', '--leave-data')).code).toBe(0);
  expect((await at('cells', 'retire', 'old')).err).toMatch(
    /\(cell_has_data\)\. On the command line, leaveData is --leave-data\./,
  );
  expect((await at('cells', 'retire', 'old', '--leave-data')).code).toBe(0);
});

test('events sent to a cell that does not serve the tenant are stored there, with a notice', async () => {
  const send = ['send', '--tenant', 'evacuated-1', '--cell', 'cell-1', '--count', '1'];
  const { code, out, err } = await at(...send);
  expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^1 accepted/) });
  expect(err).toMatch(/^new-1 serves evacuated-1, not cell-1: the events are stored in cell-1 alone, /);
});

test('the document of the control plane is served without a token', async () => {
  const response = await fetch(`${edge}/control/v1/openapi.json`);
  expect(response.status).toBe(200);
  expect(Object.keys(((await response.json()) as { paths: object }).paths)).toContain('/control/v1/cells');
});

exportSuite(at, json);

test.each([
  'cells',
  'tenants',
  'failover',
  'audit',
  'tenant-token',
  'device-certificate',
  'export',
  'rebuild',
  'replicas',
])('the help of %s has an example', async (command) => {
  const { code, out } = await polycell(command, '--help');
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`Usage: npx polycell ${command}[^]*--json[^]*Example: `));
});

test('a tenant is removed once it is clear that its data stay, and starts with later epochs when it is added again', async () => {
  await at('cells', 'resume', 'cell-1');
  const add = ['tenants', 'add', 'globex', '--cell', 'cell-1', '--standby', 'none'];
  expect((await at(...add)).code).toBe(0);
  const { code, err } = await at('tenants', 'remove', 'globex');
  expect([code, err]).toEqual([
    2,
    expect.stringContaining('Removing a tenant does not erase its data, which stay in its cells. Give --keep-data'),
  ]);
  const remove = ['tenants', 'remove', 'globex', '--keep-data', '--reason', 'it has left'];
  expect((await at(...remove, '--dry-run')).out).toMatch(
    /^Would change at revision \d+ \(nothing was changed yet\):\n {2}tenant globex removed\n {2}requests of 1 tenant would go to no cell\n {2}note: The data of globex are not erased: they stay in cell-1, and a tenant of that name would find them there\.\n$/,
  );
  expect((await at(...remove)).out).toMatch(
    /^Done \(revision \d+\)\.\n {2}tenant globex removed\n {2}requests of 1 tenant now go to no cell\n {2}note: The data of globex/,
  );
  expect(await at(...remove)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Nothing to do.*\n {2}note: There is no tenant globex\.\n$/),
  });
  expect(await at('tenants', 'show', 'globex')).toMatchObject({
    code: 3,
    err: expect.stringContaining('unknown_tenant'),
  });
  expect(await at('send', '--tenant', 'globex', '--count', '1')).toMatchObject({ code: 3 });
  expect((await at('audit', '--limit', '1')).out).toContain('it has left');
  await at(...add);
  const [shown] = await json('tenants', 'show', 'globex');
  expect(shown?.epochBase).toBe(2 ** 24 + 1);
  expect((await at('send', '--tenant', 'globex', '--count', '1')).code).toBe(0);
});
