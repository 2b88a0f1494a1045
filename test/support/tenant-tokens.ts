// Tokens of an issuer made by hand with node:crypto, well and badly formed, and the key set that the issuer publishes.
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import type { PrivateKey } from '../../core/ports/keys.ts';
import { base64Url, NOW_SECONDS, publicPart, SECOND_KEY, STRANGERS_KEY } from './route-tokens.ts';

export const ISSUER = 'https://issuer.example';

/** The issuer's own; it opens nothing. */
export const ISSUER_KEY: PrivateKey = { ...SECOND_KEY, kid: 'issuer-1' };
/** Another party's, under the name of the issuer's. */
export const IMPOSTORS_KEY: PrivateKey = { ...STRANGERS_KEY, kid: 'issuer-1' };

export const KEY_SET = { keys: [{ ...publicPart(ISSUER_KEY), alg: 'EdDSA', use: 'sig' }] };

export interface TenantToken {
  readonly key?: PrivateKey;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

const parts = ({ key = ISSUER_KEY, header = {}, claims = {} }: TenantToken): string => {
  const head = { alg: 'EdDSA', typ: 'JWT', kid: key.kid, ...header };
  const payload = {
    iss: ISSUER,
    aud: 'polycell',
    sub: 'client-1',
    tenant: 'acme',
    scope: 'ingest read',
    nbf: NOW_SECONDS,
    exp: NOW_SECONDS + 3600,
    ...claims,
  };
  return `${base64Url(JSON.stringify(head))}.${base64Url(JSON.stringify(payload))}`;
};

/** A token of the tenant acme with the scopes ingest and read, good for an hour, but for what is to be different. */
export function tenantToken(token: TenantToken = {}): string {
  const signed = parts(token);
  const { kty, crv, x, d } = token.key ?? ISSUER_KEY;
  const key = createPrivateKey({ key: { kty, crv, x, d }, format: 'jwk' });
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}

/** A token that says that it needs no signature. */
export const unsignedToken = (): string => `${parts({ header: { alg: 'none' } })}.`;

/** A token whose HMAC is made with the issuer's public key, which is known to all, in each form in which a library might take it. */
export function tokensByPublicKey(): string[] {
  const { kty, crv, x } = ISSUER_KEY;
  const key = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
  const signed = parts({ header: { alg: 'HS256' } });
  const secrets = [
    Buffer.from(x, 'base64url'),
    key.export({ format: 'pem', type: 'spki' }),
    key.export({ format: 'der', type: 'spki' }),
    JSON.stringify(KEY_SET.keys[0]),
  ];
  return secrets.map((secret) => `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`);
}

export type SupportedAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** A new key of an issuer, and its public part as the issuer publishes it. */
export function signingKey(algorithm: SupportedAlgorithm): { key: KeyObject; jwk: object & { kid: string } } {
  const { privateKey, publicKey } =
    algorithm === 'RS256' || algorithm === 'PS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
  return { key: privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'operators-1' } };
}

/** A token signed with such a key. */
export function signedWith(
  key: KeyObject,
  alg: SupportedAlgorithm,
  { header, claims }: { readonly header: object; readonly claims: object },
): string {
  const text = [{ alg, typ: 'JWT', ...header }, claims].map((part) => base64Url(JSON.stringify(part))).join('.');
  const options = {
    RS256: { key },
    PS256: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    ES256: { key, dsaEncoding: 'ieee-p1363' as const },
    EdDSA: { key },
  };
  const signature = sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), options[alg]);
  return `${text}.${signature.toString('base64url')}`;
}
