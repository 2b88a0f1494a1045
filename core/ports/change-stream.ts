// The change stream port: what a platform pushes when documents of a collection are written, and what the handler answers.
import type { EpochMs } from './clock.ts';
import type { Json } from './json.ts';

/** One committed write. Deletions and expiry are not delivered; a burst of updates may arrive as the latest alone. */
export interface ChangeRecord {
  readonly partition: string;
  readonly id: string;
  /** `inserted` is a promise only where the platform tells inserts apart; otherwise every change says `updated`. */
  readonly kind: 'inserted' | 'updated';
  readonly body: Json;
  /** The platform's position of the write; compares only with others of the same stream, as text for equality. */
  readonly sequence: string;
  /** When the store committed it, to the precision the platform gives (one second on both clouds). */
  readonly committedAt: EpochMs;
}

/** The batch succeeded up to here: `failedAt` is the index of the first record to deliver again, with all that follow it. */
export type ChangeOutcome = { readonly status: 'done' } | { readonly status: 'retry'; readonly failedAt: number };

/**
 * Handles one batch, at least once, in commit order for each item. Nothing is skipped: from `failedAt` on everything is
 * delivered again until it succeeds, so a handler must park what can never succeed. Throwing repeats the whole batch.
 */
export type ChangeHandler = (records: readonly ChangeRecord[]) => Promise<ChangeOutcome>;
