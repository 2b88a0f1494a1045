// Route tokens: what a cell believes, and the reason of every refusal.
import { createHmac, createPublicKey, verify } from 'node:crypto';
import {
  ROUTE_TOKEN_LIMITS,
  type RouteAudience,
  type RouteClaims,
  type RouteVerdict,
  routeTokenSigner,
  routeTokenVerifier,
} from '../../../core/cell/route-token.ts';
import { epochMs, toEpochSeconds } from '../../../core/ports/clock.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import {
  base64Url,
  EDGE_KEY,
  mint,
  NOW_SECONDS,
  publicPart,
  SECOND_KEY,
  STRANGERS_KEY,
  signed,
} from '../../support/route-tokens.ts';

const seconds = (value: number) => toEpochSeconds(epochMs(value * 1000));

const OWN = { endpoints: ['https://cell-1.example'], required: true };

function setUp(keys = [publicPart(EDGE_KEY)], audience: RouteAudience = OWN) {
  const clock = new FakeClock();
  const check = routeTokenVerifier({ keys, cell: 'cell-1', audience, clock });
  return { clock, check };
}

/** `valid`, `misdirected`, or the reason of the refusal. */
const said = (verdict: RouteVerdict): string => (verdict.status === 'invalid' ? verdict.reason : verdict.status);

const FORM = 'it is no compact JWS';
const HEADER = 'its header is not that of a route token';
const SIGNATURE = 'its signature is wrong';
const CLAIMS = 'its claims are not those of a route token';
const LONG = 'its lifetime is longer than allowed';
const EXPIRED = 'it has expired';
const FUTURE = 'it was issued in the future';

test('a token that the edge signed is valid and yields its claims', async () => {
  const { check } = setUp();
  expect(await check(mint())).toEqual({
    status: 'valid',
    claims: {
      tenant: 'acme',
      cell: 'cell-1',
      endpoint: 'https://cell-1.example',
      epoch: 1,
      scopes: ['ingest', 'read', 'operate', 'control', 'observe', 'erase'],
      issuedAt: NOW_SECONDS,
      expiresAt: NOW_SECONDS + 60,
    },
  });
});

test('the signer makes a compact JWS that others can verify', async () => {
  const claims: RouteClaims = {
    tenant: 'acme',
    cell: 'cell-1',
    endpoint: 'https://cell-1.example',
    epoch: 7,
    scopes: ['read'],
    issuedAt: seconds(NOW_SECONDS),
    expiresAt: seconds(NOW_SECONDS + 60),
  };
  const token = await routeTokenSigner(EDGE_KEY)(claims);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown;
  expect(parse(header)).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: 'edge-1' });
  expect(parse(payload)).toEqual({
    ten: 'acme',
    cel: 'cell-1',
    aud: 'https://cell-1.example',
    epo: 7,
    scp: ['read'],
    iat: 1_795_246_863,
    exp: 1_795_246_923,
  });
  const { kty, crv, x } = EDGE_KEY;
  const key = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
  expect(verify(null, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
  expect(await setUp().check(token)).toEqual({ status: 'valid', claims });
});

test('a signer whose key is none rejects', async () => {
  const sign = routeTokenSigner({ ...EDGE_KEY, d: 'AAAA' });
  await expect(sign({} as RouteClaims)).rejects.toMatchObject({ name: 'DataError' });
});

describe('form', () => {
  test.each([null, ''])('there is none: %j', async (token) => {
    expect(said(await setUp().check(token))).toBe('the header X-Polycell-Route is missing or empty');
  });

  test.each([
    ['one part', 'abc'],
    ['two parts', mint().split('.').slice(0, 2).join('.')],
    ['four parts', `${mint()}.x`],
    ['an empty header', mint().replace(/^[^.]+/, '')],
    ['an empty payload', mint().replace(/\.[^.]+\./, '..')],
    ['no signature', mint().replace(/[^.]+$/, '')],
    ['a signature that is too short', mint().slice(0, -1)],
    ['a signature that is too long', `${mint()}A`],
    ['characters of plain base64', mint().replace(/^.../, 'a+/')],
    ['padding', `${mint()}==`],
    ['white space', ` ${mint()}`],
    ['a line break', `${mint()}\n`],
    ['two tokens, as a header sent twice arrives', `${mint()}, ${mint()}`],
    ['Bearer', `Bearer ${mint()}`],
    ['2,049 characters', signed(base64Url('{}'), 'A'.repeat(1959))],
    ['a megabyte', `${'A'.repeat(1_000_000)}.A.A`],
  ])('%s', async (_case, token) => {
    expect(said(await setUp().check(token))).toBe(FORM);
  });
});

describe('header', () => {
  test.each([
    ['alg none', mint({ header: { alg: 'none' } })],
    ['alg HS256', mint({ header: { alg: 'HS256' } })],
    ['alg in lower case', mint({ header: { alg: 'eddsa' } })],
    ['no alg', mint({ header: { alg: undefined } })],
    ['no kid', mint({ header: { kid: undefined } })],
    ['a kid that is no text', mint({ header: { kid: 1 } })],
    ['critical extensions', mint({ header: { crit: ['exp'] } })],
    ['a list', signed(base64Url('[]'), base64Url('{}'))],
    ['null', signed(base64Url('null'), base64Url('{}'))],
    ['no JSON', signed(base64Url('{'), base64Url('{}'))],
    ['no UTF-8', signed(Buffer.from([0xff, 0xfe]).toString('base64url'), base64Url('{}'))],
    ['no base64: one character over', signed(`${base64Url('{"alg":"EdDSA"}')}A`, base64Url('{}'))],
  ])('%s', async (_case, token) => {
    expect(said(await setUp().check(token))).toBe(HEADER);
  });

  test.each(['edge-9', '', '__proto__', 'constructor'])('the kid %j is not known', async (kid) => {
    expect(said(await setUp().check(mint({ header: { kid } })))).toBe('its key is not known here');
  });

  test('a token without signature is no token, whatever its alg says', async () => {
    const [, payload] = mint().split('.');
    const header = base64Url(JSON.stringify({ alg: 'none', kid: 'edge-1' }));
    expect(said(await setUp().check(`${header}.${payload}.`))).toBe(FORM);
    expect(said(await setUp().check(`${header}.${payload}.${'A'.repeat(86)}`))).toBe(HEADER);
  });

  test('a MAC made with the public key is no signature', async () => {
    const [, payload] = mint().split('.');
    for (const alg of ['HS256', 'HS512', 'EdDSA']) {
      const header = base64Url(JSON.stringify({ alg, kid: 'edge-1' }));
      const mac = createHmac('sha512', Buffer.from(EDGE_KEY.x, 'base64url')).update(`${header}.${payload}`).digest();
      const token = `${header}.${payload}.${mac.toString('base64url')}`;
      expect(said(await setUp().check(token))).toBe(alg === 'EdDSA' ? SIGNATURE : HEADER);
    }
  });
});

describe('signature', () => {
  test("a stranger's key under a known name", async () => {
    expect(said(await setUp().check(mint({ key: STRANGERS_KEY })))).toBe(SIGNATURE);
  });

  test('another payload under a true signature', async () => {
    const [header, , signature] = mint().split('.');
    const [, payload] = mint({ claims: { ten: 'globex' } }).split('.');
    expect(said(await setUp().check(`${header}.${payload}.${signature}`))).toBe(SIGNATURE);
  });

  test('another header under a true signature', async () => {
    const [, payload, signature] = mint().split('.');
    const header = base64Url('{"kid":"edge-1","alg":"EdDSA"}');
    expect(said(await setUp().check(`${header}.${payload}.${signature}`))).toBe(SIGNATURE);
  });

  test('another text of the same signature', async () => {
    // The last character carries two bits of the signature; the other four would be thrown away.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const token = mint();
    const last = alphabet.indexOf(token.at(-1) ?? '');
    expect(said(await setUp().check(token.slice(0, -1) + alphabet.charAt(last + 1)))).toBe(FORM);
  });

  test('a key that a token brings along is not used', async () => {
    const jwk = publicPart(STRANGERS_KEY);
    expect(said(await setUp().check(mint({ key: STRANGERS_KEY, header: { jwk } })))).toBe(SIGNATURE);
  });

  test('while keys are changed both are good, each under its own name', async () => {
    const { check } = setUp([publicPart(EDGE_KEY), publicPart(SECOND_KEY)]);
    expect(said(await check(mint()))).toBe('valid');
    expect(said(await check(mint({ key: SECOND_KEY })))).toBe('valid');
    expect(said(await check(mint({ key: SECOND_KEY, header: { kid: 'edge-1' } })))).toBe(SIGNATURE);
    expect(said(await check(mint({ key: EDGE_KEY, header: { kid: 'edge-2' } })))).toBe(SIGNATURE);
  });

  test('after the change the old one is not', async () => {
    const { check } = setUp([publicPart(SECOND_KEY)]);
    expect(said(await check(mint()))).toBe('its key is not known here');
  });
});

describe('claims', () => {
  test.each(['ten', 'cel', 'epo', 'scp', 'iat', 'exp'])('%s is missing', async (name) => {
    expect(said(await setUp().check(mint({ claims: { [name]: undefined } })))).toBe(CLAIMS);
  });

  test.each([
    ['a tenant in upper case', { ten: 'ACME' }],
    ['a tenant that leaves its partition', { ten: 'acme|pump-1' }],
    ['a tenant with a line break', { ten: 'acme\n' }],
    ['an empty tenant', { ten: '' }],
    ['a tenant of 64 characters', { ten: 'a'.repeat(64) }],
    ['a list of tenants', { ten: ['acme'] }],
    ['no cell name', { cel: 'cell/1' }],
    ['a list of endpoints', { aud: ['https://cell-1.example'] }],
    ['an endpoint that is no text', { aud: 1 }],
    ['epoch 0', { epo: 0 }],
    ['a negative epoch', { epo: -1 }],
    ['half an epoch', { epo: 1.5 }],
    ['an epoch in quotes', { epo: '1' }],
    ['an epoch beyond whole numbers', { epo: 2 ** 53 }],
    ['scopes in one text', { scp: 'read ingest' }],
    ['scopes in an object', { scp: { read: true } }],
    ['iat in quotes', { iat: String(NOW_SECONDS) }],
    ['exp with a fraction', { exp: NOW_SECONDS + 0.5 }],
    ['exp null', { exp: null }],
  ])('%s', async (_case, claims) => {
    expect(said(await setUp().check(mint({ claims })))).toBe(CLAIMS);
  });

  test.each(['[]', 'null', '"x"', '{', ''])('a payload of %j', async (payload) => {
    const header = base64Url('{"alg":"EdDSA","kid":"edge-1"}');
    expect(said(await setUp().check(signed(header, base64Url(payload))))).toBe(payload === '' ? FORM : CLAIMS);
  });

  test('unknown scopes are dropped', async () => {
    const verdict = await setUp().check(mint({ claims: { scp: ['admin', 'read', 1, null, 'READ', '__proto__'] } }));
    expect(verdict).toMatchObject({ status: 'valid', claims: { scopes: ['read'] } });
  });

  test("another cell's token is distinguished, after all other checks", async () => {
    const { check } = setUp();
    expect(await check(mint({ claims: { cel: 'cell-2' } }))).toEqual({
      status: 'misdirected',
      detail: 'The route token is for another cell than cell-1.',
    });
    expect(said(await check(mint({ key: STRANGERS_KEY, claims: { cel: 'cell-2' } })))).toBe(SIGNATURE);
    expect(said(await check(mint({ claims: { cel: 'cell-2', exp: NOW_SECONDS - 5 } })))).toBe(EXPIRED);
  });
});

describe('endpoints', () => {
  const aud = (value: unknown) => mint({ claims: { aud: value } });

  test("another endpoint's token is refused, whatever the resemblance", async () => {
    const { check } = setUp();
    for (const other of [
      'https://cell-2.example',
      'https://cell-1.example/',
      'http://cell-1.example',
      'https://CELL-1.example',
      '',
    ])
      expect(await check(aud(other))).toEqual({
        status: 'misdirected',
        detail: 'The route token is for another endpoint than that of cell-1.',
      });
    expect(said(await check(aud('https://cell-1.example')))).toBe('valid');
  });

  test('both endpoints of a cell that gets another one are taken', async () => {
    const endpoints = ['https://old.example', 'https://cell-1.example'];
    const { check } = setUp([publicPart(EDGE_KEY)], { endpoints, required: true });
    expect(said(await check(aud('https://old.example')))).toBe('valid');
    expect(said(await check(aud('https://cell-1.example')))).toBe('valid');
    expect(said(await check(aud('https://new.example')))).toBe('misdirected');
  });

  test('a token without an endpoint is refused, unless the cell waits for the edge to be upgraded', async () => {
    expect(await setUp().check(aud(undefined))).toEqual({
      status: 'misdirected',
      detail: 'The route token names no endpoint.',
    });
    const { check } = setUp([publicPart(EDGE_KEY)], { ...OWN, required: false });
    expect(said(await check(aud(undefined)))).toBe('valid');
    expect(said(await check(aud('https://cell-2.example')))).toBe('misdirected');
  });
});

describe('times', () => {
  test.each([
    ['60 seconds of life', { exp: NOW_SECONDS + 60 }, 'valid'],
    ['61 seconds of life', { exp: NOW_SECONDS + 61 }, LONG],
    ['years of life', { exp: NOW_SECONDS + 1e8 }, LONG],
    ['a life that began 10 seconds ago', { iat: NOW_SECONDS - 10, exp: NOW_SECONDS + 50 }, 'valid'],
    ['a life too long, almost over', { iat: NOW_SECONDS - 60, exp: NOW_SECONDS + 1 }, LONG],
    ['issued 5 seconds from now', { iat: NOW_SECONDS + 5, exp: NOW_SECONDS + 60 }, 'valid'],
    ['issued 6 seconds from now', { iat: NOW_SECONDS + 6, exp: NOW_SECONDS + 60 }, FUTURE],
    ['expired 4 seconds ago', { iat: NOW_SECONDS - 60, exp: NOW_SECONDS - 4 }, 'valid'],
    ['expired 5 seconds ago', { iat: NOW_SECONDS - 60, exp: NOW_SECONDS - 5 }, EXPIRED],
    ['expired long ago', { iat: 1, exp: 2 }, EXPIRED],
  ])('%s', async (_case, claims, expected) => {
    expect(said(await setUp().check(mint({ claims })))).toBe(expected);
  });

  test('a token lasts for its life and the skew, to the second', async () => {
    const { clock, check } = setUp();
    const token = mint();
    expect(said(await check(token))).toBe('valid');
    await clock.advance(64_999);
    expect(said(await check(token))).toBe('valid');
    await clock.advance(1);
    expect(said(await check(token))).toBe(EXPIRED);
  });
});

describe('remembered tokens', () => {
  test('a remembered token is checked for its times again', async () => {
    const { clock, check } = setUp();
    const token = mint();
    expect(said(await check(token))).toBe('valid');
    clock.jump(-6_000);
    expect(said(await check(token))).toBe(FUTURE);
    clock.jump(6_000 + 65_000);
    expect(said(await check(token))).toBe(EXPIRED);
  });

  test("a remembered token of another cell stays another cell's", async () => {
    const { check } = setUp();
    const token = mint({ claims: { cel: 'cell-2' } });
    expect(said(await check(token))).toBe('misdirected');
    expect(said(await check(token))).toBe('misdirected');
  });

  test('a signature is verified once while it is remembered, and again once it is forgotten', async () => {
    const verifySpy = jest.spyOn(crypto.subtle, 'verify');
    const { check } = setUp();
    const first = mint();
    await check(first);
    await check(first);
    expect(verifySpy).toHaveBeenCalledTimes(1);
    for (let epoch = 2; epoch <= ROUTE_TOKEN_LIMITS.remembered; epoch += 1)
      await check(mint({ claims: { epo: epoch } }));
    await check(first);
    expect(verifySpy).toHaveBeenCalledTimes(1000);
    // Asked for last, it is not the one to go: the token of epoch 2 is.
    await check(mint({ claims: { epo: 1001 } }));
    await check(first);
    expect(verifySpy).toHaveBeenCalledTimes(1001);
    await check(mint({ claims: { epo: 2 } }));
    expect(verifySpy).toHaveBeenCalledTimes(1002);
    verifySpy.mockRestore();
  });

  test('what was refused is not remembered as good', async () => {
    const { check } = setUp();
    const token = mint({ key: STRANGERS_KEY });
    expect(said(await check(token))).toBe(SIGNATURE);
    expect(said(await check(token))).toBe(SIGNATURE);
  });

  test('a token of the instant at which tests begin', () => {
    expect(START).toBe(NOW_SECONDS * 1000);
  });
});
