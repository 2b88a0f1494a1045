// What handlers need from the emulator.
import type { QueryCache } from '../sql/cache.ts';
import type { Account } from '../store/account.ts';

/** The parts of a running emulator that handlers work on. */
export interface Services {
  readonly account: Account;
  readonly queries: QueryCache;
  readonly port: number;
  /** Whether an ORDER BY with several terms needs a composite index even if the container has none at all. */
  readonly strictIndexes: boolean;
}
