// What a rotation has to do next, judged from what edge and cells say of their keys: it can be interrupted anywhere, and goes on from there.
import { LEASE_QUESTION } from '../../core/cell/lease.ts';
import { ROUTE_TOKEN_LIMITS } from '../../core/cell/route-token.ts';
import type { CellKeysShown, KeysShown } from '../../core/edge/control/keys.ts';
import { isSameKey, type PublicKey } from '../../core/ports/keys.ts';
import { REPLICA_PROOF_LIMITS } from '../../core/replication/replica-proof.ts';
import { UserError } from '../command.ts';

/** A rotation under way, as it is kept between two commands. */
export interface Rotation {
  /** The edge, so that no other one is changed by it. */
  readonly edge: string;
  /** The cell whose own key is rotated; `null` for the key that the edge signs with. */
  readonly cell: string | null;
  readonly old: PublicKey;
  readonly new: PublicKey;
  /** When everything that verifies was first seen to take the new key, in milliseconds. */
  readonly acceptedAt: number | null;
  /** When the new key was first seen to be signed with, since the old one was seen last, in milliseconds. */
  readonly switchedAt: number | null;
}

export const ROTATION_LIMITS = {
  /** What the edge signs is taken for so long; then nothing needs its old key, in milliseconds. */
  routeLifeMs: (ROUTE_TOKEN_LIMITS.lifeSeconds + ROUTE_TOKEN_LIMITS.skewSeconds) * 1000,
  /** What a cell signs is taken for so long, in milliseconds. */
  cellLifeMs: Math.max(
    LEASE_QUESTION.lifeMs,
    (REPLICA_PROOF_LIMITS.lifeSeconds + REPLICA_PROOF_LIMITS.skewSeconds) * 1000,
  ),
  /** A platform replaces the processes of a deployed cell one after the other; one answer does not speak for all, in milliseconds. */
  settleMs: 60_000,
} as const;

/** What is to be done, or waited for, or that all is done. */
export type Step =
  /** These cells are to verify by these keys. */
  | { readonly kind: 'accept' | 'retire'; readonly cells: readonly string[]; readonly keys: readonly PublicKey[] }
  /** The edge is to sign with the new key. */
  | { readonly kind: 'sign' }
  /** The directory is to have these keys of the cell. */
  | { readonly kind: 'declare'; readonly keys: readonly PublicKey[] }
  /** The cell is to sign with the new key. */
  | { readonly kind: 'prove' }
  /** `until` in milliseconds, if it is known. */
  | { readonly kind: 'wait'; readonly reason: string; readonly until?: number }
  | { readonly kind: 'done' };

export interface Judged {
  readonly step: Step;
  /** The rotation with what was seen now. */
  readonly rotation: Rotation;
}

/** What is known of the present. */
export interface Present {
  readonly shown: KeysShown;
  /** Assignments that are still to be signed again, as a reason; `null` if there are none. */
  readonly unsigned: string | null;
  /** Cells that are left out: they are not asked, and must not serve until they were deployed with the new key. */
  readonly except: readonly string[];
  /** How long to wait once everything has the new key, in milliseconds. */
  readonly settleMs: number;
  /** In milliseconds. */
  readonly now: number;
}

const has = (keys: readonly PublicKey[], key: PublicKey): boolean => keys.some((each) => isSameKey(each, key));

const wait = (reason: string, until?: number): Step => ({
  kind: 'wait',
  reason,
  ...(until !== undefined && { until }),
});

/**
 * Judges the rotation of the key that the edge signs with: every cell takes both keys, the edge signs with the new one, nothing that the old one
 * has signed is valid any more, the cells take the new one alone.
 * @throws UserError if something else has changed the keys meanwhile
 */
export function judgeRoute(rotation: Rotation, present: Present): Judged {
  const { shown, unsigned, except, settleMs, now } = present;
  const { old, new: next } = rotation;
  const cells = shown.cells.filter(({ id }) => !except.includes(id));
  const signing = shown.signing[0]?.key;
  if (signing === undefined || (!isSameKey(signing, old) && !isSameKey(signing, next)))
    throw new UserError(
      `The edge signs with ${signing?.kid ?? 'no key'}, neither with ${old.kid} nor with ${next.kid}: something else has changed it. Give this rotation up: npx polycell keys abandon`,
    );
  const silent = cells.filter(({ accepts }) => accepts === null);
  const lacking = cells.filter(({ accepts }) => accepts !== null && !has(accepts, next));
  if (lacking.length > 0) {
    const step: Step = { kind: 'accept', cells: lacking.map(({ id }) => id), keys: [old, next] };
    return { step, rotation: { ...rotation, acceptedAt: null } };
  }
  if (silent.length > 0) return { step: wait(silence(silent)), rotation };
  if (isSameKey(signing, old)) {
    const acceptedAt = rotation.acceptedAt ?? now;
    const settledAt = acceptedAt + settleMs;
    const step: Step =
      now < settledAt ? wait('every process of the cells takes the new key', settledAt) : { kind: 'sign' };
    return { step, rotation: { ...rotation, acceptedAt, switchedAt: null } };
  }
  const switchedAt = rotation.switchedAt ?? now;
  const seen = { ...rotation, switchedAt };
  const oldAt = shown.signing.filter(({ key }) => !isSameKey(key, next)).map(({ at }) => Date.parse(at));
  const overAt = Math.max(switchedAt, ...oldAt) + ROTATION_LIMITS.routeLifeMs;
  if (unsigned !== null) return { step: wait(unsigned), rotation: seen };
  if (now < overAt)
    return { step: wait(`nothing that ${old.kid} has signed is valid any more`, overAt), rotation: seen };
  const both = cells.filter(({ accepts }) => (accepts?.length ?? 0) > 1);
  if (both.length > 0)
    return { step: { kind: 'retire', cells: both.map(({ id }) => id), keys: [next] }, rotation: seen };
  return { step: { kind: 'done' }, rotation: seen };
}

/**
 * Judges the rotation of a cell's own key: the directory has both, the tenants' cells know both, the cell signs with the new one, nothing that the
 * old one has signed is valid any more, the directory has the new one alone.
 * @throws UserError if something else has changed the keys meanwhile
 */
export function judgeCell(rotation: Rotation, { shown, unsigned, settleMs, now }: Present): Judged {
  const { old, new: next, cell: id } = rotation;
  const cell = shown.cells.find((each) => each.id === id);
  if (cell === undefined)
    throw new UserError(`The directory has no cell ${id} any more: npx polycell keys abandon ${id}`);
  const { declared, proves } = cell;
  if (!has(declared, next)) {
    if (!has(declared, old))
      throw new UserError(
        `The directory has ${kids(declared)} for ${id}, neither ${old.kid} nor ${next.kid}: something else has changed it. Give this rotation up: npx polycell keys abandon ${id}`,
      );
    return { step: { kind: 'declare', keys: [old, next] }, rotation };
  }
  if (has(declared, old)) {
    if (unsigned !== null) return { step: wait(unsigned), rotation };
    if (proves === null) return { step: wait(silence([cell])), rotation };
    if (proves === old.kid) return { step: { kind: 'prove' }, rotation: { ...rotation, switchedAt: null } };
    const switchedAt = rotation.switchedAt ?? now;
    const overAt = switchedAt + settleMs + ROTATION_LIMITS.cellLifeMs;
    const seen = { ...rotation, switchedAt };
    if (now < overAt)
      return { step: wait(`nothing that ${old.kid} has signed is valid any more`, overAt), rotation: seen };
    return { step: { kind: 'declare', keys: [next] }, rotation: seen };
  }
  return { step: { kind: 'done' }, rotation };
}

const silence = (cells: readonly CellKeysShown[]): string =>
  cells.map(({ id, problem }) => `${id} says which keys it has (now ${problem ?? 'it has proved nothing'})`).join('; ');

export const kids = (keys: readonly PublicKey[]): string =>
  keys.length === 0 ? 'no key' : keys.map(({ kid }) => kid).join(' and ');
