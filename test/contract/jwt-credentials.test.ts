// Tokens of the issuer: the contract of credentials, and every way to come in without a valid one.
import { generateKeyPairSync } from 'node:crypto';
import { COMMON_KEYS, JWKS_LIMITS, refreshingJwks } from '../../adapters/cloudflare/jwks.ts';
import { JWT_LIMITS, JwtCredentials, operatorCaller, tenantCaller } from '../../adapters/cloudflare/jwt-credentials.ts';
import { RETRY_MS } from '../../adapters/cloudflare/refreshing-value.ts';
import type { Authentication } from '../../core/edge/ports/credentials.ts';
import { FakeClock, START } from '../support/fake-clock.ts';
import { EDGE_KEY, mint, NOW_SECONDS, publicPart, STRANGERS_KEY } from '../support/route-tokens.ts';
import {
  IMPOSTORS_KEY,
  ISSUER,
  ISSUER_KEY,
  KEY_SET,
  type SupportedAlgorithm,
  signedWith,
  signingKey,
  type TenantToken,
  tenantToken,
  tokensByPublicKey,
  unsignedToken,
} from '../support/tenant-tokens.ts';
import { credentialsContract } from './credentials.contract.ts';

/** Credentials whose issuer answers what `answer` says. */
function issued({ audience = 'polycell', caller = tenantCaller, remembered = 100 } = {}) {
  const clock = new FakeClock();
  const issuer = { answer: async (): Promise<Response> => Response.json(KEY_SET), asked: 0 };
  const fetch = (): Promise<Response> => {
    issuer.asked += 1;
    return issuer.answer();
  };
  const keys = refreshingJwks({ url: `${ISSUER}/keys`, fetch, clock });
  const credentials = new JwtCredentials({ issuer: ISSUER, audience, keys, caller, clock, remembered });
  return { clock, issuer, credentials };
}

const presenting = (text: string): Request =>
  new Request('https://edge.example/v1/devices', { headers: { authorization: text } });
const bearer = (token: string): Request => presenting(`Bearer ${token}`);

credentialsContract('JSON Web Tokens', async () => {
  const { clock, issuer, credentials } = issued();
  const { answer } = issuer;
  return {
    credentials,
    clock,
    valid: [
      { request: bearer(tenantToken()), caller: { kind: 'tenant', tenant: 'acme', scopes: ['ingest', 'read'] } },
      {
        request: bearer(tenantToken({ claims: { tenant: 'globex', scope: 'operate read' } })),
        caller: { kind: 'tenant', tenant: 'globex', scopes: ['read', 'operate'] },
      },
    ],
    lifeMs: 3_605_000,
    presenting,
    disconnect: () => {
      issuer.answer = async () => {
        throw new TypeError('fetch failed');
      };
    },
    heal: () => {
      issuer.answer = answer;
    },
    close: async () => undefined,
  };
});

const statusOf = async (token: string, at = START): Promise<string> => {
  const { credentials, clock } = issued();
  clock.jump(at - START);
  const result: Authentication = await credentials.authenticate(bearer(token));
  return 'reason' in result ? `${result.status}: ${result.reason}` : result.status;
};

const damaged = (token: string): string => `${token.slice(0, -5)}${token.at(-5) === 'A' ? 'B' : 'A'}${token.slice(-4)}`;
const claims = (changes: TenantToken['claims'] & object) => tenantToken({ claims: changes });
const header = (changes: TenantToken['header'] & object) => tenantToken({ header: changes });
const withPayload = (token: string, other: string): string => {
  const [head, , signature] = token.split('.');
  return [head, other.split('.')[1], signature].join('.');
};

test.each([
  ['whose signature is damaged', damaged(tenantToken()), 'its signature is wrong'],
  [
    'whose payload is another one’s',
    withPayload(tenantToken(), claims({ tenant: 'globex' })),
    'its signature is wrong',
  ],
  ['of another party under the issuer’s key name', tenantToken({ key: IMPOSTORS_KEY }), 'its signature is wrong'],
  ['of a key that the issuer has not', tenantToken({ key: STRANGERS_KEY }), 'its key is not one of the issuer’s'],
  ['without a key name', header({ kid: undefined }), 'its key is not one of the issuer’s'],
  ['that needs no signature', unsignedToken(), 'it is no bearer token in the form of a JSON Web Token'],
  ['with alg none and a signature', header({ alg: 'none' }), 'its algorithm is none of EdDSA, Ed25519'],
  ['with alg NONE', header({ alg: 'NONE' }), 'its algorithm is none of EdDSA, Ed25519'],
  ['with alg ES256', header({ alg: 'ES256' }), 'its algorithm is none of EdDSA, Ed25519'],
  [
    'that brings its own key',
    header({ jwk: publicPart(IMPOSTORS_KEY), kid: 'mine' }),
    'its key is not one of the issuer’s',
  ],
  [
    'that points to its key',
    header({ jku: 'https://evil.example/', kid: 'mine' }),
    'its key is not one of the issuer’s',
  ],
  ['with a critical extension', header({ crit: ['b64'], b64: false }), 'it is not a JSON Web Token of the issuer'],
  ['of another issuer', claims({ iss: 'https://evil.example' }), 'its claim iss is missing or wrong'],
  ['without an issuer', claims({ iss: undefined }), 'its claim iss is missing or wrong'],
  ['for another audience', claims({ aud: 'other' }), 'its claim aud is missing or wrong'],
  ['for operators', claims({ aud: 'polycell-control' }), 'its claim aud is missing or wrong'],
  ['without an audience', claims({ aud: undefined }), 'its claim aud is missing or wrong'],
  ['that never ends', claims({ exp: undefined }), 'its claim exp is missing or wrong'],
  ['whose end is no number', claims({ exp: 'never' }), 'its claim exp is missing or wrong'],
  ['that has expired', claims({ exp: NOW_SECONDS - 5 }), 'it has expired'],
  ['that is not valid yet', claims({ nbf: NOW_SECONDS + 6 }), 'it is not valid yet'],
  ['without a tenant', claims({ tenant: undefined }), 'it names no tenant'],
  ['of a tenant that is no name', claims({ tenant: '../globex' }), 'it names no tenant'],
  ['of a tenant in upper case', claims({ tenant: 'Acme' }), 'it names no tenant'],
  ['of a tenant with a blank', claims({ tenant: 'acme ' }), 'it names no tenant'],
  ['of a tenant that only looks like one', claims({ tenant: '\u0430cme' }), 'it names no tenant'],
  ['of a tenant with a line break', claims({ tenant: 'acme\n' }), 'it names no tenant'],
  ['of a tenant that is too long', claims({ tenant: 'a'.repeat(64) }), 'it names no tenant'],
  ['whose key name is a path', header({ kid: '../../dev/null' }), 'its key is not one of the issuer’s'],
  ['whose key name is no text', header({ kid: ['issuer-1'] }), 'its key is not one of the issuer’s'],
  ['of several tenants', claims({ tenant: ['acme', 'globex'] }), 'it names no tenant'],
  ['that is a route token', mint(), 'its key is not one of the issuer’s'],
  ['that is a route token under the issuer’s key', mint({ key: ISSUER_KEY }), 'its claim iss is missing or wrong'],
  ['that is too long', claims({ x: 'x'.repeat(JWT_LIMITS.characters) }), 'it is too long'],
  ['twice', `${tenantToken()}, Bearer ${tenantToken()}`, 'it is no bearer token in the form of a JSON Web Token'],
  ['that is encrypted', 'a.b.c.d.e', 'it is no bearer token in the form of a JSON Web Token'],
  ['that is no JSON', 'eyJh.eyJh.eyJh', 'it is not a JSON Web Token of the issuer'],
])('a token %s is refused', async (_name, token, reason) => {
  expect(await statusOf(token)).toBe(`refused: ${reason}`);
});

test.each(tokensByPublicKey())('a token whose HMAC is made with the public key is refused (%#)', async (token) => {
  expect(await statusOf(token)).toBe('refused: its algorithm is none of EdDSA, Ed25519');
});

test('clocks may differ by five seconds', async () => {
  expect(await statusOf(claims({ exp: NOW_SECONDS - 4 }))).toBe('accepted');
  expect(await statusOf(claims({ nbf: NOW_SECONDS + 5 }))).toBe('accepted');
});

test('a scope that no tenant has gives nothing, and without any the token is not enough', async () => {
  expect(await statusOf(claims({ scope: 'control control.write' }))).toBe(
    'insufficient-scope: it has none of the scopes ingest, read, operate',
  );
  expect(await statusOf(claims({ scope: [['ingest'], { read: true }] }))).toMatch(/^insufficient-scope/);
  const { credentials } = issued();
  expect(await credentials.authenticate(bearer(claims({ scope: 'control read' })))).toMatchObject({
    caller: { scopes: ['read'] },
  });
});

test('an operator’s token names the operator and what it may do', async () => {
  const { credentials } = issued({ audience: 'polycell-control', caller: operatorCaller() });
  const says = (changes: object) =>
    credentials.authenticate(
      bearer(claims({ aud: 'polycell-control', sub: 'ann', scope: 'control.read', ...changes })),
    );
  expect(await says({})).toEqual({
    status: 'accepted',
    caller: { kind: 'operator', subject: 'ann', scopes: ['control.read'] },
  });
  expect(await says({ sub: undefined })).toMatchObject({ status: 'refused' });
  expect(await says({ sub: 'x'.repeat(257) })).toMatchObject({ status: 'refused' });
  expect(await says({ sub: 7 })).toMatchObject({ status: 'refused' });
  expect(await says({ sub: ['ann'] })).toMatchObject({ status: 'refused' });
  expect(await says({ scope: 'ingest read operate' })).toMatchObject({ status: 'insufficient-scope' });
  expect(await says({ aud: 'polycell' })).toMatchObject({ status: 'refused' });
});

describe('an issuer of the operator’s choice', () => {
  const operators = (algorithm: SupportedAlgorithm, subject?: string) => {
    const { key, jwk } = signingKey(algorithm);
    const clock = new FakeClock();
    const asked = (given: object) =>
      new JwtCredentials({
        issuer: ISSUER,
        audience: 'polycell-control',
        kinds: COMMON_KEYS,
        keys: refreshingJwks({
          url: 'https://issuer.example/keys',
          kinds: COMMON_KEYS,
          fetch: async () => Response.json({ keys: [given] }),
          clock,
        }),
        caller: operatorCaller(subject),
        clock,
      });
    const token = (more: object = {}, header: object = {}) =>
      signedWith(key, algorithm, {
        header: { kid: jwk.kid, ...header },
        claims: {
          iss: ISSUER,
          aud: 'polycell-control',
          sub: 'pairwise',
          oid: 'ann',
          scp: 'control.read',
          exp: NOW_SECONDS + 600,
          ...more,
        },
      });
    return { jwk, token, with: (given: object) => asked(given).authenticate(bearer(token())), asked };
  };

  test.each<SupportedAlgorithm>(['RS256', 'PS256', 'ES256', 'EdDSA'])(
    'signs with %s, if its key is of that kind',
    async (algorithm) => {
      const { jwk, with: authenticated } = operators(algorithm);
      const accepted = {
        status: 'accepted',
        caller: { kind: 'operator', subject: 'pairwise', scopes: ['control.read'] },
      };
      expect(await authenticated(jwk)).toEqual(accepted);
      // Entra ID names no algorithm; others name the one of the token.
      expect(await authenticated({ ...jwk, alg: algorithm, use: 'sig', x5c: ['…'] })).toEqual(accepted);
      for (const other of [
        { alg: 'RSA-OAEP' },
        { alg: 'HS256' },
        { use: 'enc' },
        { kid: 'other' },
        { kty: 'oct', k: 'AAAA' },
      ])
        expect(await authenticated({ ...jwk, ...other })).toMatchObject({ status: 'refused' });
      expect(await authenticated(signingKey(algorithm).jwk)).toMatchObject({ reason: 'its signature is wrong' });
    },
  );

  test('may not sign with a short RSA key, nor with another exponent', async () => {
    const { with: authenticated, jwk } = operators('RS256');
    expect(await authenticated({ ...jwk, e: 'Aw' })).toMatchObject({ reason: 'its key is not one of the issuer’s' });
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    expect(await authenticated({ ...short, kid: jwk.kid })).toMatchObject({
      reason: 'its key is not one of the issuer’s',
    });
  });

  test('names the operator by the claim that is configured, and gives scopes as roles too', async () => {
    const { jwk, token, asked } = operators('RS256', 'oid');
    const says = (more: object) => asked(jwk).authenticate(bearer(token(more)));
    expect(await says({})).toMatchObject({ caller: { subject: 'ann', scopes: ['control.read'] } });
    expect(await says({ scp: undefined, roles: ['control.write', 'tenants.read', 7, 'admin'] })).toMatchObject({
      caller: { scopes: ['control.write', 'tenants.read'] },
    });
    expect(await says({ oid: undefined })).toMatchObject({ reason: 'it names no operator' });
  });

  test('is not that of tenants: with its own kind of key alone, RSA is refused by name', async () => {
    const { token } = operators('RS256');
    const { credentials } = issued();
    expect(await credentials.authenticate(bearer(token()))).toMatchObject({
      reason: 'its algorithm is none of EdDSA, Ed25519',
    });
  });
});

test('the issuer’s keys are fetched once for many tokens, and again when they are old', async () => {
  const { credentials, clock, issuer } = issued();
  for (let index = 0; index < 20; index += 1)
    await credentials.authenticate(bearer(claims({ sub: String(index), exp: NOW_SECONDS + 36_000 })));
  expect(issuer.asked).toBe(1);
  await clock.advance(JWKS_LIMITS.freshMs);
  await credentials.authenticate(bearer(claims({ sub: 'x' })));
  expect(issuer.asked).toBe(2);
});

test('a new key of the issuer is found at once, and tokens of invented keys do not make it be asked more often', async () => {
  const { credentials, clock, issuer } = issued();
  await credentials.authenticate(bearer(tenantToken()));
  await clock.advance(JWKS_LIMITS.pauseMs);
  const next = { ...EDGE_KEY, kid: 'issuer-2' };
  issuer.answer = async () => Response.json({ keys: [...KEY_SET.keys, publicPart(next)] });
  expect(await credentials.authenticate(bearer(tenantToken({ key: next })))).toMatchObject({ status: 'accepted' });
  expect(issuer.asked).toBe(2);
  for (let index = 0; index < 100; index += 1) {
    const key = { ...STRANGERS_KEY, kid: `invented-${index}` };
    expect(await credentials.authenticate(bearer(tenantToken({ key })))).toMatchObject({ status: 'refused' });
  }
  expect(issuer.asked).toBe(2);
});

test('a key that the issuer has withdrawn stops counting, for tokens that are remembered as well', async () => {
  const { credentials, clock, issuer } = issued();
  const request = bearer(tenantToken());
  await credentials.authenticate(request);
  issuer.answer = async () => Response.json({ keys: [] });
  await clock.advance(JWT_LIMITS.rememberedMs - 1);
  expect(await credentials.authenticate(request)).toMatchObject({ status: 'accepted' });
  await clock.advance(1);
  expect(await credentials.authenticate(request)).toMatchObject({ status: 'refused' });
});

const [ISSUERS] = KEY_SET.keys;

test.each([
  ['null beside it', [null, ISSUERS]],
  ['a text and a list beside it', ['x', [], ISSUERS]],
  ['keys of other kinds beside it', [{ kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'issuer-1' }, ISSUERS]],
  ['a broken key beside it', [{ ...ISSUERS, x: 'short' }, ISSUERS]],
  ['a key to encrypt with beside it', [{ ...ISSUERS, use: 'enc' }, ISSUERS]],
  ['the name of RFC 9864', [{ ...ISSUERS, alg: 'Ed25519' }]],
  ['no algorithm', [{ ...publicPart(ISSUER_KEY) }]],
  ['100 others', [...Array.from({ length: 100 }, (_, index) => ({ ...ISSUERS, kid: `other-${index}` })), ISSUERS]],
])('the issuer’s key is found in a set with %s, for tokens of either name of the algorithm', async (_name, keys) => {
  const { credentials, issuer } = issued();
  issuer.answer = async () => Response.json({ keys });
  for (const alg of ['EdDSA', 'Ed25519'])
    expect(await credentials.authenticate(bearer(tenantToken({ header: { alg } })))).toMatchObject({
      status: 'accepted',
    });
});

test.each([
  ['a list', { scope: ['read', 7, 'ingest'] }, ['ingest', 'read']],
  ['scp as a text', { scope: undefined, scp: 'read' }, ['read']],
  ['scp as a list', { scope: undefined, scp: ['operate', 'ingest'] }, ['ingest', 'operate']],
  ['both', { scope: 'read', scp: ['ingest'] }, ['ingest', 'read']],
])('scopes as %s', async (_name, claims, scopes) => {
  const { credentials } = issued();
  expect(await credentials.authenticate(bearer(tenantToken({ claims })))).toEqual({
    status: 'accepted',
    caller: { kind: 'tenant', tenant: 'acme', scopes },
  });
});

test.each(['Bearer  ', 'bearer    ', 'BEARER '])('the scheme and blanks are %j', async (scheme) => {
  const { credentials } = issued();
  expect(await credentials.authenticate(presenting(scheme + tenantToken()))).toMatchObject({ status: 'accepted' });
});

test('a failed first load refuses the requests that waited for it, and no others', async () => {
  const { credentials, clock, issuer } = issued();
  const { answer } = issuer;
  issuer.answer = async () => new Response('no', { status: 500 });
  await expect(Promise.resolve(credentials.authenticate(bearer(tenantToken())))).rejects.toMatchObject({
    code: 'unavailable',
  });
  issuer.answer = answer;
  const others = [1, 2, 3].map(() => Promise.resolve(credentials.authenticate(bearer(tenantToken()))));
  await clock.advance(RETRY_MS);
  expect(await Promise.all(others)).toMatchObject(others.map(() => ({ status: 'accepted' })));
  // One load for all of them, a pause behind the first one: requests do not set the pace.
  expect(issuer.asked).toBe(2);
});

test.each([
  ['an error', async () => new Response('no', { status: 500 })],
  ['a redirection', async () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } })],
  ['something else', async () => Response.json({ keys: 'none' })],
  ['no JSON', async () => new Response('<html>')],
  ['too much', async () => new Response(JSON.stringify({ ...KEY_SET, x: 'x'.repeat(JWKS_LIMITS.bytes) }))],
])('an issuer that answers with %s has given no keys', async (_name, answer) => {
  const { credentials, issuer } = issued();
  issuer.answer = answer;
  await expect(Promise.resolve(credentials.authenticate(bearer(tenantToken())))).rejects.toMatchObject({
    code: 'unavailable',
  });
});

test('an issuer that says nothing is given up, and those who come meanwhile with it', async () => {
  const { credentials, clock, issuer } = issued();
  issuer.answer = () => new Promise(() => undefined);
  const both = [1, 2].map(() =>
    Promise.resolve(credentials.authenticate(bearer(tenantToken()))).catch((error) => error.code),
  );
  await clock.advance(JWKS_LIMITS.timeoutMs);
  expect(await Promise.all(both)).toEqual(['unavailable', 'unavailable']);
  expect(issuer.asked).toBe(1);
});

test('so many tokens are remembered; one that is forgotten is verified again', async () => {
  const { credentials } = issued({ remembered: 2 });
  const requests = ['a', 'b', 'c'].map((sub) => bearer(claims({ sub })));
  for (const request of requests) await credentials.authenticate(request);
  expect(requests.map((request) => 'status' in credentials.authenticate(request))).toEqual([false, true, true]);
});
