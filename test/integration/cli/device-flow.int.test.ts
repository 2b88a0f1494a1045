// Signing in at a real OpenID provider by the device flow, and at ones that answer badly.
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DEVICE_FLOW_LIMITS, renewed, signInByDevice } from '../../../cli/edge/device-flow.ts';
import { claimsOf, scopesOf } from '../../../cli/edge/token-claims.ts';
import { type Issuer, startIssuer } from '../../support/issuer/issuer.ts';

const RESOURCE = 'urn:polycell:control';
const SCOPES = 'control.read control.write';

let provider: Issuer;
beforeAll(async () => {
  provider = await startIssuer({ alg: 'Ed25519', resource: RESOURCE, scopes: SCOPES });
});
afterAll(() => provider.stop());

const signInAt = (issuer: string) => ({
  issuer,
  clientId: 'polycell-cli',
  scope: `openid offline_access ${SCOPES}`,
  resource: RESOURCE,
});

/** Signs in; `between` happens before each question whether the user is done. */
async function signedIn(issuer: string, between: (code: string, question: number) => Promise<void>) {
  const lines: string[] = [];
  const waits: number[] = [];
  const tokens = await signInByDevice(signInAt(issuer), {
    say: (line) => lines.push(line),
    sleep: async (ms) => {
      waits.push(ms);
      await between(/enter the code (\S+)/.exec(lines[0] ?? '')?.[1] ?? '', waits.length);
    },
  });
  return { tokens, lines, waits };
}

test('the user enters a code at the provider, and the token that comes is for the edge; it can be renewed', async () => {
  const { tokens, lines, waits } = await signedIn(provider.issuer, async (code, question) => {
    // The first question comes before the user has entered the code.
    if (question === 2) await provider.approve(code);
  });
  expect(lines).toEqual([
    expect.stringMatching(/^Open http:\S+\/device in a browser and enter the code \S+$/),
    expect.stringMatching(/^or open http:\S+\/device\?user_code=/),
  ]);
  expect(waits).toEqual([5000, 5000]);
  const claims = claimsOf(tokens.token) ?? {};
  expect(claims).toMatchObject({ iss: provider.issuer, sub: 'ann', aud: RESOURCE });
  expect(scopesOf(claims)).toEqual(['control.read', 'control.write']);

  const again = await renewed(signInAt(provider.issuer), tokens.refreshToken ?? '');
  expect(claimsOf(again.token)).toMatchObject({ iss: provider.issuer, sub: 'ann', aud: RESOURCE });
  expect(again.token).not.toBe(tokens.token);
  await expect(renewed(signInAt(provider.issuer), 'another')).rejects.toThrow(
    'The issuer refuses the sign-in: invalid_grant',
  );
});

describe('a provider that', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });

  type Answers = Readonly<Record<string, (count: number, response: ServerResponse) => unknown>>;

  /** A provider with these answers by path; its metadata are right unless they are among them. */
  async function answering(answers: Answers): Promise<string> {
    const counts = new Map<string, number>();
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', issuer);
      const count = (counts.get(url.pathname) ?? 0) + 1;
      counts.set(url.pathname, count);
      const metadata = { issuer, token_endpoint: `${issuer}/token`, device_authorization_endpoint: `${issuer}/device` };
      const body =
        answers[url.pathname]?.(count, response) ?? (url.pathname.startsWith('/.well-known/') ? metadata : {});
      if (!response.writableEnded) response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return issuer;
  }

  const begun = (more: object = {}) => ({
    device_code: 'd',
    user_code: 'ABCD',
    verification_uri: 'https://issuer.example/device',
    expires_in: 600,
    interval: 1,
    ...more,
  });
  const waitsAt = async (answers: Answers) => (await signedIn(await answering(answers), async () => undefined)).waits;
  const pending = { error: 'authorization_pending' };
  const granted = { access_token: 'a.b.c' };

  test('wants to be asked more slowly is asked five seconds later each time', async () => {
    const token = (count: number) => (count < 4 ? { error: 'slow_down' } : granted);
    expect(await waitsAt({ '/device': () => begun(), '/token': token })).toEqual([1000, 6000, 11_000, 16_000]);
  });

  test('names no interval, or none that is a number, is asked every five seconds', async () => {
    for (const interval of [undefined, 0, -1, 'x'])
      expect(await waitsAt({ '/device': () => begun({ interval }), '/token': () => granted })).toEqual([5000]);
  });

  test('never comes to an end is asked for half an hour at most', async () => {
    const issuer = await answering({
      '/device': () => begun({ expires_in: 1e9, interval: 600 }),
      '/token': () => pending,
    });
    let asked = 0;
    await expect(
      signedIn(issuer, async () => {
        asked += 1;
      }),
    ).rejects.toThrow('The code has expired; log in again.');
    expect(asked * 600).toBe(DEVICE_FLOW_LIMITS.seconds);
  });

  test.each<[string, Answers, RegExp]>([
    [
      'is denied',
      { '/device': () => begun(), '/token': () => ({ error: 'access_denied' }) },
      /^The sign-in was denied\.$/,
    ],
    ['lets the code expire', { '/device': () => begun(), '/token': () => ({ error: 'expired_token' }) }, /has expired/],
    [
      'refuses the client',
      { '/device': () => ({ error: 'invalid_client', error_description: 'no\u001b[2J' }) },
      /^The issuer refuses the sign-in: invalid_client: no\ufffd\[2J\.$/,
    ],
    [
      'answers with no JSON',
      { '/device': () => '<html>' },
      /answered 200 at .*, with something else than a JSON object/,
    ],
    ['answers with a list', { '/device': () => '[]' }, /something else than a JSON object/],
    [
      'answers with too much',
      { '/device': () => JSON.stringify({ x: 'x'.repeat(65_536) }) },
      /more than 65536 characters/,
    ],
    [
      'calls itself by another name',
      { '/.well-known/openid-configuration': () => ({ issuer: 'https://evil.example' }) },
      /^The issuer at .* calls itself "https:\/\/evil\.example"\.$/,
    ],
    [
      'sends elsewhere',
      { '/device': (_count, response) => response.writeHead(302, { location: '/x' }).end() },
      /does not answer/,
    ],
  ])('%s fails in a sentence', async (_name, answers, message) => {
    await expect(signedIn(await answering(answers), async () => undefined)).rejects.toThrow(message);
  });

  test.each([
    [{ device_authorization_endpoint: undefined }, 'The issuer names no device_authorization_endpoint'],
    [
      { device_authorization_endpoint: 'http://evil.example/' },
      'The issuer’s device_authorization_endpoint must begin with https://',
    ],
  ])('has metadata with %j is refused', async (wrong, message) => {
    let issuer = '';
    issuer = await answering({
      '/.well-known/openid-configuration': () => ({ issuer, token_endpoint: `${issuer}/token`, ...wrong }),
    });
    await expect(signedIn(issuer, async () => undefined)).rejects.toThrow(message);
  });
});
