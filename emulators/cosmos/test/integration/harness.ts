// A started emulator with real SDK clients, and a clock that only the test moves.
import { type Container, CosmosClient, type ItemDefinition, type PartitionKeyDefinition } from '@azure/cosmos';
import { type CosmosConnection, CosmosEmulator, type CosmosEmulatorOptions } from '../../emulator.ts';

/** Fixed start of the tests' clock: 2026-01-01T00:00:00Z. */
export const START = Date.UTC(2026, 0, 1);

/** An emulator, its clients and a shortcut for containers. */
export interface Harness {
  readonly emulator: CosmosEmulator;
  readonly connection: CosmosConnection;
  readonly client: CosmosClient;
  /** A further client, with its own caches. */
  newClient(options?: { session?: boolean }): CosmosClient;
  /** A container in the database `db`. */
  container(
    id: string,
    options?: { key?: string | PartitionKeyDefinition; more?: object; throughput?: number },
  ): Promise<Container>;
  stop(): Promise<void>;
}

/** Starts an emulator. */
export async function startHarness(options: CosmosEmulatorOptions = {}): Promise<Harness> {
  const emulator = new CosmosEmulator({ clock: () => START, log: (line) => console.error(line), ...options });
  const connection = await emulator.start();
  const clients: CosmosClient[] = [];
  const newClient = ({ session = false } = {}): CosmosClient => {
    const made = new CosmosClient({
      endpoint: connection.endpoint,
      key: connection.key,
      connectionPolicy: { enableBackgroundEndpointRefreshing: false },
      ...(session ? { consistencyLevel: 'Session' } : {}),
    });
    clients.push(made);
    return made;
  };
  const client = newClient();
  await client.databases.createIfNotExists({ id: 'db' });
  return {
    emulator,
    connection,
    client,
    newClient,
    container: async (id, { key = '/pk', more = {}, throughput } = {}) => {
      const partitionKey = typeof key === 'string' ? { paths: [key], version: 2 } : key;
      const response = await client
        .database('db')
        .containers.create({ id, partitionKey, ...more, ...(throughput === undefined ? {} : { throughput }) });
      return response.container;
    },
    stop: async () => {
      for (const made of clients) made.dispose();
      await emulator.stop();
    },
  };
}

/** The failure of a promise that must fail. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ code: unknown; substatus: unknown; message: string }> {
  try {
    await promise;
  } catch (error) {
    const { code, substatus, message } = error as { code: unknown; substatus: unknown; message: string };
    return { code, substatus, message };
  }
  throw new Error('The call was expected to fail.');
}

/** Rows of a query, all pages. */
export async function rows(
  container: Container,
  query: string,
  parameters: Record<string, never> | object = {},
  options: object = {},
): Promise<unknown[]> {
  const list = Object.entries(parameters).map(([name, value]) => ({ name: `@${name}`, value: value as string }));
  const { resources } = await container.items.query({ query, parameters: list }, options).fetchAll();
  return resources as unknown[];
}

/** An item without its system properties. */
export function bare(item: ItemDefinition | undefined): object {
  const { _rid, _self, _etag, _attachments, _ts, _lsn, ...rest } = (item ?? {}) as Record<string, unknown>;
  return rest;
}
