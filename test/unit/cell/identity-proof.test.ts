// Proofs of identity: what a cell signs, and which answers do not show that it is the cell.
import { identityFault, identityProver } from '../../../core/cell/identity-proof.ts';
import { testCell } from '../../support/cell.ts';
import { CELL_KEY, EDGE_KEY, publicPart, STRANGERS_KEY, signed } from '../../support/route-tokens.ts';

const NONCE = '0123456789abcdef0123456789abcdef';
const CLAIM = {
  cell: 'cell-1',
  endpoint: 'https://cell-1.example',
  nonce: NONCE,
  keys: [publicPart(EDGE_KEY), publicPart(CELL_KEY)],
};

const proofBy = (
  key = CELL_KEY,
  cell = 'cell-1',
  endpoints: readonly string[] = ['https://cell-1.example'],
  nonce = NONCE,
) => identityProver(key, cell, endpoints, [publicPart(EDGE_KEY)])(nonce);

test('a proof under a declared key for this nonce, cell and endpoint is good', async () => {
  expect(await identityFault(await proofBy(), CLAIM)).toBeUndefined();
  expect(await identityFault(await proofBy(EDGE_KEY), CLAIM)).toBeUndefined();
  const both = ['https://old.example', 'https://cell-1.example'];
  expect(await identityFault(await proofBy(CELL_KEY, 'cell-1', both), CLAIM)).toBeUndefined();
});

test.each([
  [
    'a key of the same name that is not declared',
    () => proofBy({ ...STRANGERS_KEY, kid: CELL_KEY.kid }),
    'its signature is wrong',
  ],
  [
    'a key of another name',
    () => proofBy(STRANGERS_KEY && { ...STRANGERS_KEY, kid: 'x' }),
    'its key is not known here',
  ],
  [
    'the answer to another nonce',
    () => proofBy(CELL_KEY, 'cell-1', undefined, NONCE.replace('0', '1')),
    'answers another question',
  ],
  ['the proof of another cell', () => proofBy(CELL_KEY, 'cell-2'), 'that of another cell'],
  [
    'the proof of the cell, handed on by a listener',
    () => proofBy(CELL_KEY, 'cell-1', ['https://true.example']),
    'for another endpoint',
  ],
  ['no proof', async () => undefined, 'it gives no proof of its identity'],
  ['a number', async () => 1, 'it gives no proof of its identity'],
  ['no JWS', async () => 'x', 'it is no compact JWS'],
])('%s is refused', async (_case, proof, fault) => {
  expect(await identityFault(await proof(), CLAIM)).toContain(fault);
});

test('another text that the key has signed is no proof', async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = part({ cel: 'cell-1', aud: ['https://cell-1.example'], nonce: NONCE });
  const token = signed(part({ alg: 'EdDSA', typ: 'JWT', kid: CELL_KEY.kid }), payload, CELL_KEY);
  expect(await identityFault(token, CLAIM)).toContain('its header is not that of a proof of identity');
});

test('a declared key that is none refuses every proof', async () => {
  const keys = [{ ...publicPart(CELL_KEY), x: 'AAAA' }];
  expect(await identityFault(await proofBy(), { ...CLAIM, keys })).toContain('the declared key cannot be used');
});

describe('GET /v1/health', () => {
  test('signs the nonce, without a token', async () => {
    const cell = testCell();
    const { status, body } = await cell.call(`/v1/health?nonce=${NONCE}`, { token: null });
    expect(status).toBe(200);
    expect(await identityFault(body.proof, CLAIM)).toBeUndefined();
  });

  test('gives no proof unless it is asked for, and signs nothing but nonces', async () => {
    const cell = testCell();
    expect((await cell.call('/v1/health', { token: null })).body.proof).toBeUndefined();
    for (const nonce of ['', 'x', NONCE.toUpperCase(), `${NONCE}0`, `${NONCE}%0A`])
      expect((await cell.call(`/v1/health?nonce=${nonce}`, { token: null })).body.code).toBe('invalid_parameter');
  });
});
