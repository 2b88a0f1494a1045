// Assignments: what the edge signs of a tenant's cells, by which they trust each other while the edge itself is away.
import type { EpochSeconds } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';
import type { PrivateKey, PublicKey } from '../ports/keys.ts';
import { isName } from './identity.ts';
import { isPublicKey, jwsSigner, jwsVerifier } from './jws.ts';

/** A cell of a tenant. */
export interface AssignedCell {
  readonly id: string;
  readonly endpoint: string;
  readonly keys: readonly PublicKey[];
}

/** The cells of a tenant since it was placed there. */
export interface Assignment {
  readonly tenant: string;
  readonly home: AssignedCell;
  readonly standby: AssignedCell;
  /** The first epoch of this placement, under which the home serves; each later one is a change between home and standby. */
  readonly firstEpoch: number;
  /** The epoch when it was signed. */
  readonly epoch: number;
  /** In seconds; of one epoch, the later one decides: a cell's keys may have changed. */
  readonly issuedAt: EpochSeconds;
}

export const ASSIGNMENT_LIMITS = {
  /** Maximum bytes; ours have about 900. */
  bytes: 8192,
} as const;

/** Its own type, so that it cannot pass as a route token, which the edge signs with the same key. */
const TYPE = 'polycell-assignment';

const FORM = { what: 'an assignment', bytes: ASSIGNMENT_LIMITS.bytes, typ: TYPE };

/** Returns a function that signs assignments with the edge's key. */
export function assignmentSigner(key: PrivateKey): (assignment: Assignment) => Promise<string> {
  const sign = jwsSigner(key, TYPE);
  return ({ tenant, home, standby, firstEpoch, epoch, issuedAt }) =>
    sign({ ten: tenant, hom: home, stb: standby, fst: firstEpoch, epo: epoch, iat: issuedAt });
}

/** Returns a function that reads an assignment, or says why it is refused. It has no expiry: the newer one of a tenant decides. */
export function assignmentReader(keys: readonly PublicKey[]): (text: unknown) => Promise<Assignment | string> {
  const verify = jwsVerifier(keys, FORM);
  return async (text) => {
    if (typeof text !== 'string') return 'there is none';
    const verdict = await verify(text);
    if ('fault' in verdict) return verdict.fault;
    return readAssignment(verdict.payload) ?? 'its claims are not those of an assignment';
  };
}

/** Whether one assignment of a tenant was signed after another. */
export const isNewer = (one: Assignment, other: Assignment): boolean =>
  one.epoch === other.epoch ? one.issuedAt > other.issuedAt : one.epoch > other.epoch;

/** The cell of this name, if it is one of the tenant's. */
export const cellIn = ({ home, standby }: Assignment, id: string): AssignedCell | undefined =>
  home.id === id ? home : standby.id === id ? standby : undefined;

/** The cell that served under an epoch of this placement; `undefined` for an epoch of another one. */
export function cellUnder({ home, standby, firstEpoch, epoch }: Assignment, at: number): AssignedCell | undefined {
  if (!Number.isSafeInteger(at) || at < firstEpoch || at > epoch) return undefined;
  return (at - firstEpoch) % 2 === 0 ? home : standby;
}

function readAssignment(payload: unknown): Assignment | undefined {
  if (!isJsonObject(payload)) return undefined;
  const { ten, hom, stb, fst, epo, iat } = payload;
  const isEpoch = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  if (!isName(ten) || !isCell(hom) || !isCell(stb) || hom.id === stb.id) return undefined;
  if (!isEpoch(fst) || !isEpoch(epo) || epo < fst || !Number.isSafeInteger(iat)) return undefined;
  return { tenant: ten, home: hom, standby: stb, firstEpoch: fst, epoch: epo, issuedAt: iat as EpochSeconds };
}

function isCell(value: unknown): value is AssignedCell {
  if (typeof value !== 'object' || value === null) return false;
  const { id, endpoint, keys } = value as Partial<Record<keyof AssignedCell, unknown>>;
  return (
    isName(id) && typeof endpoint === 'string' && Array.isArray(keys) && keys.length > 0 && keys.every(isPublicKey)
  );
}
