// Distinguishes faults of a cell from slowness of the machine that it runs on, by what its warnings carry and never by their words.
import { HOST_STOPPING } from '../../hosts/azure-functions/runtime.ts';
import type { Notice } from '../../local/local-cell.ts';

/** Errors by which a function has its platform deliver a batch again; why it does so is a warning of its own. */
const COMES_AGAIN: readonly unknown[] = ['ChangeFeedRetry', 'BatchRetry'];

/** A message came again because its lock had run out before the batch was done. */
const LOCK_LOST = 'MessageLockLost';

/**
 * What went wrong, of all that a cell has logged. A service whose answer did not come in time, a deadline that was near and a lock
 * that ran out are no faults: the events are delivered again, and a suite asserts that each takes effect once.
 */
export const faultsAmong = (notices: readonly Notice[]): Notice[] =>
  notices.filter(({ level, fields = {} }) => level !== 'info' && !isSlowness(fields));

const isSlowness = ({ timedOut, error }: Readonly<Record<string, unknown>>): boolean =>
  timedOut === true ||
  COMES_AGAIN.includes(error) ||
  error === LOCK_LOST ||
  // A test ended while its cell still worked, and its messages would come again to the next host.
  error === HOST_STOPPING;

/** What a client gets, besides the answer, where a part takes too long: its own end of patience, or the edge's or the cell's. */
export const LATE: ReadonlySet<string> = new Set([
  'timeout',
  '503 cell_unavailable',
  '503 cell_overloaded',
  '503 store_unavailable',
]);
