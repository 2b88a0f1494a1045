// Profiles of the command line against an edge that is no local stack's: how they are made, protected, renewed and removed.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type DeployedEdge,
  OPERATOR_SCOPES,
  OPERATORS,
  startDeployedEdge,
  tenantTokenNow,
} from '../../support/deployed-edge.ts';
import { type Ended, Run } from './run.ts';

let edge: DeployedEdge;
beforeAll(async () => {
  edge = await startDeployedEdge();
});
afterAll(() => edge.stop());

const folders: string[] = [];
const configuration = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'polycell-config-'));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Runs a command with nothing but these variables and this input. */
const run = (args: readonly string[], environment: Record<string, string> = {}, input?: string): Promise<Ended> =>
  new Run(args, { environment, ...(input !== undefined && { input }) }).ended;

describe('profiles', () => {
  const home = configuration();
  const own = { XDG_CONFIG_HOME: home };
  const files = () => readdirSync(path.join(home, 'polycell')).sort();

  test('are made by signing in at the operators’ issuer, and their tokens are nowhere shown', async () => {
    const login = new Run(
      [
        'login',
        '--edge',
        edge.url,
        '--profile',
        'prod',
        '--issuer',
        edge.issuer.issuer,
        '--client-id',
        'polycell-cli',
      ].concat(['--resource', OPERATORS, '--scope', `openid offline_access ${OPERATOR_SCOPES}`, '--protected']),
      { environment: own },
    );
    const [, code = ''] = await login.said(/enter the code (\S+)/);
    await edge.issuer.approve(code, 'bob');
    const { out, err, code: exit } = await login.ended;
    expect([exit, out]).toEqual([
      0,
      expect.stringMatching(/^Logged in to http\S+ as bob, until \S+\.\nCommands use the profile prod/),
    ]);
    expect(files()).toEqual(['current', 'prod.profile.json']);
    const file = path.join(home, 'polycell/prod.profile.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { token } = JSON.parse(readFileSync(file, 'utf8')) as { token: string };
    expect(out + err).not.toContain(token);

    const [who, listed] = [await run(['whoami', '--json'], own), await run(['profiles', '--json'], own)];
    expect(JSON.parse(who.out)).toMatchObject({
      edge: edge.url,
      profile: 'prod',
      protected: true,
      subject: 'bob',
      audience: [OPERATORS],
      scopes: OPERATOR_SCOPES.split(' '),
    });
    expect(JSON.parse(listed.out)).toMatchObject({ profile: 'prod', current: true, protected: true, loggedIn: true });
    expect(who.out + listed.out).not.toContain(token);
  });

  test('that are protected are changed with --yes and a revision alone without a terminal; --edge makes no difference', async () => {
    const drain = (...more: string[]) => run(['cells', 'drain', 'b', ...more], own);
    const [preview] = [await drain('--dry-run', '--json')];
    const { revision } = JSON.parse(preview.out) as { revision: number };
    expect(await drain()).toMatchObject({
      code: 2,
      err: expect.stringContaining('This edge is protected: type b at a terminal, or give --yes and --if-revision N'),
    });
    expect(await drain('--yes')).toMatchObject({
      code: 2,
      err: expect.stringContaining('with --yes, give --if-revision N'),
    });
    const byAddress = { ...own, POLYCELL_TOKEN: edge.token };
    expect(await run(['cells', 'drain', 'b', '--edge', edge.url], byAddress)).toMatchObject({ code: 2 });
    const other = await run(['login', '--edge', edge.url, '--profile', 'other'], own, `${edge.token}\n`);
    expect(other).toMatchObject({ code: 0 });
    expect(await run(['cells', 'drain', 'b', '--profile', 'other'], own)).toMatchObject({ code: 2 });
    await run(['profiles', 'remove', 'other'], own);
    await run(['profiles', 'use', 'prod'], own);
    expect(await run(['parked', 'redrive', '--all', '--yes', '--tenant', 'acme'], own)).toMatchObject({
      code: 2,
      err: expect.stringContaining('with --yes, give the ids in place of --all'),
    });
    for (const args of [
      ['rebuild', '--consumer', 'rollups', '--tenant', 'acme'],
      ['replicas', 'sync', 'acme'],
      ['cells', 'index', 'b'],
    ])
      expect(await run(args, own)).toMatchObject({
        code: 2,
        err: expect.stringMatching(/This edge is protected: type (?:acme|b) at a terminal, or give --yes\.\n$/),
      });
    expect(await drain('--yes', '--if-revision', String(revision))).toMatchObject({
      code: 0,
      err: `Going to profile prod, ${edge.url}\n`,
    });
    expect(await run(['profiles', 'unprotect', 'prod'], own)).toMatchObject({ code: 0 });
    expect(await run(['cells', 'resume', 'b'], own)).toMatchObject({ code: 0 });
  });

  test('take a token from standard input, if the edge takes it', async () => {
    const login = (token: string, ...more: string[]) =>
      run(['login', '--edge', edge.url, '--profile', 'ci', ...more], own, `${token}\n`);
    expect(await login(await edge.operatorToken('control.read', 'pipeline'))).toMatchObject({ code: 0 });
    expect(await login(tenantTokenNow({ aud: 'other' }))).toMatchObject({
      code: 3,
      err: expect.stringContaining('does not take this token'),
    });
    expect(await login('secret')).toEqual({ code: 2, out: '', err: expect.not.stringContaining('secret') });
    expect(JSON.parse((await run(['whoami', '--json'], own)).out)).toMatchObject({
      profile: 'ci',
      subject: 'pipeline',
    });
  });

  test('are chosen, logged out and removed', async () => {
    expect(await run(['profiles', 'use', 'prod'], own)).toMatchObject({ code: 0 });
    expect(await run(['logout'], own)).toMatchObject({ code: 0, out: expect.stringMatching(/^Logged out of prod\./) });
    expect(readFileSync(path.join(home, 'polycell/prod.profile.json'), 'utf8')).not.toMatch(/oken"/);
    expect(await run(['cells', 'list'], own)).toMatchObject({
      code: 1,
      err: 'You are not logged in to prod: npx polycell login --profile prod; or npx polycell profiles use none for the local stack.\n',
    });
    expect(await run(['cells', 'list', '--profile', 'ci'], own)).toMatchObject({ code: 0 });
    expect(await run(['profiles', 'remove', 'prod'], own)).toMatchObject({ code: 0 });
    expect(files()).toEqual(['ci.profile.json']);
  });

  test('renew a token that expires', async () => {
    const renewable = configuration();
    const environment = { XDG_CONFIG_HOME: renewable };
    const login = new Run(
      [
        'login',
        '--edge',
        edge.url,
        '--issuer',
        edge.issuer.issuer,
        '--client-id',
        'polycell-cli',
        '--resource',
        OPERATORS,
      ].concat(['--scope', 'openid offline_access control.read']),
      { environment },
    );
    const [, code = ''] = await login.said(/enter the code (\S+)/);
    await edge.issuer.approve(code);
    expect(await login.ended).toMatchObject({ code: 0 });
    const file = path.join(renewable, 'polycell/default.profile.json');
    const profile = JSON.parse(readFileSync(file, 'utf8')) as { token: string };
    const [head, , signature] = profile.token.split('.');
    const expired = [head, Buffer.from('{"exp":1}').toString('base64url'), signature].join('.');
    writeFileSync(file, JSON.stringify({ ...profile, token: expired }));
    expect(await run(['cells', 'list'], environment)).toMatchObject({ code: 0 });
    const { token } = JSON.parse(readFileSync(file, 'utf8')) as { token: string };
    expect(token).not.toBe(expired);
  });
});
