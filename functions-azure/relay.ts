// Functions entry point of the relay: event log's change feed in, topic out.
import { app } from '@azure/functions';
import { CELL_TOPOLOGY } from '../core/cell/topology.ts';
import { composeRelay } from './compose.ts';
import { CONNECTIONS, readRelayConfig, SETUP } from './config.ts';

app.setup(SETUP);
const config = readRelayConfig(process.env);

app.cosmosDB('relay', {
  connection: CONNECTIONS.cosmos,
  databaseName: config.database,
  containerName: 'events',
  leaseContainerName: 'leases',
  leaseContainerPrefix: 'relay',
  createLeaseContainerIfNotExists: false,
  startFromBeginning: true,
  maxItemsPerInvocation: CELL_TOPOLOGY.relay.batchSize,
  feedPollDelay: 1000,
  // Without an unlimited policy, the platform checkpoints past a failed batch, and its events are never published.
  retry: {
    strategy: 'exponentialBackoff',
    maxRetryCount: CELL_TOPOLOGY.relay.maximumRetryAttempts,
    minimumInterval: { seconds: 1 },
    maximumInterval: { seconds: 30 },
  },
  handler: composeRelay(config),
});
