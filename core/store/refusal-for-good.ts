// Distinguishes a document that the store will never take from a store that takes nothing now: what lies beside it must not wait for it.
import { PERMANENT, type PortError } from '../ports/errors.ts';
import type { AppendOutcome } from '../ports/store.ts';

/** Whether a document of an append is refused for good, although the store takes others. */
export function isRefusedForGood(error: PortError, outcomes: readonly AppendOutcome[]): boolean {
  if (error.partitionFull || PERMANENT[error.code]) return true;
  return error.code === 'denied' && outcomes.some(({ status }) => status !== 'failed');
}
