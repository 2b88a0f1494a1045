// Leases: what must not happen twice is done only by the cell that holds the directory's lease for its tenant; the terms, and the question.
import { isJsonObject } from '../ports/json.ts';
import type { PrivateKey, PublicKey } from '../ports/keys.ts';
import { isName } from './identity.ts';
import { jwsSigner, jwsVerdict } from './jws.ts';

/** The terms that directory and cells share. Times are in milliseconds. */
export const LEASE = {
  /** A grant lasts this long: for the directory from when it is given, for the cell from when it asked, which is earlier. */
  durationMs: 45_000,
  /** How far the clocks of a cell and of the directory may go apart within a lease. */
  skewMs: 5000,
  /** The longest that an effect may take; a consumer of home-only effects declares no more. */
  effectMs: 20_000,
  /** The longest that one write of the store takes, with its repetitions. */
  writeMs: 7000,
  /** A cell asks again before an effect once less than this is left, so that ten seconds without the edge delay nothing. */
  renewMs: 30_000,
  /** The directory records the end of a lease in steps of this, so that many processes of a cell cost one write. */
  stepMs: 5000,
  /** Tenants of one question. */
  tenants: 100,
} as const;

/** When the effects that began under a lease have surely ended. */
export const leaseOver = (until: number): number => (until === 0 ? 0 : until + LEASE.skewMs + LEASE.effectMs);

/** How much of a lease is left for the cell that asked for it at `askedAt`. A clock that was set back ends it. */
export const leaseLeft = (askedAt: number, now: number): number =>
  now < askedAt ? 0 : askedAt + LEASE.durationMs - now;

/** Where the edge takes the questions of cells. */
export const LEASE_PATH = '/cells/v1/lease';

export const LEASE_QUESTION = {
  /** Bytes: a hundred of the longest names in Base64, twice. */
  bytes: 16 * 1024,
  /** A question is answered for this long after it was signed, by either clock, in milliseconds. */
  lifeMs: 30_000,
} as const;

/** Its own type, so that no proof of identity can pass as a question, nor the reverse. */
const TYPE = 'polycell-lease';
const FORM = { what: 'a question for a lease', bytes: LEASE_QUESTION.bytes, typ: TYPE };

export interface LeaseQuestion {
  readonly cell: string;
  readonly tenants: readonly string[];
  /** When the cell asked, by its own clock. */
  readonly askedAt: number;
}

/** Returns a function that signs a question with the cell's key. */
export function leaseAsker(key: PrivateKey, cell: string): (tenants: readonly string[], at: number) => Promise<string> {
  const sign = jwsSigner(key, TYPE);
  return (tenants, at) => sign({ cel: cell, ten: tenants, iat: at });
}

/** The cell that a question says to be of, unverified: whose keys are to be looked up. */
export function askingCell(text: string): string | undefined {
  const payload = readPayload(text);
  return isJsonObject(payload) && isName(payload.cel) ? payload.cel : undefined;
}

/** The question, if one of these keys has signed it lately; else why it is refused. Never rejects because of a question. */
export async function readQuestion(
  text: string,
  keys: readonly PublicKey[],
  now: number,
): Promise<LeaseQuestion | { readonly fault: string }> {
  const verdict = await jwsVerdict(keys, FORM, text);
  if ('fault' in verdict) return verdict;
  return questionOf(verdict.payload, now);
}

/** What a question of a cell without declared keys says: it is believed, as nothing is granted by it. */
export const readUnsigned = (text: string, now: number): LeaseQuestion | { readonly fault: string } =>
  questionOf(readPayload(text), now);

function questionOf(payload: unknown, now: number): LeaseQuestion | { readonly fault: string } {
  if (!isJsonObject(payload)) return { fault: 'it has no payload' };
  const { cel: cell, ten: tenants, iat: askedAt } = payload;
  const isList =
    Array.isArray(tenants) && tenants.length > 0 && tenants.length <= LEASE.tenants && tenants.every(isName);
  if (!isName(cell) || !isList || typeof askedAt !== 'number')
    return { fault: `it must name a cell, 1 to ${LEASE.tenants} tenants and its time` };
  if (Math.abs(now - askedAt) > LEASE_QUESTION.lifeMs) return { fault: 'it is too old, or ahead of its time' };
  return { cell, tenants: tenants as readonly string[], askedAt };
}

function readPayload(text: string): unknown {
  const [, payload = ''] = text.slice(0, LEASE_QUESTION.bytes).split('.');
  try {
    return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return undefined;
    throw error;
  }
}
