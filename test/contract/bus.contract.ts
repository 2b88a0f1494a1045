// What every bus promises, clause by clause; core/ports/bus.ts says the same in words.
import { consumingClauses } from './bus/consuming.ts';
import { busFaultClauses } from './bus/faults.ts';
import type { BusHarness } from './bus/harness.ts';
import { publishingClauses } from './bus/publishing.ts';
import { type Exemptions, runContract, type Untried } from './contract.ts';

export const busClauses = { ...publishingClauses, ...consumingClauses, ...busFaultClauses };

export type BusClauseName = keyof typeof busClauses;

/** Runs every clause against one adapter. `openHarness` makes a bus with empty queues for `BUS_CONSUMERS`. */
export function busContract(
  adapter: string,
  openHarness: () => BusHarness | Promise<BusHarness>,
  exempt: Exemptions<BusClauseName, BusHarness> = {},
  untried: Untried<BusClauseName> = new Set(),
): void {
  runContract(`bus contract: ${adapter}`, busClauses, openHarness, exempt, untried);
}
