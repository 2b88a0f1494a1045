// A Cosmos DB emulator in a process of its own, with empty databases of the product's shape, and a meter for request units.
import { type Container, CosmosClient, type CosmosClientOptions } from '@azure/cosmos';
import { PARTITION_KEY } from '../../adapters/azure/cosmos-items.ts';
import { FaultProxy, type ProxiedCall } from '../../emulators/faults/fault-proxy.ts';
import { AzureServices } from '../../local/emulators/azure-services.ts';
import type { Context } from './benchmark.ts';

export interface Account {
  readonly connectionString: string;
  /** A client with the SDK's own defaults. */
  client(connectionString?: string): CosmosClient;
  /** Creates a database with the empty containers `events` and `state`. */
  createDatabase(name: string): Promise<string>;
  /** All items of a database's `events`. */
  scan(database: string): Promise<readonly Record<string, unknown>[]>;
}

export interface ChargeMeter {
  readonly connectionString: string;
  /** What was used since the meter was made or last read; `written`: of the units, those of writes. */
  take(): { readonly calls: number; readonly units: number; readonly written: number };
}

/** Whether a call writes: reads of one item are `GET`, and a query is a `POST` that says so. */
const isWrite = ({ operation, headers }: ProxiedCall): boolean =>
  !operation.startsWith('GET ') &&
  ![headers['x-ms-documentdb-isquery'], headers['x-ms-documentdb-query']].some((flag) => /^true$/i.test(String(flag)));

/** Starts the emulator; it ends with the benchmark. */
export async function openAccount({ atEnd }: Pick<Context, 'atEnd'>): Promise<Account> {
  const services = new AzureServices({ cosmos: true, serviceBus: false });
  const { cosmos: connectionString = '' } = await services.start();
  atEnd(() => services.stop());
  const client = (connection = connectionString) => {
    const options: CosmosClientOptions = { connectionString: connection };
    const made = new CosmosClient(options);
    atEnd(async () => made.dispose());
    return made;
  };
  const own = client();
  const events = (database: string): Container => own.database(database).container('events');
  return {
    connectionString,
    client,
    createDatabase: (name) => createIn(own, name),
    scan: async (database) => (await events(database).items.readAll<Record<string, unknown>>().fetchAll()).resources,
  };
}

/** The same for an account that is there already. */
export async function createDatabase(connectionString: string, name: string): Promise<void> {
  const client = new CosmosClient(connectionString);
  await createIn(client, name);
  client.dispose();
}

async function createIn(client: CosmosClient, name: string): Promise<string> {
  const { database } = await client.databases.createIfNotExists({ id: name });
  const shape = { partitionKey: PARTITION_KEY, defaultTtl: -1 };
  for (const id of ['events', 'state']) await database.containers.createIfNotExists({ id, ...shape });
  return name;
}

/** Starts a meter in front of an account: it adds up the charges that answers tell. For counting, never for timing. */
export async function startChargeMeter(target: string, { atEnd }: Pick<Context, 'atEnd'>): Promise<ChargeMeter> {
  const { endpoint = '', key = '' } =
    /AccountEndpoint=(?<endpoint>[^;]+?)\/?;AccountKey=(?<key>[^;]+)/.exec(target)?.groups ?? {};
  const proxy = new FaultProxy({ target: endpoint });
  await proxy.start();
  atEnd(() => proxy.stop());
  let used = { calls: 0, units: 0, written: 0 };
  proxy.inject({
    fault: {
      kind: 'transform',
      response: (response, call) => {
        const charge = Number(response.headers['x-ms-request-charge'] ?? 0);
        const written = used.written + (isWrite(call) ? charge : 0);
        used = { calls: used.calls + 1, units: used.units + charge, written };
        // The SDK takes the address from the account; it must be the meter's.
        return { ...response, body: response.body.replaceAll(endpoint, proxy.endpoint) };
      },
    },
  });
  return {
    connectionString: `AccountEndpoint=${proxy.endpoint}/;AccountKey=${key};`,
    take() {
      const taken = used;
      used = { calls: 0, units: 0, written: 0 };
      return taken;
    },
  };
}
