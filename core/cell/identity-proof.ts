// Proofs of identity: a cell signs the edge's nonce with its own key, so that no other server can answer in its place.
import { isJsonObject } from '../ports/json.ts';
import { type PrivateKey, type PublicKey, publicPart } from '../ports/keys.ts';
import { isPublicKey, jwsSigner, jwsVerdict } from './jws.ts';

/** The query parameter of the health check that carries the nonce. */
export const NONCE_PARAMETER = 'nonce';

/** 128 bits as hexadecimal digits: what `Ids.next` returns. */
export const NONCE_PATTERN = '^[0-9a-f]{32}$';

export const IDENTITY_LIMITS = {
  /** Maximum bytes of a proof; ours have about 600. */
  bytes: 2048,
  /** Keys of a cell: one, or two during a rotation. */
  keys: 2,
} as const;

/** Its own type, so that no other text that the key might ever sign can pass as a proof. */
const TYPE = 'polycell-identity';

const FORM = { what: 'a proof of identity', bytes: IDENTITY_LIMITS.bytes, typ: TYPE };

/**
 * Returns a function that answers a nonce with a proof. It names the cell's own endpoints and not the one that was called: a listener
 * that hands the question on to the cell gets a proof for another endpoint than its own. It also says by which keys the cell verifies what
 * the edge has signed, so that a rotation goes on only where both sides have the new one.
 */
export function identityProver(
  key: PrivateKey,
  cell: string,
  endpoints: readonly string[],
  routeKeys: readonly PublicKey[],
): (nonce: string) => Promise<string> {
  const sign = jwsSigner(key, TYPE);
  const known = routeKeys.map(publicPart);
  return (nonce) => sign({ cel: cell, aud: endpoints, nonce, rks: known });
}

/** What a proof must say. */
export interface IdentityClaim {
  readonly cell: string;
  readonly endpoint: string;
  readonly nonce: string;
  /** The keys that the cell is declared with. */
  readonly keys: readonly PublicKey[];
}

/** What a proof shows. */
export interface ProvedIdentity {
  /** The id of the key that has signed it. */
  readonly kid: string;
  /** By which keys the cell verifies what the edge has signed; `null` for a cell of an earlier release, which does not say. */
  readonly routeKeys: readonly PublicKey[] | null;
}

/** What the proof shows if it is that of this identity, else why it is not. Never rejects because of a proof. */
export async function readProof(
  proof: unknown,
  { cell, endpoint, nonce, keys }: IdentityClaim,
): Promise<ProvedIdentity | { readonly fault: string }> {
  if (typeof proof !== 'string') return { fault: 'it gives no proof of its identity' };
  const verdict = await jwsVerdict(keys, FORM, proof);
  if ('fault' in verdict) return { fault: `its proof of identity is refused: ${verdict.fault}` };
  const { payload, kid } = verdict;
  if (!isJsonObject(payload) || payload.nonce !== nonce)
    return { fault: 'its proof of identity answers another question' };
  if (payload.cel !== cell) return { fault: 'its proof of identity is that of another cell' };
  if (!Array.isArray(payload.aud) || !payload.aud.includes(endpoint))
    return { fault: `its proof of identity is for another endpoint than ${endpoint}` };
  const { rks } = payload;
  return { kid, routeKeys: Array.isArray(rks) && rks.every(isPublicKey) ? (rks as readonly PublicKey[]) : null };
}

/** Says why the proof does not show this identity; `undefined` if it does. Never rejects because of a proof. */
export async function identityFault(proof: unknown, claim: IdentityClaim): Promise<string | undefined> {
  const read = await readProof(proof, claim);
  return 'fault' in read ? read.fault : undefined;
}
