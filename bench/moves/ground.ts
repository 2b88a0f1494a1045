// What `moves` measures: a cell on each cloud behind a server of its own, and the edge's directory and mover, in this process beside the emulators.
import { MemoryDirectoryStorage } from '../../adapters/memory/memory-directory-storage.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { ApiServer } from '../../containers/api-server.ts';
import { assignmentSigner } from '../../core/cell/assignment.ts';
import { routeTokenSigner } from '../../core/cell/route-token.ts';
import { replicaDeriver, replicaPusher } from '../../core/edge/cells/replica-pusher.ts';
import { assigner } from '../../core/edge/directory/assigner.ts';
import { createDirectory } from '../../core/edge/directory/directory.ts';
import { fenceRequest } from '../../core/edge/monitor/fence-request.ts';
import { type IngestWindow, ingestWindow } from '../../core/edge/monitor/ingest-times.ts';
import type { MonitorStorage } from '../../core/edge/monitor/monitor-storage.ts';
import { createMover, type WorkingMover } from '../../core/edge/mover/mover.ts';
import type { Directory } from '../../core/edge/ports/directory.ts';
import type { Cell, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { ApiRequest } from '../../core/http/call.ts';
import { type Clock, epochMs } from '../../core/ports/clock.ts';
import type { Json, JsonObject } from '../../core/ports/json.ts';
import { type PrivateKey, publicPart } from '../../core/ports/keys.ts';
import type { Log } from '../../core/ports/log.ts';
import type { Store } from '../../core/ports/store.ts';
import { composeApi as awsApi, stores as awsStores } from '../../functions-aws/compose.ts';
import { composeApi as azureApi, stores as azureStores } from '../../functions-azure/compose.ts';
import { makePrivateKey, makeRouteKeys, type RouteKeys } from '../../local/route-keys.ts';
import { openAccount } from '../kit/account.ts';
import type { Cloud, Context } from '../kit/benchmark.ts';
import { openDatabase, REGION } from '../kit/database.ts';
import { type LiveCopies, liveCopies } from './live-copies.ts';

/** Warnings of a run that is sound would be in the way; a fault ends it by its answer. */
const SILENT: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const OWN = { clock: systemClock, ids: randomIds, log: SILENT };

/** As much time for an answer as a function has. */
const ANSWER_MS = 15_000;
const FENCE_MS = 2000;

export interface MovesCell {
  readonly id: Cloud;
  readonly endpoint: string;
  readonly key: PrivateKey;
  readonly events: Store;
  readonly state: Store;
}

export interface MovesGround {
  readonly keys: RouteKeys;
  readonly cells: Readonly<Record<Cloud, MovesCell>>;
  readonly directory: Directory;
  readonly mover: WorkingMover;
  /** What sends on the events that a cell accepts while the move goes on. */
  readonly copies: Readonly<Record<Cloud, LiveCopies>>;
  /** What moves are throttled by; the clients report to it as routers do. */
  readonly ingests: IngestWindow;
  /** The clock of the mover, which can be put forward over what is only waited for. */
  readonly clock: Clock & { skip(milliseconds: number): void };
  /** One step of a comparison of everything, from a cell to the tenant's other one. */
  compare(tenant: Tenant, from: Cloud, restart: boolean): Promise<JsonObject | string>;
}

const INTENT = { actor: 'bench', reason: 'a benchmark' };

interface Parts {
  readonly events: Store;
  readonly state: Store;
  readonly handle: (request: ApiRequest) => Promise<Response>;
}

/** Serves a cell's API; it is known where before the API is made. */
async function serve(id: Cloud, context: Context, make: (endpoint: string, key: PrivateKey) => Promise<Parts>) {
  let parts: Parts | undefined;
  const server = new ApiServer({
    api: (request) => {
      if (parts === undefined) throw new Error(`${id} is not ready.`);
      return parts.handle(request);
    },
    ...{ port: 0, answerMs: ANSWER_MS, clock: systemClock, log: SILENT },
  });
  await server.start();
  context.atEnd(() => server.stop());
  const endpoint = `http://127.0.0.1:${server.port}`;
  const key = await makePrivateKey(id);
  parts = await make(endpoint, key);
  const { events, state } = parts;
  return { id, endpoint, key, events, state };
}

async function openCells(keys: RouteKeys, context: Context): Promise<Readonly<Record<Cloud, MovesCell>>> {
  const common = (cell: string, endpoint: string, identityKey: PrivateKey) => ({
    ...{ cell, version: 'bench', telemetry: undefined, routeKeys: keys.publicKeys, identityKey, edge: undefined },
    audience: { endpoints: [endpoint], required: true },
  });
  const aws = await serve('aws', context, async (endpoint, key) => {
    const database = await openDatabase(context);
    // Without a stream, which no relay would read here.
    await database.createTable('moves-events');
    await database.createTable('moves-state');
    const config = {
      ...common('aws', endpoint, key),
      ...{ region: REGION, eventsTable: 'moves-events', stateTable: 'moves-state', runtimeApi: undefined },
      topicArn: 'arn:aws:sns:eu-central-1:000000000000:bench',
      endpoints: { dynamodb: database.endpoint },
    };
    return { ...awsStores(config, OWN), handle: awsApi(config, OWN).handle };
  });
  const azure = await serve('azure', context, async (endpoint, key) => {
    const account = await openAccount(context);
    const config = {
      ...common('azure', endpoint, key),
      ...{ region: 'westeurope', database: await account.createDatabase('moves'), topic: 'bench' },
      connections: { cosmos: account.connectionString, serviceBus: '' },
    };
    const { client, events, state } = azureStores(config, OWN);
    context.atEnd(async () => client.dispose());
    return { events, state, handle: azureApi(config, OWN).handle };
  });
  return { aws, azure };
}

/** What is kept durably at an edge, in memory. */
function storageInMemory(): MonitorStorage {
  const kept = new Map<string, string>();
  const read = <T>(text: string): T => JSON.parse(text) as T;
  return {
    get: async <T extends Json>(key: string) => {
      const text = kept.get(key);
      return text === undefined ? undefined : read<T>(text);
    },
    put: async (key, value) => void kept.set(key, JSON.stringify(value)),
    delete: async (key) => kept.delete(key),
    list: async <T extends Json>({ prefix, limit }: { readonly prefix: string; readonly limit: number }) =>
      new Map(
        [...kept.entries()]
          .filter(([key]) => key.startsWith(prefix))
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .slice(0, limit)
          .map(([key, text]) => [key, read<T>(text)]),
      ),
  };
}

function skippingClock(): MovesGround['clock'] {
  let skipped = 0;
  return {
    now: () => epochMs(systemClock.now() + skipped),
    sleep: (milliseconds) => systemClock.sleep(milliseconds),
    skip(milliseconds) {
      skipped += Math.max(0, milliseconds);
    },
  };
}

/** Starts all of it, with these tenants in the cell that is measured and the first of them without a standby. */
export async function openMovesGround(context: Context, tenants: readonly string[]): Promise<MovesGround> {
  const keys = await makeRouteKeys(systemClock);
  const cells = await openCells(keys, context);
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock: systemClock });
  const change = async (...[command, more]: Parameters<Directory['change']>) => {
    const outcome = await directory.change(command, more);
    if (outcome.status === 'refused') throw new Error(`The directory refuses: ${outcome.detail}`);
  };
  for (const { id, endpoint, key } of Object.values(cells)) {
    const own = [publicPart(key)];
    const cell: Omit<Cell, 'state' | 'switches' | 'revision'> = {
      ...{ id, cloud: id, region: `${id}-region`, jurisdiction: 'eu', endpoint, capacity: 100, price: 1 },
      ...{ failover: 'never', keys: own },
    };
    await change({ kind: 'add-cell', cell }, { ...INTENT, proof: { cell: id, endpoint, keys: own } });
  }
  for (const tenant of tenants)
    await change(
      {
        ...{ kind: 'add-tenant', tenant, residency: 'any', tier: 'standard' },
        ...{ cell: context.cloud, standby: null },
      },
      INTENT,
    );
  const clock = skippingClock();
  const asking = {
    fetch: (request: Request) => fetch(request),
    clock: systemClock,
    sign: routeTokenSigner(keys.privateKey),
    assign: assigner(assignmentSigner(keys.privateKey), systemClock),
  };
  const push = replicaPusher(asking);
  const ingests = ingestWindow(systemClock);
  const copies = { aws: liveCopies(cells.aws, keys, SILENT), azure: liveCopies(cells.azure, keys, SILENT) };
  const mover = createMover({
    ...{ directory, push, storage: storageInMemory(), clock, log: SILENT },
    derive: replicaDeriver(asking),
    fence: fenceRequest(asking, FENCE_MS),
    ingestTimes: async (cell, agoMs) => ingests.times(cell, agoMs),
    isErasing: async () => false,
    bring: async () => null,
  });
  const recordOf = async (id: string): Promise<Cell> => {
    const found = (await directory.cells()).find(({ cell }) => cell.id === id)?.cell;
    if (found === undefined) throw new Error(`There is no cell ${id}.`);
    return found;
  };
  return {
    ...{ keys, cells, copies, directory, mover, clock, ingests },
    compare: async (tenant, from, restart) => {
      const [home, standby] = [await recordOf(tenant.cell), await recordOf(String(tenant.standby))];
      return push({ tenant, home, standby, from, restart, verify: true });
    },
  };
}
