// Route tokens made by hand with node:crypto, well and badly formed, so that tests do not rely on the product's own signer.
import { createPrivateKey, sign } from 'node:crypto';
import type { PrivateKey } from '../../core/ports/keys.ts';

export { publicPart } from '../../core/ports/keys.ts';

const OKP = { kty: 'OKP', crv: 'Ed25519' } as const;

/** Keys made for tests; they open nothing. */
export const EDGE_KEY: PrivateKey = {
  ...OKP,
  kid: 'edge-1',
  x: 'XWaOFQ7WDZhQxQqemNIBOPxAGz0-uet_TlH0Qm7crdM',
  d: 'P5xoD_XyKxvq3SEOdhn2-z5b7xBSgu_8v-18-j0c510',
};

export const SECOND_KEY: PrivateKey = {
  ...OKP,
  kid: 'edge-2',
  x: 'pxXnu1SQRf8MAfM43Akmx2CW7ZFJCEj-ISDEiPTmhJU',
  d: 'Lbu_VjiVOUNVE-DK92Vv-tjNdIeggq1BdrP6Asv5SXQ',
};

export const STRANGERS_KEY: PrivateKey = {
  ...OKP,
  kid: 'edge-1',
  x: 'VTULTaBY4Ww6gQUA2M4A-DoTh9g502HZ98kQs2s3P4A',
  d: 'n8WOjQESo4Z3APu5SSLhKh2g5d9isWSINifeFX4l_iU',
};

/** The key by which cells of tests prove who they are. */
export const CELL_KEY: PrivateKey = { ...SECOND_KEY, kid: 'cell-key-1' };

export const base64Url = (text: string): string => Buffer.from(text).toString('base64url');

export interface Forgery {
  readonly key?: PrivateKey;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** The second in which tests begin: 2026-11-21T07:41:03Z. */
export const NOW_SECONDS = 1_795_246_863;

/** Where a cell of this name is. */
const endpointOf = (cell: unknown): string => `https://${String(cell)}.example`;

/** A token of the tenant acme for the cell cell-1, wherever that is, with all scopes, good for a minute, but for what is to be different. */
export function mint({ key = EDGE_KEY, header = {}, claims = {} }: Forgery = {}): string {
  const head = { alg: 'EdDSA', typ: 'JWT', kid: key.kid, ...header };
  const payload = {
    ten: 'acme',
    cel: 'cell-1',
    aud: endpointOf(claims.cel ?? 'cell-1'),
    epo: 1,
    scp: ['ingest', 'read', 'operate', 'control', 'observe', 'erase'],
    iat: NOW_SECONDS,
    exp: NOW_SECONDS + 60,
    ...claims,
  };
  return signed(base64Url(JSON.stringify(head)), base64Url(JSON.stringify(payload)), key);
}

/** Any two parts with a true signature. */
export function signed(header: string, payload: string, key: PrivateKey = EDGE_KEY): string {
  const { kty, crv, x, d } = key;
  const signature = sign(
    null,
    Buffer.from(`${header}.${payload}`),
    createPrivateKey({ key: { kty, crv, x, d }, format: 'jwk' }),
  );
  return `${header}.${payload}.${signature.toString('base64url')}`;
}
