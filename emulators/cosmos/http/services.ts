// What handlers need from the emulator.
import type { QueryCache } from '../sql/cache.ts';
import type { Account } from '../store/account.ts';

/** The levels of an account, the strongest first. */
export const CONSISTENCIES = ['Strong', 'BoundedStaleness', 'Session', 'ConsistentPrefix', 'Eventual'] as const;
export type Consistency = (typeof CONSISTENCIES)[number];

/** The parts of a running emulator that handlers work on. */
export interface Services {
  readonly account: Account;
  readonly queries: QueryCache;
  readonly port: number;
  /** Whether an ORDER BY with several terms needs a composite index even if the container has none at all. */
  readonly strictIndexes: boolean;
  /** What the account says of itself; every read sees every write in any case. */
  readonly consistency: Consistency;
}
