// Checks that the consistency of a Cosmos DB account is strong enough for the store: every process sees all other processes' writes.
import type { CosmosClient } from '@azure/cosmos';

/** The only level that guarantees it; clients can request a weaker level than their account's, not a stronger one. */
const NEEDED = 'Strong';

/**
 * The account's default consistency if it is weaker than the store needs; otherwise `undefined`, also if the account cannot be read:
 * the first real request will report that problem.
 */
export async function weakConsistency(client: Pick<CosmosClient, 'getDatabaseAccount'>): Promise<string | undefined> {
  try {
    const { resource } = await client.getDatabaseAccount();
    const level = resource?.consistencyPolicy;
    return level === undefined || level === NEEDED ? undefined : level;
  } catch {
    return undefined;
  }
}
