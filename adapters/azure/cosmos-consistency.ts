// Whether a Cosmos DB account keeps what the store promises: that every process sees what any other has written.
import type { CosmosClient } from '@azure/cosmos';

/** The only level that promises it; clients can ask for less than their account's, not for more. */
const NEEDED = 'Strong';

/**
 * The account's default consistency if it is weaker than what the store needs. Also `undefined` if the account cannot be asked:
 * whatever is wrong then will be told by the first request that matters.
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
