// What every store promises, clause by clause; core/ports/store.ts says the same in words.
import { type Exemptions, runContract } from './contract.ts';
import { appendClauses } from './store/append.ts';
import { bodyClauses } from './store/bodies.ts';
import { digestClauses } from './store/digests.ts';
import { documentClauses } from './store/documents.ts';
import { expiryClauses } from './store/expiry.ts';
import { faultClauses } from './store/faults.ts';
import type { StoreHarness } from './store/harness.ts';
import { partitionClauses } from './store/partitions.ts';
import { queryClauses } from './store/queries.ts';
import { transactionClauses } from './store/transactions.ts';

export const storeClauses = {
  ...documentClauses,
  ...appendClauses,
  ...transactionClauses,
  ...queryClauses,
  ...digestClauses,
  ...partitionClauses,
  ...expiryClauses,
  ...bodyClauses,
  ...faultClauses,
};

export type StoreClauseName = keyof typeof storeClauses;

/** Runs every clause against one adapter. `openHarness` makes a store without documents. */
export function storeContract(
  adapter: string,
  openHarness: () => StoreHarness | Promise<StoreHarness>,
  exempt: Exemptions<StoreClauseName, StoreHarness> = {},
): void {
  runContract(`store contract: ${adapter}`, storeClauses, openHarness, exempt);
}
