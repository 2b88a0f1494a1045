// Compact JWS signed with Ed25519: what route tokens and proofs of identity have in common.
import { isJsonObject } from '../ports/json.ts';
import type { PrivateKey, PublicKey } from '../ports/keys.ts';

/** Whether the value is a public key, and nothing more: one with a private part is refused. */
export const isPublicKey = (key: unknown): key is PublicKey =>
  isJsonObject(key) &&
  key.kty === 'OKP' &&
  key.crv === 'Ed25519' &&
  typeof key.kid === 'string' &&
  typeof key.x === 'string' &&
  !('d' in key);

/** Whether the value is a private key. */
export const isPrivateKey = (key: unknown): key is PrivateKey =>
  isJsonObject(key) &&
  key.kty === 'OKP' &&
  key.crv === 'Ed25519' &&
  ['kid', 'x', 'd'].every((name) => typeof key[name] === 'string' && key[name] !== '');

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

const encodeBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

const decodeBase64Url = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));

const encodeJson = (value: unknown): string => encodeBase64Url(encoder.encode(JSON.stringify(value)));

const importKey = (key: PublicKey | PrivateKey, usage: 'sign' | 'verify') => {
  const { kty, crv, x } = key;
  return crypto.subtle.importKey(
    'jwk',
    usage === 'sign' ? { kty, crv, x, d: (key as PrivateKey).d } : { kty, crv, x },
    'Ed25519',
    false,
    [usage],
  );
};

/** Returns a function that signs a payload. It rejects if the key is not an Ed25519 private key. */
export function jwsSigner(key: PrivateKey, typ: string): (payload: object) => Promise<string> {
  const header = encodeJson({ alg: 'EdDSA', typ, kid: key.kid });
  const imported = importKey(key, 'sign');
  imported.catch(() => undefined);
  return async (payload) => {
    const signed = `${header}.${encodeJson(payload)}`;
    const signature = await crypto.subtle.sign('Ed25519', await imported, encoder.encode(signed));
    return `${signed}.${encodeBase64Url(new Uint8Array(signature))}`;
  };
}

export interface JwsForm {
  /** What it is, for messages. */
  readonly what: string;
  /** Maximum bytes. */
  readonly bytes: number;
  /** The type that its header must name; any type without it. */
  readonly typ?: string;
}

/** The payload of a JWS whose signature is good, with the id of the key that has signed it, or why it is refused. */
export type JwsVerdict = { readonly payload: unknown; readonly kid: string } | { readonly fault: string };

/** The last of a signature's 86 characters carries two bits; with other bits set, two texts would encode one signature. */
const COMPACT = /^([\w-]+)\.([\w-]+)\.([\w-]{85}[AQgw])$/;

/** Returns a function that verifies form, algorithm, key and signature. It rejects if a key is not an Ed25519 public key. */
export function jwsVerifier(keys: readonly PublicKey[], form: JwsForm): (token: string) => Promise<JwsVerdict> {
  const imported = new Map(keys.map((key) => [key.kid, importKey(key, 'verify')]));
  for (const key of imported.values()) key.catch(() => undefined);
  return async (token) => {
    const match = token.length > form.bytes ? null : COMPACT.exec(token);
    if (match === null) return { fault: 'it is no compact JWS' };
    const [, header = '', payload = '', signature = ''] = match;
    const head = decodeJson(header);
    const isRight =
      isJsonObject(head) &&
      head.alg === 'EdDSA' &&
      typeof head.kid === 'string' &&
      !('crit' in head) &&
      (form.typ === undefined || head.typ === form.typ);
    if (!isRight) return { fault: `its header is not that of ${form.what}` };
    const key = await imported.get(String(head.kid));
    if (key === undefined) return { fault: 'its key is not known here' };
    const bytes = encoder.encode(`${header}.${payload}`);
    return (await crypto.subtle.verify('Ed25519', key, decodeBase64Url(signature), bytes))
      ? { payload: decodeJson(payload), kid: String(head.kid) }
      : { fault: 'its signature is wrong' };
  };
}

/** Verifies one token by declared keys: one that the platform refuses is a fault of the declaration, and no reason to reject. */
export async function jwsVerdict(keys: readonly PublicKey[], form: JwsForm, token: string): Promise<JwsVerdict> {
  try {
    return await jwsVerifier(keys, form)(token);
  } catch (error) {
    if (error instanceof DOMException) return { fault: 'the declared key cannot be used' };
    throw error;
  }
}

/** The payload of a compact JWS whose signature was verified before; `undefined` if there is none. */
export const jwsPayload = (token: string): unknown => decodeJson(COMPACT.exec(token)?.[2] ?? '');

function decodeJson(part: string): unknown {
  try {
    return JSON.parse(decoder.decode(decodeBase64Url(part)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof DOMException) return undefined;
    throw error;
  }
}
