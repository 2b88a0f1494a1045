// Everything of a cell that the API knows of.
import type { AwsClient } from './aws-client.ts';
import { type Facts, type Inventory, withNames } from './inventory.ts';
import { type Reading, readFunctions, readQueues, readRoles, readTables, readTopics } from './observe.ts';
import { readAlarms, readApis, readKeys, readLogs, readNetworks } from './observe-surroundings.ts';

const READERS = [
  readFunctions,
  readTables,
  readQueues,
  readTopics,
  readRoles,
  readApis,
  readLogs,
  readAlarms,
  readKeys,
  readNetworks,
] as const;

export async function observedInventory(client: AwsClient, cell: string): Promise<Inventory> {
  const things: Record<string, Facts> = {};
  const names = new Map<string, string>();
  const reading: Reading = {
    client,
    cell,
    add: (kind, name, facts) => {
      const thing = `${kind} ${name}`;
      // Two of a name must not hide one another.
      const twice = Object.keys(things).filter((each) => each === thing || each.startsWith(`${thing} #`)).length;
      things[twice === 0 ? thing : `${thing} #${twice + 1}`] = facts;
    },
    name: (given, name) => names.set(given, name),
  };
  for (const read of READERS) await read(reading);
  return withNames(things, names);
}
