// Assignments: what the edge signs of a tenant's cells, by which they trust each other while the edge itself is away.
import type { EpochSeconds } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';
import type { PrivateKey, PublicKey } from '../ports/keys.ts';
import { ANYWHERE } from '../ports/residency.ts';
import { isName } from './identity.ts';
import { isPublicKey, jwsPayload, jwsSigner, jwsVerifier } from './jws.ts';

/** A cell of a tenant. */
export interface AssignedCell {
  readonly id: string;
  readonly endpoint: string;
  readonly keys: readonly PublicKey[];
  /** Where it lies, as the directory knows it; absent in assignments of earlier releases. */
  readonly jurisdiction?: string;
}

/** The cells of a tenant since it was placed there. */
export interface Assignment {
  readonly tenant: string;
  readonly home: AssignedCell;
  /** `null`: there is none (any more), so that the home sends its events nowhere. */
  readonly standby: AssignedCell | null;
  /** The jurisdiction that the data must stay in, or `any`; absent in assignments of earlier releases. */
  readonly residency?: string;
  /** The standby stores events and derives nothing while the home serves; absent where it derives as they come, and in assignments of earlier releases. */
  readonly standbyMode?: 'log-only';
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
  return ({ tenant, home, standby, residency, standbyMode, firstEpoch, epoch, issuedAt }) =>
    sign({
      ten: tenant,
      hom: home,
      stb: standby,
      ...(residency !== undefined && { res: residency }),
      ...(standbyMode !== undefined && { mod: standbyMode }),
      fst: firstEpoch,
      epo: epoch,
      iat: issuedAt,
    });
}

/** Returns a function that reads an assignment, or says why it is refused. It has no expiry: the newer one of a tenant decides. */
export function assignmentReader(keys: readonly PublicKey[]): (text: unknown) => Promise<Assignment | string> {
  const verify = jwsVerifier(keys, FORM);
  return async (text) => {
    if (typeof text !== 'string') return 'there is none';
    const verdict = await verify(text);
    if ('fault' in verdict) return verdict.fault;
    const assignment = readAssignment(verdict.payload);
    return assignment === undefined
      ? 'its claims are not those of an assignment'
      : (residencyFault(assignment) ?? assignment);
  };
}

/** Reads an assignment that was verified before it was stored: the key that has signed it may have been replaced since. */
export function storedAssignment(text: unknown): Assignment | undefined {
  return typeof text === 'string' ? readAssignment(jwsPayload(text)) : undefined;
}

/** Whether one assignment of a tenant was signed after another. */
export const isNewer = (one: Assignment, other: Assignment): boolean =>
  one.epoch === other.epoch ? one.issuedAt > other.issuedAt : one.epoch > other.epoch;

/** The cell of this name, if it is one of the tenant's. */
export const cellIn = ({ home, standby }: Assignment, id: string): AssignedCell | undefined =>
  home.id === id ? home : standby?.id === id ? standby : undefined;

/** The tenant's other cell than this one; `undefined` if this is none of its cells, or there is no other. */
export const peerOf = ({ home, standby }: Assignment, id: string): AssignedCell | undefined =>
  home.id === id ? (standby ?? undefined) : standby?.id === id ? home : undefined;

/** The cell that served under an epoch of this placement; `undefined` for an epoch of another one. */
export function cellUnder({ home, standby, firstEpoch, epoch }: Assignment, at: number): AssignedCell | undefined {
  if (!Number.isSafeInteger(at) || at < firstEpoch || at > epoch) return undefined;
  return (at - firstEpoch) % 2 === 0 ? home : (standby ?? undefined);
}

/**
 * Whether this cell leaves copies underived: it is the tenant's log-only standby, and the home serves, as it does under every second epoch of a
 * placement.
 */
export const leavesCopies = ({ standby, standbyMode, firstEpoch, epoch }: Assignment, cell: string): boolean =>
  standbyMode === 'log-only' && standby?.id === cell && (epoch - firstEpoch) % 2 === 0;

/** Says which cell must not hold the tenant's data; the directory sees to it as well, and a cell believes nothing else. */
function residencyFault({ tenant, home, standby, residency = ANYWHERE }: Assignment): string | undefined {
  if (residency === ANYWHERE) return undefined;
  const abroad = [home, standby].find((cell) => cell !== null && cell.jurisdiction !== residency) ?? undefined;
  return (
    abroad &&
    `${abroad.id} lies in ${abroad.jurisdiction ?? 'no jurisdiction'}, and the data of ${tenant} must stay in ${residency}`
  );
}

function readAssignment(payload: unknown): Assignment | undefined {
  if (!isJsonObject(payload)) return undefined;
  const { ten, hom, stb, res, mod, fst, epo, iat } = payload;
  const isEpoch = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  if (!isName(ten) || !isCell(hom) || (stb !== null && (!isCell(stb) || hom.id === stb.id))) return undefined;
  if (res !== undefined && !isName(res)) return undefined;
  if (!isEpoch(fst) || !isEpoch(epo) || epo < fst || !Number.isSafeInteger(iat)) return undefined;
  const residency = res === undefined ? {} : { residency: res };
  return {
    tenant: ten,
    home: hom,
    standby: stb,
    ...residency,
    ...(mod === 'log-only' && { standbyMode: mod }),
    firstEpoch: fst,
    epoch: epo,
    issuedAt: iat as EpochSeconds,
  };
}

function isCell(value: unknown): value is AssignedCell {
  if (typeof value !== 'object' || value === null) return false;
  const { id, endpoint, keys, jurisdiction } = value as Partial<Record<keyof AssignedCell, unknown>>;
  if (!isName(id) || typeof endpoint !== 'string' || (jurisdiction !== undefined && !isName(jurisdiction)))
    return false;
  return Array.isArray(keys) && keys.length > 0 && keys.every(isPublicKey);
}
