// The process in which a cell's Cosmos DB and Service Bus emulators run side by side.
import path from 'node:path';
import { CosmosEmulator } from '../../emulators/cosmos/emulator.ts';
import { ServiceBusEmulator } from '../../emulators/service-bus/emulator.ts';

/** What the parent says in the first argument, as JSON. */
export interface AzureServicesArguments {
  readonly dataDir?: string;
  readonly cosmos: boolean;
  readonly serviceBus: boolean;
}

/** The message to the parent once both are up. */
export interface AzureServicesReady {
  readonly cosmos?: string;
  readonly serviceBus?: string;
}

/** Runs until the parent says stop or goes away; returns the exit code. */
export async function main([text = '{}']: readonly string[]): Promise<number> {
  const { dataDir, cosmos, serviceBus } = JSON.parse(text) as AzureServicesArguments;
  const folder = (name: string) => (dataDir === undefined ? {} : { dataDir: path.join(dataDir, name) });
  const cosmosEmulator = cosmos ? new CosmosEmulator({ ...folder('cosmos'), consistency: 'Strong' }) : undefined;
  const serviceBusEmulator = serviceBus ? new ServiceBusEmulator(folder('service-bus')) : undefined;
  const over = new Promise<void>((resolve) => {
    process.once('message', () => resolve());
    process.once('disconnect', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  const account = await cosmosEmulator?.start();
  const namespace = await serviceBusEmulator?.start();
  const ready: AzureServicesReady = {
    ...(account && { cosmos: account.connectionString }),
    ...(namespace && { serviceBus: namespace.connectionString }),
  };
  process.send?.(ready);
  await over;
  await Promise.all([cosmosEmulator?.stop(), serviceBusEmulator?.stop()]);
  if (process.connected) process.disconnect();
  return 0;
}
