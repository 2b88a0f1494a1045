// Azure clients for emulators, as functions-azure makes them: the SDKs' own retries are off, the adapters retry.
import { CosmosClient } from '@azure/cosmos';
import { ServiceBusClient } from '@azure/service-bus';
import { cosmosClientOptions } from '../../../adapters/azure/cosmos-client.ts';
import { WELL_KNOWN_KEY } from '../../../emulators/cosmos/limits.ts';

export const cosmosClient = (endpoint: string, key = WELL_KNOWN_KEY) =>
  new CosmosClient({ endpoint, key, ...cosmosClientOptions({ requestTimeoutMs: 10_000 }) });

/** `answerMs` is how long an answer is waited for. */
export const serviceBusClient = (connectionString: string, answerMs = 10_000) =>
  new ServiceBusClient(connectionString, {
    retryOptions: { maxRetries: 0, retryDelayInMs: 0, timeoutInMs: answerMs },
  });
