// The two cells of a tenant for `replication`: stores of either cloud behind meters, each cell's own HTTP API, and what passes between them.
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { assignmentSigner } from '../../core/cell/assignment.ts';
import type { ApiRequest } from '../../core/http/call.ts';
import { toEpochSeconds } from '../../core/ports/clock.ts';
import { type PrivateKey, publicPart } from '../../core/ports/keys.ts';
import type { Log } from '../../core/ports/log.ts';
import type { Store } from '../../core/ports/store.ts';
import { composeApi as awsApi, stores as awsStores } from '../../functions-aws/compose.ts';
import { composeApi as azureApi, stores as azureStores } from '../../functions-azure/compose.ts';
import { makePrivateKey, makeRouteKeys, type RouteKeys } from '../../local/route-keys.ts';
import { openAccount, startChargeMeter } from '../kit/account.ts';
import type { Cloud, Context } from '../kit/benchmark.ts';
import { openDatabase, REGION } from '../kit/database.ts';
import { startMeter } from '../kit/meter.ts';

/** What a store was used for; units that its cloud does not bill are 0. */
export interface Used {
  readonly calls: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly requestUnits: number;
  /** Of the request units, those of writes. */
  readonly written: number;
}

export interface BenchCell {
  readonly id: string;
  readonly cloud: Cloud;
  readonly endpoint: string;
  readonly key: PrivateKey;
  readonly events: Store;
  readonly state: Store;
  readonly api: (request: ApiRequest) => Promise<Response>;
  /** What was used since it was last asked. */
  take(): Used;
}

const SILENT: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

const OWN = { clock: systemClock, ids: randomIds, log: SILENT };

/** What every cell's configuration has here. */
const commonOf = (id: string, keys: RouteKeys, key: PrivateKey) => ({
  cell: id,
  version: 'bench',
  telemetry: undefined,
  routeKeys: keys.publicKeys,
  audience: { endpoints: [`https://${id}.bench`], required: true },
  identityKey: key,
  edge: undefined,
});

async function awsCell(id: string, keys: RouteKeys, context: Context): Promise<BenchCell> {
  const database = await openDatabase(context);
  const meter = await startMeter(database.endpoint, context);
  await database.createTable(`${id}-events`, { stream: true });
  await database.createTable(`${id}-state`);
  const key = await makePrivateKey(id);
  const config = {
    ...commonOf(id, keys, key),
    region: REGION,
    eventsTable: `${id}-events`,
    stateTable: `${id}-state`,
    topicArn: 'arn:aws:sns:eu-central-1:000000000000:bench',
    endpoints: { dynamodb: meter.endpoint },
    runtimeApi: undefined,
  };
  return {
    ...{ id, cloud: 'aws', endpoint: `https://${id}.bench`, key },
    ...awsStores(config, OWN),
    api: awsApi(config, OWN).handle,
    take() {
      const { calls, writeUnits, readUnits, refused } = meter.take();
      if (refused > 0) throw new Error(`${refused} calls were refused although nothing else writes.`);
      return { calls, writeUnits, readUnits, requestUnits: 0, written: 0 };
    },
  };
}

async function azureCell(id: string, keys: RouteKeys, context: Context): Promise<BenchCell> {
  const account = await openAccount(context);
  const meter = await startChargeMeter(account.connectionString, context);
  const key = await makePrivateKey(id);
  const config = {
    ...commonOf(id, keys, key),
    region: 'westeurope',
    database: await account.createDatabase(id),
    topic: 'bench',
    connections: { cosmos: meter.connectionString, serviceBus: '' },
  };
  const { client, events, state } = azureStores(config, OWN);
  context.atEnd(async () => client.dispose());
  return {
    ...{ id, cloud: 'azure', endpoint: `https://${id}.bench`, key },
    ...{ events, state },
    api: azureApi(config, OWN).handle,
    take() {
      const { calls, units, written } = meter.take();
      return { calls, writeUnits: 0, readUnits: 0, requestUnits: units, written };
    },
  };
}

export interface Ground {
  readonly keys: RouteKeys;
  readonly home: BenchCell;
  readonly standby: BenchCell;
  /** The assignment of a tenant to both cells, as the edge signs it. */
  assignment(tenant: string): Promise<string>;
}

/** Starts both clouds' stores, and a cell on each; the home is on the cloud that is measured. */
export async function openGround(context: Context): Promise<Ground> {
  const keys = await makeRouteKeys(systemClock);
  const make = (id: string, cloud: Cloud) => (cloud === 'aws' ? awsCell : azureCell)(id, keys, context);
  const home = await make('home', context.cloud);
  const standby = await make('standby', context.cloud === 'aws' ? 'azure' : 'aws');
  const sign = assignmentSigner(keys.privateKey);
  const assigned = ({ id, endpoint, key }: BenchCell) => ({
    ...{ id, endpoint, keys: [publicPart(key)], jurisdiction: 'eu' },
  });
  return {
    ...{ keys, home, standby },
    assignment: (tenant) =>
      sign({
        tenant,
        home: assigned(home),
        standby: assigned(standby),
        residency: 'any',
        firstEpoch: 1,
        epoch: 1,
        issuedAt: toEpochSeconds(systemClock.now()),
      }),
  };
}
