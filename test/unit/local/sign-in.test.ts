// The sign-in of a local stack's console: a code is worth one token, for the page that has begun, and for no other.
import { createHash } from 'node:crypto';
import { CONSOLE_CLIENT, SIGN_IN_LIMITS, SignInDesk } from '../../../local/sign-in.ts';

const PAGE = 'http://127.0.0.1:8080/console/';
const VERIFIER = 'v'.repeat(43);
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

function desk() {
  let now = 1000;
  let tokens = 0;
  const made = new SignInDesk({
    redirectUri: () => PAGE,
    token: async () => ({ token: `token-${++tokens}`, lifeSeconds: 300 }),
    now: () => now,
  });
  const authorize = (more: Readonly<Record<string, string>> = {}) =>
    made.authorize(
      new URLSearchParams({
        response_type: 'code',
        client_id: CONSOLE_CLIENT,
        redirect_uri: PAGE,
        state: 's',
        code_challenge: CHALLENGE,
        code_challenge_method: 'S256',
        ...more,
      }),
    );
  const codeOf = (answer: ReturnType<typeof authorize>) =>
    typeof answer === 'string' ? (new URL(answer).searchParams.get('code') ?? '') : '';
  const exchange = (fields: Readonly<Record<string, string>>) =>
    made.exchange(
      new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: CONSOLE_CLIENT,
        redirect_uri: PAGE,
        code_verifier: VERIFIER,
        ...fields,
      }),
    );
  return { authorize, codeOf, exchange, pass: (milliseconds: number) => (now += milliseconds) };
}

const REFUSED = { status: 400, body: { error: 'invalid_grant' } };

test('a code is exchanged once, and a refresh token once more', async () => {
  const { authorize, codeOf, exchange } = desk();
  const answer = authorize();
  expect(answer).toMatch(/^http:\/\/127\.0\.0\.1:8080\/console\/\?state=s&code=[\w-]{32}$/);
  const code = codeOf(answer);
  const first = await exchange({ code });
  expect(first).toMatchObject({
    status: 200,
    body: { access_token: 'token-1', token_type: 'Bearer', expires_in: 300 },
  });
  expect(await exchange({ code })).toEqual(REFUSED);
  const { refresh_token = '' } = first.body as { refresh_token?: string };
  const refresh = { grant_type: 'refresh_token', refresh_token };
  expect(await exchange(refresh)).toMatchObject({ status: 200, body: { access_token: 'token-2' } });
  expect(await exchange(refresh)).toEqual(REFUSED);
});

test('a code without its verifier, for another page, or too late, is worth nothing', async () => {
  const { authorize, codeOf, exchange, pass } = desk();
  expect(await exchange({ code: codeOf(authorize()), code_verifier: 'w'.repeat(43) })).toEqual(REFUSED);
  expect(await exchange({ code: codeOf(authorize()), redirect_uri: 'http://127.0.0.1:8080/' })).toEqual(REFUSED);
  expect(await exchange({ code: codeOf(authorize()), client_id: 'other' })).toMatchObject({ status: 401 });
  const late = codeOf(authorize());
  pass(SIGN_IN_LIMITS.codeMs);
  expect(await exchange({ code: late })).toEqual(REFUSED);
});

test('no other page is redirected to, and one that asks without PKCE gets no code', () => {
  const { authorize } = desk();
  expect(authorize({ redirect_uri: 'https://evil.example/' })).toMatchObject({ status: 400 });
  expect(authorize({ client_id: 'other' })).toMatchObject({ status: 400 });
  for (const more of [{ code_challenge_method: 'plain' }, { code_challenge: 'short' }, { response_type: 'token' }])
    expect(authorize(more)).toMatch(/[?&]error=invalid_request$/);
});

test('of codes that are never exchanged, a bounded number is kept', async () => {
  const { authorize, codeOf, exchange } = desk();
  const codes = Array.from({ length: SIGN_IN_LIMITS.kept + 1 }, () => codeOf(authorize()));
  expect(await exchange({ code: codes[0] ?? '' })).toEqual(REFUSED);
  expect(await exchange({ code: codes[1] ?? '' })).toMatchObject({ status: 200 });
});
