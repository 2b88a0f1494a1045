// A Cosmos DB account whose consistency is too weak for the epoch's fence is reported in the log.
import { CosmosClient } from '@azure/cosmos';
import { cosmosClientOptions } from '../../../adapters/azure/cosmos-client.ts';
import { weakConsistency } from '../../../adapters/azure/cosmos-consistency.ts';
import { CosmosEmulator, type CosmosEmulatorOptions } from '../../../emulators/cosmos/emulator.ts';
import { composeHttp } from '../../../functions-azure/compose.ts';
import { eventually } from '../../support/eventually.ts';
import { RecordingLog } from '../../support/recording-log.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from '../../support/route-tokens.ts';

const started: CosmosEmulator[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((emulator) => emulator.stop()));
});

async function start(options: CosmosEmulatorOptions): Promise<string> {
  const emulator = new CosmosEmulator(options);
  started.push(emulator);
  return (await emulator.start()).connectionString;
}

const clientOf = (connectionString: string) =>
  new CosmosClient({ connectionString, ...cosmosClientOptions({ requestTimeoutMs: 3000 }) });

test.each([
  ['Strong', undefined],
  ['BoundedStaleness', 'BoundedStaleness'],
  ['Session', 'Session'],
  ['ConsistentPrefix', 'ConsistentPrefix'],
  ['Eventual', 'Eventual'],
] as const)('an account with %s: %s', async (consistency, weak) => {
  expect(await weakConsistency(clientOf(await start({ consistency })))).toBe(weak);
});

test('nothing is said of an account that cannot be asked', async () => {
  const connectionString = await start({});
  const client = clientOf(
    connectionString.replace(/AccountKey=[^;]+/, `AccountKey=${Buffer.alloc(64).toString('base64')}`),
  );
  expect(await weakConsistency(client)).toBeUndefined();
});

test('the HTTP function reports it at startup', async () => {
  const log = new RecordingLog();
  const config = { cell: 'cell-1', version: 'test', region: 'here', database: 'cell-1', topic: 'events' };
  const connections = { cosmos: await start({ consistency: 'Session' }), serviceBus: '' };
  const audience = { endpoints: ['https://cell-1.example'], required: true };
  composeHttp(
    {
      ...config,
      connections,
      telemetry: undefined,
      routeKeys: [publicPart(EDGE_KEY)],
      audience,
      identityKey: CELL_KEY,
      edge: undefined,
    },
    { log },
  );
  await eventually(async () =>
    expect(log.lines).toEqual([
      {
        level: 'error',
        message: 'the Cosmos DB account must have Strong consistency: epochs do not fence without it',
        fields: { consistency: 'Session' },
      },
    ]),
  );
});
