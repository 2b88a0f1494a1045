// Operating commands against an edge that is no local stack's: nothing is shared with it but its address and a token.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { ROTATION_LIMITS, type Rotation } from '../../../cli/keys/rotation.ts';
import type { PublicKey } from '../../../core/ports/keys.ts';
import { BROWSER, BROWSER_FLAGS, testsNotRun } from '../../support/browser.ts';
import { answerCheck } from '../../support/conformity.ts';
import { type DeployedEdge, startDeployedEdge, tenantTokenNow } from '../../support/deployed-edge.ts';
import { eventually } from '../../support/eventually.ts';
import { look } from '../../support/look.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { type Ended, Run } from './run.ts';

let edge: DeployedEdge;
beforeAll(async () => {
  edge = await startDeployedEdge();
});
afterAll(() => edge.stop());

/** Runs a command with nothing but these variables and this input. */
const run = (args: readonly string[], environment: Record<string, string> = {}, input?: string): Promise<Ended> =>
  new Run(args, { environment, ...(input !== undefined && { input }) }).ended;

/** As a pipeline does: the address and the token are in the environment. */
const at = (...args: string[]): Promise<Ended> => run(args, { POLYCELL_EDGE: edge.url, POLYCELL_TOKEN: edge.token });
const json = async (...args: string[]): Promise<Record<string, unknown>[]> => {
  const { out, err, code } = await at(...args, '--json');
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${err}`);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};
const going = (more = '') => `Going to ${edge.url}\n${more}`;

test('the directory is read and changed, and the audit log names the operator', async () => {
  expect((await at('cells', 'list')).out).toMatch(/^cell +state .*\na +active +aws +region-of-a .*\nb +active /);
  expect(await json('tenants', 'show', 'acme')).toMatchObject([{ cell: 'a', standby: 'b' }]);
  const [preview] = await json('cells', 'drain', 'b', '--dry-run');
  expect(preview).toMatchObject({ status: 'previewed' });
  const drained = await at('cells', 'drain', 'b', '--if-revision', String(preview?.revision), '--reason', 'an upgrade');
  expect(drained).toEqual({
    code: 0,
    out: expect.stringMatching(/^Done \(revision \d+\)\.\n {2}cell b: state active → draining\n$/),
    err: going(),
  });
  expect((await json('audit', '--limit', '1'))[0]).toMatchObject({ actor: 'ann', reason: 'an upgrade' });
  expect(await at('cells', 'resume', 'b')).toMatchObject({ code: 0 });
  const stale = await at('cells', 'drain', 'b', '--if-revision', String(preview?.revision));
  expect(stale).toEqual({ code: 3, out: '', err: expect.stringMatching(/\(changed_meanwhile\)\.\n$/) });
});

test('a cell is failed over and back', async () => {
  expect(await at('failover', 'start', 'a', '--reason', 'an exercise')).toMatchObject({ code: 0 });
  expect(await json('failover', 'status')).toMatchObject([{ down: [{ id: 'a' }] }]);
  expect(await at('failover', 'back', 'a')).toMatchObject({ code: 0 });
});

test('status has the cells as directory and monitor see them', async () => {
  await eventually(async () => {
    const [status] = await json('status');
    expect(status).toMatchObject({
      edge: { url: edge.url, health: 'ok', version: '7.7.7' },
      cells: [
        { id: 'a', health: 'up', directory: { state: 'active', homes: 1, standbys: 0 } },
        { id: 'b', health: 'up', directory: { state: 'active', homes: 0, standbys: 1 } },
      ],
      tenants: { items: [{ id: 'acme', servedBy: 'a' }], more: false },
      failovers: [{ cell: 'a', backAt: expect.any(String) }],
      fencing: { waiting: 0 },
    });
  });
});

test('drills that were handed over are known at the edge: as a history, and the last one in the status', async () => {
  expect(await at('drill', 'history')).toMatchObject({ code: 0, out: 'No drill is known.\n' });
  expect((await at('status')).out).toContain('Last drill: no drill is known\n');
  const times = { startedAt: new Date(Date.now() - 60_000).toISOString(), endedAt: new Date().toISOString() };
  const response = await fetch(`${edge.url}/control/v1/drills`, {
    method: 'POST',
    headers: { authorization: `Bearer ${edge.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id: 'deployed-drill', kind: 'cell-loss', cell: 'a', outcome: 'passed', ...times }),
  });
  expect(response.status).toBe(200);
  expect((await at('drill', 'history')).out).toMatch(/^ended +drill .*\n[^ ]+ +cell-loss +a +passed +- +ann\n$/);
  expect(await json('drill', 'history')).toMatchObject([{ id: 'deployed-drill', actor: 'ann', ...times }]);
  expect((await at('status')).out).toMatch(/Last drill: cell-loss of a passed \d+ s ago\n/);
  expect(await json('status')).toMatchObject([{ lastDrill: { drill: { id: 'deployed-drill' } } }]);
});

const inBrowser = BROWSER === undefined ? testsNotRun : () => test(SIGN_IN, signIn);
const SIGN_IN = 'an operator signs in to the console at an OpenID provider, and sees and may do what the token allows';

async function signIn(): Promise<void> {
  const browser = await chromium.launch({ executablePath: BROWSER ?? '', args: [...BROWSER_FLAGS] });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`${edge.url}/console/#/failover/a`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    // By the provider, and back to the page that was asked for.
    await page.getByRole('heading', { name: 'Failover', exact: true }).waitFor();
    expect(page.url()).toBe(`${edge.url}/console/#/failover/a`);
    expect(await page.locator('.who').textContent()).toContain('ann');
    // The token has no scope for changes, and the edge refuses a preview, too.
    await page.getByText('Your token lacks the scope control.write, so this page only shows.').waitFor();
    await page.getByText('This needs a token with the scope control.write.').waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('row', { name: /^b/ }).first().waitFor();
  } finally {
    await browser.close();
  }
}

inBrowser();

describe('doctor', () => {
  const findings = async (environment: Record<string, string>) => {
    const { code, out, err } = await run(['doctor', '--json'], environment);
    expect(err).toBe('');
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { check: string; status: string; detail: string });
    return { code, lines, by: Object.fromEntries(lines.map(({ check, status }) => [check, status])) };
  };

  test('finds nothing wrong with an edge and cells that are well', async () => {
    await eventually(async () => {
      const { code, by } = await findings({ POLYCELL_EDGE: edge.url, POLYCELL_TOKEN: edge.token });
      expect(by).toEqual({
        ...{ edge: 'ok', clock: 'ok', version: 'warn', token: 'ok', access: 'ok', monitor: 'ok' },
        ...{ 'cell a': 'ok', 'keys a': 'ok', 'cell b': 'ok', 'keys b': 'ok' },
      });
      expect(code).toBe(0);
    });
  });

  test('names the token that the edge refuses, and goes no further', async () => {
    const { code, lines } = await findings({
      POLYCELL_EDGE: edge.url,
      POLYCELL_TOKEN: tenantTokenNow({ tenant: undefined }),
    });
    expect(code).toBe(1);
    expect(lines.slice(3)).toMatchObject([
      { check: 'token', status: 'ok' },
      {
        check: 'access',
        status: 'fail',
        detail: expect.stringContaining('the edge refuses the token: The credential is refused'),
      },
    ]);
  });

  test('says of a tenant’s token that it is one', async () => {
    const { code, lines } = await findings({ POLYCELL_EDGE: edge.url, POLYCELL_TOKEN: tenantTokenNow() });
    expect([code, lines.at(-1)]).toEqual([
      0,
      { check: 'access', status: 'ok', detail: 'the edge takes it for the tenant acme' },
    ]);
  });

  test('says what does not answer', async () => {
    const { code, lines } = await findings({ POLYCELL_EDGE: 'http://127.0.0.1:1', POLYCELL_TOKEN: edge.token });
    expect([code, lines]).toMatchObject([1, [{ check: 'edge', status: 'fail' }]]);
  });
});

describe('requests of a tenant', () => {
  const asTenant = (...args: string[]) => run(args, { POLYCELL_EDGE: edge.url, POLYCELL_TOKEN: tenantTokenNow() });

  test('go with an operator’s token, and with the tenant’s own', async () => {
    expect(await at('send', '--tenant', 'acme', '--count', '3', '--batch', '3', '--json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('"accepted":3'),
    });
    expect(await at('get', '/v1/health?deep=1', '--tenant', 'acme', '--json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('"cell":"a"'),
    });
    expect(await asTenant('get', '/v1/devices', '--tenant', 'acme')).toMatchObject({ code: 0 });
    expect(await asTenant('get', '/v1/devices', '--tenant', 'globex')).toMatchObject({
      code: 2,
      err: 'The token is for the tenant "acme", not for globex.\n',
    });
    expect(await asTenant('cells', 'list')).toMatchObject({
      code: 3,
      err: expect.stringMatching(
        /\(invalid_credential\)\. The token is that of the tenant "acme"; this takes an operator’s\.\n$/,
      ),
    });
    expect(await asTenant('parked', 'list', '--tenant', 'acme')).toMatchObject({
      code: 3,
      err: expect.stringContaining('403'),
    });
  });

  test('an unknown tenant and a missing scope are refused', async () => {
    expect(await at('get', '/v1/devices', '--tenant', 'nobody')).toMatchObject({
      code: 3,
      err: expect.stringContaining('"nobody" is not known'),
    });
    const reader = { POLYCELL_EDGE: edge.url, POLYCELL_TOKEN: await edge.operatorToken('control.read') };
    expect(await run(['get', '/v1/devices', '--tenant', 'acme'], reader)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/^The edge answered 403: .*tenants\.read/),
    });
    expect(await run(['cells', 'drain', 'b'], reader)).toMatchObject({
      code: 3,
      err: going('This needs a token with the scope control.write (missing_scope).\n'),
    });
  });

  test('parked events are listed and dropped', async () => {
    const reason = { code: 'RangeError', message: 'poison' };
    const [a] = edge.cells;
    const consumer = 'device-state';
    await a.parking.park({ consumer, tenant: 'acme', event: undefined, subject: 'device-1', reason });
    const [parked] = await json('parked', 'list', '--tenant', 'acme');
    expect(parked).toMatchObject({ consumer, reason });
    expect(await at('parked', 'drop', String(parked?.id), '--tenant', 'acme')).toEqual({
      code: 0,
      out: '1 dropped.\n',
      err: going(),
    });
  });
});

describe('the documents', () => {
  const served = async (where: string): Promise<Served> => (await (await look(edge.url + where)).json()) as Served;
  type Served = { info: { title: string }; servers: { url: string }[] };

  test.each([
    ['/openapi.json', 'The API of Polycell'],
    ['/control/v1/openapi.json', 'The control plane of Polycell'],
  ])('%s is public and that of the edge', async (where, title) => {
    const { info, servers } = await served(where);
    expect([info.title, servers[0]?.url]).toEqual([title, '/']);
  });

  test.each<[string, number, () => string | undefined]>([
    ['/v1/health', 200, () => undefined],
    ['/v1/devices', 401, () => undefined],
    ['/v1/devices', 401, () => edge.token],
    ['/v1/devices', 200, () => tenantTokenNow()],
    ['/v1/devices', 403, () => tenantTokenNow({ scope: 'ingest' })],
    ['/v1/devices/none', 404, () => tenantTokenNow()],
    ['/control/v1/cells', 401, () => undefined],
    ['/control/v1/cells', 401, () => tenantTokenNow()],
    ['/control/v1/cells', 200, () => edge.token],
    ['/control/v1/monitor', 200, () => edge.token],
    ['/control/v1/tenants/acme', 200, () => edge.token],
    ['/control/v1/audit', 200, () => edge.token],
  ])('say how %s answers with %i', async (where, status, token) => {
    const check = answerCheck(
      await served(where.startsWith('/control/') ? '/control/v1/openapi.json' : '/openapi.json'),
    );
    const credential = token();
    const headers = credential === undefined ? {} : { authorization: `Bearer ${credential}` };
    const response = await look(edge.url + where, { headers });
    const body = await response.text();
    const contentType = response.headers.get('content-type');
    expect(check({ method: 'GET', path: where, status: response.status, contentType, body })).toEqual([]);
    expect(response.status).toBe(status);
  });
});

describe('what a change comes to when the edge does not answer', () => {
  test.each([
    ['ends the connection', 4, () => undefined],
    ['answers 502 as a proxy does', 4, (response: import('node:http').ServerResponse) => response.writeHead(502).end()],
    [
      'redirects',
      1,
      (response: import('node:http').ServerResponse) => response.writeHead(307, { location: edge.url }).end(),
    ],
  ])('and %s: exit code %i', async (_name, code, answer) => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      request.resume();
      if (answer(response) === undefined) request.socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const environment = { POLYCELL_EDGE: url, POLYCELL_TOKEN: edge.token };
      expect(await run(['cells', 'drain', 'b'], environment)).toMatchObject({ code });
      expect(seen).toEqual(['POST /control/v1/cells/b/drain']);
      expect(await run(['cells', 'list'], environment)).toMatchObject({ code: 1 });
      await new Promise((resolve) => server.close(resolve).closeAllConnections());
      // Nothing was sent, so nothing was changed.
      expect(await run(['cells', 'drain', 'b'], environment)).toMatchObject({
        code: 1,
        err: expect.stringContaining('ECONNREFUSED'),
      });
    } finally {
      server.close().closeAllConnections();
    }
  });
});

test.each([
  [['token', '--tenant', 'acme', '--edge', 'https://edge.example'], '--edge'],
  [['drill', 'cell-loss', '--profile', 'prod'], '--profile'],
  [['device-certificate', '--tenant', 'acme', '--device', 'd', '--edge', 'https://edge.example'], '--edge'],
])('%j says that it needs a local stack', async (args, named) => {
  expect(await run(args)).toEqual({
    code: 2,
    out: '',
    err: `\`polycell ${args[0]}\` works with a local stack only, and ${named} names a deployed edge. Leave that out, or give --stack URL.\n`,
  });
});

test('--cell is for a local stack', async () => {
  expect(await at('get', '/v1/devices', '--tenant', 'acme', '--cell', 'a')).toMatchObject({
    code: 2,
    err: expect.stringContaining('a local stack alone allows'),
  });
});

test('a key is rotated in steps that are shown: what was done is seen, and no private key is printed', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'polycell-keys-'));
  const keys = (...args: string[]): Promise<Ended> =>
    run(['keys', ...args], { POLYCELL_EDGE: edge.url, POLYCELL_TOKEN: edge.token, XDG_CONFIG_HOME: folder });
  try {
    expect(await keys('list', '--wait')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^--wait is for rotate, not for list\./),
    });
    expect(await keys('rotate', 'a', '--except', 'b')).toMatchObject({ code: 2 });
    expect(await keys('rotate', 'z')).toMatchObject({ code: 3, err: going('There is no cell "z".\n') });
    expect((await keys('show', 'edge-1')).out).toMatch(/^edge-1 of the edge: signs the edge; taken by a, b\n\{.*\}\n$/);

    const first = await keys('rotate', '--kid', 'second');
    expect(first).toMatchObject({ code: 0, err: going('To go on, repeat the command, or give --wait.\n') });
    expect(first.out).toMatch(/^a, b: to take edge-1 and second\.\n/);
    const [, value = ''] = /gh variable set ROUTE_KEYS --env ENVIRONMENT --body '(.+)'/.exec(first.out) ?? [];
    const both = JSON.parse(value) as PublicKey[];
    expect(both.map((key) => [key.kid, Object.keys(key).sort().join(' ')])).toEqual([
      ['edge-1', 'crv kid kty x'],
      ['second', 'crv kid kty x'],
    ]);
    expect(await keys('rotate', '--kid', 'third')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/second is under way/),
    });
    edge.cells[0].deploy(both);
    expect((await keys('rotate')).out).toMatch(/^b: to take /);
    edge.cells[1].deploy(both);
    expect((await keys('rotate')).out).toBe('Waiting until every process of the cells takes the new key.\n');

    // A minute later.
    const [name = ''] = await readdir(path.join(folder, 'polycell/rotations'));
    const file = path.join(folder, 'polycell/rotations', name, 'edge.json');
    const kept = JSON.parse(await readFile(file, 'utf8')) as Rotation;
    await writeFile(file, JSON.stringify({ ...kept, acceptedAt: Number(kept.acceptedAt) - ROTATION_LIMITS.settleMs }));
    const signing = await keys('rotate');
    const [, secret = ''] =
      /npx wrangler secret put APP_ROUTE_KEY --name polycell-edge < '(.+)'/.exec(signing.out) ?? [];
    const key = await readFile(secret, 'utf8');
    expect(signing.out).not.toContain((JSON.parse(key) as { d: string }).d);
    await edge.putSecret('APP_ROUTE_KEY', key);
    await eventually(async () =>
      expect((await keys('rotate')).out).toBe('Waiting until nothing that edge-1 has signed is valid any more.\n'),
    );
    expect(await at('get', '/v1/health?deep=1', '--tenant', 'acme')).toMatchObject({ code: 0 });
    expect(await keys('abandon')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/second is signed with already/),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
