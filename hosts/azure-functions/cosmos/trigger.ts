// The Cosmos DB trigger: one change feed processor per function, which shares the ranges with the same function on other hosts.
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { type Container, CosmosClient, type Database } from '@azure/cosmos';
import { codeOf, textOf } from '../errors.ts';
import type { Trigger, TriggerContext } from '../trigger.ts';
import { leasesToTake } from './balance.ts';
import { type Lease, LeaseStore } from './leases.ts';
import { type CosmosOptions, type CosmosTimings, readCosmosOptions } from './options.ts';
import { LeaseProcessor } from './processor.ts';

/** How long to wait for an unreachable server before trying to start again. */
const RECONNECT_MS = 1000;
/** Freeing leases is a courtesy to the other hosts; a server that is gone must not delay the stop. */
const RELEASE_LIMIT_MS = 1000;

/** Starts, balances and stops the processing of leases for one function. */
export class CosmosTrigger implements Trigger {
  readonly #context: TriggerContext;
  readonly #options: CosmosOptions;
  /** As on Azure a host's name is new each time: a host that crashed must wait for its own leases to expire, too. */
  readonly #hostName = randomUUID();
  readonly #stopping = new AbortController();
  readonly #clients: CosmosClient[] = [];
  readonly #processors = new Map<string, { ended: Promise<void> }>();
  #wake = new AbortController();
  #connecting: Promise<Connected> | undefined;
  #loop: Promise<void> = Promise.resolve();

  /** @throws Error if the binding's options are not valid */
  constructor(context: TriggerContext, overrides: Partial<CosmosTimings>) {
    this.#context = context;
    // One listener a lease; Node would suspect a leak at eleven.
    setMaxListeners(0, this.#stopping.signal);
    this.#options = readCosmosOptions(context.functionName, context.binding, context.settings, overrides);
  }

  /** Finds the containers, which takes several requests. */
  prepare(): void {
    this.#connecting ??= this.#connect();
    // `start` says what is wrong.
    this.#connecting.catch(() => undefined);
  }

  /**
   * @throws Error if a container is missing. An unreachable server is not an error: the trigger keeps retrying until
   * the server answers.
   */
  async start(): Promise<void> {
    const startedAt = this.#context.timers.now();
    this.prepare();
    const ready = await this.#connecting?.catch((error: unknown) => this.#orUnreachable(error));
    this.#loop = this.#run(ready, startedAt).catch((error: unknown) => {
      this.#log('error', `The Cosmos DB trigger stopped: ${textOf(error)}`);
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#loop;
    await Promise.all([...this.#processors.values()].map(({ ended }) => ended));
    for (const client of this.#clients) client.dispose();
  }

  async #run(connected: Connected | undefined, startedAt: number): Promise<void> {
    const { timers } = this.#context;
    const { signal } = this.#stopping;
    let ready = connected;
    while (ready === undefined && !signal.aborted) {
      await timers.sleep(RECONNECT_MS, signal);
      if (signal.aborted) return;
      ready = await this.#connect().catch((error: unknown) => this.#orUnreachable(error));
    }
    while (ready !== undefined && !signal.aborted) {
      // Made first: a range that splits while leases are being balanced must not wait for the next round.
      this.#wake = new AbortController();
      try {
        await this.#balance(ready, startedAt);
      } catch (error) {
        this.#log('warning', `The leases cannot be read: ${textOf(error)}`);
      }
      await timers.sleep(this.#options.leaseAcquireIntervalMs, this.#wake.signal);
    }
  }

  async #balance({ store, container, rid }: Connected, startedAt: number): Promise<void> {
    const { timers } = this.#context;
    const leases = await store.list();
    const take = leasesToTake(leases, this.#hostName, timers.now(), this.#options.leaseExpirationIntervalMs);
    for (const candidate of take) {
      if (this.#stopping.signal.aborted) return;
      if (this.#processors.has(candidate.id)) continue;
      let lease: Lease;
      try {
        lease = await store.acquire(candidate, this.#hostName);
      } catch (error) {
        this.#log('debug', `Lease ${candidate.id} was not taken: ${textOf(error)}`);
        continue;
      }
      const processor = new LeaseProcessor({
        context: this.#context,
        options: this.#options,
        store,
        container,
        rid,
        lease,
        startedAt,
        stopping: this.#stopping.signal,
      });
      const running = processor.run().catch((error: unknown) => {
        this.#log('warning', `Work on a lease was interrupted: ${textOf(error)}`);
        return 'released' as const;
      });
      const ended = running.then(async (end) => {
        if (end === 'released') await this.#release(store, lease);
        this.#processors.delete(lease.id);
        // Children of a split range wait to be acquired.
        if (end === 'split') this.#wake.abort();
      });
      this.#processors.set(lease.id, { ended });
    }
  }

  async #release(store: LeaseStore, lease: Lease): Promise<void> {
    const enough = new AbortController();
    const released = store.release(lease).catch((error: unknown) => {
      this.#log('debug', `Lease ${lease.id} was not freed: ${textOf(error)}`);
    });
    await Promise.race([released, this.#context.timers.sleep(RELEASE_LIMIT_MS, enough.signal)]);
    enough.abort();
  }

  async #connect(): Promise<Connected> {
    const { functionName, timers } = this.#context;
    const options = this.#options;
    const monitored = this.#client(options.connection).database(options.database);
    const leases = this.#client(options.leaseConnection).database(options.leaseDatabase);
    const missing = (what: string, hint = ''): Error =>
      new Error(`The Cosmos DB trigger of "${functionName}" cannot be started: ${what} does not exist.${hint}`);

    const container = monitored.container(options.container);
    const source = await found(container.read());
    const database = await found(monitored.read());
    if (source?.resource === undefined || database?.resource === undefined) {
      throw missing(`the container "${options.database}/${options.container}"`);
    }
    const partitionPath = await this.#leasePartitionPath(leases);
    if (partitionPath === undefined) {
      const hint = ' Set createLeaseContainerIfNotExists in the trigger, or create it with the partition key /id.';
      throw missing(`the lease container "${options.leaseDatabase}/${options.leaseContainer}"`, hint);
    }
    const endpoint = /AccountEndpoint=([^;]+)/i.exec(options.connection)?.[1] ?? '';
    const rid = source.resource._rid;
    const prefix = `${options.leasePrefix}${new URL(endpoint).hostname}_${database.resource._rid}_${rid}`;
    const mode = options.allVersions ? 'Full-Fidelity Feed' : 'Incremental Feed';
    const store = new LeaseStore(leases.container(options.leaseContainer), prefix, partitionPath, mode, timers);
    const { resources } = await container.readPartitionKeyRanges().fetchAll();
    const ranges = resources.map(({ id, minInclusive, maxExclusive }) => ({
      token: id,
      min: minInclusive,
      max: maxExclusive,
    }));
    await store.initialise(ranges, this.#stopping.signal);
    return { container, rid, store };
  }

  /** The lease container's partition key path; undefined if there is no such container and none may be created. */
  async #leasePartitionPath(database: Database): Promise<string | undefined> {
    const { leaseContainer, createLeaseContainer } = this.#options;
    const existing = await found(database.container(leaseContainer).read());
    const path = existing?.resource?.partitionKey?.paths[0];
    if (path !== undefined || !createLeaseContainer) return path;
    await database.containers.createIfNotExists({
      id: leaseContainer,
      partitionKey: { paths: ['/id'] },
      // Nothing expires but the lock of an initialisation that crashed.
      defaultTtl: -1,
    });
    return '/id';
  }

  #client(connectionString: string): CosmosClient {
    const client = new CosmosClient({
      connectionString,
      connectionPolicy: { enableBackgroundEndpointRefreshing: false },
    });
    this.#clients.push(client);
    return client;
  }

  /** Turns a failure to connect into undefined, and lets everything else through. */
  #orUnreachable(error: unknown): undefined {
    const code = codeOf(error);
    const transient =
      typeof code === 'string' || (typeof code === 'number' && (code >= 500 || code === 429 || code === 408));
    if (!transient) throw error;
    this.#log('warning', `Cosmos DB cannot be reached (${textOf(error)}); trying again.`);
    for (const client of this.#clients.splice(0)) client.dispose();
    return undefined;
  }

  #log(level: 'debug' | 'warning' | 'error', message: string): void {
    const { log, functionName } = this.#context;
    log({ level, category: 'host', message, functionName });
  }
}

interface Connected {
  readonly container: Container;
  readonly rid: string;
  readonly store: LeaseStore;
}

/** undefined instead of the error for something that does not exist. */
async function found<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (codeOf(error) === 404) return undefined;
    throw error;
  }
}
