// One Azure cell on this machine: emulators, resources from the topology, and the deployable app in the Functions host.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { CosmosClient } from '@azure/cosmos';
import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { cosmosClientOptions } from '../adapters/azure/cosmos-client.ts';
import { CosmosStore } from '../adapters/azure/cosmos-store.ts';
import { randomIds, systemClock } from '../adapters/system/system.ts';
import { type AzureResources, azureResources, type SubscriptionResource } from '../build/azure-resources.ts';
import { LANE_NAMES, queueOf, type Topology } from '../core/cell/topology.ts';
import { parking, RELAY } from '../core/pipeline/parking.ts';
import type { PrivateKey } from '../core/ports/keys.ts';
import { DEVELOPMENT_CERTIFICATE } from '../emulators/service-bus/certificate.ts';
import { FunctionsHost } from '../hosts/azure-functions/index.ts';
import type { CellDeclaration } from './cells.ts';
import { deployable, requireBundles } from './deployables.ts';
import { AzureServices } from './emulators/azure-services.ts';
import type { Endpoints } from './endpoints.ts';
import { Lifecycle, Switch } from './lifecycle.ts';
import {
  type CellKeys,
  type CellStores,
  COUNTED_PARKED,
  type ConsumerStatus,
  type LocalCell,
  type Notice,
  toNotice,
} from './local-cell.ts';

export interface AzureCellOptions extends CellKeys {
  readonly declaration: CellDeclaration;
  readonly topology: Topology;
  readonly version: string;
  /** Where it asks for its leases; asked when its functions start, and nowhere without it. */
  readonly edge?: () => string;
  /** The variables by which it exports telemetry; asked when its app starts, and none without it. */
  readonly telemetry?: () => Readonly<Record<string, string>>;
  /** Folder that keeps the cell's state; in memory without it. */
  readonly dataDir?: string;
  /** Port of the HTTP API; a free one without it. */
  readonly port?: number;
  /** Servers to use in place of the own emulators. */
  readonly endpoints?: Endpoints;
  /** The app's folder in place of the built one, for tests. */
  readonly appFolder?: string;
  /** Changes the app's settings, for tests. */
  readonly settings?: (settings: Readonly<Record<string, string>>) => Record<string, string>;
  /** Port of the worker's inspector; none without it. */
  readonly inspectPort?: number;
  readonly notice: (notice: Notice) => void;
  /** Called when a part of the cell ends unexpectedly. */
  readonly onDeath: (reason: string) => void;
}

/** Of a request to Cosmos DB by the stack itself, which may be busy with starting, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

/** The names inside account and namespace, which several cells may share if they were not started by the stack. */
export const azureNames = (cell: string) => ({ database: cell, topic: `${cell}-events` });

/**
 * Shorter than the cloud's times: a person waits here, and a stack that was killed must get its leases back soon. The renewal
 * has to come well within the expiry.
 */
const COSMOS_TIMINGS = {
  feedPollDelayMs: 200,
  leaseAcquireIntervalMs: 1000,
  leaseRenewIntervalMs: 2000,
  leaseExpirationIntervalMs: 8000,
} as const;

/** What `npm run build` puts into the app's folder. */
const APP_FILES = ['host.json', 'package.json', 'index.cjs'];

export class AzureCell implements LocalCell {
  readonly id: string;
  readonly cloud = 'azure';
  readonly region: string;
  readonly #options: AzureCellOptions;
  readonly #life: Lifecycle;
  readonly #names: ReturnType<typeof azureNames>;
  readonly #switch = new Switch();
  #services: AzureServices | undefined;
  #port: number | undefined;
  readonly #resources: AzureResources;
  #connections = { cosmos: '', serviceBus: '' };
  #cosmos: CosmosClient | undefined;
  #administration: ServiceBusAdministrationClient | undefined;
  #host: FunctionsHost | undefined;
  #url = '';
  #version: string;
  #keys: CellKeys;

  constructor(options: AzureCellOptions) {
    this.#options = options;
    this.#version = options.version;
    this.#keys = { routeKeys: options.routeKeys, identityKey: options.identityKey };
    this.id = options.declaration.id;
    this.#names = azureNames(this.id);
    this.#resources = azureResources(options.topology);
    this.#life = new Lifecycle(this.id);
    this.region = options.declaration.region;
    this.#port = options.port;
  }

  get url(): string {
    return this.#url;
  }

  get crashed(): boolean {
    return this.#switch.off;
  }

  get identityKey(): PrivateKey {
    return this.#keys.identityKey;
  }

  get stores(): CellStores {
    return { events: this.#store('events'), state: this.#store('state') };
  }

  /** The host that runs the cell's functions; only after `start`. */
  get host(): FunctionsHost {
    if (this.#host === undefined) throw new TypeError('The cell has not been started.');
    return this.#host;
  }

  /** Brings the cell up from the bottom: emulators, resources, and the app with its triggers. */
  start(): Promise<void> {
    return this.#life.start(() => this.#bringUp());
  }

  async #bringUp(): Promise<void> {
    const app = this.#appFolder;
    // The host runs whatever of the app it finds, and would do without a relay.
    requireBundles(APP_FILES.map((file) => path.join(app, file)));
    this.#life.stillWanted();
    this.#life.add(async () => this.#services?.stop());
    await this.#startServices();
    this.#life.stillWanted();
    this.#life.add(async () => {
      if (!this.crashed) await this.#host?.stop();
    });
    await this.#startHost();
  }

  /**
   * The cell is lost: its connections are cut and its worker is killed. What it has stored stays: in memory the servers of its
   * store and queues live on, as a cloud's disks do; with a folder they are killed as well. Repeating it is harmless.
   */
  crash(): Promise<void> {
    return this.#switch.turnOff(async () => {
      const killed = this.#options.dataDir === undefined ? undefined : this.#services?.kill();
      await this.#host?.crash();
      await killed;
    });
  }

  /** The cell is there again, at the same address and with what it had stored. Repeating it is harmless. */
  revive(): Promise<void> {
    return this.#switch.turnOn(async () => {
      if (this.#options.dataDir !== undefined) {
        this.#cosmos?.dispose();
        await this.#startServices();
      }
      await this.#startHost();
    });
  }

  get #appFolder(): string {
    return this.#options.appFolder ?? deployable('azure/app');
  }

  async #startHost(): Promise<void> {
    const { notice, inspectPort } = this.#options;
    const host = new FunctionsHost({
      appFolder: this.#appFolder,
      environment: (url) => this.#settings(url),
      ...(this.#port !== undefined && { port: this.#port }),
      cosmosDB: COSMOS_TIMINGS,
      sourceMaps: true,
      ...(inspectPort !== undefined && { inspectPort }),
      log: ({ functionName, level, category, message, error }) => {
        const entry = toNotice(`${this.id} ${functionName ?? 'host'}`, message);
        if (category === 'user' || category === 'console') notice(entry);
        // Host and worker log every step; only what goes wrong is shown.
        else if (level === 'warning' || level === 'error' || level === 'critical')
          notice({ ...entry, level: 'warn', ...(error !== undefined && { fields: { error } }) });
      },
    });
    this.#host = host;
    const { url } = await host.start();
    this.#url = url;
    this.#port = Number(new URL(url).port);
  }

  /** One worker process runs all of the app. */
  async replaceBundles(roles: ReadonlySet<string>): Promise<readonly string[]> {
    if (this.crashed || roles.size === 0) return [];
    await this.host.replaceApp();
    return [this.id];
  }

  async keepSpares(): Promise<void> {
    if (!this.crashed) await this.host.keepSpare(deployable('azure/packages.cjs'));
  }

  /** Starts the app anew under another version, as a deployment would. */
  async replaceVersion(version: string): Promise<void> {
    this.#version = version;
    await this.host.replaceApp({ environment: this.#settings(this.#url) });
  }

  async replaceKeys(keys: Partial<CellKeys>): Promise<void> {
    this.#keys = { ...this.#keys, ...keys };
    if (!this.crashed) await this.host.replaceApp({ environment: this.#settings(this.#url) });
  }

  /** Stops everything in the reverse order. What is under way comes again at the next start with the same folder. */
  async stop(): Promise<void> {
    await this.#switch.settled();
    await this.#life.stop();
    this.#cosmos?.dispose();
  }

  /** Backlog, dead letters and parked events of each consumer, and of the relay. */
  async consumers(): Promise<readonly ConsumerStatus[]> {
    const subscriptions = this.#options.topology.consumers.map(async ({ name }): Promise<ConsumerStatus> => {
      const counts = await Promise.all(
        LANE_NAMES.map((lane) =>
          this.#administration?.getSubscriptionRuntimeProperties(this.#names.topic, queueOf(name, lane)),
        ),
      );
      const sum = (count: 'activeMessageCount' | 'deadLetterMessageCount') =>
        counts.reduce((all, each) => all + (each?.[count] ?? 0), 0);
      const waiting = { backlog: sum('activeMessageCount'), deadLetters: sum('deadLetterMessageCount') };
      return { name, ...waiting, ...(await this.#parked(name)) };
    });
    const relay = { name: RELAY, backlog: 0, deadLetters: 0, ...(await this.#parked(RELAY)) };
    return [relay, ...(await Promise.all(subscriptions))];
  }

  #settings(url: string): Record<string, string> {
    const settings = {
      APP_CELL: this.id,
      APP_VERSION: this.#version,
      APP_REGION: this.region,
      APP_DATABASE: this.#names.database,
      APP_TOPIC: this.#names.topic,
      APP_ROUTE_KEYS: JSON.stringify(this.#keys.routeKeys),
      APP_ENDPOINTS: url,
      APP_ROUTE_AUDIENCE: 'required',
      APP_IDENTITY_KEY: JSON.stringify(this.#keys.identityKey),
      APP_EDGE: this.#options.edge?.() ?? 'none',
      COSMOS: this.#connections.cosmos,
      SERVICE_BUS: this.#connections.serviceBus,
      ...this.#options.telemetry?.(),
    };
    return this.#options.settings?.(settings) ?? settings;
  }

  async #startServices(): Promise<void> {
    const { endpoints: given = {}, dataDir, onDeath } = this.#options;
    const folder = dataDir === undefined ? undefined : path.join(dataDir, this.id);
    if (folder !== undefined) await mkdir(folder, { recursive: true });
    const services = new AzureServices({
      ...(folder !== undefined && { dataDir: folder }),
      cosmos: given.cosmos === undefined,
      serviceBus: given.serviceBus === undefined,
      onUnexpectedExit: (reason) => onDeath(`${this.id}: the Cosmos DB and Service Bus emulators ended: ${reason}`),
    });
    this.#services = services;
    const own = given.cosmos === undefined || given.serviceBus === undefined ? await services.start() : {};
    const connections = {
      cosmos: given.cosmos ?? own.cosmos ?? '',
      serviceBus: given.serviceBus ?? own.serviceBus ?? '',
    };
    this.#connections = connections;
    this.#cosmos = new CosmosClient({
      connectionString: connections.cosmos,
      ...cosmosClientOptions({ requestTimeoutMs: REQUEST_TIMEOUT_MS }),
    });
    this.#administration = new ServiceBusAdministrationClient(connections.serviceBus, {
      tlsOptions: { ca: DEVELOPMENT_CERTIFICATE.cert },
    } as object);
    await provisionAzureCell(this.#cosmos, this.#administration, this.#names, this.#resources);
  }

  async #parked(consumer: string): Promise<{ parked: number; more: boolean }> {
    if (this.#cosmos === undefined) return { parked: 0, more: false };
    return parking({ state: this.#store('state'), clock: systemClock }).count(consumer, COUNTED_PARKED);
  }

  #store(collection: keyof CellStores): CosmosStore {
    if (this.#cosmos === undefined) throw new TypeError(`${this.id} has not been started.`);
    const container = this.#cosmos.database(this.#names.database).container(collection);
    return new CosmosStore({ container, clock: systemClock, ids: randomIds });
  }
}

/** Creates what a cell has in its account and namespace, unless it is there. */
export async function provisionAzureCell(
  cosmos: CosmosClient,
  administration: ServiceBusAdministrationClient,
  { database: name, topic }: ReturnType<typeof azureNames>,
  resources: AzureResources,
): Promise<void> {
  const provisionCosmos = async () => {
    const { database } = await cosmos.databases.createIfNotExists({ id: name });
    for (const { name: id, partitionKeyPaths, partitionKeyVersion, defaultTtl } of resources.cosmos.containers) {
      const partitionKey = { paths: [...partitionKeyPaths], version: partitionKeyVersion };
      await database.containers.createIfNotExists({ id, partitionKey, defaultTtl });
    }
  };
  const provisionServiceBus = async () => {
    await unlessThere(() => administration.createTopic(topic));
    await Promise.all(
      resources.serviceBus.subscriptions.map((each) => provisionSubscription(administration, topic, each)),
    );
  };
  await Promise.all([provisionCosmos(), provisionServiceBus()]);
}

async function provisionSubscription(
  client: ServiceBusAdministrationClient,
  topic: string,
  { name, lockDuration, maxDeliveryCount, rule }: SubscriptionResource,
): Promise<void> {
  const defaultRuleOptions = { name: rule.name, filter: { sqlExpression: rule.sqlFilter } };
  await unlessThere(() =>
    client.createSubscription(topic, name, { lockDuration, maxDeliveryCount, defaultRuleOptions }),
  );
}

/** A restart with the same folder finds everything there. */
async function unlessThere(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if ((error as { statusCode?: unknown }).statusCode !== 409) throw error;
  }
}
