// The change stream port: the records that a platform pushes for writes to a collection, and the handler's answer.
import type { EpochMs } from './clock.ts';
import type { Json } from './json.ts';
import type { Beside } from './store.ts';

/** One committed write. Deletions and expiry are not delivered; of a burst of updates, only the latest may arrive. */
export interface ChangeRecord {
  readonly partition: string;
  readonly id: string;
  /** `inserted` only where the platform distinguishes inserts; otherwise every change is `updated`. */
  readonly kind: 'inserted' | 'updated';
  readonly body: Json;
  /** What the writer noted beside the body. */
  readonly beside?: Beside;
  /** The platform's position of the write; comparable only for equality, as text, within the same stream. */
  readonly sequence: string;
  /** When the store committed it, to the precision the platform gives (one second on both clouds). */
  readonly committedAt: EpochMs;
}

/** How far the batch succeeded: `failedAt` is the index of the first record to deliver again, with all that follow it. */
export type ChangeOutcome = { readonly status: 'done' } | { readonly status: 'retry'; readonly failedAt: number };

/**
 * Handles one batch, at least once, in commit order for each item. Nothing is skipped: from `failedAt` on everything is
 * delivered again until it succeeds, so a handler must park what can never succeed. Throwing repeats the whole batch.
 */
export type ChangeHandler = (records: readonly ChangeRecord[]) => Promise<ChangeOutcome>;
