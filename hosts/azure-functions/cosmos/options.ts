// The options of a Cosmos DB trigger, checked, with the defaults of the Cosmos DB extension.
import type { AppSettings } from '../app-settings.ts';
import type { BindingInfo } from '../rpc.ts';

/** How often a trigger looks, in milliseconds. */
export interface CosmosTimings {
  /** Pause after the feed was read to its end. */
  readonly feedPollDelayMs: number;
  /** How often leases are counted and taken. */
  readonly leaseAcquireIntervalMs: number;
  /** A lease that was not renewed for so long is free. */
  readonly leaseExpirationIntervalMs: number;
  readonly leaseRenewIntervalMs: number;
}

/** Where to begin when a lease has no continuation. */
export type StartFrom =
  | { readonly from: 'beginning' }
  | { readonly from: 'now' }
  | { readonly from: 'time'; readonly at: number };

/** A Cosmos DB trigger's settings. */
export interface CosmosOptions extends CosmosTimings {
  readonly connection: string;
  readonly database: string;
  readonly container: string;
  readonly leaseConnection: string;
  readonly leaseDatabase: string;
  readonly leaseContainer: string;
  readonly createLeaseContainer: boolean;
  readonly leasePrefix: string;
  /** undefined = the service's page. */
  readonly maxItems: number | undefined;
  readonly startFrom: StartFrom;
  readonly allVersions: boolean;
}

/**
 * @param overrides replace what the app asks for
 * @throws Error naming the function and the option
 */
export function readCosmosOptions(
  functionName: string,
  binding: BindingInfo,
  settings: AppSettings,
  overrides: Partial<CosmosTimings>,
): CosmosOptions {
  const fail = (why: string): never => {
    throw new Error(`The Cosmos DB trigger of "${functionName}" cannot be started: ${why}.`);
  };
  const text = (key: string): string | undefined => {
    const value = binding[key];
    if (value === undefined || value === null || value === '') return undefined;
    return typeof value === 'string' ? settings.resolve(value) : fail(`"${key}" must be a text`);
  };
  const required = (key: string): string => text(key) ?? fail(`"${key}" is missing`);
  const number = (key: string, fallback: number): number => {
    const value = binding[key] ?? fallback;
    return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : fail(`"${key}" must be above 0`);
  };
  const connection = required('connection');
  const database = required('databaseName');
  const allVersions = binding.changeFeedMode === 'AllVersionsAndDeletes';
  const startTime = text('startFromTime');
  const fromBeginning = binding.startFromBeginning === true;
  if (fromBeginning && startTime !== undefined) fail('"startFromBeginning" and "startFromTime" exclude each other');
  if (allVersions && (fromBeginning || startTime !== undefined)) {
    fail('all versions can only be read from now on, not from the beginning or a time');
  }
  const at = startTime === undefined ? 0 : Date.parse(startTime);
  if (Number.isNaN(at)) fail(`"startFromTime" is not a time: ${startTime}`);
  const timings: CosmosTimings = {
    feedPollDelayMs: number('feedPollDelay', 5000),
    leaseAcquireIntervalMs: number('leaseAcquireInterval', 13_000),
    leaseExpirationIntervalMs: number('leaseExpirationInterval', 60_000),
    leaseRenewIntervalMs: number('leaseRenewInterval', 17_000),
  };
  const leaseConnection = text('leaseConnection') ?? connection;
  return {
    ...timings,
    ...overrides,
    connection: settings.cosmosConnection(connection),
    database,
    container: required('containerName'),
    leaseConnection: settings.cosmosConnection(leaseConnection),
    leaseDatabase: text('leaseDatabaseName') ?? database,
    leaseContainer: text('leaseContainerName') ?? 'leases',
    createLeaseContainer: binding.createLeaseContainerIfNotExists === true,
    leasePrefix: text('leaseContainerPrefix') ?? '',
    maxItems: binding.maxItemsPerInvocation === undefined ? undefined : number('maxItemsPerInvocation', 1),
    startFrom: fromBeginning ? { from: 'beginning' } : startTime !== undefined ? { from: 'time', at } : { from: 'now' },
    allVersions,
  };
}
