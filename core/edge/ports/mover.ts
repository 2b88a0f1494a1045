// The mover: takes orders to move tenants to other cells, and shows how far they are.
import type { RefusalCode } from '../../api/refusal.ts';

/**
 * `planned`: the target is not the standby yet. `seeding`: it gets what is there. `following`: until a comparison finds nothing missing.
 * `switched`: the target is the home. `fenced`: the source refuses older epochs. `drained`: what it had let in before is stored.
 * `verified`: the target has all of it. `sealed`: the move can no longer be reversed.
 */
export const STEPS = [
  'planned',
  'seeding',
  'following',
  'switched',
  'fenced',
  'drained',
  'verified',
  'sealed',
] as const;
/** One of `STEPS`. */
export type Step = (typeof STEPS)[number];

/** Also an end: the directory is as it was before. */
export type MoveState = Step | 'aborted';

/** A move as the mover keeps it, and as the control API shows it; the field names are part of that API. */
export interface Move {
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
  /** The standby that it had before, which an abort gives back; its copy stays where it is. */
  readonly formerStandby: string | null;
  readonly state: MoveState;
  /** The actor and the reason of the one who ordered it. */
  readonly actor: string;
  readonly reason: string;
  readonly startedAt: number;
  /** When this step began. */
  readonly since: number;
  readonly paused: boolean;
  /** The step before which it pauses once. */
  readonly pauseBefore: Step | null;
  /** Events a second that seeding sends at most; `null` without a limit. */
  readonly rate: number | null;
  /**
   * The source is left: once the move is verified it is no cell of the tenant any more, and the tenant gets another standby. With the
   * present home as the target only the standby is left, which is the source then, and the former standby.
   */
  readonly leave?: true;
  /** Whether it goes back where an earlier one has come from. */
  readonly reversed: boolean;
  /** Events of the source when they were counted; `null` before. */
  readonly total: number | null;
  /** Of these, how many the target has. */
  readonly there: number;
  /** The walk of this step: it sends what is missing, or only compares. */
  readonly walk: 'send' | 'compare';
  /** Whether that walk has begun. */
  readonly walking: boolean;
  /**
   * The tenant's epoch once the target was its standby; while it has this one, the target has served nothing. `null` before. Once the source
   * is fenced, the epoch below which it refuses.
   */
  readonly epoch: number | null;
  /** No work before this time. */
  readonly notBefore: number;
  /** Why it does not get on; `null` if it does. */
  readonly problem: string | null;
}

/** Which tenant is to go where, and how. */
export interface MoveOrder {
  readonly tenant: string;
  readonly to: string;
  readonly rate: number | null;
  readonly pauseBefore: Step | null;
  readonly leave?: true;
  readonly actor: string;
  readonly reason: string;
}

/** What an operator may order of a move that has begun. */
export const MOVE_ACTIONS = ['pause', 'resume', 'abort', 'reverse', 'seal'] as const;
/** One of `MOVE_ACTIONS`. */
export type MoveAction = (typeof MOVE_ACTIONS)[number];

/** A move as it is shown, without what only the mover needs. */
export interface MoveView extends Omit<Move, 'walk' | 'walking' | 'epoch'> {
  /** Milliseconds that seeding will still take; `null` while that is not known. */
  readonly remainingMs: number | null;
}

/** What the mover answers: a value, or why it refuses. */
export type MoverAnswer<T> = { readonly value: T } | { readonly refused: RefusalCode; readonly detail: string };

/** Every method may be repeated. They reject with `unavailable` if the mover does not answer in time: the order may have been noted. */
export interface Mover {
  /** Begins a move; repeating it changes nothing, but that a move under way leaves its source if it is to. With `dryRun` it says what would be done, or is refused as the move would be. */
  start(order: MoveOrder, dryRun: boolean): Promise<MoverAnswer<MoveView>>;
  /** The latest move of a tenant that is kept; `null` if there is none. */
  show(tenant: string): Promise<MoveView | null>;
  /** All moves, the latest first. */
  list(): Promise<readonly MoveView[]>;
  /** Changes the tenant's move; repeating it changes nothing. */
  change(tenant: string, action: MoveAction, actor: string, reason: string): Promise<MoverAnswer<MoveView>>;
}
