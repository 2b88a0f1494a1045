// Forgets what a derived consumer keeps of a subject, while others may write it, so that it is derived anew from the log.
import { mapConcurrently } from '../lib/concurrently.ts';
import { afterPrefix } from '../lib/text.ts';
import { type Clock, epochMs } from '../ports/clock.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import { isJsonObject } from '../ports/json.ts';
import { STORE_LIMITS, type Store, type StoreCursor, type StoredDocument } from '../ports/store.ts';
import { headId, isForgetting } from './blocks.ts';

export const FORGET_LIMITS = {
  /** Time for one subject, in milliseconds; what is left then is for another call. */
  workMs: 8000,
  /** How long a mark holds up others, in milliseconds: far longer than the work, so that none ends while documents are removed. */
  markMs: 60_000,
  concurrentDeletions: 16,
} as const;

const HEADS = headId('');

export interface Forgetting {
  readonly state: Store;
  readonly clock: Clock;
  readonly partition: string;
  /** Distinguishes the marks of this caller, which must not call twice at the same time, from those of others. */
  readonly token: string;
}

/**
 * Removes the documents of a subject. Every head is replaced by a mark first, on which other writers give up (`unavailable`), and which
 * makes the writes fail that are under way, as each of them is conditional on a head or on a document that is removed. A document is only
 * removed as it was before all heads were marked: so none can belong to a series that a worker has begun meanwhile.
 * Rejects with `unavailable` while another caller is at it, or when the time is over; repeating it goes on.
 */
export async function forgetDocuments({ state, clock, partition, token }: Forgetting): Promise<void> {
  const until = clock.now() + FORGET_LIMITS.workMs;

  const page = (range: { from?: string; to?: string; prefix?: string }, cursor?: StoreCursor) =>
    state.query(partition, { ...range, limit: STORE_LIMITS.pageDocuments, ...(cursor !== undefined && { cursor }) });

  const heads = async (): Promise<StoredDocument[]> => {
    const found: StoredDocument[] = [];
    let cursor: StoreCursor | undefined;
    do {
      const { items, next } = await page({ prefix: HEADS }, cursor);
      found.push(...items);
      cursor = next;
    } while (cursor !== undefined);
    return found;
  };

  /** Some of the documents that are no heads; none if there are none left. */
  const others = async (): Promise<readonly StoredDocument[]> => {
    for (const range of [{ to: HEADS }, { from: afterPrefix(HEADS) ?? '' }]) {
      let cursor: StoreCursor | undefined;
      do {
        const { items, next } = await page(range, cursor);
        if (items.length > 0) return items;
        cursor = next;
      } while (cursor !== undefined);
    }
    return [];
  };

  /** Whether all heads bear the mark now. */
  const mark = async (): Promise<boolean> => {
    const expiresAt = epochMs(clock.now() + FORGET_LIMITS.markMs);
    const open = (await heads()).filter((head) => !isMine(head));
    if (open.some(isForgetting))
      throw new PortError('unavailable', `${partition} is being derived anew by another caller.`);
    const outcomes = await mapConcurrently(open, FORGET_LIMITS.concurrentDeletions, ({ id, version }) =>
      settled(state.put({ partition, id, body: { forgetting: token }, expiresAt }, version)),
    );
    return outcomes.every((isDone) => isDone);
  };

  const isMine = ({ body }: StoredDocument) => isJsonObject(body) && body.forgetting === token;

  for (;;) {
    if (clock.now() > until)
      throw new PortError('unavailable', `${partition} has more documents than can be removed at once.`, {
        timedOut: true,
      });
    const seen = await others();
    if (!(await mark())) continue;
    if (seen.length === 0) break;
    await mapConcurrently(seen, FORGET_LIMITS.concurrentDeletions, ({ id, version }) =>
      settled(state.delete({ partition, id }, version)),
    );
  }
  for (const head of await heads())
    if (isMine(head)) await settled(state.delete({ partition, id: head.id }, head.version));
}

/** Whether it was done, and not by another writer. */
async function settled(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (!isPortError(error, 'conflict')) throw error;
    return false;
  }
}
