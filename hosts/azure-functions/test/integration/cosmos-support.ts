// Accounts, lease containers and apps for the tests of the Cosmos DB trigger.
import { type Container, CosmosClient, type Database } from '@azure/cosmos';
import { CosmosEmulator } from '../../../../emulators/cosmos/emulator.ts';
import { track } from './support.ts';

/** Intervals short enough for a test; only a host that is dead lets its leases run out. */
export const FAST = {
  feedPollDelayMs: 10,
  leaseAcquireIntervalMs: 50,
  leaseExpirationIntervalMs: 60_000,
  leaseRenewIntervalMs: 100,
};

/** Logs the ids of each batch. */
export const LOG_IDS = `async (documents, context) => context.log(JSON.stringify(documents.map(({ id }) => id)))`;

/** A lease as it lies in the container. */
export interface StoredLease {
  readonly id: string;
  readonly Owner: string | null;
  readonly ContinuationToken: string | null;
  readonly LeaseToken: string;
  readonly timestamp: string;
}

/** An account with an `events` and a `leases` container. */
export interface Account {
  readonly emulator: CosmosEmulator;
  readonly connectionString: string;
  readonly database: Database;
  readonly container: Container;
  leases(): Promise<StoredLease[]>;
}

/** Starts an emulator, or the given one, and creates the containers. */
export async function startAccount(
  emulator: CosmosEmulator = new CosmosEmulator({ partitionRanges: 1 }),
): Promise<Account> {
  const { connectionString } = await emulator.start();
  track(emulator);
  const client = new CosmosClient({
    connectionString,
    connectionPolicy: { enableBackgroundEndpointRefreshing: false },
  });
  const { database } = await client.databases.create({ id: 'db' });
  const { container } = await database.containers.create({ id: 'events', partitionKey: '/pk' });
  await database.containers.create({ id: 'leases', partitionKey: '/id', defaultTtl: -1 });
  return {
    emulator,
    connectionString,
    database,
    container,
    leases: async () => {
      const { resources } = await database.container('leases').items.readAll<StoredLease>().fetchAll();
      return resources.filter(({ id }) => id.includes('..'));
    },
  };
}

/** An app with one Cosmos DB trigger, `feed`. */
export function cosmosApp(options: string, handler: string): string {
  return `
    import { app } from '@azure/functions';
    app.cosmosDB('feed', { connection: 'DB', databaseName: 'db', containerName: 'events', ${options},
      handler: ${handler.replace(/^async \((\w+), context\)/, 'async ($1: any[], context)')} } as any);
  `;
}
