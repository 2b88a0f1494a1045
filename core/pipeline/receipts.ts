// Receipts of home-only effects: what a cell does with a message by what it knows of the tenant's other cell, which may have had the effect.
import { type Assignment, cellIn, cellUnder, peerOf } from '../cell/assignment.ts';
import { eventKey } from '../events/cloud-event.ts';
import type { DeliveredMessage, DeliveryOutcome } from '../ports/bus.ts';
import type { EventIdentity } from './consumer.ts';

export const RECEIPT_LIMITS = {
  /** Events of one question: a batch has no more. */
  events: 500,
  /** Time for a question, in milliseconds. */
  requestMs: 3000,
  /** A question ends this long before the instant at which the platform ends the function, in milliseconds, … */
  marginMs: 1500,
  /** … and none begins with less time than this; without an answer in less than `requestMs` nothing is known of the cell. */
  leastMs: 500,
  /** A cell that has not answered, or not for a tenant, is not asked again for this long, in milliseconds. */
  pauseMs: 5000,
  /** Tenants whose questions had no answer one after the other: then the cell is taken not to answer at all. */
  silentTenants: 2,
  /** Cells, and tenants of cells, that a process remembers not to have answered. */
  pauses: 1000,
  /** So long a process goes by what it has read of a tenant, in milliseconds, … */
  rememberedMs: 5000,
  /** … for so many tenants; an assignment has about a kilobyte. */
  tenants: 1000,
  /** Tenants of one batch that are asked for at the same time: those of a slow cell are not to keep all others waiting. */
  concurrentTenants: 16,
  /** An effect begins no later than this after the answer, in milliseconds: a lease may have been the other cell’s meanwhile. */
  answeredMs: 20_000,
  /**
   * A copy of an event that was accepted longer ago is left to its cell, in milliseconds: no message of it waits there. What a tenant brings along
   * when it moves has no effects again, nor what was accepted before its consumer was there.
   */
  pastMs: 7 * 24 * 3_600_000,
} as const;

/** What a consumer knows of effects in the tenant's other cell. */
export interface Receipts {
  /** What becomes of a tenant's messages. Rejects with the store's error. */
  judge(question: ReceiptQuestion): Promise<Judgement>;
  /** Keeps copies of a tenant's events that wait, durably; their messages end. Rejects with the store's error. */
  defer(tenant: string, copies: readonly ReceiptItem[]): Promise<void>;
}

/** A message, or a copy that has waited, as far as it matters here. */
export interface ReceiptItem extends EventIdentity {
  readonly deliveryId: string;
  readonly origin?: string | undefined;
  readonly acceptedAt?: number | undefined;
  /** Whether it is to be acted on however old it is: an operator has redriven it, or it has waited. */
  readonly isWanted: boolean;
}

/** What matters of a message. */
export const itemOf = ({ tenant, event, deliveryId, origin, acceptedAt, consumer }: DeliveredMessage): ReceiptItem => ({
  ...{ subject: event.subject, id: eventKey(tenant, event).id, deliveryId, origin, acceptedAt },
  isWanted: consumer !== undefined,
});

/** Whether a copy was accepted so long ago that no message of it waits anywhere; also one that does not say when. */
export const isPast = ({ acceptedAt, isWanted }: Pick<ReceiptItem, 'acceptedAt' | 'isWanted'>, now: number): boolean =>
  !isWanted && (acceptedAt === undefined || now - acceptedAt > RECEIPT_LIMITS.pastMs);

export interface Judgement {
  /** By `deliveryId`: an outcome, or that the effect may begin. */
  readonly verdicts: ReadonlyMap<string, DeliveryOutcome | 'apply'>;
  /** Whether the other cell was asked: then `apply` counts for `RECEIPT_LIMITS.answeredMs` from before the question on. */
  readonly wasAsked: boolean;
}

export interface ReceiptQuestion {
  readonly tenant: string;
  readonly items: readonly ReceiptItem[];
  /** Why no effect may begin now; `undefined` if it may. */
  readonly hindrance: string | undefined;
  /** The epoch of the lease, where it has one. */
  readonly epoch: number | undefined;
  /** When the platform ends the function. */
  readonly deadline: number;
}

/**
 * What a cell says of an event of a consumer:
 * - `claimed`: the effect has happened, there or in a cell that it has heard it from;
 * - `parked`: it waits there for an operator;
 * - `erased`: the event is refused there, as its subject or tenant was erased;
 * - `unknown`: the cell has no such consumer;
 * - `unclaimed`: none of these.
 */
export const RECEIPT_STATES = ['claimed', 'parked', 'erased', 'unknown', 'unclaimed'] as const;
export type ReceiptState = (typeof RECEIPT_STATES)[number];

/**
 * What a cell is for a tenant, by its assignment and by the epoch of its lease:
 * - `home`: its home, as a placement, a move or a failback has made it: the other cell is expected to answer;
 * - `standby`: its standby, which serves, if it does, since the home was given up;
 * - `alone`: the assignment names no other cell;
 * - `outside`: no assignment names this cell;
 * - `untold`: the assignment that it holds is not the one of its lease.
 */
export type Standing = 'home' | 'standby' | 'alone' | 'outside' | 'untold';

/** A lease by which effects may begin now; without an epoch if it comes from an edge of an earlier release, or needs no edge. */
export interface Leased {
  readonly epoch: number | undefined;
}

/** What this cell is for a tenant by the newest assignment that it holds; `lease` is `undefined` if no effect may begin here now. */
export function standingOf(assignment: Assignment | undefined, cell: string, lease: Leased | undefined): Standing {
  // A lease with an epoch is of a tenant with two cells, of which this one has not heard.
  if (lease?.epoch !== undefined && lease.epoch !== assignment?.epoch) return 'untold';
  if (assignment === undefined) return 'outside';
  if (cellIn(assignment, cell) === undefined) return 'outside';
  if (peerOf(assignment, cell) === undefined) return 'alone';
  if (lease !== undefined && cellUnder(assignment, assignment.epoch)?.id !== cell) return 'untold';
  return assignment.home.id === cell ? 'home' : 'standby';
}

/** What a cell knows when it gets a message of a home-only effect. */
export interface Situation {
  readonly standing: Standing;
  /** Whether the cell's lease lets an effect begin now. */
  readonly isLeased: boolean;
  /** Whether this cell has accepted the event: others are copies. */
  readonly isOwn: boolean;
  /** Of a copy: see `isPast`. */
  readonly isPast: boolean;
  /** Of an event of its own: whether everything of which the other cell has had the effect was in the log before it. */
  readonly isSettled: boolean;
  /** What the other cell says; `undefined` before it was asked. */
  readonly answer?: ReceiptState | NoAnswer | undefined;
}

/** `none`: it does not answer; `earlier`: it is of a release that does nothing of copies and knows no receipts; `refused`: it answers, and not this cell. */
export type NoAnswer = 'none' | 'earlier' | 'refused';

/** `receipt`: the effect has happened elsewhere, which is noted here. `leave`: it is not this cell's part. */
export type Verdict = 'apply' | 'ask' | 'receipt' | 'leave' | 'wait';

/**
 * What becomes of a message. An effect begins only under a lease, and unasked only where no other cell can have had it. Without an answer it
 * begins only after a failover: the other cell is lost, and so is a receipt that has not come. Everything else waits.
 */
export function verdictOf({ standing, isLeased, isOwn, isPast: isOld, isSettled, answer }: Situation): Verdict {
  if (!isOwn && (isOld || standing === 'outside')) return 'leave';
  const now = isLeased ? 'apply' : 'wait';
  if (standing === 'outside' || standing === 'alone') return now;
  if (standing === 'untold') return 'wait';
  if (isLeased && isOwn && isSettled) return 'apply';
  switch (answer) {
    case undefined:
      return 'ask';
    case 'claimed':
      return 'receipt';
    // It waits for an operator there, who may be gone with the cell.
    case 'parked':
    case 'unknown':
    case 'unclaimed':
      return now;
    case 'none':
      return isLeased && standing === 'standby' ? 'apply' : 'wait';
    // It goes on with its own events, as it did, and with nothing else.
    case 'earlier':
      return isLeased ? (isOwn ? 'apply' : 'wait') : isOwn ? 'wait' : 'leave';
    // A tombstone comes here, too, and ends the message; a refusal is to be corrected, and says nothing of what has happened.
    case 'erased':
    case 'refused':
      return 'wait';
  }
}
