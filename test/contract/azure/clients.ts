// Azure clients for emulators, as functions-azure makes them: the SDKs' own retries are off, the adapters retry.
import { CosmosClient } from '@azure/cosmos';
import { cosmosClientOptions } from '../../../adapters/azure/cosmos-client.ts';
import { WELL_KNOWN_KEY } from '../../../local/emulators/cosmos/limits.ts';

export const cosmosClient = (endpoint: string) =>
  new CosmosClient({ endpoint, key: WELL_KNOWN_KEY, ...cosmosClientOptions({ requestTimeoutMs: 10_000 }) });
