// Proofs of a replica request: a cell signs the body that it sends to another one, by its own key.
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import type { AssignedCell } from '../cell/assignment.ts';
import { jwsSigner, jwsVerdict } from '../cell/jws.ts';
import { type Clock, toEpochSeconds } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';
import type { PrivateKey } from '../ports/keys.ts';

/** Headers of a replica request: the assignment, and the sender's proof. */
export const ASSIGNMENT_HEADER = 'x-polycell-assignment';
export const REPLICA_HEADER = 'x-polycell-replica';

export const REPLICA_PROOF_LIMITS = {
  bytes: 2048,
  /** How long a proof holds, in seconds. A request that is sent again changes nothing, so it need not be used once only. */
  lifeSeconds: 60,
  /** How far the clocks of two cells may differ, in seconds. */
  skewSeconds: 30,
} as const;

/** Its own type: a cell's key also signs proofs of identity, over a nonce that anyone may choose. */
const TYPE = 'polycell-replica';

const FORM = { what: 'a proof of a replica request', bytes: REPLICA_PROOF_LIMITS.bytes, typ: TYPE };

export const hashOf = (bytes: Uint8Array): string => bytesToHex(sha256(bytes));

/** What is sent to which cell. */
export interface ReplicaRequest {
  readonly tenant: string;
  readonly to: Pick<AssignedCell, 'id' | 'endpoint'>;
  /** The body before it is compressed. */
  readonly body: Uint8Array;
}

/** Returns a function that signs requests as this cell. */
export function replicaProver(
  key: PrivateKey,
  cell: string,
  clock: Pick<Clock, 'now'>,
): (request: ReplicaRequest) => Promise<string> {
  const sign = jwsSigner(key, TYPE);
  return ({ tenant, to, body }) =>
    sign({
      iss: cell,
      cel: to.id,
      aud: to.endpoint,
      ten: tenant,
      sha: hashOf(body),
      iat: toEpochSeconds(clock.now()),
    });
}

/** The cell that a proof claims to be of, before anything is verified. */
export function claimedSender(proof: string | null): string | undefined {
  const payload = proof?.split('.')[1];
  if (payload === undefined || (proof ?? '').length > REPLICA_PROOF_LIMITS.bytes) return undefined;
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
    return isJsonObject(claims as never) ? String((claims as { iss?: unknown }).iss) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return undefined;
    throw error;
  }
}

/** Why a proof does not show that this sender has sent the request here now; `undefined` if it does. */
export async function replicaFault(
  proof: string,
  sender: AssignedCell,
  { tenant, body, cell, endpoints }: { tenant: string; body: Uint8Array; cell: string; endpoints: readonly string[] },
  clock: Pick<Clock, 'now'>,
): Promise<string | undefined> {
  const verdict = await jwsVerdict(sender.keys, FORM, proof);
  if ('fault' in verdict) return verdict.fault;
  const claims = verdict.payload;
  if (!isJsonObject(claims as never)) return 'it has no claims';
  const { iss, cel, aud, ten, sha, iat } = claims as Readonly<Record<string, unknown>>;
  if (iss !== sender.id || ten !== tenant) return 'it is of another sender or tenant';
  if (cel !== cell || !endpoints.includes(String(aud))) return 'it is for another cell or endpoint';
  if (sha !== hashOf(body)) return 'it is of another body';
  const now = toEpochSeconds(clock.now());
  const { lifeSeconds, skewSeconds } = REPLICA_PROOF_LIMITS;
  if (typeof iat !== 'number' || iat > now + skewSeconds || iat < now - lifeSeconds - skewSeconds)
    return 'it was not signed just now';
  return undefined;
}
