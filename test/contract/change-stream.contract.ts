// What every change stream promises, clause by clause; core/ports/change-stream.ts says the same in words.
import { deliveryClauses } from './change-stream/delivery.ts';
import { failureClauses } from './change-stream/failures.ts';
import type { ChangeStreamHarness } from './change-stream/harness.ts';
import { type Exemptions, runContract } from './contract.ts';

export const changeStreamClauses = { ...deliveryClauses, ...failureClauses };

export type ChangeStreamClauseName = keyof typeof changeStreamClauses;

/** Runs every clause against one adapter. `openHarness` makes a store without documents, and its stream. */
export function changeStreamContract(
  adapter: string,
  openHarness: () => ChangeStreamHarness | Promise<ChangeStreamHarness>,
  exempt: Exemptions<ChangeStreamClauseName, ChangeStreamHarness> = {},
): void {
  runContract(`change stream contract: ${adapter}`, changeStreamClauses, openHarness, exempt);
}
