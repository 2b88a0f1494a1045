// What every directory promises, clause by clause; core/edge/ports/directory.ts says the same in words.
import { type Exemptions, runContract } from './contract.ts';
import { cellClauses } from './directory/cells.ts';
import type { DirectoryHarness } from './directory/harness.ts';
import { faultClauses, historyClauses, sizeClauses } from './directory/history.ts';
import { leaseClauses } from './directory/leases.ts';
import { servingClauses } from './directory/serving.ts';
import { standbyModeClauses } from './directory/standby-modes.ts';
import { tenantClauses } from './directory/tenants.ts';

export const directoryClauses = {
  ...cellClauses,
  ...tenantClauses,
  ...servingClauses,
  ...standbyModeClauses,
  ...leaseClauses,
  ...historyClauses,
  ...faultClauses,
};

export type DirectoryClauseName = keyof typeof directoryClauses;

/** Runs every clause against one adapter. `openHarness` makes a directory without cells. */
export function directoryContract(
  adapter: string,
  openHarness: () => DirectoryHarness | Promise<DirectoryHarness>,
  exempt: Exemptions<DirectoryClauseName, DirectoryHarness> = {},
): void {
  runContract(`directory contract: ${adapter}`, directoryClauses, openHarness, exempt);
}

/** Runs the clauses with as many tenants as a directory has, which take minutes where a server keeps them. */
export function directoryAtSize(
  adapter: string,
  openHarness: () => DirectoryHarness | Promise<DirectoryHarness>,
): void {
  runContract(`directory contract at size: ${adapter}`, sizeClauses, openHarness);
}
