// Hears what has become of pending copies: ends those whose effects have happened, and sends the others to their consumers once this cell may act.
import { cellUnder } from '../cell/assignment.ts';
import { LEASE } from '../cell/lease.ts';
import type { Leases } from '../cell/lease-keeper.ts';
import { fingerprint, fromStored, logPartition } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { PendingCopies, PendingCopy, PendingList } from '../pipeline/pending.ts';
import { RECEIPT_LIMITS, type ReceiptItem, type Receipts } from '../pipeline/receipts.ts';
import { redriveRequest } from '../pipeline/redrive.ts';
import type { Tombstones } from '../pipeline/tombstones.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
import type { NewDocument, Store, StoreCursor } from '../ports/store.ts';
import type { HeldAssignments } from './held-assignments.ts';

export const HEAR_LIMITS = {
  /** Copies that are asked about at once. */
  copies: RECEIPT_LIMITS.events,
  /** Copies that are sent at once; their events have up to 200 KiB each. */
  sent: 25,
  /** Lists that are worked on at the same time. */
  lists: 4,
  /** A step begins no page after this time, in milliseconds: the edge waits for it, and has other work. */
  stepMs: 3000,
  /** … and asks nothing that would end after this; a function has 15 s for all. */
  functionMs: 10_000,
  /** A list of which nothing was heard rests, while its home acts, as long as no copy has been added to it, and for this long at most, in milliseconds. */
  restMs: 1_800_000,
  /** Copies for a consumer that this release does not have are kept for this long after the last one has come, in milliseconds. */
  unknownMs: 7 * 24 * 3_600_000,
} as const;

export interface HearProgress {
  /** Copies that have ended: their effects have happened, or are none of this cell's. */
  readonly ended: number;
  /** Copies that were sent to their consumers. */
  readonly sent: number;
  /** Copies that were looked at, and go on waiting. */
  readonly waiting: number;
  /** Lists that have more copies than a step could look at: the next pass is to come at once. */
  readonly unfinished: number;
  /** Where the next step goes on; `null` if all lists were looked at. */
  readonly next: StoreCursor | null;
}

export interface HearDeps {
  readonly cell: string;
  readonly events: Store;
  readonly pending: PendingCopies;
  /** What is known of effects in other cells; `undefined` for a consumer that is none of this release. */
  readonly receiptsOf: (consumer: string) => Pick<Receipts, 'judge'> | undefined;
  readonly tombstones: Pick<Tombstones, 'of'>;
  /** Without them, nothing of copies happens here. */
  readonly leases: Leases | undefined;
  readonly assignments: Pick<HeldAssignments, 'newest'>;
  readonly clock: Clock;
  readonly log: Log;
}

type Heard = Pick<HearProgress, 'ended' | 'sent' | 'waiting' | 'unfinished'>;

const NOTHING: Heard = { ended: 0, sent: 0, waiting: 0, unfinished: 0 };

const add = (one: Heard, other: Heard): Heard => ({
  ended: one.ended + other.ended,
  sent: one.sent + other.sent,
  waiting: one.waiting + other.waiting,
  unfinished: one.unfinished + other.unfinished,
});

/** Returns the use case, which makes one step. What fails of one list is logged, and the others go on; rejects with the store's error otherwise. */
export function hear(deps: HearDeps): (cursor: StoreCursor | undefined) => Promise<HearProgress> {
  const { cell, events, pending, leases, assignments, clock, log } = deps;

  /** Whether the tenant's newest assignment says that this cell serves it: then the edge is asked for a lease. */
  const serves = async (tenant: string): Promise<boolean> => {
    const assignment = (await assignments.newest(tenant))?.assignment;
    return assignment !== undefined && cellUnder(assignment, assignment.epoch)?.id === cell;
  };

  /** Sends copies to their consumer, each by a request in the log, as redriving does; those that are over by that. */
  const send = async ({ consumer, tenant }: PendingList, copies: readonly PendingCopy[]): Promise<PendingCopy[]> => {
    const requests: { readonly copy: PendingCopy; readonly document: NewDocument }[] = [];
    const over: PendingCopy[] = [];
    await mapConcurrently(copies, HEAR_LIMITS.sent, async (copy) => {
      const document = await events.get({ partition: logPartition(tenant, copy.subject), id: copy.id });
      // It was erased since.
      if (document === undefined) over.push(copy);
      else {
        // A copy that comes to wait again gets another request.
        const id = `pending!${fingerprint(`${consumer}!${copy.key}!${copy.version}`)}`;
        requests.push({ copy, document: redriveRequest({ ...fromStored(document), consumer }, id, clock.now()) });
      }
    });
    const outcomes = await events.append(requests.map(({ document }) => document));
    for (const [index, { copy }] of requests.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status !== 'failed') over.push(copy);
      else {
        const { code, message: reason } = outcome.error;
        log.warn('a pending copy could not be sent to its consumer', { consumer, tenant, code, reason });
      }
    }
    return over;
  };

  const hearPage = async (
    list: PendingList,
    receipts: Pick<Receipts, 'judge'>,
    copies: readonly PendingCopy[],
    deadline: number,
  ): Promise<Heard> => {
    const { tenant } = list;
    const erased = await deps.tombstones.of(
      tenant,
      copies.map(({ subject }) => subject),
    );
    const gone = copies.filter(({ subject, id }) => erased.covers(subject, id));
    const there = copies.filter(({ subject, id }) => !erased.covers(subject, id));
    const items = there.map(
      ({ subject, id, key, origin, acceptedAt }): ReceiptItem => ({
        ...{ subject, id, deliveryId: key, origin, acceptedAt },
        isWanted: true,
      }),
    );
    const hindrance = leases?.hindrance(tenant, LEASE.effectMs);
    const { verdicts } = await receipts.judge({ tenant, items, hindrance, epoch: leases?.epoch?.(tenant), deadline });
    const isOver = ({ key }: PendingCopy): boolean => {
      const verdict = verdicts.get(key);
      return verdict !== 'apply' && verdict?.status === 'done';
    };
    const ended = [...gone, ...there.filter(isOver)];
    await pending.remove(list, ended);
    const ready = there.filter(({ key }) => verdicts.get(key) === 'apply');
    let sent = 0;
    for (let from = 0; from < ready.length; from += HEAR_LIMITS.sent) {
      const over = await send(list, ready.slice(from, from + HEAR_LIMITS.sent));
      await pending.remove(list, over);
      sent += over.length;
      if (clock.now() > deadline) break;
    }
    return { ...NOTHING, ended: ended.length, sent, waiting: copies.length - ended.length - sent };
  };

  /** Copies for a consumer that is gone: another release may have it again. */
  const abandon = async (list: PendingList): Promise<Heard> => {
    if (clock.now() - list.at < HEAR_LIMITS.unknownMs) return NOTHING;
    const { items, last } = await pending.page({ ...list, after: null }, HEAR_LIMITS.copies);
    if (items.length === 0) await pending.ended(list);
    await pending.remove(list, items);
    return { ...NOTHING, ended: items.length, unfinished: last === null ? 0 : 1 };
  };

  const hearList = async (list: PendingList, startedAt: number): Promise<Heard> => {
    const receipts = deps.receiptsOf(list.consumer);
    if (receipts === undefined) return abandon(list);
    const isServed = await serves(list.tenant);
    const now = clock.now();
    if (!isServed && now < list.restsUntil) return NOTHING;
    if (isServed) await leases?.obtain([list.tenant]);
    let total = NOTHING;
    let { after } = list;
    do {
      const { items, last } = await pending.page({ ...list, after }, HEAR_LIMITS.copies);
      if (items.length === 0 && after === null) {
        await pending.ended(list);
        return total;
      }
      total = add(total, await hearPage(list, receipts, items, startedAt + HEAR_LIMITS.functionMs));
      after = last;
    } while (after !== null && clock.now() - startedAt < HEAR_LIMITS.stepMs);
    const isQuiet = after === null && total.waiting > 0 && total.ended + total.sent === 0;
    const restMs = Math.min(now - list.at, HEAR_LIMITS.restMs);
    await pending.passed(list, { after, restsUntil: isQuiet ? now + restMs : 0 });
    return { ...total, unfinished: after === null ? 0 : 1 };
  };

  return async (cursor) => {
    const startedAt = clock.now();
    let total = NOTHING;
    if (leases === undefined) return { ...total, next: null };
    let next = cursor;
    do {
      const page = await pending.lists({ limit: HEAR_LIMITS.lists, ...(next && { cursor: next }) });
      await Promise.all(
        page.items.map(async (list) => {
          try {
            const heard = await hearList(list, startedAt);
            total = add(total, heard);
          } catch (error) {
            if (!isPortError(error)) throw error;
            const { consumer, tenant } = list;
            log.warn('pending copies could not be looked at', { consumer, tenant, ...describeError(error) });
          }
        }),
      );
      next = page.next;
    } while (next !== undefined && clock.now() - startedAt < HEAR_LIMITS.stepMs);
    if (total.ended + total.sent > 0) log.info('heard of pending copies', { ...total });
    return { ...total, next: next ?? null };
  };
}
